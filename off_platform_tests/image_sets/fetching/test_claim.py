"""The folder a set goes to: nothing but sets of ours is written over, and one run at a time."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.image_sets.construction.moves import MOVES, UnusableFolderError
from off_platform.image_sets.construction.plans import IDENTITY
from off_platform.image_sets.files.set_files import BUILDING, is_ours
from off_platform.sandbox.make import Sandbox
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.locks import FolderInUseError, locked
from off_platform.storage.objects import Source
from off_platform.storage.progress import Tally
from off_platform_tests.images_desk import Desk, desk_at, tree
from off_platform_tests.interruptions import forks
from off_platform_tests.s3.server import S3Server
from off_platform_tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def desk(month_desk: Desk) -> Desk:
    """What every test here starts from."""
    return month_desk


@pytest.fixture(scope="module")
def small_set(sandbox: Sandbox, month_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of four photos; to be copied only."""
    root = tmp_path_factory.mktemp("small")
    lake, made = shutil.copytree(month_lake, root / "lake"), root / "set"
    with desk_at(lake, Source(str(sandbox.images.folder))) as desk:
        desk.make(kind="400", n=4, folder=LocalFolder(made))
    return made


@pytest.fixture
def folder(small_set: Path, tmp_path: Path) -> LocalFolder:
    """The folder of such a set, with files of the user."""
    folder = LocalFolder(Path(shutil.copytree(small_set, tmp_path / "set")))
    folder.write("diary.txt", b"secret")
    folder.write("photos/1.jpg", b"mine")
    return folder


def in_a_sentence(refused: pytest.ExceptionInfo[Exception]) -> str:
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize(
    "own",
    ["README.md", "gallery.html", "00000.tar", "thesis.odt", "photos/1.jpg", ".building/notes.txt"],
)
def test_a_folder_of_the_user_is_refused_before_anything_is_fetched(
    desk: Desk, server: S3Server, tmp_path: Path, own: str
) -> None:
    folder = LocalFolder(tmp_path / "mine", tmp_path / "mine" / BUILDING / "scratch")
    folder.write(own, b"years of work")
    before = tree(tmp_path / "mine")
    server.requests.clear()
    with pytest.raises(UnusableFolderError, match="name an") as refused:
        desk.make(kind="400", n=3, folder=folder)
    assert str(tmp_path / "mine") in in_a_sentence(refused)
    assert tree(tmp_path / "mine") == before
    assert not server.requests


@pytest.mark.parametrize("name", ["set[1]", "set*", "set?"])
def test_a_folder_that_would_be_read_as_a_pattern_is_refused(
    desk: Desk, tmp_path: Path, name: str
) -> None:
    with pytest.raises(UnusableFolderError, match="name another folder") as refused:
        desk.make(kind="400", n=3, folder=LocalFolder(tmp_path / "sets" / name))
    in_a_sentence(refused)


def test_an_empty_folder_and_a_new_one_are_taken(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new/deep"):
        desk.make(kind="400", n=3, folder=LocalFolder(tmp_path / name))
        assert (tmp_path / name / MANIFEST).is_file()


def changed_manifest(sql: str) -> Callable[[Path], object]:
    """Replaces a manifest by the result of a query over its rows, named `rows`."""

    def change(path: Path) -> None:
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE rows AS FROM '{path}'")
            connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")

    return change


def with_path(path: str) -> Callable[[Path], object]:
    return changed_manifest(
        f"SELECT * REPLACE (CASE position WHEN 1 THEN '{path}' ELSE path END AS path) FROM rows"
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"no Parquet"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        changed_manifest("SELECT 1 AS one"),
        changed_manifest("SELECT * EXCLUDE (md5) FROM rows"),
        changed_manifest("SELECT * REPLACE (bytes::VARCHAR AS bytes) FROM rows"),
        changed_manifest("FROM rows UNION ALL FROM rows"),
        changed_manifest('SELECT * REPLACE (-5 AS "offset") FROM rows'),
        changed_manifest("SELECT * REPLACE (9223372036854775807 AS stored_bytes) FROM rows"),
        changed_manifest("SELECT * REPLACE (NULL::VARCHAR AS path) FROM rows"),
        with_path("diary.txt"),
        with_path("../diary.txt"),
        with_path("/etc/hostname"),
        with_path("00000/../../diary.txt"),
        with_path("00000/.."),
        with_path("photos/1.jpg"),
        with_path("00000.tar\n"),
    ],
)
def test_a_foreign_or_damaged_manifest_touches_nothing(
    desk: Desk,
    server: S3Server,
    folder: LocalFolder,
    tmp_path: Path,
    damage: Callable[[Path], object],
) -> None:
    damage(tmp_path / "set" / MANIFEST)
    before = tree(tmp_path / "set")
    server.requests.clear()
    with pytest.raises(UnusableFolderError, match=r"manifest\.parquet is damaged or no") as refused:
        desk.make(kind="400", n=2, folder=folder)
    in_a_sentence(refused)
    assert tree(tmp_path / "set") == before
    assert not server.requests


