"""The corrected copy of a workbook: all parts unchanged, except the sheet with corrected cells.

In that sheet only corrected cells are rewritten, as inline strings or as numbers in their style; a
cell with a formula keeps it. So formulas, other sheets, panes, widths and formats are kept, and no
other part needs a change.
"""

import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from off_platform.imports.outputs.corrected.corrections import (
    Certain,
    Copy,
    Corrections,
    NoCopyError,
    noted,
)
from off_platform.imports.outputs.findings_sheet import escaped
from off_platform.imports.readers.batches import SourceFile
from off_platform.imports.readers.headers import plain_name
from off_platform.imports.readers.xlsx.parts.package import Package, Sheet
from off_platform.imports.readers.xlsx.parts.rows import Row, blocks_of, rows_of
from off_platform.imports.readers.xlsx.parts.values import cell_name, letters_of, place_of
from off_platform.imports.readers.xlsx.workbook import open_xlsx
from off_platform.imports.specification.column_names import field_of
from off_platform.imports.specification.fields import CORRECTIONS

_CHUNK = 1 << 20
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_REF = re.compile(rb'(\sref=["\'])([A-Z]+[0-9]+)(?::([A-Z]+)([0-9]+))?(["\'])')


def copy_xlsx(
    path: Path, source: SourceFile, certain: Certain, to: Path, *, is_ragged: bool
) -> Copy:
    """Writes the copy; see `corrected.write_corrected`.

    Args:
        path: the original file.
        source: its facts.
        certain: the corrections.
        to: the file to write.
        is_ragged: whether rows have more cells than the header.
    """
    reader, package, copy = open_xlsx(path, source), Package(path), Copy()
    sheet = next(s for s in package.sheets if s.name == source.sheet and not s.is_hidden)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w", allowZip64=True) as new:
        new.comment = old.comment
        for part in old.infolist():
            with old.open(part) as file, new.open(_like(part), "w") as made:
                if part.filename == sheet.part and certain.any:
                    plan = _Plan(package, sheet, source, reader.header_row, certain, is_ragged)
                    _Editor(plan, copy).edit(file, made)
                else:
                    shutil.copyfileobj(file, made, _CHUNK)
    return copy


def _like(part: zipfile.ZipInfo) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(part.filename, part.date_time)
    made.compress_type = part.compress_type
    made.external_attr, made.comment = part.external_attr, part.comment
    made.file_size = part.file_size
    return made


@dataclass
class _Plan:
    """The texts to write into cells of a sheet."""

    package: Package
    sheet: Sheet
    source: SourceFile
    header_row: int
    certain: Certain
    is_ragged: bool
    places: dict[str, int] = field(init=False)
    is_new: bool = field(init=False)

    def __post_init__(self) -> None:
        names = self.source.header
        self.places = {name: at for at, name in enumerate(names)}
        self.is_new = CORRECTIONS not in self.places
        if self.is_new:
            self.places[CORRECTIONS] = self._beyond_all() if self.is_ragged else len(names)
        rows = rows_of(self.package, self.sheet) if not self.is_new else iter(())
        self._before = _Following(rows)

    def of(self, row: int) -> dict[int, tuple[str, str]]:
        """By column position: its name, and the text to write."""
        if row == self.header_row:
            found = {self.places[CORRECTIONS]: (CORRECTIONS, CORRECTIONS)} if self.is_new else {}
            return found | self._trimmed_names()
        corrections = self.certain.of(row) if row > self.header_row else {}
        return {self.places[name]: (name, text) for name, text in corrections.items()}

    def note(self, row: int, corrections: Corrections) -> str:
        """The text of the row's cell in `corrections_made`."""
        return noted(self._before.text(row, self.places[CORRECTIONS]), corrections)

    def _trimmed_names(self) -> dict[int, tuple[str, str]]:
        rows = rows_of(self.package, self.sheet)
        texts = next(row.texts for row in rows if row.number == self.header_row)
        named = zip(self.source.header, texts, strict=False)
        return {
            at: (name, name)
            for at, (name, text) in enumerate(named)
            if text and text != name and plain_name(text) == name
        }

    def _beyond_all(self) -> int:
        blocks = blocks_of(self.package, self.sheet)
        return max(int(read.block.column.max(initial=-1)) for read in blocks) + 1


