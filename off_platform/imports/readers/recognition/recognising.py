"""Recognises a file by its first bytes, not by its name."""

import re
import zipfile
from pathlib import Path
from typing import Literal, NoReturn

from off_platform.imports.readers.batches import Found, UnreadableError
from off_platform.imports.readers.encodings import BYTE_ORDER_MARK, is_binary
from off_platform.imports.readers.recognition.signatures import signed_as

HEAD_BYTES = 4_096
NEEDED = "CSV, TSV, JSON or .xlsx is needed"
# An encrypted workbook is an OLE2 file with a stream of this name, in UTF-16.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_GZIP = b"\x1f\x8b"
_WORKBOOK = "xl/workbook.xml"
# Other documents that are ZIP archives, by one of their parts.
_DOCUMENTS = {
    "xl/workbook.bin": "a binary Excel workbook (.xlsb)",
    "content.xml": "an OpenDocument file (.ods)",
    "word/document.xml": "a Word document",
}
# Streams of OLE2 files of other programs, in UTF-16; others are assumed to be workbooks.
_OTHER_OLE2 = (
    ("WordDocument", "an old Word document (.doc)"),
    ("PowerPoint Document", "an old PowerPoint document (.ppt)"),
    ("__substg1.0_", "an Outlook message (.msg)"),
)
# All of a JSON file without records, such as a program's answer that it found nothing. Without
# `.json` in its name it would be the header of a CSV file.
_JSON_VALUE = re.compile(rb'(?:null|true|false|NaN|[-+.0-9eE]+|"(?:[^"\\]|\\.)*+")\s*', re.DOTALL)
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<svg")


def recognise(path: Path) -> str:
    """The format of a file.

    Returns:
        `xlsx`, `json` (an array, an object, or lines of them) or `text` (CSV, TSV).

    Raises:
        UnreadableError: `file_empty`, or it is something else; the message says what.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head.removeprefix(BYTE_ORDER_MARK).strip():
        _refuse("file_empty", "The file is empty.")
    if head.startswith(_ZIP):
        return _of_zip(path)
    if head.startswith(_OLE2):
        _refuse_ole2(path)
    if what := signed_as(head):
        _refuse("not_an_import_format", f"The file is {what}; {NEEDED}.")
    if is_binary(head):
        _refuse("not_an_import_format", f"The file contains binary data, not text; {NEEDED}.")
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if text.lower().startswith(_MARKUP):
        _refuse(
            "not_an_import_format",
            "The file is a web page or XML, not a table; perhaps an "
            "error page was saved instead of the file.",
        )
    if path.suffix.lower() == ".json" and _JSON_VALUE.fullmatch(text):
        _refuse("json_not_records", "The file is a single value, not an array of objects.")
    return "json" if text[:1] in {b"[", b"{"} else "text"


def packing_of(path: Path) -> Literal["gzip", "zip"] | None:
    """What a file is compressed or packed with; None if it is not, as documents such as .xlsx.

    A damaged ZIP archive could be a workbook; it is left to `recognise`.
    """
    with path.open("rb") as file:
        head = file.read(len(_ZIP))
    if head.startswith(_GZIP):
        return "gzip"
    names = _names_in(path) if head == _ZIP else None
    return "zip" if names and names.isdisjoint({_WORKBOOK, *_DOCUMENTS}) else None


def _of_zip(path: Path) -> str:
    names = _names_in(path)
    if names is None:
        _refuse("xlsx_damaged", "The file is a damaged or cut off XLSX or ZIP file.")
    if _WORKBOOK in names:
        return "xlsx"
    what = next((_DOCUMENTS[name] for name in _DOCUMENTS if name in names), None)
    what = what or "a ZIP archive; unpack it first"
    return _refuse("not_an_import_format", f"The file is {what}; {NEEDED}.")


def _names_in(path: Path) -> set[str] | None:
    """The names in a ZIP archive; None if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return None


def _refuse_ole2(path: Path) -> None:
    with path.open("rb") as file:
        looked_at = file.read(4 << 20)
    for stream, other in _OTHER_OLE2:
        if stream.encode("utf-16-le") in looked_at:
            _refuse("not_an_import_format", f"The file is {other}; {NEEDED}.")
    if _ENCRYPTED in looked_at:
        what = "a workbook protected by a password; save it without one"
    else:
        what = "an old Excel workbook (.xls); save it as .xlsx"
    _refuse("not_an_import_format", f"The file is {what}, or as CSV in UTF-8.")


def _refuse(rule: str, message: str) -> NoReturn:
    raise UnreadableError(Found.of_file(rule, message))
