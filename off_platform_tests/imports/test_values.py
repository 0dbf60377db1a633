"""Texts of every kind: their meaning, the rule they break, the proposal."""

import pytest

from off_platform.imports.specification.rules import BY_ID
from off_platform.imports.values.barcodes.barcode import barcode, candidates
from off_platform.imports.values.geography.places import countries, language_code, languages
from off_platform.imports.values.numbers.number import energy_pair, number
from off_platform.imports.values.quantities import quantity
from off_platform.imports.values.reading import Reading
from off_platform.imports.values.texts import repaired_text, split_list
from off_platform.imports.values.timestamps import timestamp
from off_platform.imports.values.urls import url

NOW = 1_750_000_000

# Text, the rule that it breaks, the proposal, whether that is certain.
Case = tuple[str, str | None, str | None, bool]

NUMBERS: list[tuple[str, str, str | None, str | None, bool]] = [
    ("30.9", "g", None, None, False),
    ("1e-05", "g", None, None, False),
    ("0,5", "g", "number_decimal_comma", "0.5", True),
    ("1,5E-3", "g", "number_decimal_comma", "1.5E-3", True),
    ("1234,567", "g", "number_decimal_comma", "1234.567", True),
    ("1.234,5", "g", "number_thousands", "1234.5", True),
    ("1,234.5", "g", "number_thousands", "1234.5", True),
    ("1.234.567", "g", "number_thousands", "1234567", True),
    ("1 234,5", "kJ", "number_thousands", "1234.5", True),
    ("1'234", "kJ", "number_thousands", "1234", True),
    ("1,234", "g", "number_thousands", None, False),
    ("1.7g", "g", "number_with_unit", "1.7", True),
    ("0.5 g/100g", "g", "number_with_unit", "0.5", True),
    ("99.9mg", "g", "number_with_unit", "0.0999", True),
    ("5 \u00b5g", "mg", "number_with_unit", "0.005", True),
    ("13 %", "g", "number_with_unit", "13", False),
    ("5 IU", "\u00b5g", "number_with_unit", None, False),
    ("539 kcal", "kJ", "number_with_unit", "2255.2", False),
    ("2252 kJ", "kJ or kcal", "number_with_unit", "2252", True),
    ("539 kcal", "kJ or kcal", "number_with_unit", "539", False),
    ("< 0.5", "g", "number_with_modifier", "0.5", False),
    ("~0,5 g", "g", "number_with_modifier", "0.5", False),
    ("traces", "g", "number_trace", "0", False),
    ("+5", "g", "number_with_sign", "5", True),
    ("\u22125", "g", "number_with_sign", "-5", True),
    ("\u22120,5", "g", "number_with_sign", "-0.5", True),
    *(
        (text, "g", "number_other_digits", "5.5", True)
        for text in ("\u0665\u066b\u0665", "\u096b.\u096b", "\uff15\uff0e\uff15", "\u096b,\u096bg")
    ),
    ("\u0663\u066c\u0660\u0660\u0660", "kJ", "number_other_digits", "3000", True),
    ("< \u0665", "g", "number_other_digits", "5", False),
    ("\u0665 \u0628", "g", "number_other_digits", None, False),
    ("\u00bd", "g", "not_a_number", "0.5", True),
    ("1\u00be", "g", "not_a_number", "1.75", True),
    ("\u2153", "g", "not_a_number", "0.333", False),
    ("1/2", "g", "not_a_number", "0.5", False),
    ("1/0", "g", "not_a_number", None, False),
    *(
        (text, "g", "not_a_number", None, False)
        for text in (
            "0x10",
            "12:30",
            "TRUE",
            "2026-05-01",
            "1.5.2026",
            "3 - 5",
            "\u00b2",
            "10\u00b2",
        )
    ),
    *(
        (word, "g", "missing_marker", "", True)
        for word in ("nan", "NaN", "-nan", "NA", "N/A", "NULL", "None", "-", "\u2013", "unknown")
    ),
    ("inf", "g", "number_not_finite", None, False),
    ("#N/A", "g", "cell_error_value", None, False),
    ("1E+400", "g", "number_not_finite", None, False),
    ("a lot", "g", "not_a_number", None, False),
    ("1-2", "g", "not_a_number", None, False),
    ("1.7 apples", "g", "not_a_number", None, False),
    ("12345678901234567890", "g", "not_a_number", None, False),
    ("852KJ/ 203Kcal", "kJ", "energy_two_values", "852", False),
    ("852KJ/ 203Kcal", "kcal", "energy_two_values", "203", False),
    ("2252/539 kJ/kcal", "kJ or kcal", "energy_two_values", "2252", False),
    ("203 kcal (852 kJ)", "kJ", "energy_two_values", "852", False),
    (" 0,5 ", "g", "number_decimal_comma", "0.5", True),
    (" 5", "g", "text_trimmed", "5", True),
    ("n/a", "g", "missing_marker", "", True),
]

