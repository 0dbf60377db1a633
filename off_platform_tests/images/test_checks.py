"""Every rule of the images wing's tables: a failing example found by it alone, and a good one."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from off_platform import table_bounds
from off_platform.asset_checks import check_results
from off_platform.images import checks
from off_platform.images.key_index import KeyIndexFacts
from off_platform.images.months import MonthFigures
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.images.products import DumpFacts
from off_platform.images.schemas import (
    KEY_CHANGES,
    KEY_INDEX,
    KEY_INDEX_ODDITIES,
    MONTH_FIGURES,
    PHOTOS,
    SNAPSHOTS,
)
from off_platform.images.snapshots import Snapshot
from off_platform.quality import SHAPE, Finding, Table
from off_platform.storage.lake import Lake
from off_platform.storage.sql import literal
from off_platform_tests.images_desk import MONTH, Desk

TABLES = (
    *(SNAPSHOTS, KEY_INDEX, KEY_INDEX_ODDITIES, PHOTOS, KEY_CHANGES, MONTH_FIGURES),
    *(PRODUCTS, PRODUCT_PHOTOS),
)
NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
MD5 = "0123456789abcdef0123456789abcdef"

Row = dict[str, Any]
Findings = dict[str, Finding]


class Reader:
    """Makes tables of rows and looks at their rules."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        """Takes the connection to look with, and a folder for the tables."""
        self.connection, self.folder = connection, folder

    def rows(self, table: Table, rows: list[Row]) -> str:
        """A table of these rows, as SQL to use after FROM."""
        path = self.folder / f"{table.name}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, table.arrow), path)
        return f"read_parquet({literal(str(path))})"

    def snapshot(
        self,
        before: Snapshot | None = None,
        row: Row | None = None,
        month: str = MONTH,
        since: str = "2026-10-01",
        **changes: Any,
    ) -> Findings:
        """A month's snapshot with changes; `row` changes only the lake."""
        found = replace(SNAPSHOT, **changes)
        rows = self.rows(SNAPSHOTS, [{**vars(found), **(row or {})}])
        known = since if before else None
        return checks.of_snapshot(self.connection, rows, found, before, 0.05, month, known)

    def index(self, row: Row | None = None, lines: int = 100, **changes: Any) -> Findings:
        """A month's index, its facts changed so; `row` changes one of its rows."""
        rows = self.rows(KEY_INDEX, [KEY, {**KEY, **(row or {})}])
        return checks.of_index(
            self.connection, rows, replace(FACTS, **changes), lines, oddities_share_most=0.01
        )

    def oddities(self, **changes: Any) -> Findings:
        """The odd lines, one of them changed so."""
        rows = self.rows(KEY_INDEX_ODDITIES, [ODDITY, {**ODDITY, **changes}])
        return checks.of_oddities(self.connection, rows)

    def photos(self, row: Row | None = None, rows: int = 4, doubled: int = 0) -> Findings:
        """A month's photos, one of them changed, and the number of rows of the index."""
        table = self.rows(PHOTOS, [PHOTO, {**PHOTO, **(row or {})}])
        facts = KeyIndexFacts(rows=rows, doubled=doubled)
        return checks.of_photos(self.connection, table, facts)

    def changes(self, facts: Row | None = None, **changes: Any) -> Findings:
        """A month's changes, one of them changed so."""
        rows = self.rows(KEY_CHANGES, [CHANGE, {**CHANGE, **changes}])
        return checks.of_changes(self.connection, rows, {**CHANGED, **(facts or {})})

    def months(self, row: Row | None = None, **changes: Any) -> Findings:
        """A month after another, changed so; `row` changes only the lake."""
        now = replace(FIGURES, **changes)
        figures = {name: value for name, value in vars(now).items() if name != "month"}
        rows = self.rows(MONTH_FIGURES, [{**figures, **(row or {})}])
        return checks.of_months(self.connection, rows, [FIGURES_BEFORE, now])

    def products(self, rows: list[Row], rejected: int = 0) -> Findings:
        """These products, and a number of other rows."""
        facts = DumpFacts(rejected, ("7 rows: the code is empty",))
        return checks.of_products(self.connection, self.rows(PRODUCTS, rows), facts, NOW)

    def product_photos(self, *changes: Row) -> Findings:
        """The photos of one product, a row more for each of these changes."""
        products = self.rows(PRODUCTS, [PRODUCT, {**PRODUCT, "code": "12"}])
        rows = [OF_PRODUCT, *({**OF_PRODUCT, "image_id": 2, **change} for change in changes)]
        return checks.of_product_photos(self.connection, self.rows(PRODUCT_PHOTOS, rows), products)


