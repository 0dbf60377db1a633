"""SQL literals and identifiers; all outside text in SQL is escaped here."""

import re
from pathlib import Path


def literal(text: str) -> str:
    """A string as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def as_pattern(path: str) -> str:
    """A path in a pattern of files: `*`, `?` and `[` stand for themselves."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def file_literal(path: str | Path) -> str:
    """A path or URL as an SQL literal for DuckDB's readers of files, which read it as a pattern.

    Without this, a lake in the folder `x*y` would read the files of one in `x1y`, too, and a path
    that begins with `~` would be one of the home folder.
    """
    return literal(as_pattern(str(path.absolute() if isinstance(path, Path) else path)))
