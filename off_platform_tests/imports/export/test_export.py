"""Accepted records as files for Open Food Facts: nothing is lost, and all reads back equal."""

import csv
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from PIL import Image

from off_platform.imports.export.checks import of_export
from off_platform.imports.export.files import Exported, ExportedRows, write_export
from off_platform.imports.export.making import (
    NotAnExportError,
    export_to_folder,
    export_to_lake,
    stored_findings,
    table_query,
)
from off_platform.imports.export.options import NUTRIENT_COLUMNS, ExportOptions, NotAnOptionError
from off_platform.imports.export.reading_back import write_as_import
from off_platform.imports.intake.originals import key_of, record, store_original
from off_platform.imports.products_imported import make_products_imported
from off_platform.imports.specification.tables import ACCEPTED, IMPORT, STAGED
from off_platform.imports.validation import validate_import
from off_platform.storage.lake import Lake, NoSuchTableError
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.locks import FolderInUseError
from off_platform_tests.conftest import REAL_DATA

OREO, NUTELLA, COLA = "7622210449283", "3017620422003", "5449000000996"
REAL = (
    *("template_products.csv", "french_textile_off_core_import_sample.csv", "new_nutrition.csv"),
    *("branded_food_usda_fdc.csv", "off_export_excel_de_scientific_barcodes.csv", "escaping.csv"),
    *("eprel_smartphones_off_import.csv", "carrefour-images.csv", "template_ingredients.csv"),
    *("template_nutritional.csv", "legacy_format.xls"),
)
TEXTS = ("product_name", "generic_name", "ingredients_text", "packaging_text")
LISTS = ("brand", "categories", "labels", "origins", "packaging", "allergens", "traces")
UNITS = {"energy_kj": "kJ", "energy_kcal": "kcal", "vitamin_c": "mg", "calcium": "mg"} | {
    **dict.fromkeys(("iron", "cholesterol"), "mg"),
    **dict.fromkeys(("vitamin_a", "vitamin_d"), "µg"),
}
GRAMS = (
    *("fat_g", "saturated_fat_g", "carbohydrates_g", "sugars_g", "fiber_g", "proteins_g"),
    *("salt_g", "sodium_g", "omega_3_fat"),
)

Row = dict[str, Any]


@dataclass
class Place:
    """A lake into which files are imported, without Dagster."""

    root: Path

    @property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(str(self.root / "lake"))

    @property
    def rows(self) -> str:
        """SQL of the newest accepted records."""
        return self.lake.rows_of("products_imported")

    def take(self, path: Path, day: int = 1) -> list[Row]:
        """Imports a file; gives its accepted records."""
        lake, key = self.lake, key_of(path)
        store_original(lake, path, key)
        with lake.connect() as connection:
            record(lake, key, connection, datetime(2026, 1, day, tzinfo=UTC))
            with lake.root.scratch() as made:
                validate_import(path, made)
                accepted = pq.read_table(made / ACCEPTED).to_pylist(maps_as_pydicts="strict")
                for table, file in STAGED:
                    lake.replace(table.name, (IMPORT, key), table.arrow, (made / file).replace)
            make_products_imported(lake, connection)
        return accepted

    def export(self, name: str = "export", **options: Any) -> tuple[Path, dict[str, int], Exported]:
        """Exports to a folder; gives it, the rows that break each check, and the rest."""
        to = self.root / name
        made, findings = export_to_folder(
            self.lake, self.lake.connect, ExportOptions(**options), to
        )
        return to, {rule: found.broken for rule, found in findings.items()}, made


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def rows_of(folder: Path) -> list[dict[str, str]]:
    """The rows of all files, read by Python's own reader."""
    found = []
    for file in sorted(folder.glob("products-*.tsv")):
        with file.open(encoding="utf-8", newline="") as lines:
            found += list(csv.DictReader(lines, delimiter="\t"))
    return found


def read_back(folder: Path, scratch: Path) -> list[Row]:
    """The records that `validate` accepts of an export."""
    found: list[Row] = []
    scratch.mkdir()
    for number, file in enumerate(sorted(folder.glob("products-*.tsv"))):
        again, into = scratch / f"{number}.csv", scratch / f"{number}"
        into.mkdir()
        with duckdb.connect() as connection:
            assert write_as_import(file, again, connection) == []
        verdict = validate_import(again, into)
        assert verdict.refused is None
        assert verdict.quarantined == 0
        found += pq.read_table(into / ACCEPTED).to_pylist(maps_as_pydicts="strict")
    return found


