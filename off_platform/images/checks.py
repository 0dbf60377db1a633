"""Evaluates the rules of the images wing's tables.

The rules themselves are in `schemas.py`. Bounds of single columns are checked by Pandera, in
batches, and those of the key index and of `photos` by `table_bounds.py`; rules of whole tables are
checked in DuckDB.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from off_platform.dumps.facts import MOST_NOVA, MOST_TEXT
from off_platform.dumps.photos import SELECTED
from off_platform.images.key_index import KeyIndexFacts
from off_platform.images.months import MonthFigures
from off_platform.images.photo_order import SLICES
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.images.products import DumpFacts
from off_platform.images.schemas import (
    KEY_CHANGES,
    KEY_INDEX,
    KEY_INDEX_ODDITIES,
    MONTH_FIGURES,
    OCR_FALLEN_MOST,
    PHOTOS,
    SNAPSHOTS,
)
from off_platform.images.snapshots import Snapshot, missed_months
from off_platform.pandera_checks import frames, validate
from off_platform.quality import SHAPE, Finding, Table
from off_platform.storage.fetch import MD5_ETAG
from off_platform.table_bounds import bounds_kept

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

# Rows per batch of Pandera.
BATCH_ROWS = 500_000
COPIES_SHARE_LEAST = 0.95
_FIRST = "This is the first snapshot: there is none to compare with."


def count(connection: "duckdb.DuckDBPyConnection", rows: str, where: str = "true") -> int:
    """Number of rows that fulfil a condition."""
    found = connection.execute(f"SELECT count(*) FROM {rows} WHERE {where}").fetchall()
    return int(found[0][0])


def nothing_to_check(table: Table, why: str) -> dict[str, Finding]:
    """For a missing optional table: nothing is broken, and the reason."""
    return {rule.id: Finding(note=why) for rule in table.rules}


def of_snapshot(
    connection: "duckdb.DuckDBPyConnection",
    rows: str,
    snapshot: Snapshot,
    before: Snapshot | None,
    shrunk_share_most: float,
    month: str,
    since: str | None,
) -> dict[str, Finding]:
    """Findings on a month's snapshot, compared with the previous one.

    Args:
        connection: DuckDB that can read the lake.
        rows: SQL for the snapshot's row.
        snapshot: its content.
        before: the previous snapshot, if there is one.
        shrunk_share_most: largest share of keys that may disappear.
        month: the snapshot's month.
        since: month of the previous snapshot, if there is one.
    """
    columns = ", ".join(column.name for column in SNAPSHOTS.columns)
    findings = validate(SNAPSHOTS, _batches(connection, f"SELECT {columns} FROM {rows}"))
    findings["key_list_not_shrunk"] = _shrunk(snapshot, before, shrunk_share_most)
    findings["no_month_missing"] = _missed(since, month)
    promised = MD5_ETAG.fullmatch(snapshot.etag)
    findings["md5_matches_etag"] = Finding(
        broken=0 if promised is None else int(promised[1] != snapshot.md5),
        of=int(promised is not None),
        note=_etag_note(promised is not None, promised is not None and promised[1] == snapshot.md5),
    )
    elsewhere = f"{snapshot.copied_at:%Y-%m-01}" != month
    findings["copied_in_its_month"] = Finding(broken=int(elsewhere), of=1)
    return findings


def _etag_note(looks_like_md5: bool, equal: bool) -> str:  # noqa: FBT001
    if not looks_like_md5:
        return "The ETag is not an MD5: the list was uploaded in parts."
    return "" if equal else "Two downloads agree, so the ETag is not an MD5, as under SSE-KMS."


def _shrunk(snapshot: Snapshot, before: Snapshot | None, most: float) -> Finding:
    if before is None:
        return Finding(note=_FIRST)
    lost = max(before.keys - snapshot.keys, 0)
    note = f"{snapshot.keys:,} keys after {before.keys:,}; at most {most:.1%} may be removed."
    return Finding(broken=lost if lost > before.keys * most else 0, of=before.keys, note=note)


def _missed(since: str | None, month: str) -> Finding:
    if since is None:
        return Finding(note="No month is missing: this is the first snapshot.")
    missed = missed_months(since, month)
    found = Finding(of=len(missed) + 1)
    found.add(len(missed), (each[:7] for each in missed))
    if missed:
        named = missed[0][:7] + (f" to {missed[-1][:7]}" if missed[1:] else "")
        found.note = (
            f"{named} {'were' if missed[1:] else 'was'} missed: the bucket keeps only its current "
            "key list, so no snapshot can be made for them."
        )
    else:
        found.note = f"No month is missing: the previous snapshot is {since[:7]}'s."
    return found


def of_index(
    connection: "duckdb.DuckDBPyConnection",
    index: str,
    facts: KeyIndexFacts,
    lines: int,
    oddities_share_most: float,
) -> dict[str, Finding]:
    """Findings on a month's key index.

    Args:
        connection: DuckDB that can read the lake.
        index: SQL for its rows.
        facts: its counts from parsing.
        lines: keys of the snapshot.
        oddities_share_most: largest share of lines that may not be keys.
    """
    findings = bounds_kept(connection, KEY_INDEX, index)
    odd = facts.oddities.total()
    findings["every_line_accounted_for"] = Finding(
        broken=abs(lines - facts.rows - odd),
        of=lines,
        note=f"{lines:,} lines: {facts.rows:,} keys and {odd:,} oddities.",
    )
    findings["keys_sorted"] = Finding(broken=facts.out_of_order, of=facts.lines)
    findings["keys_unique"] = Finding(broken=facts.repeated, of=facts.lines)
    examples = [f"{number:,} lines: {reason}" for reason, number in facts.oddities.most_common()]
    few = Finding(of=facts.lines)
    few.add(odd if odd > facts.lines * oddities_share_most else 0, examples)
    few.note = (
        f"{odd:,} of {facts.lines:,} lines are not keys; at most {oddities_share_most:.2%} are "
        "allowed."
    )
    findings["few_oddities"] = few
    findings["photos_have_copies_and_ocr"] = _companions(facts)
    return findings


def _companions(facts: KeyIndexFacts) -> Finding:
    photos = facts.by_kind["raw"]
    fewest = min(facts.by_kind["400"], facts.by_kind["ocr"])
    return Finding(
        broken=max(photos - fewest, 0) if fewest < photos * COPIES_SHARE_LEAST else 0,
        of=photos,
        note=f"{photos:,} photos, {facts.by_kind['400']:,} copies, {facts.by_kind['ocr']:,} OCR.",
    )


def of_photos(
    connection: "duckdb.DuckDBPyConnection", rows: str, facts: KeyIndexFacts
) -> dict[str, Finding]:
    """Findings on the photos of a month's key index; see `of_index`."""
    findings = bounds_kept(connection, PHOTOS, rows)
    findings["slices_numbered"].broken += count(connection, rows, f"slice >= {SLICES}")
    ((objects,),) = connection.execute(
        f"SELECT coalesce(sum(len(string_split(kinds, '+'))), 0)::BIGINT FROM {rows}"
    ).fetchall()
    findings["photos_match_index"] = Finding(
        broken=abs(facts.rows - objects - facts.doubled),
        of=facts.rows,
        note=f"{facts.rows:,} keys: {objects:,} objects, and {facts.doubled:,} listed once more.",
    )
    return findings