class _Following:
    """Rows that are requested in order."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._row: Row | None = None

    def text(self, number: int, at: int) -> str | None:
        while self._row is None or self._row.number < number:
            self._row = next(self._rows, None)
            if self._row is None:
                return None
        texts = self._row.texts if self._row.number == number else ()
        return texts[at] if at < len(texts) else None


class _Editor:
    """Copies the XML of a sheet and replaces the values of some of its cells."""

    def __init__(self, plan: _Plan, copy: Copy) -> None:
        self._plan, self._copy = plan, copy
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.XmlDeclHandler = self._declared
        # The bytes not written yet, and the position of the first in the file.
        self._data, self._base = bytearray(), 0
        self._edits: list[tuple[int, int, bytes]] = []
        self._depth_of_rows = False
        self._row = self._next = 0
        self._wanted: dict[int, tuple[str, str]] = {}
        self._made: Corrections = {}
        self._cell: tuple[int, int, dict[str, str]] | None = None
        self._has_formula = False

    def edit(self, file: IO[bytes], to: IO[bytes]) -> None:
        """Copies the whole sheet."""
        while chunk := file.read(_CHUNK):
            self._data += chunk
            self._parser.Parse(chunk)
            self._flush(to, self._cell[0] if self._cell else self._parser.CurrentByteIndex)
        self._parser.Parse(b"", True)  # noqa: FBT003 - has no name
        self._flush(to, self._base + len(self._data))

    def _flush(self, to: IO[bytes], end: int) -> None:
        at = self._base
        for start, stop, made in self._edits:
            to.write(self._data[at - self._base : start - self._base])
            to.write(made)
            at = stop
        end = max(end, at)
        to.write(self._data[at - self._base : end - self._base])
        del self._data[: end - self._base]
        self._base = end
        self._edits.clear()

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "utf-8").lower() not in {"utf-8", "us-ascii"}:
            raise NoCopyError("There is no corrected copy, as a sheet is not UTF-8.")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        match tag.rpartition(":")[2]:
            case "dimension":
                self._widen()
            case "sheetData":
                self._depth_of_rows = True
            case "row" if self._depth_of_rows:
                self._row = int(attributes.get("r") or self._row + 1)
                self._next, self._wanted, self._made = 0, self._plan.of(self._row), {}
            case "c" if self._depth_of_rows:
                at = self._next
                if reference := attributes.get("r"):
                    at, _ = place_of(reference, self._plan.sheet.name)
                self._next, self._has_formula = at + 1, False
                self._put_before(at, tag)
                self._cell = (self._parser.CurrentByteIndex, at, attributes)
            case "f" if self._cell:
                self._has_formula = True

    def _end(self, tag: str) -> None:
        match tag.rpartition(":")[2]:
            case "sheetData":
                self._depth_of_rows = False
            case "c" if self._cell:
                start, at, attributes = self._cell
                self._cell = None
                if at in self._wanted:
                    self._correct(tag, start, at, attributes)
            case "row" if self._depth_of_rows:
                self._end_row(tag)

    def _correct(self, tag: str, start: int, at: int, attributes: dict[str, str]) -> None:
        column, text = self._wanted.pop(at)
        if self._has_formula:
            self._copy.formulas.add(cell_name(self._plan.sheet.name, at, self._row))
            return
        self._edits.append(
            (start, self._end_of_tag(), self._xml(tag, at, column, text, attributes))
        )
        if self._row > self._plan.header_row:
            self._made[column] = text
            self._copy.corrected += 1

    def _put_before(self, at: int, tag: str) -> None:
        """Inserts missing cells that belong before an existing one."""
        start = self._parser.CurrentByteIndex
        for place in sorted(each for each in self._wanted if each < at):
            column, text = self._wanted.pop(place)
            self._edits.append((start, start, self._xml(tag, place, column, text, {})))

    def _end_row(self, tag: str) -> None:
        start = self._parser.CurrentByteIndex
        prefix = tag.removesuffix("row")
        for place in sorted(self._wanted):
            column, text = self._wanted.pop(place)
            self._edits.append((start, start, self._xml(f"{prefix}c", place, column, text, {})))
        if self._made:
            at, said = self._plan.places[CORRECTIONS], self._plan.note(self._row, self._made)
            self._edits.append((start, start, self._xml(f"{prefix}c", at, CORRECTIONS, said, {})))

    def _end_of_tag(self) -> int:
        """The position after the parser's current tag; no attribute of a cell contains a `>`."""
        index = self._parser.CurrentByteIndex
        return self._base + self._data.index(b">", index - self._base) + 1

    def _widen(self) -> None:
        """Updates the declared size of the sheet, which programs rely on."""
        start, end = self._parser.CurrentByteIndex, self._end_of_tag()
        tag = bytes(self._data[start - self._base : end - self._base])
        found = _REF.search(tag)
        if not self._plan.is_new or found is None:
            return
        before, first, column, row, quote = found.groups()
        at = self._plan.places[CORRECTIONS]
        last, _ = place_of((column + row if column else first).decode(), self._plan.sheet.name)
        ends = letters_of(max(at, last)).encode() + (row or re.sub(b"[A-Z]", b"", first))
        made = before + first + b":" + ends + quote
        self._edits.append((start, end, tag[: found.start()] + made + tag[found.end() :]))

    def _xml(self, tag: str, at: int, column: str, text: str, attributes: dict[str, str]) -> bytes:
        prefix = tag.removesuffix("c")
        style = f' s="{attributes["s"]}"' if attributes.get("s", "").isdigit() else ""
        opening = f'<{tag} r="{letters_of(at)}{self._row}"{style}'
        if not text:
            return f"{opening}/>".encode()
        if self._is_number(column, text, attributes.get("s", "")):
            return f"{opening}><{prefix}v>{text}</{prefix}v></{tag}>".encode()
        inner = f'<{prefix}t xml:space="preserve">{escape(escaped(text))}</{prefix}t>'
        return f'{opening} t="inlineStr"><{prefix}is>{inner}</{prefix}is></{tag}>'.encode()

    def _is_number(self, column: str, text: str, style: str) -> bool:
        """Whether to write a number, which the cell's style shows unchanged."""
        place: Any = field_of(column)
        if place is None or place.field.type != "number" or not _NUMBER.fullmatch(text):
            return False
        formats = self._plan.package.formats
        return not style.isdigit() or int(style) >= len(formats) or formats[int(style)].is_plain