def meaning(row: Row, language: str) -> Row:
    """What a record says, however it is written: texts by language, lists, numbers."""
    texts = {f"{field}_{language}": row[field] for field in TEXTS if row[field] is not None} | (
        row["by_language"] or {}
    )
    lists = {field: row[field] or None for field in LISTS}
    for field in ("categories", "labels"):
        english = [f"en:{each}" for each in row[f"{field}_en"] or []]
        lists[field] = lists[field] or english or None
    salt_computed = "salt_g" in (row["derived"] or [])
    numbers = {field: row[field] for field in (*UNITS, *GRAMS)}
    if row["salt_g"] is not None and not salt_computed:
        numbers["sodium_g"] = None
    addresses = [name for name in row if name.startswith("image_")]
    plain = {name: row[name] for name in ("quantity", "serving_size", "url", *addresses)}
    countries = row["countries"] or row["countries_en"] or None
    return {**texts, **lists, **numbers, **plain, "countries": countries}


def languages(folder: Path) -> dict[str, str]:
    return {row["code"]: row["lc"] for row in rows_of(folder)}


def demand_equal(accepted: list[Row], folder: Path, scratch: Path) -> None:
    """Ensures that an export has exactly these records, and says the same of each."""
    of_code = languages(folder)
    expected = {row["product"]: row for row in accepted if not row["product"].startswith("id:")}
    found = {row["product"]: row for row in read_back(folder, scratch)}
    assert found.keys() == expected.keys() == of_code.keys()
    for code, row in expected.items():
        assert meaning(found[code], of_code[code]) == meaning(row, of_code[code]), code


@pytest.fixture(scope="module")
def real(
    tmp_path_factory: pytest.TempPathFactory, real_data: Callable[[str], Path]
) -> tuple[Place, list[Row]]:
    """A lake with every real file, and what was accepted."""
    place = Place(tmp_path_factory.mktemp("real"))
    newest: dict[str, Row] = {}
    there = {path.name for path in (REAL_DATA / "off/imports").glob("*")}
    assert there <= {*REAL} or not there
    for day, name in enumerate(REAL, 1):
        accepted = place.take(real_data(f"off/imports/{name}"), day)
        newest |= {row["product"]: row for row in accepted}
    return place, [*newest.values()]


@pytest.mark.slow
@pytest.mark.parametrize("form", NUTRIENT_COLUMNS)
def test_every_accepted_record_of_every_real_file_reads_back_equal(
    real: tuple[Place, list[Row]], form: str
) -> None:
    place, accepted = real
    folder, broken, made = place.export(form, nutrients=form, rows=40)
    assert made.records == len(accepted) > 100
    assert broken["reads_back"] == broken["columns_valid"] == broken["in_files_once"] == 0
    assert len(made.files) == 3
    demand_equal(accepted, folder, place.root / f"{form}-again")


