"""Recognises a dump of Open Food Facts by its content: format, columns, forms of their values.

`reading.py` reads it.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import duckdb

from off_platform.dumps.facts import FACTS, LISTS, NAME, NAMES
from off_platform.dumps.languages import CODES
from off_platform.dumps.photos import from_parquet
from off_platform.storage.sql import file_literal

# A longer line of JSON is not a product; DuckDB keeps two buffers of this size per thread.
MOST_BYTES = 32 * 1024 * 1024
EXPECTED = "expected an Open Food Facts dump: CSV with tabs, JSON Lines or Parquet"
_OTHER_MAGICS = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook (xlsx)",
    b"\x81\x99\xe2\x6d": "a MongoDB archive",
    b"<": "an HTML or XML page",
    b"\xff\xfe": "UTF-16, not UTF-8",
    b"\xfe\xff": "UTF-16, not UTF-8",
    b"[": "one JSON array, not one JSON object per line",
    b"{": "JSON, but its first lines are not products with a `code`",
    b"": "text whose first line does not name a column `code` between tabs",
}
WANTED = tuple(
    dict.fromkeys(name for _, names in FACTS.values() for name in names if name != NAMES)
)
_OF_LANGUAGE = re.compile(f"{NAME}([a-z]{{2,3}})")


class UnknownDumpError(ValueError):
    """The file is not a readable dump; the message is one sentence."""


@dataclass(frozen=True)
class Dump:
    """A dump as detected from its start.

    Attributes:
        path: of the file.
        shape: its format.
        gzipped: whether it is.
        columns: all of its columns; of JSON Lines, those of the first thousand lines.
        forms: the form of each wanted column's values, see `facts.column`.
        names: by language, the columns with names, if each has its own.
    """

    path: Path
    shape: Literal["csv", "jsonl", "parquet"]
    gzipped: bool
    columns: tuple[str, ...]
    forms: Mapping[str, str]
    names: Mapping[str, str]

    @property
    def filled(self) -> set[str]:
        """The columns that facts can be read from, `NAMES` for those of languages."""
        has_names = self.names or self.forms.get("product_name") == "texts"
        return {*self.forms, *([NAMES] if has_names else [])}


def recognised(dump: Path) -> Dump:
    """Recognises a local file.

    Raises:
        UnknownDumpError: it is not a dump.
    """
    with dump.open("rb") as file:
        magic = file.read(4)
    gzipped = magic.startswith(b"\x1f\x8b")
    with damage_named(dump):
        if magic == b"PAR1":
            return _recognised_parquet(dump)
        with gzip.open(dump) if gzipped else dump.open("rb") as file:
            lines = iter(lambda: file.readline(MOST_BYTES), b"")
            return _recognised_text(dump, lines, gzipped=gzipped)


def _recognised_text(dump: Path, lines: Iterator[bytes], *, gzipped: bool) -> Dump:
    first = next((line for line in lines if not line.isspace()), b"").removeprefix(b"\xef\xbb\xbf")
    if first.lstrip().startswith(b"{"):
        columns = _json_columns([first, *islice(lines, 1_000)])
        # A later line may have a name in a language that these lines have not.
        later = {code: NAME + code for code in CODES} if (names := _names(columns)) else {}
        forms = _forms(columns, "array", "keys")
        found = Dump(dump, "jsonl", gzipped, columns, forms, later | names)
    else:
        columns = tuple(first.decode("utf-8", "replace").rstrip("\r\n").split("\t"))
        forms = _forms(columns, "split", "split")
        found = Dump(dump, "csv", gzipped, columns, forms, _names(columns))
    if "code" in columns:
        return found
    start = first.lstrip()
    name = next(name for magic, name in _OTHER_MAGICS.items() if start.startswith(magic))
    raise UnknownDumpError(f"{dump.name} is {name if start else 'empty'}; {EXPECTED}.")


def _json_columns(lines: Iterable[bytes]) -> tuple[str, ...]:
    columns: dict[str, None] = {}
    for line in lines:
        with suppress(ValueError, RecursionError):
            product = json.loads(line)
            columns |= dict.fromkeys(product if isinstance(product, dict) else ())
    return tuple(columns)


def _forms(columns: Iterable[str], tags: str, codes: str) -> dict[str, str]:
    special = {"images": "photo object", "languages_codes": codes}
    return {
        name: special.get(name, tags if name.endswith(LISTS) else "text")
        for name in WANTED
        if name in columns
    }


def _names(columns: Iterable[str]) -> dict[str, str]:
    found = ((_OF_LANGUAGE.fullmatch(name), name) for name in columns)
    return {match[1]: name for match, name in found if match}


def _recognised_parquet(dump: Path) -> Dump:
    reader = f"read_parquet({file_literal(dump.absolute())})"
    with duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE FROM {reader}").fetchall()
        types = {str(name): str(kind) for name, kind, *_ in described}
        if "code" not in types:
            raise UnknownDumpError(f"{dump.name} is Parquet without `code`; {EXPECTED}.")
        forms = _forms(types, "split", "split")
        for name in tuple(forms):
            if types[name] == "VARCHAR[]":
                forms[name] = "list"
            elif re.match(r"STRUCT\(.*\blang\b.*\btext\b.*\)\[\]$", types[name]):
                forms[name] = "texts"
            elif name == "images" and types[name].endswith("[]"):
                forms[name] = "photo list"
                with suppress(duckdb.BinderException):
                    connection.execute(f"DESCRIBE SELECT {from_parquet(name)} FROM {reader}")
                    continue
                # It is a list of something else.
                del forms[name]
    return Dump(
        dump, "parquet", gzipped=False, columns=tuple(types), forms=forms, names=_names(types)
    )


@contextmanager
def damage_named(dump: Path) -> Iterator[None]:
    """Turn errors on a damaged file into one sentence; errors of a full disk pass through."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, duckdb.Error) as error:
        of_the_file = type(error) in {duckdb.Error, duckdb.InvalidInputException}
        if isinstance(error, duckdb.Error) and not of_the_file and "GZIP" not in str(error).upper():
            raise
        reason = f"is truncated or damaged; fetch it again ({str(error).splitlines()[0]})"
        raise UnknownDumpError(f"{dump.name} {reason}.") from error
