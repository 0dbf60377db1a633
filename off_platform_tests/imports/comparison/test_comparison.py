"""What an import would change: recounted in plain Python, and columns that are wrong as a whole."""

import csv
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from off_platform.cli.main import app
from off_platform.dumps.formats import UnknownDumpError
from off_platform.imports.comparison.compared import table_query
from off_platform.imports.comparison.contradictions import stored_contradictions
from off_platform.imports.comparison.making import (
    AGREES,
    Comparison,
    compare_with,
    findings,
    stored_findings,
)
from off_platform.imports.specification.tables import ACCEPTED, PRODUCTS_COMPARED
from off_platform.imports.validation import validate_import
from off_platform.quality import Finding
from off_platform.settings import Settings
from off_platform.storage.lake import Lake, NoSuchTableError

NUTRIENTS = {
    "fat_g": ("fat_100g", 1),
    "carbohydrates_g": ("carbohydrates_100g", 1),
    "sugars_g": ("sugars_100g", 1),
    "proteins_g": ("proteins_100g", 1),
    "salt_g": ("salt_100g", 1),
    "energy_kj": ("energy-kj_100g", 1),
    "energy_kcal": ("energy-kcal_100g", 1),
    "calcium": ("calcium_100g", 1_000),
    "vitamin_c": ("vitamin-c_100g", 1_000),
    "vitamin_a": ("vitamin-a_100g", 1_000_000),
}
HEADER = ("barcode", "product_name", "brand", *NUTRIENTS)

Row = dict[str, str]


def ean13(number: int) -> str:
    digits = f"{400_000_000_000 + number}"
    total = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def compared(
    rows: list[Row], dump: Path, folder: Path
) -> tuple[Comparison, list[dict[str, Any]], Finding]:
    """Compares rows of an import; gives the result, the table and the finding of its check."""
    path, into = folder / "import.csv", folder / "tables"
    into.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER, restval="")
        writer.writeheader()
        writer.writerows(rows)
    validate_import(path, into)
    records = f"(SELECT *, 'import' AS \"import\" FROM read_parquet('{into / ACCEPTED}'))"
    with duckdb.connect() as connection:
        made = compare_with(connection, records, dump)
        connection.execute(f"CREATE TABLE stored AS {table_query(made.reasons)}")
        agrees = findings(connection, "stored")[AGREES]
        table = connection.sql("FROM stored").to_arrow_table().to_pylist()
        assert stored_contradictions(connection, "stored") == made.contradictions
        return made, table, agrees


def of_dump(row: Row) -> Row:
    """A row of the dump as an import has it: nutrients in the units of the specification."""
    made = {"barcode": row["code"], "product_name": row["product_name"], "brand": row["brands"]}
    for field, (column, factor) in NUTRIENTS.items():
        made[field] = f"{float(row[column]) * factor:.12g}" if row[column] else ""
    return made


def changed(row: Row, at: int) -> Row:
    """Some values changed, some new, some products unknown to the dump."""
    row = dict(row)
    if at % 11 == 0:
        row["barcode"] = ean13(at)
    if at % 7 == 0 and row["fat_g"]:
        row["fat_g"] = f"{float(row['fat_g']) * 0.9:.12g}"
    if at % 5 == 0 and not row["vitamin_c"]:
        row["vitamin_c"] = "12"
    if at % 13 == 0:
        row["product_name"] += " (new recipe)"
    if at % 3 == 0 and row["calcium"]:
        row["calcium"] = f"{float(row['calcium']) * 1.0001:.12g}"
    return row


def recounted(accepted: list[Row], dump: list[Row]) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """The same by a loop: statuses of records, and outcomes of values by field."""
    known = {row["code"]: row for row in dump}
    statuses: Counter[str] = Counter()
    fields: dict[str, Counter[str]] = {}
    for row in accepted:
        theirs = known.get(row["barcode"])
        if theirs is None:
            statuses["new"] += 1
            continue
        outcomes = set()
        for field, (column, factor) in NUTRIENTS.items():
            if not row[field]:
                continue
            if not theirs[column]:
                outcome = "adds"
            else:
                one, two = float(row[field]), float(theirs[column]) * factor
                outcome = "same" if abs(one - two) <= 0.001 * max(one, two) else "differs"
            fields.setdefault(field, Counter())[outcome] += 1
            outcomes.add(outcome)
        plain = " ".join(theirs["product_name"].replace("&quot;", '"').split())
        outcome = "same" if " ".join(row["product_name"].split()) == plain else "differs"
        fields.setdefault("product_name", Counter())[outcome] += 1
        outcomes.add(outcome)
        order = ("differs", "adds", "same")
        statuses[next(each for each in order if each in outcomes)] += 1
    return statuses, fields


