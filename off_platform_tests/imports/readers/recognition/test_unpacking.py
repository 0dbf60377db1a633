"""Compressed tables are read as what is inside; hostile archives cost little and are explained."""

import gzip
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from off_platform.imports.intake.originals import key_of, original, record, store_original
from off_platform.imports.readers.recognition import unpacking
from off_platform.storage.lake import Lake
from off_platform_tests.imports.conftest import Validate
from off_platform_tests.imports.made_files import changed, packed

NUTELLA, OREO = "3017620422003", "7622210449283"
TABLE = f'barcode,product_name,fat_g\n{NUTELLA},Nutella,"30,9"\n{OREO},Oreo,20\n'
DAMAGED = "archive_damaged"


def linked() -> bytes:
    made, link = BytesIO(), zipfile.ZipInfo("products.csv")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    return made.getvalue()


ZIP, GZIP = packed({"products.csv": TABLE}), gzip.compress(TABLE.encode())
BOMB = packed({"products.csv": "0" * (3 << 20)})

READ = {
    "products.csv.gz": GZIP,
    "any.name": GZIP,
    "two streams.csv.gz": gzip.compress(TABLE[:40].encode()) + gzip.compress(TABLE[40:].encode()),
    "products.zip": ZIP,
    "by macOS.zip": packed({
        "export/": "", "export/products.csv": TABLE, "__MACOSX/export/._products.csv": "x",
        "export/.DS_Store": "x", "export/Thumbs.db": "x", "Desktop.ini": "x",
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_compressed_table_is_judged_as_itself(name: str, validate: Validate) -> None:
    plain, found = validate(TABLE, name), validate(READ[name], f"again {name}")
    assert found.verdict.source
    assert (found.verdict.source.format, found.verdict.source.bytes) == ("csv", len(READ[name]))
    assert found.accepted == plain.accepted
    assert found.verdict.counts == plain.verdict.counts
    of_number = [(each["row"], each["line"], each["file"]) for each in found.findings]
    assert of_number == [(2, 2, f"again {name}")]


REFUSED = {
    "cut gzip": (GZIP[:-12], DAMAGED, "damaged or cut off"),
    "gzip and more": (GZIP + b"more of it", DAMAGED, "damaged or cut off"),
    "wrong checksum": (changed(ZIP, (14, 16), 0), DAMAGED, "damaged"),
    "another compression": (changed(ZIP, (8, 10), 9), DAMAGED, "not supported"),
    "a password": (changed(ZIP, (6, 8), 1), "archive_encrypted", "password"),
    "several": (packed({"a.csv": TABLE, "b.csv": TABLE}), "archive_not_one_table",
                "contains 2 files ('a.csv', 'b.csv') instead of one"),
    "none": (packed({"folder/": ""}), "archive_not_one_table", "contains 0 files"),
    "a link": (linked(), "archive_not_one_table", "a link"),
    "a way out": (packed({"../products.csv": TABLE}), "archive_name_unsafe", "'../products.csv'"),
    "a way out for Windows": (packed({"x\\..\\..\\a.csv": TABLE}), "archive_name_unsafe", "named"),
    "an absolute name": (packed({"/etc/a.csv": TABLE}), "archive_name_unsafe", "'/etc/a.csv'"),
    "a drive": (packed({"C:a.csv": TABLE}), "archive_name_unsafe", "'C:a.csv'"),
    "packed twice": (gzip.compress(ZIP), "not_an_import_format", "a ZIP archive; unpack it"),
    "gzip twice": (gzip.compress(GZIP), "not_an_import_format", "a gzip archive; unpack it"),
    "nothing inside": (gzip.compress(b""), "file_empty", "empty"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_an_archive_that_is_not_one_table_is_refused_with_the_reason(
    what: str, validate: Validate, tmp_path: Path
) -> None:
    content, rule, shown = REFUSED[what]
    found = validate(content, "x.zip")
    assert found.rules == [rule]
    assert shown in found.findings[0]["message"]
    assert found.verdict.refused
    inside = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert inside == {"x.zip", "x.zip.tables"}


@pytest.mark.parametrize("content", [BOMB, gzip.compress(b"0" * (3 << 20))], ids=["zip", "gzip"])
@pytest.mark.parametrize(
    ("limit", "most", "shown"),
    [("RATIO_FROM", 2 << 20, "150 times"), ("MOST_UNPACKED", 1 << 20, "GB")],
)
def test_a_bomb_is_not_unpacked_beyond_the_limit(
    content: bytes,
    limit: str,
    most: int,
    shown: str,
    validate: Validate,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(unpacking, limit, most)
    found = validate(content)
    assert found.rules == ["archive_too_large"]
    assert shown in found.findings[0]["message"]
    written = [path.stat().st_size for path in tmp_path.rglob("unpacked*") if path.is_file()]
    assert all(size <= most for size in written)


def test_a_size_that_an_archive_declares_is_not_believed(
    validate: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "RATIO_FROM", 1 << 20)
    central = BOMB.rindex(b"PK\x01\x02")
    lies = (
        BOMB[:22] + b"\x09\0\0\0" + BOMB[26 : central + 24] + b"\x09\0\0\0" + BOMB[central + 28 :]
    )
    assert validate(lies).verdict.accepted == 0


def test_an_import_keeps_the_archive_as_it_was_handed_in(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    (tmp_path / "products.csv.gz").write_bytes(GZIP)
    key = key_of(tmp_path / "products.csv.gz")
    store_original(lake, tmp_path / "products.csv.gz", key)
    with lake.connect("1GB", 1) as connection:
        stored = record(lake, key, connection)
    assert stored.source
    assert (stored.source.format, stored.source.bytes) == ("csv", len(GZIP))
    with original(lake, key) as (path, _):
        assert path.read_bytes() == GZIP