@pytest.mark.parametrize(
    "moves",
    [
        {"moves": [], "stale": ["diary.txt"]},
        {"moves": [], "stale": ["../diary.txt"]},
        {"moves": ["diary.txt"], "stale": []},
        {"moves": ["00000.tar"], "stale": ["README.md"]},
        {"moves": ["chart_diary.svg"], "stale": []},
        {"moves": [], "stale": ["charts"]},
        {"moves": "all"},
        [],
        None,
    ],
)
def test_a_damaged_list_of_moves_moves_and_removes_nothing(
    desk: Desk, folder: LocalFolder, tmp_path: Path, moves: Any
) -> None:
    folder.write(MOVES, json.dumps(moves).encode() if moves is not None else b"{")
    before = tree(tmp_path / "set")
    with pytest.raises(UnusableFolderError, match=r"moves\.json is damaged") as refused:
        desk.make(kind="400", n=2, folder=folder)
    in_a_sentence(refused)
    assert tree(tmp_path / "set") == before


def test_a_damaged_plan_is_written_again(desk: Desk, tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path / "set")
    folder.write(IDENTITY, b"\xff no JSON")
    assert not desk.make(kind="400", n=4, folder=folder).continued
    assert not folder.names(BUILDING)


@given(st.text())
def test_few_names_are_ours(name: str) -> None:
    if is_ours(name):
        assert "/" not in name
        assert not name.startswith(".")


class Second:
    """Starts a second run into the same folder while the first one is at work."""

    def __init__(self, desk: Desk, folder: LocalFolder) -> None:
        """Takes the desk and the folder."""
        self.desk, self.folder = desk, folder
        self.sentences: list[str] = []

    def show(self, tally: Tally) -> None:
        """See `Display`."""
        if tally.done == 1:
            with self.desk.lake.connect() as connection:
                second = Desk(self.desk.lake, self.desk.source, connection)
                with pytest.raises(FolderInUseError) as refused:
                    second.make(kind="400", n=9, seed=4, folder=LocalFolder(self.at))
            self.sentences.append(in_a_sentence(refused))

    @property
    def at(self) -> Path:
        """The folder's path."""
        return Path(self.folder.address())


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_is_refused(desk: Desk, tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path / "straight" / "tryout")
    second = Second(desk, folder)
    desk.make(kind="400", n=9, folder=folder, display=second)
    assert second.sentences == [
        f"Another run is using {folder.address()}; wait until it ends, or use another folder."
    ]
    desk.make(kind="400", n=9)
    assert tree(second.at) == tree(Path(desk.folder().address()))
    # And the folder is free again.
    desk.make(kind="400", n=4, folder=folder)


def hold(folder: Path, held: Any) -> None:
    """What a process does that is killed while it holds a folder."""
    with locked(folder):
        held.set()
        time.sleep(3600)


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    context = forks()
    held = context.Event()
    process = context.Process(target=hold, args=(tmp_path, held))
    process.start()
    assert held.wait(PATIENCE_SECONDS)
    with pytest.raises(FolderInUseError), locked(tmp_path):
        pytest.fail("two hold it")
    process.kill()
    process.join(PATIENCE_SECONDS)
    process.close()
    with locked(tmp_path):
        assert not list(tmp_path.iterdir())
