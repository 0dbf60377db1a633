"""An import is stored unchanged, under a key of its name and bytes."""

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any, cast

import duckdb
import obstore
import pyarrow.parquet as pq
import pytest
from obstore.store import MemoryStore

from off_platform.imports.intake import originals
from off_platform.imports.intake.allowed import demand_allowed
from off_platform.imports.intake.originals import (
    KEY,
    NotStoredError,
    OtherFileError,
    key_from,
    key_of,
    original,
    put_refusals,
    record,
    store_original,
)
from off_platform.storage.bucket_folder import BucketFolder
from off_platform.storage.lake import Lake

SEVERAL = {"a.csv": "barcode\n3017620422003\n", "b.csv": "barcode,fat_g\n3017620422003,1\n"}


def lake_in(root: Path, *, in_a_bucket: bool) -> Lake:
    """A lake on disk or in a bucket."""
    lake = Lake(str(root / "lake"))
    if in_a_bucket:
        lake.root = BucketFolder(MemoryStore(), "s3://lake")
    return lake


def several(root: Path) -> Path:
    """A folder of files."""
    folder = root / "several"
    folder.mkdir()
    for name, text in SEVERAL.items():
        (folder / name).write_text(text)
    return folder


def kept(lake: Lake, key: str) -> dict[str, str]:
    """The files of a folder in the lake."""
    with original(lake, key) as (path, sha256):
        assert key_from(path.name, sha256) == key
        return {each.name: each.read_text() for each in path.iterdir()}


def test_the_key_is_name_and_sha_256(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_bytes(b"x")
    assert key_of(path) == f"products.csv@{hashlib.sha256(b'x').hexdigest()[:8]}"


@pytest.mark.parametrize(
    "name",
    [
        "a b.csv",
        "..",
        "é à.csv",
        "x" * 200 + ".csv",
        "@.csv",
        "-.csv",
        "日本.csv",
        "a\nb.csv",
        "..csv",
    ],
)
def test_any_name_makes_a_key_that_is_a_folder_and_part_of_a_url(tmp_path: Path, name: str) -> None:
    path = tmp_path / "files" / (name if name != ".." else "..%2f.csv")
    path.parent.mkdir()
    path.write_bytes(b"x")
    assert KEY.fullmatch(key_of(path))
    assert not key_of(path).startswith((".", "-"))


def test_a_folder_changes_its_key_with_any_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "import"
    (folder / "images").mkdir(parents=True)
    keys = set()
    for name, data in (("a.csv", b"1"), ("a.csv", b"2"), ("b.csv", b"2"), ("images/x.jpg", b"3")):
        (folder / name).write_bytes(data)
        keys.add(key_of(folder))
    assert len(keys) == 4
    assert all(re.fullmatch(r"import@[0-9a-f]{8}", key) for key in keys)


def test_links_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "import"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"1")
    before = key_of(folder)
    (folder / "secret").symlink_to("/etc/hostname")
    assert key_of(folder) == before


def test_a_killed_import_of_a_folder_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, folder = lake_in(tmp_path, in_a_bucket=True), several(tmp_path)
    key, put, puts = key_of(folder), obstore.put, iter([True, False])

    def killed(*arguments: Any) -> None:
        if not next(puts):
            raise KeyboardInterrupt
        put(*arguments)

    with monkeypatch.context() as context:
        context.setattr(obstore, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            store_original(lake, folder, key)
    with pytest.raises(NotStoredError, match="is incomplete in the lake"), original(lake, key):
        pass
    store_original(lake, folder, key)
    assert kept(lake, key) == SEVERAL


@pytest.mark.parametrize("in_a_bucket", [False, True])
def test_complete_files_are_not_uploaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_a_bucket: bool
) -> None:
    lake, folder = lake_in(tmp_path, in_a_bucket=in_a_bucket), several(tmp_path)
    key = key_of(folder)
    store_original(lake, folder, key)
    monkeypatch.delattr(type(lake.root), "place")
    store_original(lake, folder, key)
    assert kept(lake, key) == SEVERAL


