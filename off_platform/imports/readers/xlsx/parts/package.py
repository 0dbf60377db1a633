"""A workbook as a package of parts: its sheets, shared texts and number formats.

`rows.py` reads the rows of a sheet. Namespaces of elements are ignored, so the strict form of
Office Open XML is read, too.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO
from xml.etree import ElementTree as ET

import pyarrow as pa
from openpyxl.styles.numbers import BUILTIN_FORMATS

from off_platform.imports.readers.batches import Found, UnreadableError
from off_platform.imports.readers.xlsx.parts.formats import PLAIN, NumberFormat, read_format

# 100,000 rows of 40 columns unpack to 150 MB, 11 times their size.
MOST_UNPACKED = 8 << 30
MOST_RATIO = 150
RATIO_FROM = 64 << 20
# The shared texts are held in memory.
MOST_SHARED = 96 << 20
_PROLOGUE_BYTES = 4_096
_WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
# Escapes of characters that XML cannot contain: ST_Xstring of ECMA-376.
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_TRUE = {"1", "true", "on"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook.

    Attributes:
        name: as shown to users.
        part: its part of the package, such as `xl/worksheets/sheet1.xml`.
        is_hidden: whether it is hidden.
    """

    name: str
    part: str
    is_hidden: bool


class Package:
    """A workbook open for reading; errors in it are messages of ours."""

    def __init__(self, path: Path) -> None:
        """Reads the package's list of parts.

        Raises:
            UnreadableError: `xlsx_damaged`, `xlsx_too_large`.
        """
        self.path = path
        _demand_bounded(path)

    @contextmanager
    def open(self, part: str) -> Iterator[IO[bytes]]:
        """Opens a part.

        Raises:
            UnreadableError: `xlsx_damaged`.
        """
        with _in_words(part), _archive(self.path) as archive:
            if part not in archive.namelist():
                raise damaged(f"the part '{part[:80]}' is missing")
            with archive.open(part) as file:
                yield file

    @cached_property
    def sheets(self) -> tuple[Sheet, ...]:
        """The sheets with cells, in display order."""
        parts = {
            each.get("Id", ""): _target(each.get("Target", ""))
            for each in self._root(_RELATIONS)
            if each.get("Type", "").endswith("/worksheet")
        }
        found: list[Sheet] = []
        for each in self._workbook.iter():
            if local_name(each) == "sheet":
                relation = next((v for k, v in each.items() if k.endswith("}id")), "")
                if relation in parts:
                    state = each.get("state", "visible")
                    name = each.get("name", f"Sheet {len(found) + 1}")
                    found.append(Sheet(name, parts[relation], state != "visible"))
        return tuple(found)

    def demand_readable(self) -> None:
        """Reads the parts that cells may refer to, even if no imported cell does.

        A corrected copy reads all cells; unreadable parts are found here, before any record.

        Raises:
            UnreadableError: one of them is damaged.
        """
        _ = self.shared, self.formats

    @cached_property
    def from_1904(self) -> bool:
        """Whether dates are counted from 1904, as on old Macintoshes."""
        return self._says("workbookPr", "date1904")

    @cached_property
    def is_to_be_calculated(self) -> bool:
        """Whether stored results of formulas are placeholders until a program calculates them."""
        return self._says("calcPr", "fullCalcOnLoad")

    @cached_property
    def shared(self) -> pa.StringArray:
        """The shared texts; null where one is empty."""
        texts: list[str | None] = []
        if not self._has("xl/sharedStrings.xml"):
            return pa.array(texts, pa.string())
        with self.open("xl/sharedStrings.xml") as file:
            root = None
            for event, element in events(file):
                root = element if root is None else root
                if event == "end" and local_name(element) == "si":
                    texts.append(unescaped(text_of(element)) or None)
                    root.clear()
        return pa.array(texts, pa.string())

    @cached_property
    def formats(self) -> list[NumberFormat]:
        """The number format of each cell style, by number."""
        if not self._has("xl/styles.xml"):
            return []
        root = self._root("xl/styles.xml")
        codes: dict[str, str] = {str(number): code for number, code in BUILTIN_FORMATS.items()}
        codes |= {
            each.get("numFmtId", ""): each.get("formatCode", "")
            for each in root.iter()
            if local_name(each) == "numFmt"
        }
        cell_styles = next((each for each in root if local_name(each) == "cellXfs"), ())
        return [
            read_format(codes[number]) if (number := each.get("numFmtId", "0")) in codes else PLAIN
            for each in cell_styles
        ]

    @cached_property
    def _workbook(self) -> ET.Element:
        return self._root(_WORKBOOK)

    def _says(self, element: str, attribute: str) -> bool:
        found = (each for each in self._workbook.iter() if local_name(each) == element)
        return any(each.get(attribute, "").lower() in _TRUE for each in found)

    def _root(self, part: str) -> ET.Element:
        with self.open(part) as file:
            root, *_ = (element for _, element in events(file))
        return root

    def _has(self, part: str) -> bool:
        with _in_words(part), _archive(self.path) as archive:
            return part in archive.namelist()