FIGURES = MonthFigures(
    month=MONTH,
    since="2026-10-01",
    objects=290,
    products=52,
    photos=100,
    copies=95,
    ocr=95,
    photos_with_ocr=95,
    objects_added=14,
    objects_removed=2,
    products_new=3,
    products_gone=1,
)
FIGURES_BEFORE = replace(FIGURES, month="2026-10-01", since=None, products=50)

SNAPSHOT = Snapshot(
    url="https://host/data/data_keys.gz",
    etag=f'"{MD5}"',
    bytes=10,
    unpacked_bytes=20,
    last_modified=NOW,
    md5=MD5,
    keys=95,
    copied_at=NOW,
)
BEFORE = replace(SNAPSHOT, keys=100)
KEY = {
    "key": "data/301/762/042/2003/1.400.jpg",
    "barcode": "3017620422003",
    "image_id": 1,
    "kind": "400",
    "layout": "current",
}
FACTS = KeyIndexFacts(
    lines=100,
    rows=99,
    by_kind=Counter({"raw": 40, "400": 38, "ocr": 38}),
    oddities=Counter({"an empty line": 1}),
)
ODDITY = {"line": 1, "text": "junk", "reason": "does not start with data/"}
PHOTO = {"slice": 255, "barcode": "20065034", "image_id": 1, "kinds": "raw+400"}
CHANGE = {
    "barcode": "20065034",
    "kind": "raw",
    "change": "added",
    "objects": 1,
    "since": "2026-10-01",
}
CHANGED = {"since": "2026-10-01", "before": 10, "now": 11, "added": 3, "removed": 2}
PRODUCT = {
    "code": "3017620422003",
    "last_editor": "anna",
    "last_modified": NOW,
    "last_image": NOW.date(),
    "photos": 3,
    "countries": ["en:france"],
    "categories": [],
    "languages": ["fr"],
    "name": "Pâte à tartiner",
    "names": ["fr:Pâte à tartiner"],
    "brands": ["Nutella"],
    "category": None,
    "product_labels": ["en:no-gluten"],
    "quantity": "400 g",
    "nutriscore": "e",
    "nova": 4,
    "ingredients_text": "Sucre",
}
UNKNOWN: Row = {"selected": [], "width": None, "height": None}
OF_PRODUCT = {
    "code": PRODUCT["code"],
    "image_id": 1,
    "selected": ["front_fr", "packaging"],
    "width": 900,
    "height": 1200,
}
MANY = [{**PRODUCT, "code": f"{number + 1:08d}"} for number in range(99)]