BARCODES: list[Case] = [
    ("3017620422003", None, None, False),
    ("04252614", None, None, False),
    ("12345670", None, None, False),
    ("3017620 422003", "barcode_not_digits", "3017620422003", True),
    ("3017-6204-22003", "barcode_not_digits", "3017620422003", True),
    ("3017620422003.0", "barcode_not_digits", "3017620422003", True),
    ('="3017620422003"', "barcode_not_digits", "3017620422003", True),
    ("3017-6204-22004", "barcode_not_digits", None, False),
    ("425-261", "barcode_not_digits", "425261", False),
    ("B00XYZ1234", "barcode_not_digits", None, False),
    ("123", "barcode_length", None, False),
    ("03017620422003", "barcode_length", "3017620422003", True),
    ("42100005264", "barcode_lost_zero", "042100005264", False),
    ("4252614", "barcode_lost_zero", "04252614", False),
    ("7,6223E+12", "barcode_scientific", None, False),
    ("3.017620422003E+12", "barcode_scientific", "3017620422003", False),
    ("3017620422004", "barcode_check_digit", None, False),
    ("0000000000000", "barcode_all_zeros", None, False),
    ("20065034", "barcode_restricted", None, False),
    ("425261", "barcode_short_upc_e", "04252614", False),
    ("000003", "barcode_all_zeros", None, False),
    ("00000030", "barcode_check_digit", None, False),
    ("-", "missing_marker", "", True),
]

QUANTITIES: list[Case] = [
    *((text, None, None, False) for text in ("400g", "1L", "6 x 125 g", "12 oz (340 g)", "1,5 l")),
    *((text, "quantity_not_positive", None, False) for text in ("-5g", "0g", "0 x 5 g", "0.0 kg")),
    *((text, None, None, False) for text in ("0.5 l", "10 x 0,33 l", "05 g", "0% fat, 100 g")),
    ("400\u200b g", "text_invisible_character", "400 g", True),
    ("400", "quantity_without_unit", None, False),
    ("100 galettes", "quantity_without_unit", None, False),
    *(
        (text, "text_converted", None, False)
        for text in (
            "12:30",
            "12:30:00",
            "0:45 PM",
            "TRUE",
            "falsch",
            "2026-05-01",
            "1.5.2026",
            "5/1/26",
            "1-May",
            "01. Mai",
            "2026-05-01 00:00:00",
        )
    ),
    *((text, "quantity_without_unit", None, False) for text in ("1:2", "12", "truest", "6 x 5")),
    ("12 oz", "quantity_not_metric", "340 g", False),
    ("6 x 12 fl. oz.", "quantity_not_metric", "6 x 355 ml", False),
    ("1/2 lb", "quantity_not_metric", None, False),
    ("1 lb 4 oz", "quantity_not_metric", None, False),
]

TIMESTAMPS: list[Case] = [
    ("1642521600", None, None, False),
    ("2022-01-18", "timestamp_iso", "1642464000", True),
    ("2022-01-18 16:00:00", "timestamp_iso", "1642521600", True),
    ("2022-01-18T18:00:00+02:00", "timestamp_iso", "1642521600", True),
    ("1642521600000", "timestamp_milliseconds", "1642521600", True),
    ("9999999999", "timestamp_in_future", None, False),
    ("2099-01-01", "timestamp_in_future", "4070908800", True),
    ("2022-13-01", "not_a_timestamp", None, False),
    ("20240118", "not_a_timestamp", "1705536000", False),
    ("2024", "not_a_timestamp", None, False),
]

URLS: list[Case] = [
    *((text, None, None, False) for text in ("https://a.org/x.jpg?y#z", "http://[::1]:80/")),
    ("https://...", "not_a_url", None, False),
    ("javascript:alert(1)", "not_a_url", None, False),
    ("https://good.org@evil.org/", "not_a_url", None, False),
    ("www.a.org/x", "not_a_url", "https://www.a.org/x", False),
    ("https://a.org/my pic.jpg", "not_a_url", "https://a.org/my%20pic.jpg", False),
]

