"""Only a whole set with its terms may be published, and nothing of somebody else."""

import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from off_platform.image_sets.publishing.publishable import (
    UnpublishableSetError,
    changed_objects,
    publishable,
)
from off_platform.storage.local_folder import LocalFolder
from off_platform_tests.images_desk import Desk
from off_platform_tests.publishing.conftest import write_set

LAYOUTS = ["files", "split files", "shards", "parquet"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_whole_set_is_published_with_all_its_files(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, layout: str
) -> None:
    folder = write_set(tmp_path / "set", layout)
    made = publishable(LocalFolder(folder), connection)
    there = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert made.files == there
    assert list(made.files)[-2:] == ["manifest.parquet", "README.md"]
    assert (made.licence, made.licence_id) == ("CC BY-SA 3.0", "cc-by-sa-3.0")
    assert not made.is_non_commercial
    assert list(changed_objects(LocalFolder(folder), connection)) == []


@pytest.mark.slow
@pytest.mark.parametrize("split", [None, "train=0.6,validation=0.2,test=0.2"])
@pytest.mark.parametrize("layout", ["shards", "files", "parquet"])
def test_sets_as_they_are_built_are_whole(
    month_desk: Desk, tmp_path: Path, layout: str, split: str | None
) -> None:
    folder = LocalFolder(tmp_path / "set", tmp_path / "scratch")
    month_desk.make(kind="400+ocr", layout=layout, split=split, folder=folder)
    made = publishable(folder, month_desk.connection)
    assert made.files.keys() == set(folder.names())
    assert list(changed_objects(folder, month_desk.connection)) == []
    # The objects are compared indeed, and a photo that was changed is not.
    month_desk.make("small", kind="400", layout=layout, split=split, longest_side=100)
    small = month_desk.folder("small")
    assert publishable(small, month_desk.connection).size < made.size
    assert list(changed_objects(small, month_desk.connection)) == []


def refused(folder: Path, connection: duckdb.DuckDBPyConnection) -> str:
    with pytest.raises(UnpublishableSetError) as error:
        publishable(LocalFolder(folder), connection)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["README.md", "manifest.parquet"])
def test_a_folder_without_card_or_manifest_is_refused(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    folder = write_set(tmp_path / "set")
    (folder / name).unlink()
    assert f"{name} is missing" in refused(folder, connection)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_is_missing_is_named(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, layout: str
) -> None:
    folder = write_set(tmp_path / "set", layout)
    path = pq.read_table(folder / "manifest.parquet")["path"][2].as_py()
    (folder / path).unlink()
    assert f"1 file of {folder} is missing or cut off (1 missing): '{path}'" in refused(
        folder, connection
    )


@pytest.mark.parametrize("layout", ["files", "split files", "shards"])
def test_a_file_that_was_cut_off_is_named(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, layout: str
) -> None:
    folder = write_set(tmp_path / "set", layout)
    path = folder / pq.read_table(folder / "manifest.parquet")["path"][4].as_py()
    # A TAR file of tarfile is filled up to 10 kB.
    os.truncate(path, 4 * 1024 if layout == "shards" else path.stat().st_size - 1)
    assert path.name in refused(folder, connection)


def test_parquet_with_fewer_rows_than_the_manifest_is_refused(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    folder = write_set(tmp_path / "set", "parquet")
    path = folder / "train-00000.parquet"
    pq.write_table(pq.read_table(path)[:3], path)
    assert "has 3 rows" in refused(folder, connection)


@pytest.mark.parametrize(
    "name", ["diary.txt", ".env", "00007.tar", "train/notes.txt", "other/metadata.parquet"]
)
def test_files_of_somebody_else_are_refused(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    folder = write_set(tmp_path / "set", "split files")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"mine")
    assert f"has 1 file that the set does not have: '{name}'" in refused(folder, connection)


def test_a_set_under_construction_is_refused(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    folder = write_set(tmp_path / "set")
    (folder / ".building").mkdir()
    (folder / ".building" / "plan.json").write_text("{}")
    assert "is being built, or its build was interrupted" in refused(folder, connection)


@pytest.mark.parametrize(
    "card", ["# A set", "---\ntags: [a]\n---\n", "---\n[\n---\n", "---\n1\n---\n"]
)
def test_a_card_without_a_licence_is_refused(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, card: str
) -> None:
    folder = write_set(tmp_path / "set")
    (folder / "README.md").write_text(card)
    assert "states no licence" in refused(folder, connection)


def test_rows_without_attribution_are_refused(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    folder = write_set(tmp_path / "set")
    path = folder / "manifest.parquet"
    connection.execute(f"""COPY (SELECT * REPLACE (CASE WHEN sample = 's0002' THEN '' ELSE
        attribution END AS attribution) FROM '{path}') TO '{path}.new' (FORMAT parquet)""")
    Path(f"{path}.new").replace(path)
    assert "does not state one licence and attribution" in refused(folder, connection)


def test_a_damaged_manifest_is_refused(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    folder = write_set(tmp_path / "set")
    (folder / "manifest.parquet").write_bytes(b"PAR1 and no more")
    assert "cannot be read as the manifest of a set" in refused(folder, connection)


def test_a_licence_that_forbids_commercial_use_is_known(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    folder = write_set(tmp_path / "set", licence="cc-by-nc-sa-3.0")
    assert publishable(LocalFolder(folder), connection).is_non_commercial


@pytest.mark.parametrize("layout", ["files", "split files", "shards"])
def test_an_object_with_other_bytes_is_found(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, layout: str
) -> None:
    folder = write_set(tmp_path / "set", layout)
    row = pq.read_table(folder / "manifest.parquet").to_pylist()[3]
    with (folder / row["path"]).open("r+b") as file:
        file.seek(row["offset"] or 0)
        file.write(b"X")
    publishable(LocalFolder(folder), connection)
    found = list(changed_objects(LocalFolder(folder), connection))
    assert found == [(row["path"], row["key"])]


def test_a_photo_in_parquet_with_other_bytes_is_found(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    folder = write_set(tmp_path / "set", "parquet")
    path = folder / "train-00000.parquet"
    photos = pq.read_table(path).to_pylist()
    photos[3]["image"]["bytes"] = b"X" + photos[3]["image"]["bytes"][1:]
    pq.write_table(pa.Table.from_pylist(photos), path)
    found = list(changed_objects(LocalFolder(folder), connection))
    assert found == [("train-00000.parquet", "data/3.jpg")]
