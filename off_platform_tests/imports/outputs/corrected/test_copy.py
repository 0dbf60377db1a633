"""The corrected copy: certain proposals are applied, the rest is unchanged, and once is enough."""

import csv
import datetime as dt
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from off_platform.imports.outputs.corrected.copy import NoCopyError, write_corrected
from off_platform_tests.imports.broken_records import GOOD, NUTELLA, OREO, UPC_A, many, table
from off_platform_tests.imports.made_files import Examined, csv_of, demand_consistent, examine

CORRECTIONS = "corrections_made"


def twice(content: bytes | str, name: str, folder: Path) -> tuple[Examined, Examined]:
    """A file examined, and then its corrected copy."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    first = examine(path, folder / "first", reports=False)
    assert first.copy is not None
    return first, examine(first.copy, folder / "second", reports=False)


def demand_settled(first: Examined, second: Examined) -> None:
    """The copy has nothing left to correct; a copy of it is the same."""
    assert first.copy is not None
    assert second.copy is not None
    demand_consistent(second)
    assert second.certain == []
    assert second.verdict.records == first.verdict.records
    assert second.verdict.accepted >= first.verdict.accepted
    if first.copy.suffix == ".xlsx":
        assert cells_of(second.copy) == cells_of(first.copy)
    else:
        assert second.copy.read_bytes() == first.copy.read_bytes()


def cells_of(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All cells of a workbook, by sheet."""
    book = openpyxl.load_workbook(path)
    return {sheet.title: list(sheet.values) for sheet in book.worksheets}


def rows_of(examined: Examined) -> list[list[str]]:
    """The rows of a corrected CSV."""
    assert examined.copy is not None
    with examined.copy.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_certain_proposals_are_applied_and_noted_and_the_rest_is_unchanged(tmp_path: Path) -> None:
    text = csv_of(
        ("barcode", "product_name", "fat", "my column", "brand"),
        (NUTELLA, " Nutella", "0,5", " as it is ", "A\rB"),
        (OREO, "Oreo", "1,234", "", "a\nb"),
    )

    first, second = twice(text, "x.csv", tmp_path)

    demand_settled(first, second)
    noted = "product_name -> Nutella; fat -> 0.5"
    assert rows_of(first) == [
        ["barcode", "product_name", "fat", "my column", "brand", CORRECTIONS],
        [NUTELLA, "Nutella", "0.5", " as it is ", "A\rB", noted],
        [OREO, "Oreo", "1,234", "", "a\nb", ""],
    ]
    assert (first.verdict.accepted, second.verdict.accepted) == (0, 1)


def test_a_sound_file_is_copied_byte_by_byte(tmp_path: Path) -> None:
    text = table({**GOOD, "brand": 'Ferrero "Kinder", Oreo', "generic_name": "Crème à l'eau"})

    first, _ = twice(text, "x.csv", tmp_path)

    assert first.copy is not None
    assert first.copy.read_bytes() == text.encode()