COUNTRIES: list[Case] = [
    *(
        (name, "country_unknown", code, False)
        for name, code in (
            ("\ud55c\uad6d", "KR"),
            ("\u0e1b\u0e23\u0e30\u0e40\u0e17\u0e28\u0e44\u0e17\u0e22", "TH"),
            ("\u9999\u6e2f", "HK"),
            ("\ud64d\ucf69", "HK"),
            ("\u6fb3\u9580", "MO"),
            ("\u53f0\u7063", "TW"),
            ("\u4e2d\u534e\u4eba\u6c11\u5171\u548c\u56fd", "CN"),
            ("Macedonia", "MK"),
            ("Ivory Coast", "CI"),
            ("Holland", "NL"),
            ("UAE", "AE"),
        )
    ),
    *((name, "country_unknown", None, False) for name in ("Korea", "America")),
    *((text, None, None, False) for text in ("FR, DE;GB", "World", "European Union", "Russia")),
    *(
        (text, None, None, False)
        for text in (
            "Korea, Republic of",
            "FR, Congo, Dem. Rep., DE",
            "Gambia, The",
            "Virgin Islands, U.S.",
            "Guinea, Equatorial Guinea",
            "XK",
            "NA",
            "Bonaire, Sint Eustatius and Saba",
        )
    ),
    ("UK, FR", "country_alias", "GB, FR", True),
    ("USA, FR", "country_alias", "US, FR", True),
    ("Great Britain", "country_alias", "GB", True),
    ("England, Northern Ireland", "country_alias", "GB, GB", True),
    *(
        (text, "country_unknown", code, False)
        for text, code in (
            ("Holland", "NL"),
            ("\u65e5\u672c", "JP"),
            ("\u0395\u03bb\u03bb\u03ac\u03b4\u03b1", "GR"),
            ("\u010cesko", "CZ"),
            ("fr:allemagne", "DE"),
            ("Austrija", "AT"),
            ("Autralia", "AU"),
            (
                "\u0412\u0435\u043b\u0438\u043a\u043e\u0431\u0440\u0438\u0442\u0430\u043d\u0438\u044f",
                "GB",
            ),
        )
    ),
    # Of two countries that may be meant, none is proposed.
    *((text, "country_unknown", None, False) for text in ("Nigera", "Korea", "Kongo")),
    ("Congo, Dem. Republic", "country_unknown", None, False),
    ("Deutschland, FR", "country_unknown", "DE, FR", False),
    ("Narnia", "country_unknown", None, False),
    ("FR,,DE", "list_empty_part", "FR, DE", True),
    ("C\u00c3\u00b4te d'Ivoire", "text_double_encoded", "C\u00f4te d'Ivoire", True),
]

LANGUAGES: list[Case] = [
    ("en, fr", None, None, False),
    ("na", None, None, False),
    ("EN, fr", "language_upper_case", "en, fr", True),
    ("EN;fr", "language_separator", "en, fr", True),
    ("en;fr", "language_separator", "en, fr", True),
    ("en, french", "language_unknown", "en, fr", False),
    ("en, qq", "language_unknown", None, False),
    (" qq", "language_unknown", None, False),
]

TEXTS: list[Case] = [
    *(
        (text, None, None, False)
        for text in ("two\nlines", "\u201eSpa\u00df\u201c", "CAF\u00c9\u00a0:")
    ),
    ("Caf\u00c3\u00a9", "text_double_encoded", "Caf\u00e9", True),
    ("K\u00c3\u0192\u00c2\u00a4se", "text_double_encoded", "K\u00e4se", True),
    ("Cr\u00e8me \u00c3\u00a9", "text_double_encoded", "Cr\u00e8me \u00e9", False),
    ("a\ufffd", "text_replacement_character", None, False),
    ("a\x07b", "text_control_character", "ab", False),
    ("L\x92or", "text_control_character", "L\u2019or", False),
    (" a ", "text_trimmed", "a", True),
    *(
        (word, "missing_marker", "", True)
        for word in (
            *("None", "nan", "NULL", "\\N", "(null)", "NA", "<NA>", "--", "\u2014"),
            *("#NA", "#N/A N/A", "1.#QNAN", "-1.#IND"),
        )
    ),
    *(
        (word, "cell_error_value", None, False)
        for word in (
            "#N/A",
            "#REF!",
            "#VALUE!",
            "#DIV/0!",
            "#NAME?",
            "#NV",
            "#BEZUG!",
            "#####",
            "Err:502",
            "#\u00bfNOMBRE?",
            "#\u0417\u041d\u0410\u0427!",
        )
    ),
    *(
        (word, None, None, False)
        for word in ("#1 Bar", "Nan's", "#hashtag", "Null Zucker", "Err: 5", "\u212a")
    ),
    ("Choco\u200blate", "text_invisible_character", "Chocolate", True),
    ("Choco\u00adlate", "text_invisible_character", "Chocolate", True),
    ("Milk\u2028bar", "text_invisible_character", "Milk bar", True),
    ("a\u200db", "text_invisible_character", "ab", True),
    ("ab\u202ec", "text_invisible_character", "abc", True),
    ("ab\u200e", "text_invisible_character", "ab", True),
    ("\u200b", "text_invisible_character", "", True),
    ("Caf\u00c3\u00a9\u200b", "text_double_encoded", "Caf\u00e9", False),
    # Persian, Hebrew with a mark of direction, a farmer: these mean something.
    *(
        (text, None, None, False)
        for text in (
            "\u0646\u0645\u06cc\u200c\u062e",
            "\u05e9\u200e a",
            "\U0001f469\u200d\U0001f33e",
        )
    ),
]

