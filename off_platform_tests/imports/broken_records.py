"""A small file for every rule of an import, which breaks that rule and no other; data only."""

import csv
import datetime as dt
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
from stdnum import ean

from off_platform_tests.imports.conftest import Content
from off_platform_tests.imports.made_files import changed, packed

NUTELLA = "3017620422003"
OREO = "7622210449283"
GOOD = {"barcode": NUTELLA, "product_name": "Nutella"}
MEBIBYTE = 1 << 20
BRANDED = "barcode,product_name,brand,quantity\n"


@dataclass(frozen=True)
class Broken:
    """A file that breaks one rule.

    Attributes:
        rule: the rule.
        content: of the file.
        name: of the file.
        row: of the finding; None when it is the whole file's.
        column: of the finding.
        value: the value in the file according to the finding.
        proposal: what it proposes, exactly.
        certain: whether that may be applied without asking.
        also: other rules that are necessarily broken, too, one per finding.
    """

    rule: str
    content: Content
    name: str = "x.csv"
    row: int | None = None
    column: str | None = None
    value: str | None = None
    proposal: str | None = None
    certain: bool = False
    also: tuple[str, ...] = ()


def table(*records: dict[str, str], delimiter: str = ",") -> str:
    """CSV of records with the same columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def cell(
    rule: str, column: str, value: str, proposal: str | None = None, *,
    certain: bool = False, also: tuple[str, ...] = (), **others: str,
) -> Broken:  # fmt: skip
    """A record that is sound but for one cell; a cell in `others` belongs to it."""
    content = table({**GOOD, **others, column: value})
    return Broken(rule, content, "x.csv", 2, column, value, proposal, certain, also)


def whole(rule: str, content: Content, name: str = "x.csv", **expected: Any) -> Broken:
    """A file that breaks a rule as a whole."""
    return Broken(rule, content, name, **expected)


def together(rule: str, **numbers: str) -> Broken:
    """A record whose numbers do not fit one another."""
    content = table({**GOOD, **numbers})
    return Broken(rule, content, "x.csv", 2, " + ".join(numbers), " + ".join(numbers.values()))


def identifier(
    rule: str, text: str, proposal: str | None = None, *,
    certain: bool = False, column: str = "barcode",
) -> Broken:  # fmt: skip
    """A record that is sound but for its only identifier."""
    content = table({column: text, "product_name": "Nutella"})
    return Broken(rule, content, "x.csv", 2, column, text, proposal, certain)


def in_json(rule: str, column: str | None, value: str | None = None, **expected: Any) -> Broken:
    """A JSON file; `items` are its records, one sound record with what is in `cells` by default."""
    items = expected.pop("items", None) or [{**GOOD, **expected.pop("cells", {})}]
    content = items if isinstance(items, str) else json.dumps(items)
    return Broken(rule, content, "x.json", expected.pop("row", 1), column, value, **expected)


def workbook(*sheets: Sequence[Sequence[object]]) -> Callable[[Path], None]:
    """What writes an XLSX file of sheets with these rows."""

    def write(path: Path) -> None:
        book = openpyxl.Workbook()
        for place, rows in enumerate(sheets):
            sheet = book.create_sheet(f"Sheet {place + 1}")
            for row in rows:
                sheet.append(list(row))
        book.remove(book.worksheets[0])
        book.save(path)

    return write


def hidden_sheet(path: Path) -> None:
    """Writes a workbook with a hidden sheet before the one that is read."""
    workbook(SHEET, SHEET)(path)
    book = openpyxl.load_workbook(path)
    book.worksheets[0].sheet_state = "hidden"
    book.active = 1
    book.save(path)


def hidden_column(path: Path) -> None:
    """Writes a workbook with a hidden column."""
    workbook(SHEET)(path)
    book = openpyxl.load_workbook(path)
    book.worksheets[0].column_dimensions["C"].hidden = True
    book.save(path)


def merged_below(path: Path) -> None:
    """Writes a workbook in which two products have one number."""
    workbook((*SHEET, (OREO, "Oreo")))(path)
    book = openpyxl.load_workbook(path)
    book.worksheets[0].merge_cells("C2:C3")
    book.save(path)


def shown_as_a_fraction(path: Path) -> None:
    """Writes a workbook in which a number is shown as a fraction."""
    workbook(SHEET)(path)
    book = openpyxl.load_workbook(path)
    book.worksheets[0]["C2"].number_format = "# ?/?"
    book.save(path)


def archive(**members: bytes) -> bytes:
    """A ZIP archive; a name's `__` stands for `/`, its last `_` for a period."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as written:
        for name, content in members.items():
            path, _, ending = name.replace("__", "/").rpartition("_")
            written.writestr(f"{path}.{ending}", content)
    return made.getvalue()