# Table and rule, what breaks it, and how often it is broken then.
EXAMPLES: list[tuple[Table, str, Callable[[Reader], Findings], int]] = [
    (SNAPSHOTS, "key_list_not_empty", lambda r: r.snapshot(row={"keys": 0}), 1),
    (SNAPSHOTS, "key_list_not_empty", lambda r: r.snapshot(row={"bytes": 0}), 1),
    (SNAPSHOTS, "key_list_not_shrunk", lambda r: r.snapshot(BEFORE, keys=94), 6),
    (SNAPSHOTS, "key_list_not_shrunk", lambda r: r.snapshot(BEFORE, keys=1), 99),
    (SNAPSHOTS, "md5_recorded", lambda r: r.snapshot(row={"md5": ""}), 1),
    (SNAPSHOTS, "md5_recorded", lambda r: r.snapshot(row={"md5": MD5.upper()}), 1),
    (SNAPSHOTS, "md5_recorded", lambda r: r.snapshot(row={"md5": f"{MD5}\n"}), 1),
    (SNAPSHOTS, "md5_matches_etag", lambda r: r.snapshot(etag='"' + "0" * 32 + '"'), 1),
    (SNAPSHOTS, "md5_matches_etag", lambda r: r.snapshot(etag="0" * 32), 1),
    (SNAPSHOTS, "copied_in_its_month", lambda r: r.snapshot(month="2026-10-01"), 1),
    (SNAPSHOTS, "copied_in_its_month", lambda r: r.snapshot(month="2025-11-01"), 1),
    (SNAPSHOTS, "no_month_missing", lambda r: r.snapshot(BEFORE, since="2026-09-01"), 1),
    (SNAPSHOTS, "no_month_missing", lambda r: r.snapshot(BEFORE, since="2025-08-01"), 14),
    (SNAPSHOTS, SHAPE, lambda r: r.snapshot(row={"etag": None}), 1),
    (SNAPSHOTS, SHAPE, lambda r: r.snapshot(row={"copied_at": None}), 1),
    (KEY_INDEX, "every_line_accounted_for", lambda r: r.index(lines=103), 3),
    (KEY_INDEX, "every_line_accounted_for", lambda r: r.index(rows=98), 1),
    (KEY_INDEX, "keys_sorted", lambda r: r.index(out_of_order=2), 2),
    (KEY_INDEX, "keys_unique", lambda r: r.index(repeated=4), 4),
    (KEY_INDEX, "keys_well_formed", lambda r: r.index({"key": "data/../../1.jpg"}), 1),
    (KEY_INDEX, "keys_well_formed", lambda r: r.index({"key": f"{KEY['key']}\n"}), 1),
    (KEY_INDEX, "keys_well_formed", lambda r: r.index({"key": f"/{KEY['key']}"}), 1),
    (KEY_INDEX, "barcodes_in_normal_form", lambda r: r.index({"barcode": "301762042200"}), 1),
    (KEY_INDEX, "barcodes_in_normal_form", lambda r: r.index({"barcode": ""}), 1),
    (KEY_INDEX, "image_ids_not_negative", lambda r: r.index({"image_id": -1}), 1),
    (KEY_INDEX, "kinds_known", lambda r: r.index({"kind": "front"}), 1),
    (KEY_INDEX, "layouts_known", lambda r: r.index({"layout": "new"}), 1),
    (KEY_INDEX, "few_oddities",
     lambda r: r.index(oddities=Counter({"an empty line": 1, "junk": 1}), rows=98), 2),
    (KEY_INDEX, "photos_have_copies_and_ocr",
     lambda r: r.index(by_kind=Counter({"raw": 40, "400": 40, "ocr": 37})), 3),
    (KEY_INDEX, "photos_have_copies_and_ocr", lambda r: r.index(by_kind=Counter(raw=5)), 5),
    (KEY_INDEX, SHAPE, lambda r: r.index({"layout": None}), 1),
    (KEY_INDEX_ODDITIES, "lines_numbered", lambda r: r.oddities(line=0), 1),
    (KEY_INDEX_ODDITIES, SHAPE, lambda r: r.oddities(text=None), 1),
    (PHOTOS, "photos_match_index", lambda r: r.photos(rows=5), 1),
    (PHOTOS, "photos_match_index", lambda r: r.photos({"kinds": "raw"}), 1),
    (PHOTOS, "slices_numbered", lambda r: r.photos({"slice": 256}), 1),
    (PHOTOS, "slices_numbered", lambda r: r.photos({"slice": -1}), 1),
    (PHOTOS, "barcodes_in_normal_form", lambda r: r.photos({"barcode": "123"}), 1),
    (PHOTOS, "image_ids_not_negative", lambda r: r.photos({"image_id": -1}), 1),
    (PHOTOS, "kinds_known", lambda r: r.photos({"kinds": "400+raw"}), 1),
    (PHOTOS, SHAPE, lambda r: r.photos({"image_id": None}), 1),
    (KEY_CHANGES, "changes_add_up", lambda r: r.changes({"now": 13}), 2),
    (KEY_CHANGES, "changes_add_up", lambda r: r.changes({"removed": 0}), 2),
    (KEY_CHANGES, "barcodes_in_normal_form", lambda r: r.changes(barcode="123"), 1),
    (KEY_CHANGES, "kinds_known", lambda r: r.changes(kind="jpg"), 1),
    (KEY_CHANGES, "changes_known", lambda r: r.changes(change="moved"), 1),
    (KEY_CHANGES, "changes_known", lambda r: r.changes(objects=0), 1),
    (KEY_CHANGES, SHAPE, lambda r: r.changes(since=None), 1),
    (MONTH_FIGURES, SHAPE, lambda r: r.months({"products": None}), 1),
    (MONTH_FIGURES, "counts_not_negative", lambda r: r.months({"copies": -1}), 1),
    (MONTH_FIGURES, "products_add_up", lambda r: r.months(products=50), 2),
    (MONTH_FIGURES, "ocr_kept", lambda r: r.months(photos_with_ocr=93), 7),
    (PRODUCTS, "codes_in_normal_form", lambda r: r.products([{**PRODUCT, "code": "12"}]), 1),
    (PRODUCTS, "codes_unique", lambda r: r.products([PRODUCT, PRODUCT, PRODUCT]), 2),
    (PRODUCTS, "products_not_empty", lambda r: r.products([]), 1),
    (PRODUCTS, "no_future_dates",
     lambda r: r.products([{**PRODUCT, "last_modified": datetime(2026, 11, 6, tzinfo=UTC)}]), 1),
    (PRODUCTS, "few_rows_without_a_code", lambda r: r.products(MANY, rejected=2), 2),
    (PRODUCTS, "grades_known", lambda r: r.products([{**PRODUCT, "nutriscore": "f"}]), 1),
    (PRODUCTS, "grades_known", lambda r: r.products([{**PRODUCT, "nutriscore": "unknown"}]), 1),
    (PRODUCTS, "grades_known", lambda r: r.products([{**PRODUCT, "nova": 0}]), 1),
    (PRODUCTS, "grades_known", lambda r: r.products([{**PRODUCT, "nova": 5}]), 1),
    (PRODUCTS, "texts_bounded", lambda r: r.products([{**PRODUCT, "name": "x" * 501}]), 1),
    (PRODUCTS, "texts_bounded",
     lambda r: r.products([{**PRODUCT, "ingredients_text": "x" * 10_001}]), 1),
    (PRODUCTS, "category_among_categories",
     lambda r: r.products([{**PRODUCT, "category": "en:teas", "categories": ["en:foods"]}]), 1),
    (PRODUCTS, SHAPE, lambda r: r.products([{**PRODUCT, "code": None}, PRODUCT]), 1),
    (PRODUCT_PHOTOS, "codes_in_normal_form", lambda r: r.product_photos({"code": "12"}), 1),
    (PRODUCT_PHOTOS, "image_ids_not_negative", lambda r: r.product_photos({"image_id": -1}), 1),
    (PRODUCT_PHOTOS, "photos_unique", lambda r: r.product_photos({}, {}, {}), 2),
    (PRODUCT_PHOTOS, "photos_have_products", lambda r: r.product_photos({"code": "20065034"}), 1),
    (PRODUCT_PHOTOS, "selections_known",
     lambda r: r.product_photos({"selected": ["front", "other_fr"]}), 1),
    (PRODUCT_PHOTOS, "selections_known", lambda r: r.product_photos({"selected": ["front_"]}), 1),
    (PRODUCT_PHOTOS, "sizes_positive", lambda r: r.product_photos({"width": 0}), 1),
    (PRODUCT_PHOTOS, "sizes_positive", lambda r: r.product_photos({"height": None}), 1),
    (PRODUCT_PHOTOS, SHAPE, lambda r: r.product_photos({"selected": None}), 1),
]  # fmt: skip

