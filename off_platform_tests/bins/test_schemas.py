"""The tables as they are described, and for each rule about whole tables one that breaks it."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from off_platform.bins import checks, schemas
from off_platform.bins.splits import SplitShares
from off_platform.quality import SHAPE, Finding, Rule, Table
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform_tests.bins.conftest import BUCKET, BinsDesk
from off_platform_tests.bins.test_collect import fill

TABLES = {table.name: table for table in schemas.TABLES}
UNITS = {
    "bytes": "bytes",
    "length": "inches",
    "length_mm": "millimetres",
    "weight": "pounds",
    "weight_g": "grams",
    "heaviest": "pounds",
    "largest": "cubic inches",
}


@pytest.mark.parametrize("table", schemas.TABLES, ids=lambda table: table.name)
def test_a_table_says_what_it_is(table: Table) -> None:
    rules = [rule.id for rule in table.rules]
    assert table.rules[0].id == SHAPE
    assert table.rules[0].blocking
    assert len(set(rules)) == len(rules)
    assert all(re.fullmatch("[a-z][a-z0-9_]*", rule) for rule in rules)
    assert all(rule.sentence.endswith(".") for rule in table.rules)
    for column in table.columns:
        assert column.description.endswith(".")
        assert column.rule is None or column.rule in rules
        assert UNITS.get(column.name, "") in column.description


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of four sound bins, two of them one visit; to be copied only."""
    root = tmp_path_factory.mktemp("sound")
    bucket = root / BUCKET
    for part in ("metadata", "bin-images"):
        (bucket / part).mkdir(parents=True)
    fill(bucket, "00001", "00002", text=with_item("B000000001"))
    fill(bucket, "00007", text=with_item("B000000007"))
    fill(bucket, "1", text=json.dumps({"BIN_FCSKU_DATA": {}, "EXPECTED_QUANTITY": 0,
                                       "image_fname": "1.jpg"}))  # fmt: skip
    lake = Lake(str(root / "lake"))
    with lake.connect() as connection:
        desk = BinsDesk(lake, Source(str(bucket)), connection)
        desk.collect()
        desk.make()
    return root / "lake"


def with_item(fcsku: str) -> str:
    """The metadata of a bin with one item."""
    item = {"asin": fcsku, "name": "A mill", "normalizedName": "A mill", "quantity": 1,
            "length": None, "width": None, "height": None, "weight": None}  # fmt: skip
    return json.dumps({"BIN_FCSKU_DATA": {fcsku: item}, "EXPECTED_QUANTITY": 1})


@pytest.fixture
def lake(sound: Path, tmp_path: Path) -> Lake:
    """A copy that a test may break."""
    return Lake(str(shutil.copytree(sound, tmp_path / "lake")))