def with_check_digit(body: str) -> str:
    """A sound barcode that begins with these digits."""
    return body + str(ean.calc_check_digit(body))


def many(*barcodes: str) -> str:
    """CSV of as many products."""
    names = (f"Product {place}" for place in range(len(barcodes)))
    pairs = zip(barcodes, names, strict=True)
    return table(*({"barcode": code, "product_name": name} for code, name in pairs))


SOUND = table(GOOD)
UPC_A = [with_check_digit(f"0123456789{digit}") for digit in range(3)]
EAN_13 = [with_check_digit(f"40123456789{digit}") for digit in range(1, 4)]
LONGER = [with_check_digit(f"40{number:010}") for number in range(10, 10_000_000, 833_333)]
SHOPS_OWN = with_check_digit("200000000000")
# 2,228 kJ or 533 kcal.
MACRONUTRIENTS = {"fat": "30.9", "carbohydrates": "57.5", "proteins": "6.3"}
HEADER = ("barcode", "product_name", "fat")
SHEET = (HEADER, (NUTELLA, "Nutella", 30.9))

# Of the whole file.
FILES: tuple[Broken, ...] = (
    whole("file_empty", b""),
    whole("no_records", "barcode,product_name\n"),
    whole("no_records", "[]", "x.json"),
    whole("not_an_import_format", b"%PDF-1.7\n"),
    whole("not_an_import_format", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "x.xls"),
    whole("not_an_import_format", archive(content_xml=b"<office/>"), "x.xlsx"),
    whole("archive_damaged", gzip.compress(SOUND.encode())[:-9], "x.csv.gz"),
    whole("archive_encrypted", changed(packed({"x.csv": SOUND}), (6, 8), 1), "x.zip"),
    whole("archive_name_unsafe", packed({"../x.csv": SOUND}), "x.zip"),
    whole("archive_not_one_table", packed({"x.csv": SOUND, "y.csv": SOUND}), "x.zip"),
    whole("archive_too_large", packed({"x.csv": "0" * (65 * MEBIBYTE)}), "x.zip"),
    whole("not_utf8", SOUND.replace("Nutella", "Crème").encode("latin-1"), value="0xe8"),
    whole("not_utf8", SOUND.encode("utf-16")),
    whole("nul_bytes", SOUND.replace("Nutella", "Nut\0ella")),
    whole("line_too_long", b"barcode,product_name\n" + b"x" * (16 * MEBIBYTE)),
    whole("cell_too_long", SOUND.replace("Nutella", "x" * (MEBIBYTE + 1)), row=2),
    whole("quote_not_closed", SOUND.replace("Nutella", '"Nutella'), row=2),
    whole("line_ending", SOUND.replace("\n", "\r"), row=1),
    whole("xlsx_damaged", b"PK\x03\x04 and no more", "x.xlsx"),
    whole("xlsx_too_large", archive(xl__workbook_xml=bytes(65 * MEBIBYTE)), "x.xlsx"),
    whole("json_invalid", '[{"barcode": "3017620422003",}]', "x.json"),
    whole("gdsn_json", '[{"gtin": "03017620422003", "isTradeItemAConsumerUnit": "true"}]'),
    whole("json_too_deep", '{"a":' * 100_000, "x.json"),
    whole("json_not_records", "[1]", "x.json", row=1),
    whole("no_header", f"{NUTELLA},Nutella\n", row=1, value=NUTELLA),
    whole("doubled_header", f"barcode,barcode\n{NUTELLA},{NUTELLA}\n", row=1, value="barcode"),
    whole("too_many_columns", ",".join(f"column {n}" for n in range(2_001)), row=1),
    whole("no_identifier_column", SOUND.replace("barcode", "EAN"),
          row=1, column="EAN", value="EAN", proposal="barcode"),
    whole("wrong_delimiter", table(GOOD), "x.tsv", value=",", proposal="tab", certain=True),
    whole("separator_hint", f"sep=,\n{table(GOOD)}", row=1, value="sep=,"),
    whole("line_ending_doubled", table(GOOD).replace("\n", "\r\r\n"), row=2),
    whole("empty_line", f"{table(GOOD)},\n , \n", row=3),
    Broken("rows_in_quotes",
           f'{BRANDED}{NUTELLA},"Nutella,Ferrero,400g\n{OREO},Oreo",Mondelez,154g\n',
           row=2, column="product_name", value=f"Nutella,Ferrero,400g\n{OREO},Oreo"),
    Broken("line_ends_in_quotes",
           f'{BRANDED}{NUTELLA},"Nutella, big\nand, small, too",Mondelez,400g\n',
           row=2, column="product_name", value="Nutella, big\nand, small, too"),
    whole("wrong_delimiter", table(GOOD, delimiter=";"), value=";", proposal=",", certain=True),
    whole("wrong_delimiter", table(GOOD, delimiter="\t"), value="tab", proposal=",", certain=True),
    whole("byte_order_mark", "\ufeff" + SOUND),
    whole("json_lines", f"{json.dumps(GOOD)}\n{json.dumps({**GOOD, 'barcode': OREO})}\n", "x.json"),
    whole("more_sheets", workbook(SHEET, SHEET), "x.xlsx"),
    whole("hidden_sheets", hidden_sheet, "x.xlsx"),
    whole("hidden_cells", hidden_column, "x.xlsx"),
    whole("rows_above_header", workbook((("Our products",), *SHEET)), "x.xlsx", row=1),
    whole("header_trimmed", SOUND.replace("product_name", " product_name "), row=1,
          column="product_name", value=" product_name ", proposal="product_name", certain=True),
    whole("empty_line", SOUND.replace("\n", "\n\n", 1), row=2),
    whole("unknown_column", table({**GOOD, "Energy:kJ": "2252"}),
          row=1, column="Energy:kJ", value="Energy:kJ", proposal="energy_kj"),
    whole("unknown_column", table({**GOOD, "shelf": "4"}), row=1, column="shelf", value="shelf"),
    whole("boolean_mixed", table({**GOOD, "vegan": "yes"}, {**GOOD, "barcode": OREO, "vegan": "1"}),
          column="vegan", also=("unknown_column",)),
    whole("unknown_language_suffix", table({**GOOD, "product_name_xx": "Nutella"}),
          row=1, column="product_name_xx", value="product_name_xx"),
    whole("unknown_language_suffix",
          table({**GOOD, "product_name_fr": "Nutella", "product_name_FR": "Other"}), row=1,
          column="product_name_FR", value="product_name_FR"),
    whole("language_upper_case", table({**GOOD, "product_name_FR": "Nutella"}), row=1,
          column="product_name_FR", value="product_name_FR", proposal="product_name_fr",
          certain=True),
    whole("damage_scientific", many(*["7,6223E+12"] * 3), column="barcode",
          also=("barcode_scientific",) * 3),
    whole("damage_lost_zeros", many(*(code.lstrip("0") for code in UPC_A)), column="barcode",
          proposal="the zeros restored", certain=True,
          also=("barcode_lost_zero",) * 3),
    whole("damage_extra_digit", many(*(f"{code}0" for code in EAN_13)), column="barcode",
          proposal="the last digit 0 removed", certain=True, also=("barcode_damaged",) * 3),
    whole("damage_fraction", many(*(f"{code}.0" for code in EAN_13)), column="barcode",
          proposal="the decimal point and the zero removed", certain=True,
          also=("barcode_damaged",) * 3),
    whole("damage_lost_check_digit", many(*(code[:-1] for code in LONGER)), column="barcode",
          proposal="the check digit appended", also=("barcode_damaged",) * 12),
    whole("barcode_damaged", many(*(f"{code}0" for code in EAN_13)), row=2, column="barcode",
          value=f"{EAN_13[0]}0", proposal=EAN_13[0], certain=True,
          also=("damage_extra_digit", *("barcode_damaged",) * 2)),
)  # fmt: skip

