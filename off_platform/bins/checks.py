"""Evaluates the rules of the bins wing's tables.

The rules themselves are in `schemas.py`; bounds of single columns are checked by Pandera, in
batches; rules of rows or whole tables are checked in DuckDB.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from off_platform.bins import split_checks
from off_platform.bins.declared_pairs import Declared, shared_bins
from off_platform.bins.object_schemas import BIN_METADATA, BIN_OBJECTS, BIN_ODDITIES
from off_platform.bins.schemas import BIN_ITEMS, BIN_SPLITS, BIN_VISITS, BINS, ITEMS
from off_platform.bins.splits import SplitShares
from off_platform.bins.units import UNCONVERTED
from off_platform.pandera_checks import frames, validate
from off_platform.quality import Finding, Table
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

BATCH_ROWS = 100_000
WHOLE_SET = 536_434
# Published figures of the whole set (cy-chin/Object-Counting-for-Warehouse-Cycle-Count).
PUBLISHED: Mapping[str, Any] = {
    "bins": WHOLE_SET,
    "mean": 5.107281,
    "standard deviation": 4.620148,
    "quartiles": [3, 4, 6],
    "largest": 209,
    "not empty": 526_533,
    "items": 1_415_744,
    "FCSKUs": 460_515,
    "most SKUs in a bin": 22,
    "quantities 0 to 5": [9901, 41347, 77063, 90258, 80750, 62648],
}

_UNREADABLE = (
    "html",
    "truncated",
    "not_json",
    "empty",
    "not_utf8",
    "lone_surrogate",
    "too_deep",
    "not_an_object",
)
_WRONG_ITEMS = (
    "items_not_an_object",
    "item_not_an_object",
    "quantity_not_a_number",
    "nan",
    "not_a_text",
    "not_a_measure",
    "too_large_number",
)
_NOT_FETCHED = ("missing", "refused", "failed", "corrupt", "too_large")
_MAIN = "id_space = 'main'"
_SIDES = "(length IS NULL)::INT + (width IS NULL)::INT + (height IS NULL)::INT"
_MD5 = r"""regexp_full_match(etag, '"?[0-9a-f]{32}"?')"""

# table -> rule -> how examples name rows, which rows it applies to, which rows break it
_ROW_RULES: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    BIN_OBJECTS.name: {
        "key_format": ("key", "true", "id IS NULL"),
    },
    BIN_METADATA.name: {
        "all_fetched": ("concat(key, ': ', reason)", "true", f"oddity IN {_NOT_FETCHED}"),
        "json_valid": ("concat(key, ': ', reason)", "md5 IS NOT NULL", f"oddity IN {_UNREADABLE}"),
        "items_valid": (
            "concat(key, ': ', reason)",
            "md5 IS NOT NULL",
            f"oddity IN {_WRONG_ITEMS}",
        ),
        "json_keys_unique": (
            "concat(key, ': ', reason)",
            "md5 IS NOT NULL",
            "oddity = 'duplicate_key'",
        ),
        "fields_known": (
            "concat(key, ': ', reason)",
            "md5 IS NOT NULL",
            "oddity IN ('unknown_field', 'missing_field')",
        ),
        "pilot_image_name_matches": (
            "concat(key, ': ', reason)",
            "usable AND id_space = 'pilot'",
            "oddity = 'wrong_image_fname'",
        ),
        "md5_matches_etag": ("key", f"md5 IS NOT NULL AND {_MD5}", "trim(etag, '\"') <> md5"),
    },
    BINS.name: {
        "ids_unique": ("id", "true", "count(*) OVER (PARTITION BY id) > 1"),
        "items_not_below_expected": (
            "concat(id, ': ', items_quantity, ' of ', expected_quantity)",
            "true",
            "difference > 0",
        ),
        "items_not_above_expected": (
            "concat(id, ': ', items_quantity, ' of ', expected_quantity)",
            "true",
            "difference < 0",
        ),
        "pilot_balanced": (
            "concat(id, ': ', expected_quantity)",
            "id_space = 'pilot'",
            "expected_quantity <> (position - 1) // 200",
        ),
    },
    BIN_ITEMS.name: {
        "units_known": (
            "concat(bin_id, ' ', fcsku, ': ', unit_length, ' ', unit_weight)",
            "true",
            UNCONVERTED,
        ),
        "sides_in_order": (
            "concat(bin_id, ' ', fcsku)",
            "length IS NOT NULL",
            "NOT coalesce(length_mm >= width_mm AND width_mm >= height_mm, true)",
        ),
        "sides_all_or_none": ("concat(bin_id, ' ', fcsku)", "true", f"{_SIDES} NOT IN (0, 3)"),
        "sides_not_negative": (
            "concat(bin_id, ' ', fcsku)",
            "true",
            "least(length, width, height, weight) < 0",
        ),
        "names_both_or_none": (
            "concat(bin_id, ' ', fcsku)",
            _MAIN,
            "(name IS NULL) <> (normalized_name IS NULL)",
        ),
        "items_unique": (
            "concat(bin_id, ' ', fcsku)",
            "true",
            "count(*) OVER (PARTITION BY bin_id, fcsku) > 1",
        ),
    },
    ITEMS.name: {
        "asins_unique": ("asin", "true", "count(*) OVER (PARTITION BY asin) > 1"),
        "asin_format": ("asin", "true", "NOT regexp_full_match(asin, '[0-9A-Z]{10}')"),
        "one_variant": ("concat(asin, ': ', variants)", "true", "variants > 1"),
    },
    BIN_VISITS.name: {
        "pilot_visits_single": (
            "visit_id",
            "regexp_full_match(visit_id, '[1-9][0-9]{0,3}')",
            "photos > 1",
        ),
        "visit_length": ("concat(visit_id, ': ', photos)", "true", "photos > 20"),
    },
    BIN_SPLITS.name: {
        "every_bin_in_one_split": ("id", "true", "count(*) OVER (PARTITION BY id) > 1"),
        "no_leak": (
            "visit_id",
            "true",
            "min(split) OVER (PARTITION BY visit_id) <> max(split) OVER (PARTITION BY visit_id)",
        ),
    },
}


def of_table(
    lake: Lake, connection: "duckdb.DuckDBPyConnection", table: Table
) -> dict[str, Finding]:
    """Findings of Pandera and DuckDB in a table's rows."""
    rows = lake.rows_of(table.name)
    findings = validate(table, _batches(connection, table, rows))
    for rule, (name, of, broken) in _ROW_RULES.get(table.name, {}).items():
        findings[rule] = _counted(connection, rows, name, of, broken)
    return findings