GOOD: list[tuple[Table, Callable[[Reader], Findings]]] = [
    (SNAPSHOTS, lambda r: r.snapshot()),
    # Just the share that may go is gone.
    (SNAPSHOTS, lambda r: r.snapshot(BEFORE)),
    (SNAPSHOTS, lambda r: r.snapshot(BEFORE, keys=200)),
    (SNAPSHOTS, lambda r: r.snapshot(etag=MD5)),
    (SNAPSHOTS, lambda r: r.snapshot(etag='"0123-8"')),
    (KEY_INDEX, lambda r: r.index()),
    (KEY_INDEX, lambda r: r.index({"barcode": "20065034", "key": "data/20065034/1.jpg"})),
    (KEY_INDEX, lambda r: r.index(by_kind=Counter())),
    (KEY_INDEX_ODDITIES, lambda r: r.oddities()),
    (KEY_INDEX_ODDITIES, lambda r: r.oddities(text="")),
    (PHOTOS, lambda r: r.photos()),
    (PHOTOS, lambda r: r.photos({"kinds": "raw+400+ocr", "slice": 0}, rows=7, doubled=2)),
    (KEY_CHANGES, lambda r: r.changes()),
    (KEY_CHANGES, lambda r: r.changes({"since": None, "before": 0, "now": 9})),
    (MONTH_FIGURES, lambda r: r.months()),
    # 95 % of the photos had OCR, and a hundredth of them may lose it.
    (MONTH_FIGURES, lambda r: r.months(photos_with_ocr=95)),
    (MONTH_FIGURES, lambda r: r.months(since=None, products=3)),
    (PRODUCTS, lambda r: r.products([PRODUCT])),
    (PRODUCTS, lambda r: r.products([{**dict.fromkeys(PRODUCT), "code": "20065034"}])),
    (PRODUCT_PHOTOS, lambda r: r.product_photos()),
    (PRODUCT_PHOTOS, lambda r: r.product_photos(UNKNOWN)),
    # Just the share that is tolerated.
    (PRODUCTS, lambda r: r.products(MANY, rejected=1)),
]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("checks")
    with Lake(str(folder)).connect() as connection:
        yield Reader(connection, folder)