@pytest.mark.slow
def test_differences_from_the_real_dump_are_those_of_a_loop(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    path = real_data("off/exports/en.openfoodfacts.org.products_1000.tsv")
    with path.open(encoding="utf-8", newline="") as file:
        dump = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    rows = [changed(of_dump(row), at) for at, row in enumerate(dump) if row["product_name"]]
    made, table, _ = compared(rows, path, tmp_path)
    with duckdb.connect() as connection:
        query = f"SELECT barcode FROM read_parquet('{tmp_path / 'tables' / ACCEPTED}')"
        accepted = {code for (code,) in connection.execute(query).fetchall()}
    assert len(accepted) > 800
    statuses, fields = recounted([row for row in rows if row["barcode"] in accepted], dump)
    assert dict(made.statuses) == dict(statuses)
    assert statuses.keys() == {"new", "same", "adds", "differs"}
    for field, counted in fields.items():
        assert dict(made.fields[field]) == dict(counted), field
    assert made.contradictions == []
    of_fat = [row for row in table if row["field"] == "fat_g" and row["outcome"] == "differs"]
    assert len(of_fat) == fields["fat_g"]["differs"] > 5
    assert all(row["factor"] == pytest.approx(0.9) for row in of_fat)


def small_dump(path: Path, count: int = 12) -> list[Row]:
    """A dump of products with every nutrient."""
    rows = []
    for at in range(count):
        step = at + 1
        values = {
            "fat_100g": f"{step * 0.7:.4g}",
            "carbohydrates_100g": f"{30 + at}",
            "sugars_100g": f"{5 + at * 0.5}",
            "proteins_100g": f"{step * 0.7 + 3:.4g}",
            "salt_100g": f"{step * 0.1 + 1:.4g}",
            "energy-kj_100g": f"{418.4 + at * 41.84:.6g}",
            "energy-kcal_100g": f"{100 + at * 10}",
            "calcium_100g": f"{0.01 * step:.4g}",
            "vitamin-c_100g": f"{0.002 * step:.4g}",
            "vitamin-a_100g": f"{0.00001 * step:.4g}",
        }
        rows.append({"code": ean13(at), "product_name": f"Product {at}", "brands": "A", **values})
    write_dump(path, rows)
    return rows


def write_dump(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def times(field: str, factor: float) -> Callable[[Row], Row]:
    return lambda row: row | {field: f"{float(row[field]) * factor:.12g}"}


def swapped(row: Row) -> Row:
    return row | {"fat_g": row["proteins_g"], "proteins_g": row["fat_g"]}


@pytest.mark.parametrize(
    ("spoil", "field", "reason"),
    [
        (times("vitamin_c", 1e-3), "vitamin_c", "g instead of mg"),
        (times("vitamin_a", 1e-6), "vitamin_a", "g instead of µg"),
        (times("vitamin_a", 1e-3), "vitamin_a", "mg instead of µg"),
        (times("energy_kj", 1 / 4.184), "energy_kj", "kcal instead of kJ"),
        (times("salt_g", 0.4), "salt_g", "sodium instead of salt"),
        (swapped, "fat_g", "those of proteins_g"),
        (times("calcium", 10), "calcium", "10 times what is known"),
        (times("calcium", 1.7), "calcium", ""),
        (times("vitamin_a", 1 / 0.3), "vitamin_a", "IU instead of µg"),
    ],
)
def test_a_column_that_contradicts_is_named_with_its_reason(
    spoil: Callable[[Row], Row], field: str, reason: str, tmp_path: Path
) -> None:
    dump = small_dump(tmp_path / "dump.tsv")
    rows = [spoil(of_dump(row)) for row in dump]
    made, _, agrees = compared(rows, tmp_path / "dump.tsv", tmp_path)
    found = {each.field: each for each in made.contradictions}
    assert reason in found[field].reason
    assert bool(found[field].reason) == bool(reason)
    assert found[field].differ == len(dump)
    assert agrees.broken == agrees.of == len(dump)
    assert field in agrees.note


def test_few_differences_are_no_contradiction(tmp_path: Path) -> None:
    dump = small_dump(tmp_path / "dump.tsv")
    rows = [of_dump(row) for row in dump]
    for row in rows[:5]:
        row["vitamin_c"] = f"{float(row['vitamin_c']) * 1000:g}"
    made, table, agrees = compared(rows, tmp_path / "dump.tsv", tmp_path)
    assert made.contradictions == []
    assert agrees.broken == 0
    assert [row["field"] for row in table if row["outcome"]] == ["vitamin_c"] * 5


def test_zeros_do_not_hide_a_wrong_unit(tmp_path: Path) -> None:
    dump = [row | {"vitamin-c_100g": "0"} for row in small_dump(tmp_path / "dump.tsv")[5:]]
    dump = small_dump(tmp_path / "dump.tsv", 3) + [
        {**row, "code": ean13(50 + at)} for at, row in enumerate(dump)
    ]
    write_dump(tmp_path / "dump.tsv", dump)
    rows = [times("vitamin_c", 1e-3)(of_dump(row)) for row in dump]
    made, _, agrees = compared(rows, tmp_path / "dump.tsv", tmp_path)
    assert [(each.field, each.differ, each.compared) for each in made.contradictions] == [
        ("vitamin_c", 3, 3)
    ]
    assert "g instead of mg" in agrees.note


@pytest.mark.parametrize(
    ("spoil", "count"),
    [
        # Another rounding, a new recipe, traces.
        (times("energy_kcal", 1.005), 12),
        (times("fat_g", 1.08), 12),
        (lambda row: row | {"sugars_g": "0.1"}, 12),
        # Too few to be the column's fault.
        (times("calcium", 1.7), 4),
        (times("vitamin_c", 1e-3), 2),
    ],
)
def test_small_imports_and_small_differences_are_no_contradiction(
    spoil: Callable[[Row], Row], count: int, tmp_path: Path
) -> None:
    dump = [row | {"sugars_100g": "0.2"} for row in small_dump(tmp_path / "dump.tsv", count)]
    write_dump(tmp_path / "dump.tsv", dump)
    rows = [spoil(of_dump(row)) for row in dump]
    made, table, _ = compared(rows, tmp_path / "dump.tsv", tmp_path)
    assert made.contradictions == []
    assert [row["outcome"] for row in table] == ["differs"] * count


def test_the_command_warns_and_writes_all_differences(tmp_path: Path) -> None:
    dump = small_dump(tmp_path / "dump.tsv")
    rows = [times("vitamin_c", 1e-3)(of_dump(row)) for row in dump]
    compared(rows, tmp_path / "dump.tsv", tmp_path)
    asked = ["compare", str(tmp_path / "import.csv"), "--dump", str(tmp_path / "dump.tsv")]
    result = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "differences.csv")])
    assert result.exit_code == 1
    assert "0 new, 0 the same, 0 add values, 12 differ" in result.output
    assert "probably g instead of mg" in " ".join(result.output.split())
    with (tmp_path / "differences.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["field"] for row in written] == ["vitamin_c"] * len(dump)


def test_a_table_of_an_earlier_version_is_to_be_made_again(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    table = PRODUCTS_COMPARED.arrow.empty_table()
    settings = Settings(_env_file=None)

    def put(without: list[str]) -> None:
        kept = table.drop_columns(without)
        lake.replace(PRODUCTS_COMPARED.name, None, kept.schema, partial(pq.write_table, kept))

    put([])
    assert stored_findings(lake, lake.connect, settings)[AGREES].of == 0
    put(["compared", "reason"])
    with pytest.raises(NoSuchTableError, match=r"earlier version.* materialise it again\."):
        stored_findings(lake, lake.connect, settings)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:-40], "the line has too many or too few columns"),
        (lambda data: data.replace(b"Product 11", b"Product \xe9"), "the line is not UTF-8"),
        (lambda data: data.replace(b"\n40000000001", b"\n4.0000000001"), "the code holds more"),
    ],
)
def test_lines_of_the_dump_that_cannot_be_read_are_counted(
    damage: Callable[[bytes], bytes], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "dump.tsv"
    rows = [of_dump(row) for row in small_dump(path)]
    data = path.read_bytes()
    path.write_bytes(damage(data))
    made, _, _ = compared(rows, path, tmp_path)
    unread = made.statuses["new"]
    assert 1 <= unread < len(rows)
    assert made.statuses["same"] == len(rows) - unread
    assert f"{unread} line" in made.of_unread
    assert reason in made.of_unread
    path.write_bytes(data.replace(b"\n4", b"\n4.0e"))
    with pytest.raises(UnknownDumpError, match=r"No line of dump\.tsv can be read: the code holds"):
        compared(rows, path, tmp_path)
