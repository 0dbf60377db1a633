"""The Open Food Facts database dump as tables of facts, by which images are chosen.

Reads the three published formats (CSV, JSON Lines, Parquet) from a local file with DuckDB, once and
streaming. `formats.py` recognises the file, `facts.py` has the SQL of the facts. Fetching
the file, writing the tables and choosing happen elsewhere.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.dumps import facts
from off_platform.dumps.facts import FACTS
from off_platform.dumps.formats import (
    EXPECTED,
    MOST_BYTES,
    WANTED,
    Dump,
    UnknownDumpError,
    damage_named,
    recognised,
)
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# This many unreadable lines mean a wrong file, not damage.
MOST_UNREADABLE_LINES = 100_000

_ROWS = "dump_rows"
_OLDER = "dump_older_rows"
_UNREADABLE = "dump_unreadable_lines"
UNREADABLE_LINE = "the line is not UTF-8, or too long"


def read_dump(connection: "DuckDBPyConnection", dump: Path) -> None:
    """Reads a dump, once, into temporary tables of the connection.

    DuckDB spills them to its temporary directory when memory runs short. The queries of this module
    are valid in this connection until the next dump is read.

    Args:
        connection: an open connection.
        dump: a local file; its format is detected from its content, not its extension.

    Raises:
        UnknownDumpError: it is not a dump, or is cut off or damaged.
    """
    found = recognised(dump)
    for table in (_ROWS, _OLDER):
        connection.execute(f"DROP TABLE IF EXISTS temp.{table}").fetchall()
    forget_unreadable_lines(connection)
    rows = facts.rows(source_sql(found), found.filled)
    with damage_named(dump):
        connection.execute(f"CREATE TEMP TABLE {_ROWS} AS {rows}").fetchall()
    if found.shape == "csv":
        _keep_unreadable_lines(connection, dump)
    # By every column, so that rows modified at the same time keep their order between runs. Only
    # products with several rows are sorted: the rows are wide.
    newest = "last_modified DESC NULLS LAST, last_image DESC NULLS LAST, " + ", ".join(FACTS)
    connection.execute(
        f"""CREATE TEMP TABLE {_OLDER} AS
        SELECT number FROM (SELECT rowid AS number, * FROM {_ROWS})
        WHERE code IN (SELECT code FROM {_ROWS} WHERE code IS NOT NULL GROUP BY code
            HAVING count(*) > 1)
        QUALIFY row_number() OVER (PARTITION BY code ORDER BY {newest}, shown) > 1"""
    ).fetchall()


def products_query() -> str:
    """SQL that selects the table `products` from the last dump read.

    Returns:
        SQL for the columns of `FACTS`, one row per product, ordered by `code`. Of several rows of a
        product the last modified one is taken. A fact that the dump lacks is null in every row; a
        missing list of a product is empty.
    """
    return f"SELECT {', '.join(FACTS)} FROM {_ROWS} WHERE {_IS_NEWEST} ORDER BY code"


def photos_query() -> str:
    """SQL that selects the table `product_photos` from the last dump read.

    Returns:
        SQL for `code` and the members of `photos.PHOTO`, one row per photo, in this order.
    """
    return f"""SELECT code, shown.* FROM (
        SELECT code, unnest(shown) AS shown FROM {_ROWS} WHERE {_IS_NEWEST})
        ORDER BY code, shown.image_id"""


_IS_NEWEST = f"code IS NOT NULL AND rowid NOT IN (SELECT number FROM {_OLDER})"


def rejected_query() -> str:
    """SQL that counts the rows of the last dump that are not in the table `products`.

    Returns:
        SQL for `reason` (a sentence, VARCHAR) and `rows` (BIGINT, above 0), ordered by `reason`.
        Together with `products` they add up to the dump's lines, without header and empty lines.
    """
    return (
        f"SELECT * FROM (SELECT reason, count(*) AS rows FROM {_ROWS} WHERE code IS NULL "
        "GROUP BY reason UNION ALL SELECT 'another row of the same product was modified later', "
        f"count(code) - count(DISTINCT code) FROM {_ROWS}) WHERE rows > 0 ORDER BY reason"
    )


def facts_of(dump: Path) -> set[str]:
    """The columns of the table `products` that a dump can fill; the others are null.

    Args:
        dump: a local file. Of JSON Lines the first thousand lines are examined, otherwise the
            header.

    Raises:
        UnknownDumpError: it is not a dump.
    """
    filled = recognised(dump).filled
    return {fact for fact, (_, names) in FACTS.items() if not filled.isdisjoint(names)}


def _keep_unreadable_lines(connection: "DuckDBPyConnection", dump: Path) -> None:
    count_unreadable_lines(connection, dump)
    connection.execute(
        f"INSERT INTO {_ROWS} (reason) SELECT '{UNREADABLE_LINE}' "
        f"FROM (SELECT DISTINCT line FROM {_UNREADABLE})"
    ).fetchall()


def forget_unreadable_lines(connection: "DuckDBPyConnection") -> None:
    """Before a dump is read: those of the last one, which DuckDB keeps."""
    for table in (_UNREADABLE, f"{_UNREADABLE}_scans"):
        connection.execute(f"DROP TABLE IF EXISTS temp.{table}").fetchall()


def count_unreadable_lines(connection: "DuckDBPyConnection", dump: Path) -> int:
    """Number of lines of the CSV dump that was read last which DuckDB cannot read.

    Raises:
        UnknownDumpError: they are too many.
    """
    ((lines,),) = connection.execute(f"SELECT count(DISTINCT line) FROM {_UNREADABLE}").fetchall()
    if lines >= MOST_UNREADABLE_LINES:
        raise UnknownDumpError(f"{dump.name} has too many lines that are not UTF-8; {EXPECTED}.")
    return int(lines)


def source_sql(dump: Dump, extra: str = "", extra_of: Iterable[str] = ()) -> str:
    """The wanted columns of the dump as text or lists, and `fault` if a line is unreadable.

    Args:
        dump: a recognised dump.
        extra: SQL of further columns.
        extra_of: the dump's columns that they are made of; of JSON, as JSON.
    """
    place = {
        name: f"c{at}" if dump.shape == "csv" else name for at, name in enumerate(dump.columns)
    }
    wanted = ", ".join(
        f"{facts.column(name, dump.forms.get(name), place.get(name, ''))} AS {name}"
        for name in WANTED
    )
    names = {language: place.get(name, name) for language, name in dump.names.items()}
    several = "product_name" if dump.forms.get("product_name") == "texts" else None
    path, compression = file_literal(dump.path.absolute()), "gzip" if dump.gzipped else "none"
    fault, reader = "NULL::VARCHAR", f"read_parquet({path})"
    if dump.shape == "csv":
        last = len(dump.columns) - 1
        whole = f"c{last} IS NOT NULL AND c{last + 1} IS NULL"
        fault = f"CASE WHEN NOT ({whole}) THEN 'the line has too many or too few columns' END"
        reader = _csv_sql(dump, compression)
    if dump.shape == "jsonl":
        nothing = " AND ".join(f"{name} IS NULL" for name in dump.forms)
        fault = f"CASE WHEN {nothing} THEN 'the line is not a JSON object of a product' END"
        types = {name: "VARCHAR" if form == "text" else "JSON" for name, form in dump.forms.items()}
        types |= dict.fromkeys(dump.names.values(), "VARCHAR")
        types |= {name: "JSON" for name in extra_of if name in dump.columns and name not in types}
        reader = (
            f"read_json({path}, format='newline_delimited', columns={types}, ignore_errors=true, "
            f"records='true', maximum_object_size={MOST_BYTES}, compression='{compression}')"
        )
    wanted += f", {facts.names(names, several)} AS names{f', {extra}' if extra else ''}"
    return f"SELECT {wanted}, {fault} AS fault FROM {reader}"


def _csv_sql(dump: Dump, compression: str) -> str:
    # Columns are read by position, so that names from a header never get into SQL. An extra column
    # detects lines longer than the header, null in the last column detects shorter ones. The dump
    # has no quoting: a quote is text. The null text is one that no field contains.
    places = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(dump.columns) + 1))
    return (
        f"read_csv({file_literal(dump.path.absolute())}, columns={{{places}}}, auto_detect=false, "
        "header=true, delim='\t', quote='', escape='', comment='', nullstr='\x01', "
        f"null_padding=true, strict_mode=false, compression='{compression}', "
        f"store_rejects=true, rejects_table='{_UNREADABLE}', rejects_scan='{_UNREADABLE}_scans', "
        f"rejects_limit={MOST_UNREADABLE_LINES})"
    )