def of_oddities(connection: "duckdb.DuckDBPyConnection", rows: str) -> dict[str, Finding]:
    """Findings on the lines that are not keys."""
    return validate(
        KEY_INDEX_ODDITIES, _batches(connection, f"SELECT line, text, reason FROM {rows}")
    )


def of_changes(
    connection: "duckdb.DuckDBPyConnection", rows: str, facts: dict[str, Any]
) -> dict[str, Finding]:
    """Findings on a month's changes."""
    columns = ", ".join(column.name for column in KEY_CHANGES.columns)
    findings = validate(KEY_CHANGES, _batches(connection, f"SELECT {columns} FROM {rows}"))
    first = facts["since"] is None
    expected = facts["before"] + facts["added"] - facts["removed"]
    findings["changes_add_up"] = Finding(
        broken=0 if first else abs(expected - facts["now"]),
        of=facts["now"],
        note=_FIRST
        if first
        else f"{facts['before']:,} + {facts['added']:,} - {facts['removed']:,} = {expected:,}, "
        f"and there are {facts['now']:,}.",
    )
    return findings


def of_months(
    connection: "duckdb.DuckDBPyConnection", rows: str, months: Sequence[MonthFigures]
) -> dict[str, Finding]:
    """Findings on a month's row of `months`, compared with the row of the previous snapshot.

    Args:
        connection: DuckDB that can read the lake.
        rows: SQL for the row.
        months: all rows until the month, the oldest first.
    """
    columns = ", ".join(column.name for column in MONTH_FIGURES.columns)
    findings = validate(MONTH_FIGURES, _batches(connection, f"SELECT {columns} FROM {rows}"))
    now = months[-1]
    before = next((each for each in months if each.month == now.since), None)
    if before is None:
        note = f"There is no row of {now.since[:7]}." if now.since else _FIRST
        return findings | {rule: Finding(note=note) for rule in ("products_add_up", "ocr_kept")}
    new, gone = now.products_new or 0, now.products_gone or 0
    expected = before.products + new - gone
    findings["products_add_up"] = Finding(
        broken=abs(expected - now.products),
        of=now.products,
        note=f"{before.products:,} + {new:,} - {gone:,} = {expected:,}, and there are "
        f"{now.products:,}.",
    )
    fell = (before.coverage or 0) - (1 if now.coverage is None else now.coverage)
    findings["ocr_kept"] = Finding(
        broken=now.photos - now.photos_with_ocr if fell > OCR_FALLEN_MOST else 0,
        of=now.photos,
        note=f"{now.photos_with_ocr:,} of {now.photos:,} photos have OCR; before, "
        f"{before.photos_with_ocr:,} of {before.photos:,} had.",
    )
    return findings


