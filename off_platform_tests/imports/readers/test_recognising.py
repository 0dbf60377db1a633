"""What a file is shows in its bytes, whatever it is called."""

import gzip
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from off_platform.imports.readers.batches import UnreadableError
from off_platform.imports.readers.recognising import recognise


def archive(*names: str) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        for name in names:
            written.writestr(name, "x")
    return made.getvalue()


KNOWN = {
    b"barcode,fat\n": "text",
    b"\xef\xbb\xbfbarcode": "text",
    b'[{"a": 1}]': "json",
    b'\xef\xbb\xbf\n {"a": 1}': "json",
    archive("xl/workbook.xml"): "xlsx",
    b"PK is a name,x\n": "text",
}


@pytest.mark.parametrize("content", KNOWN)
@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.xlsx", "x"])
def test_content_decides_and_not_the_name(content: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)

    assert recognise(tmp_path / name) == KNOWN[content]


OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
REFUSED = {
    "nothing": (b"", "file_empty", "is empty"),
    "white space": (b"\xef\xbb\xbf \n", "file_empty", "is empty"),
    "an old workbook": (OLE2 + b"\0" * 600, "not_an_import_format", "old Excel workbook (.xls)"),
    "an encrypted workbook": (
        OLE2 + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
        "not_an_import_format", "password",
    ),
    "a binary workbook": (archive("xl/workbook.bin"), "not_an_import_format", ".xlsb"),
    "an OpenDocument file": (archive("content.xml"), "not_an_import_format", ".ods"),
    "a Word document": (archive("word/document.xml"), "not_an_import_format", "Word"),
    "another archive": (archive("products.csv"), "not_an_import_format", "unpack it first"),
    "a damaged archive": (archive("xl/workbook.xml")[:-9], "xlsx_damaged", "cut off"),
    "gzip": (gzip.compress(b"barcode\n"), "not_an_import_format", "gzip"),
    "PDF": (b"%PDF-1.7", "not_an_import_format", "PDF"),
    "a picture": (b"\x89PNG\r\n", "not_an_import_format", "PNG"),
    "Parquet": (b"PAR1", "not_an_import_format", "Parquet"),
    "a web page": (b"\n <!DOCTYPE html>", "not_an_import_format", "web page"),
    "XML": (b"<?xml version='1.0'?>", "not_an_import_format", "XML"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_import_is_refused_by_what_it_is(name: str, tmp_path: Path) -> None:
    content, rule, words = REFUSED[name]
    path = tmp_path / "x.csv"
    path.write_bytes(content)

    with pytest.raises(UnreadableError, match=r".") as refused:
        recognise(path)

    assert refused.value.found.rule == rule
    assert words in str(refused.value)
