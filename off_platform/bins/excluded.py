"""Bins to leave out of a set, from a file that somebody made by hand."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.bins.keys import ID
from off_platform.image_sets.declaration.declared import UnusableChoiceError
from off_platform.words import quoted, size

if TYPE_CHECKING:
    import duckdb

# An id and a name take up to 25 bytes; there are 537,634 bins.
BYTES_MOST = 32 * 1024 * 1024
_LINE = re.compile(rf"(?:.*[/\\])?({ID})(?:\.(?:jpe?g|json))?", re.IGNORECASE)


def excluded_ids(path: Path) -> list[str]:
    """The ids in a file: ids, photos or metadata, one per line; empty lines and # are skipped.

    Raises:
        UnusableChoiceError: the file cannot be read, is too large, or has another line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MOST + 1)
    except OSError as error:
        raise UnusableChoiceError(f"exclude: {path} cannot be read: {error.strerror}.") from error
    if len(data) > BYTES_MOST:
        raise UnusableChoiceError(f"exclude: {path} is larger than {size(BYTES_MOST)}.")
    found: dict[str, None] = {}
    for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not (match := _LINE.fullmatch(text)):
            raise UnusableChoiceError(
                f"exclude: line {number:,} of {path} is {quoted(text)}, not the id of a bin or the "
                "name of its photo, such as 00012 or 00012.jpg."
            )
        found[match[1]] = None
    return list(found)


def load_excluded(
    connection: "duckdb.DuckDBPyConnection", path: Path, table: str = "left_out"
) -> str:
    """Loads the ids in a file as a table; returns its name.

    Raises:
        UnusableChoiceError: see `excluded_ids`.
    """
    ids = excluded_ids(path)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT unnest(?::VARCHAR[]) AS id", [ids]
    )
    return table