def of_products(
    connection: "duckdb.DuckDBPyConnection", rows: str, facts: DumpFacts | None, now: datetime
) -> dict[str, Finding]:
    """Findings on the products.

    Args:
        connection: DuckDB that can read the lake.
        rows: SQL for the products.
        facts: what they do not show of their dump; None if it was not recorded.
        now: later dates are wrong.
    """
    findings = bounds_kept(connection, PRODUCTS, rows)
    of = findings[SHAPE].of
    findings["grades_known"].broken += count(connection, rows, f"nova > {MOST_NOVA}")
    longer = " OR ".join(
        f"length({name}) > {most}"
        for name, most in MOST_TEXT.items()
        if name in PRODUCTS.arrow.names
    )
    findings["texts_bounded"] = Finding(broken=count(connection, rows, longer), of=of)
    apart = "NOT list_contains(categories, category)"
    findings["category_among_categories"] = Finding(
        broken=count(connection, rows, apart), of=count(connection, rows, "category IS NOT NULL")
    )
    again = connection.execute(f"SELECT count(code) - count(DISTINCT code) FROM {rows}").fetchall()
    findings["codes_unique"] = Finding(broken=again[0][0], of=of)
    findings["products_not_empty"] = Finding(broken=int(of == 0), of=of)
    later = f"last_modified > TIMESTAMPTZ '{now.isoformat()}'"
    findings["no_future_dates"] = Finding(broken=count(connection, rows, later), of=of)
    findings["few_rows_without_a_code"] = _left_out(facts, of)
    return findings


def _left_out(facts: DumpFacts | None, of: int) -> Finding:
    if facts is None:
        return Finding(note="Unknown: an earlier version made the table; materialise it again.")
    found = Finding(of=of + facts.rejected)
    found.add(facts.rejected, facts.reasons)
    return found


def of_product_photos(
    connection: "duckdb.DuckDBPyConnection", rows: str, products: str
) -> dict[str, Finding]:
    """Findings on the photos of the products.

    Args:
        connection: DuckDB that can read the lake.
        rows: SQL for the photos.
        products: SQL for the rows of `products`.
    """
    findings = bounds_kept(connection, PRODUCT_PHOTOS, rows)
    of = findings[SHAPE].of
    ((repeated,),) = connection.execute(
        f"""SELECT coalesce(sum(times - 1), 0)::BIGINT
        FROM (SELECT count(*) AS times FROM {rows} GROUP BY code, image_id HAVING times > 1)"""
    ).fetchall()
    findings["photos_unique"] = Finding(broken=repeated, of=of)
    strange = f"code NOT IN (SELECT code FROM {products} WHERE code IS NOT NULL)"
    findings["photos_have_products"] = Finding(broken=count(connection, rows, strange), of=of)
    unknown = (
        f"len(list_filter(selected, lambda each: NOT regexp_full_match(each, '{SELECTED}'))) > 0"
    )
    findings["selections_known"] = Finding(broken=count(connection, rows, unknown), of=of)
    one = "(width IS NULL) <> (height IS NULL)"
    findings["sizes_positive"].broken += count(connection, rows, one)
    return findings


def _batches(connection: "duckdb.DuckDBPyConnection", query: str) -> Iterator["pd.DataFrame"]:
    yield from frames(connection.cursor().sql(query).to_arrow_reader(BATCH_ROWS))
