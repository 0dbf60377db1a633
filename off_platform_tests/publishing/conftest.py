"""Small sets made by hand, with the columns of a manifest that publishing reads."""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

CARD = """---
pretty_name: Few
license: {licence}
---

# Few
"""
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("sample", "key", "kind", "status", "md5", "path")),
        *((name, pa.int64()) for name in ("bytes", "offset", "stored_bytes")),
        *((name, pa.string()) for name in ("processing", "licence", "attribution")),
    ]
)
SetMaker = Callable[..., Path]


def write_set(
    folder: Path, layout: str = "files", photos: int = 5, licence: str = "cc-by-sa-3.0"
) -> Path:
    """Writes a set of photos that are a few bytes each.

    Args:
        folder: for it.
        layout: files, split files, shards or parquet.
        photos: their number.
        licence: of the card.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_row(number) for number in range(photos)]
    {"files": _files, "split files": _split, "shards": _shards, "parquet": _parquet}[layout](
        folder, rows
    )
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / "manifest.parquet")
    (folder / "README.md").write_text(CARD.format(licence=licence))
    (folder / "gallery.html").write_text("<!doctype html>")
    (folder / "chart_classes.svg").write_text("<svg/>")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """The bytes of all files of a folder, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _photo(number: int) -> bytes:
    return f"photo {number} ".encode() * (number % 7 + 1)


def _row(number: int) -> dict[str, Any]:
    data = _photo(number)
    return {
        "sample": f"s{number:04d}",
        "key": f"data/{number}.jpg",
        "kind": "400",
        "status": "fetched",
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "bytes": len(data),
        "stored_bytes": len(data),
        "licence": "CC BY-SA 3.0",
        "attribution": "Open Food Facts contributors",
    }


def _put(folder: Path, path: str, number: int, row: dict[str, Any]) -> None:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(_photo(number))
    row["path"] = path


def _files(folder: Path, rows: list[dict[str, Any]]) -> None:
    for number, row in enumerate(rows):
        _put(folder, f"00000/{row['sample']}.jpg", number, row)
    (folder / "metadata.parquet").write_bytes(b"PAR1")


def _split(folder: Path, rows: list[dict[str, Any]]) -> None:
    for number, row in enumerate(rows):
        split = "train" if number % 3 else "test"
        _put(folder, f"{split}/cheese/{row['sample']}.jpg", number, row)
        (folder / split / "metadata.parquet").write_bytes(b"PAR1")


def _shards(folder: Path, rows: list[dict[str, Any]]) -> None:
    with tarfile.open(folder / "train-00000.tar", "w") as shard:
        for number, row in enumerate(rows):
            for ending, data in ((".jpg", _photo(number)), (".json", b"{}")):
                member = tarfile.TarInfo(row["sample"] + ending)
                member.size = len(data)
                offset = shard.offset + tarfile.BLOCKSIZE
                shard.addfile(member, io.BytesIO(data))
                if ending == ".jpg":
                    row |= {"path": "train-00000.tar", "offset": offset}


def _parquet(folder: Path, rows: list[dict[str, Any]]) -> None:
    images = [{"bytes": _photo(number), "path": f"{number}.jpg"} for number in range(len(rows))]
    pq.write_table(pa.table({"image": images}), folder / "train-00000.parquet")
    for number, row in enumerate(rows):
        row |= {"path": "train-00000.parquet", "offset": number}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB that reads the sets."""
    with duckdb.connect() as opened:
        yield opened