@pytest.fixture
def connection(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB over it."""
    with lake.connect() as made:
        yield made


def findings(lake: Lake, connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, Finding]:
    """What is found in a table."""
    if table == "bin_splits":
        return checks.of_splits(lake, connection, SplitShares())
    finders = {
        "bin_objects": checks.of_objects,
        "bin_metadata": checks.of_metadata,
        "bin_oddities": checks.of_oddities,
        "bins": checks.of_bins,
        "bin_visits": checks.of_visits,
    }
    if table in finders:
        return finders[table](lake, connection)
    return checks.of_table(lake, connection, TABLES[table])


def rule_of(table: str, rule: str) -> Rule:
    """A rule by its name."""
    return next(each for each in TABLES[table].rules if each.id == rule)


def break_table(lake: Lake, connection: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    """Puts in a table's place what a query makes of its rows, `t`."""
    rows = lake.rows_of(table)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE t AS FROM {rows}").fetchall()
    columns = ", ".join(f'"{each.name}"::{each.sql} AS "{each.name}"'
                        for each in TABLES[table].columns)  # fmt: skip
    lake.replace_from_query(
        table, None, TABLES[table].arrow, connection, f"SELECT {columns} FROM ({query})"
    )


@pytest.mark.parametrize("table", list(TABLES))
def test_sound_bins_break_no_rule(
    lake: Lake, connection: duckdb.DuckDBPyConnection, table: str
) -> None:
    found = findings(lake, connection, table)
    assert [rule.id for rule in TABLES[table].rules if not found[rule.id].passed(rule)] == []


ODD = """SELECT 'metadata/x.json' AS key, NULL AS id, 'id_no_number' AS oddity, false AS usable,
    {} AS reason"""
TWICE = "FROM t UNION ALL FROM t"
# Two splits, one of bins with one item, the other of bins with nine.
UNBALANCED = """SELECT lpad((i + 1)::VARCHAR, 5, '0') AS id, id AS visit_id,
    CASE WHEN i % 2 = 0 THEN 1 ELSE 9 END AS expected_quantity,
    CASE WHEN i % 2 = 0 THEN 'train' ELSE 'test' END AS split, split AS random_split
    FROM range(1000) AS r(i)"""


@pytest.mark.parametrize(
    ("table", "rule", "query"),
    [
        ("bin_objects", SHAPE, "SELECT * REPLACE ('label' AS part) FROM t"),
        ("bin_objects", "listing_not_empty", "FROM t WHERE part = 'metadata'"),
        ("bin_objects", "objects_not_empty", "SELECT * REPLACE (0 AS bytes) FROM t"),
        ("bin_objects", "key_format", "SELECT * REPLACE (NULL AS id) FROM t"),
        ("bin_objects", "metadata_has_image", "FROM t WHERE key <> 'bin-images/00007.jpg'"),
        ("bin_objects", "image_has_metadata", "FROM t WHERE key <> 'metadata/1.json'"),
        ("bin_metadata", SHAPE, "SELECT * REPLACE (NULL AS usable) FROM t"),
        ("bin_metadata", "ids_valid", "SELECT * REPLACE ('0523' AS id) FROM t"),
        ("bin_metadata", "ids_valid", "SELECT * REPLACE ('000523' AS id) FROM t"),
        ("bin_metadata", "every_object_accounted_for", "FROM t WHERE id <> '00007'"),
        ("bin_metadata", "all_fetched", "SELECT * REPLACE ('failed' AS oddity) FROM t"),
        ("bin_metadata", "md5_matches_etag",
         "SELECT * REPLACE (repeat('0', 32) AS etag, repeat('1', 32) AS md5) FROM t"),
        ("bin_oddities", SHAPE, ODD.format("NULL")),
        ("bin_oddities", "few_oddities", ODD.format("'no id'")),
        ("bins", SHAPE, "SELECT * REPLACE ('easy' AS difficulty) FROM t"),
        ("bins", "ids_valid", "SELECT * REPLACE ('0523' AS visit_id) FROM t"),
        ("bins", "ids_unique", TWICE),
        ("bin_items", SHAPE, "SELECT * REPLACE ('523.jpg' AS bin_id) FROM t"),
        ("bin_items", "items_unique", TWICE),
        ("items", SHAPE, "SELECT * REPLACE (0 AS variants) FROM t"),
        ("items", "asins_unique", TWICE),
        ("bin_visits", SHAPE, "SELECT * REPLACE (0 AS photos) FROM t"),
        ("bin_visits", "every_bin_in_one_visit", "FROM t WHERE visit_id <> '00001'"),
        ("bin_visits", "pilot_visits_single", "SELECT * REPLACE (2 AS photos) FROM t"),
        ("bin_visits", "visit_length", "SELECT * REPLACE (21 AS photos) FROM t"),
        ("bin_splits", SHAPE, "SELECT * REPLACE ('' AS id) FROM t"),
        ("bin_splits", "splits_known", "SELECT * REPLACE ('dev' AS split) FROM t"),
        ("bin_splits", "every_bin_in_one_split", TWICE),
        ("bin_splits", "no_leak",
         "SELECT * REPLACE (CASE id WHEN '00001' THEN 'train' ELSE 'test' END AS split) FROM t"),
        ("bin_splits", "shares_met",
         "SELECT t.* REPLACE ('test' AS split) FROM t, range(20)"),
        ("bin_splits", "balanced", UNBALANCED),
    ],
)  # fmt: skip
def test_a_table_that_breaks_a_rule_is_found_by_it(
    lake: Lake, connection: duckdb.DuckDBPyConnection, table: str, rule: str, query: str
) -> None:
    break_table(lake, connection, table, query)
    found = findings(lake, connection, table)[rule]
    assert not found.passed(rule_of(table, rule))


def test_a_part_of_the_set_is_not_held_against_the_published_figures(
    lake: Lake, connection: duckdb.DuckDBPyConnection
) -> None:
    found = findings(lake, connection, "bins")["published_figures"]
    assert found.passed(rule_of("bins", "published_figures"))
    assert "not the whole set" in found.note


@pytest.mark.slow
def test_the_whole_set_with_other_figures_is_found(
    lake: Lake, connection: duckdb.DuckDBPyConnection
) -> None:
    query = f"""SELECT t.* REPLACE (lpad((i + 1)::VARCHAR, 5, '0') AS id, i + 1 AS position)
        FROM t, range({checks.WHOLE_SET}) AS r(i) WHERE id = '00007'"""
    break_table(lake, connection, "bins", query)
    found = findings(lake, connection, "bins")["published_figures"]
    assert not found.passed(rule_of("bins", "published_figures"))
    assert any("mean: 1.0, published 5.107281" in example for example in found.examples)