def failed(table: Table, findings: Findings) -> dict[str, dg.AssetCheckResult]:
    """The results that did not pass, by rule."""
    results = check_results(table, table.name, findings)
    assert [result.check_name for result in results] == [rule.id for rule in table.rules]
    return {str(result.check_name): result for result in results if not result.passed}


@pytest.mark.parametrize(
    ("table", "rule", "example", "broken"),
    EXAMPLES,
    ids=[f"{table.name}-{rule}-{place}" for place, (table, rule, *_) in enumerate(EXAMPLES)],
)
def test_a_failing_example_is_found_by_its_own_rule(
    reader: Reader, table: Table, rule: str, example: Callable[[Reader], Findings], broken: int
) -> None:
    found = failed(table, example(reader))
    assert set(found) == {rule}
    assert found[rule].metadata["broken"].value == broken


@pytest.mark.parametrize(("table", "example"), GOOD)
def test_a_good_table_passes_every_rule(
    reader: Reader, table: Table, example: Callable[[Reader], Findings]
) -> None:
    assert failed(table, example(reader)) == {}


def test_every_rule_of_every_table_has_a_failing_example() -> None:
    wanted = {(table.name, rule.id) for table in TABLES for rule in table.rules}
    assert {(table.name, rule) for table, rule, *_ in EXAMPLES} == wanted


def test_every_column_is_described() -> None:
    for table in TABLES:
        assert table.description
        rules = {rule.id for rule in table.rules}
        for column in table.columns:
            assert column.description.endswith("."), column
            assert column.rule is None or column.rule in rules


def test_only_what_makes_a_table_meaningless_blocks() -> None:
    blocking = {(table.name, rule.id) for table in TABLES for rule in table.rules if rule.blocking}
    assert blocking == {
        *((table.name, SHAPE) for table in (SNAPSHOTS, KEY_INDEX, KEY_INDEX_ODDITIES)),
        *((table.name, SHAPE) for table in (PHOTOS, KEY_CHANGES, MONTH_FIGURES)),
        *((table.name, SHAPE) for table in (PRODUCTS, PRODUCT_PHOTOS)),
        ("snapshots", "key_list_not_empty"),
        ("snapshots", "key_list_not_shrunk"),
        ("key_index", "every_line_accounted_for"),
        ("photos", "photos_match_index"),
        ("products", "products_not_empty"),
    }


def test_a_shrunk_list_says_from_what_to_what(reader: Reader) -> None:
    found = reader.snapshot(BEFORE, keys=94)["key_list_not_shrunk"]
    assert found.note == "94 keys after 100; at most 5.0% may be removed."
    assert "first snapshot" in reader.snapshot()["key_list_not_shrunk"].note