# Of one record.
RECORDS: tuple[Broken, ...] = (
    whole("quote_misplaced", SOUND.replace("Nutella", '"Nut"ella'), row=2),
    whole("ragged_row", SOUND.replace("Nutella", "Nutella,Ferrero"), row=2),
    whole("ragged_row", SOUND + f"{OREO}\n", row=3),
    Broken("merged_cells", merged_below, "x.xlsx", 2, "fat", "30.9"),
    Broken("cell_error_value", workbook((HEADER, (NUTELLA, "Nutella", "#N/A"))), "x.xlsx",
           2, "fat", "#N/A"),
    Broken("formula_without_value", workbook((HEADER, (NUTELLA, "Nutella", "=15+15"))), "x.xlsx",
           2, "fat"),
    Broken("number_is_date", workbook((HEADER, (NUTELLA, "Nutella", dt.date(2026, 5, 1)))),
           "x.xlsx", 2, "fat", "2026-05-01 00:00:00", "1.5"),
    Broken("number_shown_otherwise", shown_as_a_fraction, "x.xlsx", 2, "fat", "30.9"),
    in_json("json_nested", "fat", cells={"fat": {"value": 30.9}}),
    in_json("json_duplicate_key", "fat",
            items=f'[{{"barcode": "{NUTELLA}", "product_name": "Nutella", "fat": 1, "fat": 2}}]'),
    whole("identifier_missing", SOUND.replace(NUTELLA, ""), row=2, column="barcode"),
    cell("identifiers_disagree", "code", OREO),
    identifier("product_id_only", "PROD12345", column="product_id"),
    in_json("barcode_not_text", "barcode", NUTELLA, cells={"barcode": int(NUTELLA)},
            proposal=NUTELLA, certain=True),
    Broken("barcode_not_text", workbook((HEADER, (int(NUTELLA), "Nutella", 30.9))), "x.xlsx",
           2, "barcode", NUTELLA, NUTELLA, certain=True),
    in_json("barcode_not_text", "barcode", SHOPS_OWN, cells={"barcode": int(SHOPS_OWN)},
            proposal=SHOPS_OWN, certain=True, also=("barcode_restricted",)),
    in_json("barcode_not_text", "barcode", "425261", cells={"barcode": 425261},
            also=("barcode_short_upc_e",)),
    identifier("barcode_not_digits", "3017-6204 22003", NUTELLA, certain=True),
    identifier("barcode_length", "30176"),
    identifier("barcode_length", f"0{NUTELLA}", NUTELLA, certain=True),
    identifier("barcode_lost_zero", UPC_A[0].lstrip("0"), UPC_A[0]),
    identifier("barcode_scientific", "7,6223E+12"),
    identifier("barcode_all_zeros", "0000000000000"),
    identifier("barcode_check_digit", "3017620422004"),
    identifier("barcode_restricted", SHOPS_OWN),
    identifier("barcode_trade_unit", with_check_digit("1301762042200"), column="gtin"),
    identifier("barcode_short_upc_e", "425261", "04252614"),
    Broken("duplicate_product", table(GOOD, GOOD), "x.csv", 3, "barcode", NUTELLA),
    whole("product_name_missing", SOUND.replace("Nutella", ""), row=2, column="product_name"),
    whole("product_name_missing", SOUND.replace("Nutella", "No name"), row=2, value="No name",
          column="product_name"),
    cell("aliases_disagree", "fat_g", "31", fat="30.9"),
    cell("aliases_disagree", "brands", "Kinder", brand="Ferrero"),
    in_json("aliases_disagree", "nutrition.fat_g", "31",
            cells={"fat": 30.9, "nutrition": {"fat_g": 31}}),
    cell("aliases_merged", "fat_g", "30.90", fat="30.9"),
    cell("aliases_merged", "brands", "Ferrero; Kinder", brand="Ferrero,Kinder"),
    cell("number_decimal_comma", "fat", "0,5", "0.5", certain=True),
    cell("number_thousands", "energy_kj", "1.234,5", "1234.5", certain=True),
    cell("number_thousands", "energy_kj", "1,234"),
    cell("number_with_unit", "fat", "99.9mg", "0.0999", certain=True),
    cell("number_with_modifier", "fat", "< 0.5", "0.5"),
    cell("number_given_otherwise", "fat_unit", "mg", fat="5", also=("unknown_column",)),
    cell("number_trace", "fat", "traces", "0"),
    cell("number_with_sign", "fat", "+5", "5", certain=True),
    cell("number_other_digits", "fat", "\u0663\u0660\u066b\u0669", "30.9", certain=True),
    cell("number_not_finite", "fat", "inf"),
    cell("missing_marker", "fat", "NaN", "", certain=True),
    cell("not_a_number", "fat", "a lot"),
    cell("energy_two_values", "energy_kcal", "852KJ/ 203Kcal", "203"),
    cell("number_with_unit", "salt", "100mg", "0.1", certain=True, sodium="0.04"),
    cell("negative", "fat", "-1.0"),
    cell("negative", "energy_kj", "-1", energy="2252"),
    cell("above_range", "fat", "100.1"),
    cell("above_range", "salt_g", "51"),
    cell("above_range", "energy_kj", "4001"),
    cell("above_range", "energy_kcal", "901"),
    cell("above_range", "energy", "950", also=("energy_unit_detected",),
         fat="100", carbohydrates="0", proteins="0"),
    cell("above_range", "sodium", "21", also=("salt_derived",)),
    together("macronutrients_above_100", fat="60", carbohydrates="41"),
    together("macronutrients_above_100", carbohydrates="60", proteins="41"),
    together("macronutrients_above_100", fat="50", carbohydrates="40", proteins="10.2"),
    cell("nutrient_above_off_limit", "energy_kj", "3912"),
    cell("nutrient_above_off_limit", "vitamin_c", "105001"),
    together("macronutrients_and_salt", fat="50", carbohydrates="30", proteins="20", salt="5.1"),
    cell("above_range", "fat_g", "101", fat=""),
    together("saturated_fat_above_fat", saturated_fat="11", fat="10.90"),
    together("sugars_above_carbohydrates", sugars_g="57.6", carbohydrates="57.5"),
    together("energy_disagrees", energy_kj="367", energy_kcal="100"),
    together("energy_disagrees", energy_kj="473", energy_kcal="100"),
    together("energy_disagrees", energy="100", energy_kcal="539"),
    cell("energy_unit_detected", "energy", "2252", **MACRONUTRIENTS),
    cell("energy_unit_detected", "energy", "2890", **MACRONUTRIENTS),
    cell("energy_unit_assumed", "energy", "2252"),
    cell("energy_unit_assumed", "energy", "2900", **MACRONUTRIENTS),
    cell("salt_derived", "sodium", "0.043"),
    together("salt_and_sodium_disagree", salt="2.61", sodium="1"),
    cell("quantity_without_unit", "quantity", "400"),
    cell("quantity_not_positive", "quantity", "-5g"),
    cell("text_converted", "quantity", "12:30"),
    Broken("text_converted", workbook(((*HEADER, "brand"), (NUTELLA, "Nutella", 30.9, True))),
           "x.xlsx", 2, "brand", "true"),
    Broken("text_converted", workbook(((*HEADER, "brand"), (NUTELLA, "Nutella", 30.9, dt.time(7)))),
           "x.xlsx", 2, "brand", "07:00:00"),
    cell("language_upper_case", "lc", "EN", "en", certain=True),
    cell("text_invisible_character", "brand", "Fer\u200brero", "Ferrero", certain=True),
    cell("cell_error_value", "product_name", "#REF!"),
    cell("quantity_not_metric", "quantity", "14 oz", "397 g"),
    cell("country_unknown", "countries", "FR, Germny", "FR, DE"),
    cell("country_unknown", "countries", "Atlantis"),
    cell("country_alias", "countries", "France, UK", "France, GB", certain=True),
    cell("language_unknown", "lc", "eng", "en"),
    cell("language_unknown", "languages", "en, qq"),
    cell("language_separator", "languages", "en; fr", "en, fr", certain=True),
    cell("timestamp_iso", "created_t", "2022-01-18 16:00:00", "1642521600", certain=True),
    cell("timestamp_milliseconds", "created_t", "1642521600000", "1642521600", certain=True),
    cell("not_a_timestamp", "created_t", "last week"),
    cell("timestamp_in_future", "created_t", "1750000001"),
    cell("created_after_modified", "created_t", "1642608001", last_modified_t="1642608000"),
    cell("not_a_url", "url", "ftp://example.org/x"),
    cell("not_a_url", "image_url", "www.example.org/x.jpg", "https://www.example.org/x.jpg"),
    cell("text_trimmed", "product_name", " Nutella ", "Nutella", certain=True),
    cell("text_control_character", "product_name", "Nut\x07ella", "Nutella"),
    cell("text_replacement_character", "product_name", "Cr\ufffdme"),
    cell("text_double_encoded", "product_name", "CrÃ¨me", "Crème", certain=True),
    cell("missing_marker", "brand", "N/A", "", certain=True),
    cell("list_empty_part", "categories", "Spreads,,Snacks", "Spreads, Snacks", certain=True),
)  # fmt: skip

BROKEN = (*FILES, *RECORDS)