@pytest.mark.parametrize("in_a_bucket", [False, True])
def test_another_file_with_the_same_key_does_not_replace_the_first(
    tmp_path: Path, *, in_a_bucket: bool
) -> None:
    lake = lake_in(tmp_path, in_a_bucket=in_a_bucket)
    first, second = (tmp_path / folder / "products.csv" for folder in ("a", "b"))
    for path, content in zip((first, second), _of_one_key(), strict=True):
        path.parent.mkdir()
        path.write_bytes(content)
    key = key_of(first)
    assert key_of(second) == key

    store_original(lake, first, key)
    with pytest.raises(OtherFileError, match=r"rename products\.csv and import it again"):
        store_original(lake, second, key)

    with original(lake, key) as (path, _):
        assert path.read_bytes() == first.read_bytes()


def _of_one_key() -> tuple[bytes, bytes]:
    """Two files of one length whose SHA-256 begin alike; among 300,000 there are some ten pairs."""
    met: dict[bytes, bytes] = {}
    for number in range(300_000):
        content = f"barcode,product_name\n3017620422003,{number:06}\n".encode()
        begins = hashlib.sha256(content).digest()[:4]
        if begins in met:
            return met[begins], content
        met[begins] = content
    raise LookupError("no two files have the same key")


@pytest.mark.parametrize("in_a_bucket", [False, True])
def test_a_file_changed_during_the_copy_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_a_bucket: bool
) -> None:
    lake, folder = lake_in(tmp_path, in_a_bucket=in_a_bucket), several(tmp_path)
    key, copytree = key_of(folder), shutil.copytree

    def changed(source: Path, to: Path, **options: Any) -> Path:
        (source / "b.csv").write_text("barcode\n")
        return copytree(source, to, **options)

    monkeypatch.setattr(originals.shutil, "copytree", changed)
    with pytest.raises(OtherFileError, match="was changed since"):
        store_original(lake, folder, key)
    assert lake.root.names("imports") == []


@pytest.mark.parametrize("name", ["a.csv", "several"])
def test_what_becomes_a_link_after_it_was_allowed_is_not_stored(tmp_path: Path, name: str) -> None:
    lake, inbox, secret = Lake(str(tmp_path / "lake")), tmp_path / "inbox", tmp_path / "secret"
    for folder in (inbox / "several", secret / "several"):
        folder.mkdir(parents=True)
        for file in (folder.parent / "a.csv", folder / "a.csv"):
            file.write_text("barcode\n")
    place = inbox / name
    key, within = key_of(place), demand_allowed(str(place), str(inbox), "")
    place.rename(tmp_path / "before")
    place.symlink_to(secret / name)
    # The bytes are those of the key.
    assert key_of(place) == key
    with pytest.raises(OSError, match="a link leads elsewhere"):
        store_original(lake, place, key, within=within)
    assert lake.root.names("imports") == []


def test_a_pipe_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(OSError, match="not a regular file"):
        store_original(Lake(str(tmp_path / "lake")), tmp_path / "a.csv", "a.csv@00000000")


class Counting:
    """A connection that counts its queries."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Counts those of this connection."""
        self.connection, self.queries = connection, 0

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """Runs a query."""
        self.queries += 1
        return self.connection.sql(query)


def test_refusals_of_several_imports_are_put_in_one_pass(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    # Of the second, only the end tells that it is refused; the last is refused as before.
    texts = {"a.csv": "barcode\n3017620422003\n", "b.csv": "barcode\n54491472\n", "c.csv": ""}
    keys = []
    with lake.connect() as connection:
        for name, text in texts.items():
            (tmp_path / name).write_text(text)
            keys.append(key_of(tmp_path / name))
            store_original(lake, tmp_path / name, keys[-1])
            record(lake, keys[-1], connection)
        whole = {key: Path(lake.address("imports", ("import", key))) for key in keys}
        before = {key: path.read_bytes() for key, path in whole.items()}
        (old,) = pq.read_table(whole[keys[1]]).to_pylist()
        counting = Counting(connection)
        said = {keys[0]: "", keys[1]: "It is cut.", keys[2]: "It is empty.", "d.csv@00000000": ""}
        put_refusals(lake, cast("duckdb.DuckDBPyConnection", counting), said)
        assert counting.queries == 1
        assert pq.read_table(whole[keys[1]]).to_pylist() == [old | {"refused": "It is cut."}]
        put_refusals(lake, connection, said | {keys[1]: ""})
    assert pq.read_table(whole[keys[1]]).to_pylist() == [old]
    assert {key for key, path in whole.items() if path.read_bytes() != before[key]} <= {keys[1]}