@pytest.mark.parametrize(
    ("since", "of", "examples", "note"),
    [
        ("2026-10-01", 1, [], "No month is missing: the previous snapshot is 2026-10's."),
        ("2026-09-01", 2, ["2026-10"], "2026-10 was missed: the bucket keeps only its current key"),
        ("2026-07-01", 4, ["2026-08", "2026-09", "2026-10"], "2026-08 to 2026-10 were missed: "),
    ],
)
def test_missed_months_are_named(
    reader: Reader, since: str, of: int, examples: list[str], note: str
) -> None:
    found = reader.snapshot(BEFORE, since=since)["no_month_missing"]
    assert (found.broken, found.of, found.examples) == (len(examples), of, examples)
    assert found.note.startswith(note)
    assert found.note.endswith(".")


def test_the_first_snapshot_has_missed_nothing(reader: Reader) -> None:
    found = reader.snapshot()["no_month_missing"]
    assert (found.broken, found.note) == (0, "No month is missing: this is the first snapshot.")


def test_an_etag_that_is_not_an_md5_is_reported(reader: Reader) -> None:
    assert "uploaded in parts" in reader.snapshot(etag='"0123-8"')["md5_matches_etag"].note


def test_skipped_rows_are_reported_with_reasons(reader: Reader) -> None:
    found = reader.products(MANY, rejected=7)["few_rows_without_a_code"]
    assert found.examples == ["7 rows: the code is empty"]
    assert (found.broken, found.of) == (7, 106)


def test_nothing_to_check_passes_and_says_why() -> None:
    results = check_results(PRODUCTS, "products", checks.nothing_to_check(PRODUCTS, "No dump."))
    assert len(results) == len(PRODUCTS.rules)
    assert all(result.passed and result.description == "No dump." for result in results)


def test_the_rules_hold_for_the_sandbox(desk: Desk) -> None:
    facts = desk.month()
    rows = desk.lake.rows_of(KEY_INDEX.name, ("month", MONTH))
    findings = checks.of_index(desk.connection, rows, facts, facts.lines, 0.05)
    assert failed(KEY_INDEX, findings) == {}
    odd = desk.lake.rows_of(KEY_INDEX_ODDITIES.name, ("month", MONTH))
    assert failed(KEY_INDEX_ODDITIES, checks.of_oddities(desk.connection, odd)) == {}
    photos = desk.lake.rows_of(PHOTOS.name, ("month", MONTH))
    assert failed(PHOTOS, checks.of_photos(desk.connection, photos, facts)) == {}
    # With the share of the settings the sandbox's junk is too much.
    findings = checks.of_index(desk.connection, rows, facts, facts.lines, 0.001)
    assert set(failed(KEY_INDEX, findings)) == {"few_oddities"}


@pytest.mark.parametrize(
    ("rule", "row"),
    [
        ("keys_well_formed", {"key": "data/../../1.jpg"}),
        ("keys_well_formed", {"key": f"{KEY['key']}\n"}),
        ("barcodes_in_normal_form", {"barcode": "301762042200"}),
        ("image_ids_not_negative", {"image_id": -1}),
        ("kinds_known", {"kind": "front"}),
        ("layouts_known", {"layout": "new"}),
        (SHAPE, {"layout": None}),
    ],
)
def test_every_row_of_a_large_index_is_checked(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, rule: str, row: Row
) -> None:
    monkeypatch.setattr(table_bounds, "SAMPLE_ROWS", 10)
    sound = [{**KEY, "key": f"data/301/762/042/2003/{number}.jpg"} for number in range(1000)]
    for at in (0, 499, 999):
        rows = [dict(each) for each in sound]
        rows[at] |= row
        findings = table_bounds.bounds_kept(
            reader.connection, KEY_INDEX, reader.rows(KEY_INDEX, rows)
        )
        assert {each: found.broken for each, found in findings.items() if found.broken} == {rule: 1}
        assert findings[rule].examples == [f"row {at}: {rows[at]['key']}"]
        assert {found.of for found in findings.values()} == {1000}
        assert 0 < findings[rule].facts["rows_seen_by_pandera"] < 100


def test_a_small_index_goes_through_pandera_whole(reader: Reader) -> None:
    findings = reader.index()
    assert findings["kinds_known"].facts == {"rows_seen_by_pandera": 2}
    empty = table_bounds.bounds_kept(reader.connection, KEY_INDEX, reader.rows(KEY_INDEX, []))
    assert {found.broken for found in empty.values()} == {0}