def of_objects(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> dict[str, Finding]:
    """Findings on `bin_objects`."""
    findings = of_table(lake, connection, BIN_OBJECTS)
    rows = lake.rows_of(BIN_OBJECTS.name)
    metadata, images = (
        f"(SELECT id FROM {rows} WHERE part = '{part}' AND id IS NOT NULL)"
        for part in ("metadata", "image")
    )
    findings["listing_not_empty"] = Finding(
        broken=sum(
            not _number(connection, f"SELECT count(*) FROM {half}") for half in (metadata, images)
        ),
        of=2,
    )
    findings["metadata_has_image"] = _without(connection, metadata, images)
    findings["image_has_metadata"] = _without(connection, images, metadata)
    return findings


def of_metadata(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> dict[str, Finding]:
    """Findings on `bin_metadata`."""
    findings = of_table(lake, connection, BIN_METADATA)
    objects = lake.rows_of(BIN_OBJECTS.name)
    listed = f"(SELECT key FROM {objects} WHERE part = 'metadata' AND id IS NOT NULL)"
    rows = f"(SELECT key FROM {lake.rows_of(BIN_METADATA.name)})"
    findings["every_object_accounted_for"] = _without(connection, listed, rows)
    return findings


def of_oddities(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> dict[str, Finding]:
    """Findings on `bin_oddities`, by kind."""
    findings = of_table(lake, connection, BIN_ODDITIES)
    rows = lake.rows_of(BIN_ODDITIES.name)
    by_kind = connection.execute(
        f"SELECT oddity, count(*) FROM {rows} GROUP BY oddity ORDER BY ALL"
    ).fetchall()
    few = _counted(connection, rows, "concat(key, ': ', reason)", "true", "true")
    few.of = _number(connection, f"SELECT count(*) FROM {lake.rows_of(BIN_OBJECTS.name)}")
    few.facts = {f"odd_{oddity}": count for oddity, count in by_kind}
    return findings | {"few_oddities": few}


def of_bins(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> dict[str, Finding]:
    """Findings on `bins`, also against the published figures."""
    findings = of_table(lake, connection, BINS)
    findings["published_figures"] = _published(
        connection, lake.rows_of(BINS.name), lake.rows_of(BIN_ITEMS.name)
    )
    return findings


def of_visits(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> dict[str, Finding]:
    """Findings on `bin_visits`."""
    findings = of_table(lake, connection, BIN_VISITS)
    rows, bins = lake.rows_of(BIN_VISITS.name), lake.rows_of(BINS.name)
    photos = _number(connection, f"SELECT coalesce(sum(photos), 0)::BIGINT FROM {rows}")
    number = _number(connection, f"SELECT count(*) FROM {bins}")
    findings["every_bin_in_one_visit"] = Finding(broken=abs(photos - number), of=number)
    return findings


def of_splits(
    lake: Lake,
    connection: "duckdb.DuckDBPyConnection",
    shares: SplitShares,
    declared: Mapping[str, Declared] | None = None,
) -> dict[str, Finding]:
    """Findings on `bin_splits`; see `split_checks.py`."""
    findings = of_table(lake, connection, BIN_SPLITS)
    split_checks.leaks(lake, connection, findings["no_leak"])
    findings["shares_met"] = split_checks.shares_met(lake, connection, shares)
    findings["balanced"] = split_checks.balanced(lake, connection)
    findings["declared_sets_disjoint"] = apart = Finding(of=len(declared or {}))
    shared = [each.sentence for each in shared_bins(lake, connection, declared or {})]
    apart.add(len(shared), shared)
    return findings


def _batches(
    connection: "duckdb.DuckDBPyConnection", table: Table, rows: str
) -> Iterator["pd.DataFrame"]:
    # The JSON texts take a gigabyte, and no rule applies to them directly.
    columns = ", ".join(
        'NULL::VARCHAR AS "text"' if column.name == "text" else f'"{column.name}"'
        for column in table.columns
    )
    reader = connection.sql(f"SELECT {columns} FROM {rows}").to_arrow_reader(BATCH_ROWS)
    yield from frames(reader)


def _counted(
    connection: "duckdb.DuckDBPyConnection", rows: str, name: str, of: str, broken: str
) -> Finding:
    looked_at = f"SELECT {name} AS name, coalesce({broken}, false) AS broken FROM {rows} WHERE {of}"
    ((number, failed, examples),) = connection.execute(f"""
        SELECT count(*), coalesce(count_if(broken), 0), list(name) FILTER (broken)[:5]
        FROM ({looked_at})""").fetchall()
    finding = Finding(of=number)
    finding.add(failed, examples or [])
    return finding


def _without(connection: "duckdb.DuckDBPyConnection", half: str, other: str) -> Finding:
    """Finding on rows of one half that the other half lacks."""
    ((of, broken, examples),) = connection.execute(f"""
        SELECT count(*), coalesce(count_if(o IS NULL), 0), list(h) FILTER (o IS NULL)[:5]
        FROM (SELECT COLUMNS(*) AS h FROM {half}) LEFT JOIN (SELECT COLUMNS(*) AS o FROM {other})
        ON h = o""").fetchall()
    finding = Finding(of=of)
    finding.add(broken, examples or [])
    return finding


def _number(connection: "duckdb.DuckDBPyConnection", query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])


def _published(connection: "duckdb.DuckDBPyConnection", bins: str, items: str) -> Finding:
    number = _number(connection, f"SELECT count(*) FROM {bins}")
    if number < WHOLE_SET:
        note = f"This is not the whole set: {number:,} of {WHOLE_SET:,} bins."
        return Finding(note=note)
    found = figures(connection, bins, items)
    wrong = [
        f"{name}: {found[name]}, published {PUBLISHED[name]}"
        for name in PUBLISHED
        if found[name] != PUBLISHED[name]
    ]
    finding = Finding(of=len(PUBLISHED))
    finding.add(len(wrong), wrong)
    return finding


def figures(connection: "duckdb.DuckDBPyConnection", bins: str, items: str) -> dict[str, Any]:
    """The published figures of the whole set, computed for the bins in the lake."""
    classes = ", ".join(
        f"count_if(expected_quantity = {quantity})::BIGINT" for quantity in range(6)
    )
    ((number, mean, spread, quartiles, largest, not_empty, most, by_class),) = connection.execute(
        f"""SELECT count(*), round(avg(expected_quantity), 6),
            round(stddev_samp(expected_quantity), 6),
            quantile_disc(expected_quantity, [0.25, 0.5, 0.75]), max(expected_quantity),
            count_if(NOT empty)::BIGINT, max(skus), [{classes}] FROM {bins}"""
    ).fetchall()
    ((rows, fcskus),) = connection.execute(
        f"SELECT count(*), count(DISTINCT fcsku) FROM {items}"
    ).fetchall()
    values = (
        number,
        mean,
        spread,
        quartiles,
        largest,
        not_empty,
        rows,
        fcskus,
        most,
        by_class,
    )
    return dict(zip(PUBLISHED, values, strict=True))