def ean13(number: int) -> str:
    digits = f"{400_000_000_000 + number}"
    total = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def generated(path: Path, count: int, seed: int) -> Path:
    """Records with any of the fields, texts that need quotes, numbers large and small."""
    chance = random.Random(seed)
    names = ["Käse", 'The "best" one', "a\tb", "two\nlines", "=1 plus", "'quoted'", "ｶﾅ", "x;y"]

    def number(most: float) -> str:
        digits = chance.choice((0, 1, 3, 7))
        return f"{chance.uniform(0, most):.{digits}f}"

    rows: list[Row] = []
    for at in range(count):
        row: Row = {"barcode": ean13(at)}
        if at % 17 == 3:
            row = {"product_id": f"own-{at}"}
        row["product_name"] = chance.choice(names) if at % 5 else ""
        row[f"product_name_{chance.choice(('fr', 'de'))}"] = chance.choice(names)
        row["lc"] = chance.choice(("fr", "de", "en", "", ""))
        row["ingredients_text_fr"] = chance.choice(("Eau", "", 'Lait "cru", sel\nthym'))
        row["brand"] = chance.choice(("A, B", "Ferrero", ""))
        row["categories"] = chance.choice(("Spreads", "", ""))
        row["categories_en"] = chance.choice(("Cheeses, Hard cheeses", ""))
        row["countries"] = chance.choice(("FR, DE, UK", "World", "European Union, FR", ""))
        row["allergens"] = chance.choice(("none", "Milk", ""))
        row["languages"] = chance.choice(("en", "en, fr", ""))
        row["quantity"] = chance.choice(("400 g", "1 L", "6 x 125 g", ""))
        row["url"] = chance.choice(("https://example.org/p?q=1,2", ""))
        row["image_front_url"] = chance.choice(("https://example.org/a.jpg", ""))
        row["created_t"] = chance.choice(("1642521600", ""))
        row |= {name: number(20) for name in GRAMS[:6] if chance.random() < 0.7}
        row |= {"energy_kj": number(3000)} if at % 3 else {"energy": number(800)}
        row |= (
            {chance.choice(("salt_g", "sodium_g")): number(1), "salt_g": number(2)}
            if at % 4
            else {"sodium_g": number(1)}
        )
        row |= {name: number(0.001) for name in ("vitamin_a", "iron") if chance.random() < 0.5}
        rows.append(row)
    columns = sorted({name for row in rows for name in row})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, list[Row]]:
    """A lake with generated records, and what was accepted."""
    place = Place(tmp_path_factory.mktemp("many"))
    accepted = place.take(generated(place.root / "many.csv", 240, seed=5))
    assert len(accepted) > 100
    return place, accepted


def without_clash(row: Row, language: str | None) -> Row:
    """Of two names in one language the one with the language is kept, and the other counted."""
    named = (row["by_language"] or {}).get(f"product_name_{language}")
    clash = named and row["product_name"] and named != row["product_name"]
    return row | {"product_name": None} if clash else row


@pytest.mark.slow
@pytest.mark.parametrize("form", NUTRIENT_COLUMNS)
def test_generated_records_read_back_equal(many: tuple[Place, list[Row]], form: str) -> None:
    place, accepted = many
    folder, broken, made = place.export(form, nutrients=form, rows=120, language="en")
    kept = [without_clash(row, languages(folder).get(row["product"])) for row in accepted]
    demand_equal(kept, folder, place.root / f"{form}-again")
    own = sum(row["product"].startswith("id:") for row in accepted)
    assert made.without_barcode == broken["all_exported"] == own > 0
    assert broken["reads_back"] == broken["columns_valid"] == broken["in_files_once"] == 0


@pytest.mark.slow
def test_what_the_format_cannot_express_is_counted(many: tuple[Place, list[Row]]) -> None:
    place, accepted = many
    _, _, made = place.export("counted")
    exported = [row for row in accepted if not row["product"].startswith("id:")]
    for field in ("created_t", "languages"):
        assert made.left_out[field] == sum(bool(row[field]) for row in exported)
    both = [
        r for r in exported if r["sodium_g"] is not None and "salt_g" not in (r["derived"] or [])
    ]
    assert made.left_out["sodium_g"] == len(both) > 0
    english = [row for row in exported if row["categories"] and row["categories_en"]]
    assert made.left_out["categories_en"] == len(english) > 0
    assert made.left_out["product_name"] > 0
    facts = json.loads((place.root / "counted/export.json").read_text())
    assert facts["values_left_out"] == made.left_out
    assert facts["records"] == len(exported)


@pytest.mark.slow
def test_values_have_the_units_of_the_specification(many: tuple[Place, list[Row]]) -> None:
    place, accepted = many
    folder, _, _ = place.export("units", nutrients="values")
    rows = {row["code"]: row for row in rows_of(folder)}
    seen = 0
    for record_ in accepted:
        row = rows.get(record_["product"], {})
        for field, unit in UNITS.items():
            name = field.replace("_", "-")
            if row and record_[field] is not None:
                assert float(row[f"{name}_value"]) == record_[field]
                assert row[f"{name}_unit"] == unit
                assert "e" not in row[f"{name}_value"]
                seen += 1
    assert seen > 100


@pytest.mark.slow
def test_the_same_records_make_the_same_bytes(many: tuple[Place, list[Row]]) -> None:
    place, _ = many
    made = []
    with place.lake.connect() as connection:
        for name in ("one", "two"):
            to = place.root / name
            to.mkdir()
            options = ExportOptions(rows=70)
            write_export(place.lake, connection, place.rows, options, to)
            made.append({path.name: path.read_bytes() for path in sorted(to.iterdir())})
    assert made[0] == made[1]
    assert len(made[0]) == 5