LISTS: list[Case] = [
    ("a, b;c", None, None, False),
    ("a,,b;", "list_empty_part", "a, b", True),
    ("\u00c3\u00a9,,b", "text_double_encoded", "\u00e9, b", True),
]


@pytest.mark.parametrize("case", NUMBERS)
def test_a_number(case: tuple[str, str, str | None, str | None, bool]) -> None:
    text, unit, *rest = case
    assert number(text, unit)[1:4] == tuple(rest)


def _cases() -> list[tuple[str, Case]]:
    tables = {"barcode": BARCODES, "quantity": QUANTITIES, "timestamp": TIMESTAMPS, "url": URLS,
              "countries": COUNTRIES, "languages": LANGUAGES, "text": TEXTS,
              "list": LISTS}  # fmt: skip
    return [(name, case) for name, cases in tables.items() for case in cases]


READERS = {
    "barcode": barcode,
    "quantity": quantity,
    "timestamp": lambda text: timestamp(text, NOW),
    "url": url,
    "countries": countries,
    "languages": languages,
    "text": repaired_text,
    "list": split_list,
}


@pytest.mark.parametrize(("name", "case"), _cases())
def test_a_text(name: str, case: Case) -> None:
    text, rule, proposal, certain = case
    assert READERS[name](text)[1:4] == (rule, proposal, certain)


def test_every_rule_of_a_text_has_an_example_that_breaks_it() -> None:
    shown = {case[1] for _, case in _cases()} | {case[2] for case in NUMBERS}
    checks = {"numbers", "barcode_check_digit", "barcode_use", "quantities", "countries", "urls",
              "languages", "texts"}  # fmt: skip
    promised = {rule.id for rule in BY_ID.values() if rule.check in checks}
    promised |= {"barcode_not_digits", "barcode_length", "barcode_lost_zero", "barcode_scientific",
                 "barcode_all_zeros", "timestamp_iso", "timestamp_milliseconds",
                 "not_a_timestamp", "timestamp_in_future"}  # fmt: skip
    # In `broken_records.py`: what cells of workbooks break, and what several cells say together.
    of_cells = {"number_is_date", "number_shown_otherwise", "number_given_otherwise"}
    # Tested with `gtin`, below.
    assert promised - shown - of_cells == {"barcode_trade_unit"}
    assert shown - {None} <= BY_ID.keys()


@pytest.mark.parametrize(("text", "said"), [
    ("\u22125", "it has U+2212"),
    ("0x10", "it is 16 in hexadecimal"),
    ("1/2", "it is a fraction, or was a date"),
    ("\u00bd", "it is a fraction"),
    ("\u096b", "'\u096b' (U+096B) is 5"),
    ("\uff15\uff47", "'\uff15' (U+FF15) is 5; it is in g"),
    ("12:30", "it is a time of day, which spreadsheets make out of numbers"),
    ("VRAI", "it is a truth value, which spreadsheets make out of numbers"),
    ("1.5.2026", "it is a date, which spreadsheets make out of numbers"),
    ("3 \u2013 5", "it is a range"),
])  # fmt: skip
def test_the_reason_why_a_text_is_not_a_number_is_reported(text: str, said: str) -> None:
    assert number(text, "g").detail == said


def test_values_are_typed() -> None:
    assert number("99.9mg", "g").value == pytest.approx(0.0999)
    assert number("-0").value == 0
    assert barcode(" 3017620422003").value == "3017620422003"
    assert timestamp("2022-01-18", NOW).value == 1642464000
    assert countries("France; UK").value == ("FR", "GB")
    assert languages("EN, fr").value == ("en", "fr")
    assert split_list("a, b;c").value == ("a", "b", "c")
    assert energy_pair("852KJ/ 203Kcal").value == (852, 203)
    assert energy_pair("852 kJ") == Reading()


def test_a_gtin_takes_14_digits_and_may_be_of_a_case() -> None:
    assert barcode("03017620422003", gtin=True) == Reading("03017620422003")
    assert barcode("10000000000007", gtin=True).rule == "barcode_trade_unit"
    assert barcode("10000000000007").rule == "barcode_length"


def test_eight_digits_keep_both_of_their_meanings() -> None:
    assert candidates("12345670") == ("12345670", "123456000070")
    assert candidates("3017620422003") == ("3017620422003",)


def test_none_is_a_value_in_allergens() -> None:
    assert split_list("none", said="none").value == ("none",)
    assert split_list("none").rule == "missing_marker"


def test_one_language() -> None:
    assert language_code("EN").value == "en"
    assert language_code("English")[1:4] == ("language_unknown", "en", False)
