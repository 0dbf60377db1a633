"""The round trip: an export is validated as an import, and compared with the exported records.

Typed records are compared, not texts, without what the export says it leaves out.
"""

from pathlib import Path

import duckdb

from off_platform.imports.export.columns import (
    ENGLISH,
    IN_ENGLISH,
    LISTS,
    NUTRIENTS,
    OF_LANGUAGE,
    PICTURE_URLS,
    TEXTS,
)
from off_platform.imports.export.files import Exported, ExportedRows
from off_platform.imports.export.reading_back import read_exported, write_as_import
from off_platform.imports.export.rows import without_controls
from off_platform.imports.specification.tables import ACCEPTED
from off_platform.imports.validation import validate_import
from off_platform.quality import Finding
from off_platform.storage.sql import file_literal


def reads_back(
    connection: duckdb.DuckDBPyConnection,
    rows: ExportedRows,
    made: Exported,
    folder: Path,
    scratch: Path,
) -> Finding:
    """The records of each file that differ after it was validated as an import.

    Args:
        connection: DuckDB that can read the rows.
        rows: what was exported.
        made: what was exported.
        folder: has the files.
        scratch: an empty folder, for the files as imports.
    """
    found = Finding(of=made.records)
    for number, name in enumerate(made.files):
        file, into = scratch / f"{number}.csv", scratch / str(number)
        into.mkdir()
        write_as_import(folder / name, file, connection)
        verdict = validate_import(file, into)
        codes = f"SELECT code FROM {read_exported(folder / name)}"
        if verdict.refused:
            ((number_of,),) = connection.execute(f"SELECT count(*) FROM ({codes})").fetchall()
            found.add(max(number_of, 1), [f"{name}: {verdict.refused.message}"])
            continue
        back = f"read_parquet({file_literal(into / ACCEPTED)})"
        left_out = f"SELECT product, left_out FROM {rows.table}"
        own = f"(FROM {without_controls(rows.records)} WHERE product IN ({codes}))"
        different = _different(connection, own, back, left_out)
        found.add(len(different), different)
        file.unlink()
    return found


def _different(
    connection: duckdb.DuckDBPyConnection, own: str, back: str, left_out: str
) -> list[str]:
    """The products whose records differ."""
    sides = (
        f"SELECT {_comparable()} FROM {side} JOIN ({left_out}) USING (product)"
        for side in (own, back)
    )
    first, second = sides
    query = f"""SELECT DISTINCT product FROM (
        (({first}) EXCEPT ({second})) UNION ALL (({second}) EXCEPT ({first}))) ORDER BY product"""
    return [product for (product,) in connection.execute(query).fetchall()]


def _comparable() -> str:
    """SQL of what an export keeps of a record; null for a field that it says it leaves out."""
    texts = {field: _texts(field) for field in OF_LANGUAGE}
    lists = {field: _listed(field) for field in LISTS}
    others = {field: field for field in (*NUTRIENTS, *TEXTS, *PICTURE_URLS)}
    kept = (
        f"CASE WHEN NOT list_contains(left_out, '{field}') THEN {sql} END AS {field}"
        for field, sql in (texts | lists | others).items()
    )
    return ", ".join(("product", *kept))


def _texts(field: str) -> str:
    of_map = f"""list_transform(list_filter(map_entries(by_language),
        lambda each: left(each.key, -3) = '{field}'), lambda each: each.value)"""
    return f"list_sort(list_distinct(list_concat([{field}], coalesce({of_map}, []))))"


def _listed(field: str) -> str:
    if field == "countries":
        return "coalesce(countries, countries_en)"
    english = IN_ENGLISH.get(field)
    other = f", list_transform({english}, lambda each: '{ENGLISH}' || each)" if english else ""
    return f"NULLIF(coalesce({field}{other}), [])"