@pytest.mark.slow
def test_a_spoiled_file_is_found(many: tuple[Place, list[Row]], tmp_path: Path) -> None:
    place, _ = many
    folder, again = tmp_path / "export", tmp_path / "again"
    folder.mkdir()
    lake = place.lake
    with lake.connect() as connection:
        records = lake.rows_of("products_imported")
        options = ExportOptions(nutrients="values")
        made = write_export(lake, connection, records, options, folder)
        (file,) = folder.glob("*.tsv")
        rows = rows_of(folder)
        spoil = {"fat_value": "1.25", "fat_unit": "g"}
        rows[3] |= spoil
        rows[5] |= {"fat_value": "1,5", "fat_unit": "mg"}
        with file.open("w", newline="") as to:
            writer = csv.DictWriter(to, list(rows[0]), delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows([*rows[:-1], rows[0]])
        again.mkdir()
        exported = ExportedRows(records, f"({table_query(options)})")
        found = of_export(connection, exported, made, folder, again)
    assert rows[3]["code"] in found["reads_back"].examples
    assert found["columns_valid"].broken == 1
    assert found["in_files_once"].broken == 2


def photo(pixels: int) -> bytes:
    made = BytesIO()
    Image.effect_noise((pixels, pixels), 90).save(made, "JPEG")
    return made.getvalue()


@pytest.mark.slow
def test_pictures_have_the_names_that_the_importer_expects(place: Place) -> None:
    folder = place.root / "batch"
    (folder / "images").mkdir(parents=True)
    (folder / "products.csv").write_text(
        f"barcode,product_name\n{NUTELLA},Nutella\n{OREO},Oreo\n012345678905,UPC\n"
    )
    large = photo(300)
    for name, content in {
        f"{NUTELLA}_front.JPEG": large,
        f"{OREO}_Ingredients_FR.jpg": large,
        "012345678905_nutrition.png": large,
        f"{OREO}_front.jpg": photo(10),
        f"{NUTELLA}_packaging.jpg": b"not a picture" * 1000,
        f"{COLA}_front.jpg": large,
    }.items():
        (folder / "images" / name).write_bytes(content)
    place.take(folder)
    to, broken, made = place.export()
    assert {path.name: path.read_bytes() for path in (to / "images").iterdir()} == {
        f"{NUTELLA}_front.jpg": large,
        f"{OREO}_ingredients_fr.jpg": large,
        "0012345678905_nutrition.png": large,
    }
    assert made.pictures.copied == 3
    assert broken["pictures_accepted"] == made.pictures.left_out.total() == 3


@pytest.mark.slow
def test_one_import_is_exported_with_what_no_newer_one_has(place: Place) -> None:
    def taken(name: str, day: int, *codes: str) -> str:
        path = place.root / name
        path.write_text("\n".join(["barcode,product_name", *(f"{code},Sweets" for code in codes)]))
        assert len(place.take(path, day)) == len(codes)
        return key_of(path)

    first = taken("first.csv", 1, OREO, NUTELLA)
    assert len(rows_of(place.export(only_import=first)[0])) == 2
    second = taken("second.csv", 2, OREO)
    for key, code in ((first, NUTELLA), (second, OREO)):
        assert [row["code"] for row in rows_of(place.export(only_import=key)[0])] == [code]
    taken("third.csv", 3, OREO, NUTELLA)
    with pytest.raises(NotAnOptionError, match="newer imports have all of its products"):
        place.export(only_import=first)
    for wrong in ("first.csv", "../third.csv", f"{first}0"):
        with pytest.raises(NotAnOptionError, match="There is no import"):
            place.export(only_import=wrong)


def test_only_an_earlier_export_is_replaced(place: Place) -> None:
    path = place.root / "a.csv"
    path.write_text(f"barcode,product_name\n{NUTELLA},Nutella\n")
    place.take(path)
    (place.root / "mine").mkdir()
    (place.root / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(NotAnExportError, match="name another folder"):
        place.export("mine")
    assert (place.root / "mine/thesis.txt").read_text() == "years of work"


@pytest.mark.slow
def test_one_run_exports_at_a_time(many: tuple[Place, list[Row]]) -> None:
    lake = many[0].lake
    with (
        LocalFolder(many[0].root / "lake/exports").locked(),
        pytest.raises(FolderInUseError),
    ):
        export_to_lake(lake, lake.connect, ExportOptions())


@pytest.mark.slow
def test_the_lakes_table_says_what_became_of_each_record(many: tuple[Place, list[Row]]) -> None:
    place, accepted = many
    lake = place.lake
    export_to_lake(lake, lake.connect, ExportOptions(rows=120))
    table = pq.read_table(lake.address("products_export")).to_pylist()
    assert {row["product"] for row in table} == {row["product"] for row in accepted}
    folder = place.root / "lake/exports/products"
    in_files = {
        (file.name, line.partition("\t")[0])
        for file in folder.glob("*.tsv")
        for line in file.read_text().splitlines()
        if line[:12].isdigit()
    }
    assert {(row["file"], row["code"]) for row in table if row["code"]} == in_files
    assert all(bool(row["reason"]) == (row["code"] is None) for row in table)


@pytest.mark.slow
def test_a_stored_export_is_checked_against_the_records_that_it_was_made_of(place: Place) -> None:
    path, lake = place.root / "a.csv", place.lake
    path.write_text(f"barcode,product_name,fat_g\n{NUTELLA},Nutella,30.9\n{OREO},Oreo,20\n")
    place.take(path)
    _, made, _ = export_to_lake(lake, lake.connect, ExportOptions())
    path.write_text(f"barcode,product_name,fat_g\n{NUTELLA},Nutella,31\n")
    place.take(path, day=2)
    # A newer import does not make it wrong.
    assert stored_findings(lake, lake.connect) == made
    (file,) = (place.root / "lake/exports/products").glob("*.tsv")
    text = file.read_text()
    file.write_text(text.replace("30.9", "3.9"))
    assert stored_findings(lake, lake.connect)["reads_back"].examples == [NUTELLA]
    file.write_text("".join(text.splitlines(keepends=True)[:2]))
    assert stored_findings(lake, lake.connect)["in_files_once"].broken == 1
    file.unlink()
    assert stored_findings(lake, lake.connect)["in_files_once"].broken == 2
    (file.parent / "export.json").unlink()
    with pytest.raises(NoSuchTableError, match=r"no export at .* materialise it first\."):
        stored_findings(lake, lake.connect)


@pytest.mark.slow
def test_hostile_texts_and_numbers_read_back_equal(place: Place) -> None:
    texts = ["=1+1", "\"q\" 'x' \\", "a\r\nb\tc", "a\x00b\x1b[31m\x85", "\ufeffb\u202ec", "# NULL"]
    # Together more than DuckDB's usual bound of a line.
    long = "lorem ipsum, " * 40_000
    numbers = ["-0", "1e-16", "1e15", "0.30000000000000004", "5e-7", "100"]
    rows: list[Row] = [
        {
            "gtin": ean13(100 + at),
            "product_name": f"N{text}",
            "lc": "fr",
            **dict.fromkeys(("generic_name", "ingredients_text", "generic_name_de"), text),
            "brands": [text, "b"],
        }
        for at, text in enumerate([*texts, long])
    ]
    for at, number in enumerate(numbers):
        named = {"product_name": "N", "lc": "fr"}
        rows.append({"gtin": ean13(200 + at), **named, "vitamin_a": number})
        rows.append({"gtin": ean13(300 + at), **named, "sodium_g": number})
    path = place.root / "hostile.json"
    path.write_text(json.dumps(rows))
    accepted = place.take(path)
    assert {row["product"] for row in accepted} > {ean13(100 + at) for at in range(7)}
    to, broken, made = place.export()
    assert {rule: count for rule, count in broken.items() if count} == {}
    assert made.records == len(accepted)
    csv.field_size_limit(1 << 24)
    given = {row["code"]: row for row in rows_of(to)}
    shown = [given[ean13(100 + at)]["generic_name_fr"] for at in range(7)]
    assert shown == [*texts[:3], "ab[31m", "bc", "# NULL", long.strip()]
    assert (made.cleaned, made.left_out["vitamin_a"]) == (1, 2)
    vitamin = "nutrition.input_sets.manufacturer.as_sold.100g.nutrients.vitamin-a.value_string"
    written = [given[ean13(200 + at)][vitamin] for at in range(6)]
    assert written == ["0", "", "", "0.30000000000000004", "0.0000005", "100"]