FORMS = {
    "semicolons": (table({**GOOD, "fat": "1"}, delimiter=";"), "x.csv"),
    "tabs in a .csv": (table({**GOOD, "fat": "1"}, delimiter="\t"), "x.csv"),
    "a byte order mark": ("\ufeff" + table({**GOOD, "fat": "1"}), "x.csv"),
    "Windows' line ends": (table({**GOOD, "fat": "1"}).replace("\n", "\r\n"), "x.csv"),
    "spaces in the header": (table({**GOOD, "fat": "1"}).replace(",fat", ", fat"), "x.csv"),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_format_is_corrected_too(name: str, tmp_path: Path) -> None:
    first, second = twice(*FORMS[name], tmp_path)

    demand_settled(first, second)
    # The mark stays, as it does no harm.
    assert set(second.verdict.counts) <= {"byte_order_mark"}
    header, *rows = rows_of(first)
    assert [header[0].removeprefix("\ufeff"), *header[1:]] == [*GOOD, "fat"]
    assert rows == [[*GOOD.values(), "1"]]


def test_tsv_stays_tsv(tmp_path: Path) -> None:
    first, second = twice(table({**GOOD, "fat": "0,5"}, delimiter="\t"), "x.tsv", tmp_path)

    demand_settled(first, second)
    assert second.verdict.source is not None
    assert (second.verdict.source.format, second.verdict.counts) == ("tsv", {})


def test_rows_that_do_not_fit_are_kept_as_they_are(tmp_path: Path) -> None:
    text = f"barcode,product_name\n{NUTELLA}, Nutella\n{OREO},Oreo,more\n\n{UPC_A[0]}\n"

    first, second = twice(text, "x.csv", tmp_path)

    demand_settled(first, second)
    assert rows_of(first)[2:] == [[OREO, "Oreo", "more", ""], [], [UPC_A[0]]]
    assert second.verdict.counts["ragged_row"] == first.verdict.counts["ragged_row"] == 2


def test_columns_without_a_name_get_none(tmp_path: Path) -> None:
    first, second = twice(f"barcode,product_name,,\n{NUTELLA},N,a,b\n", "x.csv", tmp_path)

    demand_settled(first, second)
    assert rows_of(first) == [["barcode", "product_name", "", ""], [NUTELLA, "N", "a", "b"]]


def test_whole_file_damage_is_corrected(tmp_path: Path) -> None:
    first, second = twice(many(*(code.lstrip("0") for code in UPC_A)), "x.csv", tmp_path)

    demand_settled(first, second)
    assert [row[0] for row in rows_of(first)[1:]] == UPC_A
    assert second.verdict.counts == {}


NUMBERS = ("1.50", "1E5", "12345678901234567890.123456789", "-0", "1e400", "9" * 5_000)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", ["x.json", "x.jsonl"])
def test_numbers_of_json_keep_every_digit(number: str, name: str, tmp_path: Path) -> None:
    text = f'{{"barcode": "{NUTELLA}", "product_name": " N", "x": {number}}}'
    text = f"{text}\n{text}" if name == "x.jsonl" else f"[{text}]"

    first, second = twice(text, name, tmp_path)

    demand_settled(first, second)
    assert first.copy is not None
    assert f'"x": {number}' in first.copy.read_text(encoding="utf-8")


def test_json_is_corrected_within_its_layout(tmp_path: Path) -> None:
    item = {
        "barcode": int(NUTELLA), "product_name": '\u00e8\n"', "other": {"a": [1, None, True]},
        "nutrition": {"fat": "0,5", "salt": 1.0}, "created_t": "2022-01-18 16:00:00",
        "last_modified_t": 1642521600000, "countries": ["France", "UK"],
    }  # fmt: skip

    first, second = twice(json.dumps([item]), "x.json", tmp_path)

    demand_settled(first, second)
    assert first.copy is not None
    made = json.loads(first.copy.read_bytes())[0]
    assert "nutrition.fat -> 0.5" in made.pop(CORRECTIONS)
    assert made == {
        **item, "barcode": NUTELLA, "nutrition": {"fat": "0.5", "salt": 1.0},
        "created_t": "1642521600", "last_modified_t": 1642521600, "countries": "France, GB",
    }  # fmt: skip


@pytest.mark.parametrize("form", ["{0}\n {1}\n", "[{0},\n{1}]"])
def test_only_the_products_of_answers_are_corrected(form: str, tmp_path: Path) -> None:
    answers = [
        f'{{"code": " {code}", "product": {{"code": " {code}", "product_name": "N"}}, "status": 1}}'
        for code in (NUTELLA, OREO)
    ]

    first, second = twice(form.format(*answers), "x.json", tmp_path)

    demand_settled(first, second)
    assert first.copy is not None
    note = f', "{CORRECTIONS}": "code -> '
    assert first.copy.read_text(encoding="utf-8") == form.format(*(
        f'{{"code": " {code}", "product": {{"code": "{code}", "product_name": "N"{note}{code}"}}, '
        '"status": 1}'
        for code in (NUTELLA, OREO)
    ))  # fmt: skip


def test_workbooks_keep_their_sheets_types_and_formulas(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    day = dt.datetime(2024, 5, 1, 12, 30)  # noqa: DTZ001 - Excel knows no time zones
    for row in (
        ("barcode", "product_name", "fat", "when", "yes"),
        (NUTELLA, " Nutella", "0,5", day, True),
        (int(OREO), "Oreo", 1.5, None, False),
    ):
        sheet.append(row)
    book.create_sheet("Other").append((1, "=1+1", day))
    book.save(tmp_path / "made.xlsx")

    first, second = twice((tmp_path / "made.xlsx").read_bytes(), "x.xlsx", tmp_path)

    demand_settled(first, second)
    assert first.copy is not None
    assert cells_of(first.copy) == {
        "Sheet": [
            ("barcode", "product_name", "fat", "when", "yes", CORRECTIONS),
            (NUTELLA, "Nutella", 0.5, day, True, "product_name -> Nutella; fat -> 0.5"),
            (OREO, "Oreo", 1.5, None, False, f"barcode -> {OREO}"),
        ],
        "Other": [(1, "=1+1", day)],
    }


def test_a_text_that_looks_like_a_workbooks_own_xml_stays_a_text(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    xml = "<r></broken></r>"
    book.active.append(["barcode", "product_name", "brand", "fat", xml])
    book.active.append([NUTELLA, xml, f" {xml}", "0,5", "<r><t>y</t></r>"])
    content = io.BytesIO()
    book.save(content)

    first, second = twice(content.getvalue(), "x.xlsx", tmp_path)

    demand_settled(first, second)
    assert first.copy is not None
    (rows,) = cells_of(first.copy).values()
    assert rows[0] == ("barcode", "product_name", "brand", "fat", xml, CORRECTIONS)
    assert rows[1][:5] == (NUTELLA, xml, xml, 0.5, "<r><t>y</t></r>")


REFUSED = {
    "a quote in the middle": (f'barcode,product_name\n{NUTELLA},"Nut"ella\n', "x.csv"),
    "a name twice": (f'[{{"barcode": "{NUTELLA}", "fat": 1, "fat": 2}}]', "x.json"),
    "no file that can be read": ("", "x.csv"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_there_is_no_copy_if_data_would_be_lost(name: str, tmp_path: Path) -> None:
    content, file = REFUSED[name]
    path = tmp_path / file
    path.write_text(content, encoding="utf-8")

    made = examine(path, tmp_path / "out")

    assert made.copy is None
    with pytest.raises(NoCopyError, match="There is no corrected copy"):
        write_corrected(path, tmp_path / "out", made.verdict, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


REAL = [
    "french_textile_off_core_import_sample.csv",
    "eprel_smartphones_off_import.csv",
    "template_products.csv",
    "template_nutritional.csv",
    "template_ingredients.csv",
    "new_nutrition.csv",
    "escaping.csv",
    "carrefour-images.csv",
    pytest.param("branded_food_usda_fdc.csv", marks=pytest.mark.slow),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_files_settle_after_one_correction(name: str, real_data: Any, tmp_path: Path) -> None:
    first = examine(real_data(f"off/imports/{name}"), tmp_path / "first")
    if first.verdict.refused:
        assert first.copy is None
        return
    assert first.copy is not None

    demand_settled(first, examine(first.copy, tmp_path / "second"))


ODD = st.sampled_from(
    (
        "", " ", "-", "N/A", " x ", "0,5", "< 0.5", "1.234,5", "1,234", "99.9mg", "+5", "1e3",
        "852KJ/ 203Kcal", NUTELLA, f" {NUTELLA}", "3017-6204 22003", "12345678905", "425261", "NaN",
        "7,6223E+12", f"0{NUTELLA}", "=1+1", "'=1", "@x", "Crème", "CrÃ¨me", "Ã©Ã¢", "\ufffd",
        "France;UK", "en; fr", ",a,,b;", "2022-01-18", "1642521600000", "14 oz", "400g",
        "www.example.org/x.jpg", "a\tb", "a\rb", "a\nb", 'a"b', "\x07", "\u200f", "\xa0", "None",
        "none; milk", "\u202e", "(column 3)", "UK", "\ufeffx", "traces", "< 1 mg", "1 g", "0.5 %",
        "6 x 1,5 L",
    )
)  # fmt: skip
CELLS = st.one_of(ODD, ODD, st.text(max_size=8).filter(lambda text: text.isprintable()))
NAMES = st.lists(
    st.sampled_from(
        (
            "code", "gtin", "product_id", "product_name", "product_name_fr", "brand", "brands",
            "quantity", "countries", "languages", "lc", "fat", "fat_g", "salt", "sodium", "energy",
            "energy_kj", "energy_kcal", "vitamin_c", "created_t", "last_modified_t", "image_url",
            "allergens", "categories", "my column", " labels ", CORRECTIONS, "",
        )
    ),
    unique=True,
    max_size=8,
).map(lambda names: ["barcode", *names])  # fmt: skip
RECORDS = NAMES.flatmap(
    lambda names: st.tuples(
        st.just(names),
        st.lists(
            # Rows of only white space are not records.
            st.lists(CELLS, min_size=len(names), max_size=len(names)).filter("".join),
            min_size=1,
            max_size=4,
        ).filter(lambda rows: any(cell.strip() for row in rows for cell in row)),
    )
)
# Each imports a whole file twice; `make thorough` looks at many more.
EXAMPLES = settings.default.max_examples
FEW = settings(
    max_examples=EXAMPLES // 3, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.mark.slow
@FEW
@given(made=RECORDS, delimiter=st.sampled_from(",;\t"))
def test_any_table_settles_after_one_correction(
    made: tuple[list[str], list[list[str]]], delimiter: str
) -> None:
    names, rows = made
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([names, *rows])
    with tempfile.TemporaryDirectory() as folder:
        demand_settled(*twice(text.getvalue(), "x.csv", Path(folder)))


NESTED = st.one_of(
    CELLS,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.lists(CELLS, max_size=3),
    st.just({"a": [{"b": 1}]}),
)


@pytest.mark.slow
@FEW
@given(
    names=NAMES,
    data=st.data(),
    within=st.dictionaries(st.sampled_from(("fat", "salt_g", "other")), NESTED),
    lines=st.booleans(),
    answers=st.booleans(),
)
def test_any_json_settles_after_one_correction(
    names: list[str], data: st.DataObject, within: dict[str, Any], *, lines: bool, answers: bool
) -> None:
    count = data.draw(st.integers(2 if lines else 1, 4))
    items: list[dict[str, Any]] = [
        {name: data.draw(NESTED) for name in names} for _ in range(count)
    ]
    items[0]["nutrition"] = within
    if answers:
        items = [{"code": NUTELLA, "product": item, "status": 1} for item in items]
    text = "\n".join(map(json.dumps, items)) if lines else json.dumps(items, indent=1)
    with tempfile.TemporaryDirectory() as folder:
        demand_settled(*twice(text, "x.json", Path(folder)))


@pytest.mark.slow
@settings(FEW, max_examples=EXAMPLES // 5)
@given(made=RECORDS)
def test_any_workbook_settles_after_one_correction(
    made: tuple[list[str], list[list[str]]],
) -> None:
    names, rows = made
    book = openpyxl.Workbook()
    for number, row in enumerate([names, *rows], 1):
        for column, text in enumerate(row, 1):
            if text and text.isprintable():
                cell = book.active.cell(number, column, text)
                cell.data_type = "s"
    content = io.BytesIO()
    book.save(content)
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "probe.xlsx"
        first.write_bytes(content.getvalue())
        if examine(first, Path(folder) / "probe").verdict.refused:
            return
        demand_settled(*twice(content.getvalue(), "x.xlsx", Path(folder)))
