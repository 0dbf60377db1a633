"""What a file is shows in its bytes, whatever it is called."""

import bz2
import gzip
import lzma
import pickle
import sys
import tarfile
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import pytest

from off_platform.imports.readers.batches import UnreadableError
from off_platform.imports.readers.opening import open_import
from off_platform.imports.readers.recognition.recognising import recognise
from off_platform_tests.imports.made_files import read_all


def archive(*names: str) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        for name in names:
            written.writestr(name, "x")
    return made.getvalue()


def tar_archive() -> bytes:
    made = BytesIO()
    with tarfile.open(fileobj=made, mode="w") as written:
        written.addfile(tarfile.TarInfo("products.csv"))
    return made.getvalue()


KNOWN = {
    b"MZ,barcode\n": "text",
    b"BMI,barcode\n": "text",
    b"barcode,DUCK,fat\n": "text",
    b"prodftyp,barcode\n": "text",
    b"BZh1,barcode\n": "text",
    "barcode,product_name\n1,Cr\u00e8me\n".encode("cp1252"): "text",
    "barcode,product_name\n1,Nutella\n".encode("utf-16-le"): "text",
    "\u30d0\u30fc\u30b3\u30fc\u30c9,\u540d\n".encode("shift_jis"): "text",
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
    "a program": (Path(sys.executable).read_bytes()[:8_000], "not_an_import_format", "program"),
    "a program of Windows": (
        b"MZ\x90\0\3\0\0\0" + b"\0" * 300, "not_an_import_format", "for Windows",
    ),
    "a tar archive": (tar_archive(), "not_an_import_format", "a tar archive; unpack it first"),
    "an xz archive": (lzma.compress(b"barcode\n"), "not_an_import_format", "an xz archive"),
    "a bzip2 archive": (bz2.compress(b"barcode\n"), "not_an_import_format", "a bzip2 archive"),
    "an empty ZIP archive": (archive(), "not_an_import_format", "an empty ZIP archive"),
    "a pickle": (pickle.dumps(["barcode"] * 9), "not_an_import_format", "a Python pickle"),
    "an old Word document": (
        OLE2 + b"\0" * 600 + "WordDocument".encode("utf-16-le"), "not_an_import_format", "(.doc)",
    ),
    "a workbook of Excel 4": (
        b"\x09\x04\x06\0" + b"\0" * 300, "not_an_import_format", "old Excel workbook (.xls)",
    ),
    "RTF": (rb"{\rtf1\ansi", "not_an_import_format", "an RTF document"),
    "compressed data without a name": (
        zlib.compress(bytes(range(256)) * 9)[2:], "not_an_import_format", "binary data",
    ),
    "Parquet": (b"PAR1", "not_an_import_format", "Parquet"),
    "a web page": (b"\n <!DOCTYPE html>", "not_an_import_format", "web page"),
    "XML": (b"<?xml version='1.0'?>", "not_an_import_format", "XML"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_not_imports_are_refused_by_format(name: str, tmp_path: Path) -> None:
    content, rule, words = REFUSED[name]
    path = tmp_path / "x.csv"
    path.write_bytes(content)

    with pytest.raises(UnreadableError, match=r".") as refused:
        recognise(path)

    assert refused.value.found.rule == rule
    assert words in str(refused.value)


@pytest.mark.parametrize("value", ["null", "\ufeff true\n", "-1.5e3", '"x\\"y"', "NaN"])
def test_a_single_json_value_is_named(value: str, tmp_path: Path) -> None:
    (tmp_path / "x.JSON").write_text(value, encoding="utf-8")
    (tmp_path / "x.csv").write_text(value, encoding="utf-8")

    with pytest.raises(UnreadableError, match="a single value") as refused:
        recognise(tmp_path / "x.JSON")

    assert refused.value.found.rule == "json_not_records"
    assert recognise(tmp_path / "x.csv") == "text"


def test_a_table_named_json_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('"barcode"\n3017620422003\n', encoding="utf-8")

    assert recognise(tmp_path / "x.json") == "text"


WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize("codec", WIDE)
@pytest.mark.parametrize("name", ["x.csv", "x.pdf"])
def test_texts_with_two_or_four_bytes_per_character_are_refused(
    codec: str, name: str, tmp_path: Path
) -> None:
    text = "barcode;product_name\n3017620422003;Cr\u00e8me \u4e2d\n" * 500
    (tmp_path / name).write_bytes(text.encode(codec))

    with pytest.raises(UnreadableError, match=codec[:6].upper()) as refused:
        open_import(tmp_path / name)

    assert refused.value.found.rule == "not_utf8"


@pytest.mark.parametrize("content", [bytes(500), b"barcode\n" + bytes(500), bytes([0, 1, 2]) * 99])
def test_nul_bytes_are_not_text_in_another_encoding(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(content)

    with pytest.raises(UnreadableError, match="NUL byte") as refused:
        read_all(tmp_path / "x.csv")

    assert refused.value.found.rule == "nul_bytes"