def events(file: IO[bytes]) -> Iterator[tuple[str, ET.Element]]:
    """The start and end events of the elements of a part.

    Raises:
        UnreadableError: its encoding is not supported by XML.
    """
    parsed = ET.iterparse(file, ("start", "end"))  # noqa: S314 - no part declares a type
    while True:
        try:
            event = next(parsed)
        except StopIteration:
            return
        except (ValueError, LookupError) as error:
            raise damaged("one of its parts is in an encoding that is not UTF-8") from error
        yield event


def local_name(element: ET.Element) -> str:
    """An element's name without its namespace; empty for comments."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def text_of(element: ET.Element) -> str:
    """The text of a shared or inline string, all runs, without phonetic text."""
    texts = []
    for child in element:
        name = local_name(child)
        if name == "t":
            texts.append(child.text or "")
        elif name == "r":
            texts += [each.text or "" for each in child if local_name(each) == "t"]
    return "".join(texts)


def unescaped(text: str) -> str:
    """Resolves escapes such as `_x000D_`; lone surrogates become U+FFFD."""
    if "_x" not in text:
        return text
    found = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    # Characters outside the BMP are written as two.
    return found.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def damaged(reason: str) -> UnreadableError:
    """The error `xlsx_damaged` with a reason."""
    return UnreadableError(Found.of_file("xlsx_damaged", f"The workbook is damaged: {reason}."))


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except (ValueError, OSError) as error:
        raise damaged("it is not a complete ZIP archive") from error
    with archive:
        yield archive


@contextmanager
def _in_words(part: str) -> Iterator[None]:
    """Turns library errors on a damaged part into a message of ours."""
    shown = f"the part '{part[:80]}'"
    try:
        yield
    except ET.ParseError as error:
        line, column = error.position
        raise damaged(f"{shown} is not XML at line {line:,}, column {column:,}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        # `zipfile` raises the last one for an unknown compression or a later version of the format.
        raise damaged(f"{shown} cannot be unpacked") from error
    except RuntimeError as error:
        raise damaged(f"{shown} is protected by a password") from error


def _target(target: str) -> str:
    """The part that a relation of the workbook refers to; none outside the package."""
    path = PurePosixPath(target.lstrip("/") if target.startswith("/") else f"xl/{target}")
    made: list[str] = []
    for each in path.parts:
        made = made[:-1] if each == ".." else [*made, each]
    return "/".join(made)


def _demand_bounded(path: Path) -> None:
    """`xlsx_too_large`: a small file may unpack to any size."""
    with _in_words(path.name), _archive(path) as archive:
        parts = archive.infolist()
        if not all(0 <= part.header_offset < path.stat().st_size for part in parts):
            # `zipfile` would seek there, which raises OSError.
            raise damaged("its directory names a part outside of the file")
        declared = next((part.filename for part in parts if _declares(archive, part)), None)
    if declared:
        # No program writes them; attacks use them to read other files or to expand endlessly.
        raise damaged(f"the part '{declared[:80]}' declares a document type")
    unpacked = sum(part.file_size for part in parts)
    shared = sum(part.file_size for part in parts if part.filename.endswith("sharedStrings.xml"))
    bomb = any(
        part.file_size > RATIO_FROM and part.file_size > MOST_RATIO * max(part.compress_size, 1)
        for part in parts
    )
    if bomb or unpacked > MOST_UNPACKED or shared > MOST_SHARED:
        raise UnreadableError(
            Found.of_file(
                "xlsx_too_large",
                f"The workbook would unpack to {unpacked / 1e6:,.0f} MB; save it as CSV.",
            )
        )


def _declares(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Whether a part has a document type, which may define entities."""
    if not part.filename.lower().endswith((".xml", ".rels")):
        return False
    with archive.open(part) as file:
        # Also in UTF-16.
        return b"<!DOCTYPE" in file.read(_PROLOGUE_BYTES).replace(b"\0", b"").upper()
