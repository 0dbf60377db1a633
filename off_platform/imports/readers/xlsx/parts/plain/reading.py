"""Reads a sheet while its XML is plain: blocks of complete rows, and an outline for an XML parser.

`tags.py` finds the cells of a block. XML that is not plain is left to the parser (`parsed.py`).
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import IO
from xml.parsers import expat

from off_platform.imports.readers.xlsx.parts.blocks import Block
from off_platform.imports.readers.xlsx.parts.layout import Layout
from off_platform.imports.readers.xlsx.parts.plain.tags import (
    MOST_BYTES,
    NotPlainError,
    Tags,
    demand,
)

CHUNK = 1 << 20
_IS_UTF_8 = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:<\?xml(?![^>]*encoding=)[^>]*\?>|"
    rb"<\?xml[^>]*encoding=[\"'][Uu][Tt][Ff]-8[\"'][^>]*\?>)?\s*<[a-z]"
)


def plain_blocks(file: IO[bytes], layout: Layout) -> Iterator[Block]:
    """Reads the cells of a sheet while its XML is plain.

    Args:
        file: the sheet's XML, from its beginning.
        layout: is given what there is around the values.

    Raises:
        NotPlainError: at the first rows that are not plain, after yielding those before.
    """
    last, outline = 0, _Outline()
    for data in _whole_rows(file, layout, outline):
        tags = Tags(data)
        block = tags.block(last)
        outline.take_tags(tags.with_attributes())
        last = int(block.rows[-1])
        yield block


class _Outline:
    """The sheet without its cells, for an XML parser: the rest must be valid XML, too.

    Otherwise a workbook would be accepted that no program opens, as well as its corrected copy.
    """

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._begin
        self._depth_of_rows = 0

    def _begin(self, name: str, _: object) -> None:
        self._depth_of_rows += name.rpartition(" ")[2] == "sheetData"

    def take_head(self, head: bytes) -> None:
        """Takes everything up to the rows, the content of the element `sheetData`."""
        self._take(head + b"<sheetData>")
        demand(holds=self._depth_of_rows == 1)

    def take_tags(self, tags: bytes) -> None:
        """Takes elements without content."""
        self._take(tags)

    def take_tail(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Takes everything after the rows; yields it."""
        for chunk in chunks:
            self._take(chunk)
            yield chunk
        self._take(b"", is_last=True)

    def _take(self, data: bytes, *, is_last: bool = False) -> None:
        try:
            self._parser.Parse(data, is_last)
        except (expat.ExpatError, ValueError, LookupError):
            raise NotPlainError from None


def _whole_rows(file: IO[bytes], layout: Layout, outline: _Outline) -> Iterator[bytes]:
    """The XML in blocks of complete rows."""
    data = file.read(CHUNK)
    start = data.find(b"<sheetData>")
    if start < 0 or not _IS_UTF_8.match(data):
        raise NotPlainError
    layout.take_head(data[:start])
    outline.take_head(data[:start])
    rest = data[start + len(b"<sheetData>") :]
    while True:
        end = rest.find(b"</sheetData>")
        whole = end if end >= 0 else len(rest) - len(rest.rpartition(b"</row>")[2])
        if rows := rest[:whole].strip():
            yield rows
        if end >= 0:
            behind = chain([rest[end:]], iter(lambda: file.read(CHUNK), b""))
            layout.take_tail(outline.take_tail(behind))
            return
        more = file.read(CHUNK)
        if not more or len(rest) - whole > MOST_BYTES:
            raise NotPlainError
        rest = rest[whole:] + more
