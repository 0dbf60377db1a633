"""What is read several times must stay the same meanwhile: the commands, with a busy neighbour."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from off_platform.storage.lake_layout import BIN_IMAGE_SETS
from off_platform.storage.unchanged import ChangedFileError, unchanged
from off_platform_tests.command_line import Run, command_line
from off_platform_tests.evaluation.made_sets import write_predictions, write_set
from off_platform_tests.evaluation.test_evaluate import BINS

RECORDS = 'barcode,product_name,fat_g\n3017620422003,Nutella,"30,9 g"\n'
OTHER = 'barcode,product_name,fat_g\n7622210449283,Oreo,1\n3017620422003,Nutella,"30,9 g"\n'
DUMP = '{"code": "3017620422003", "product_name": "Nutella"}\n'


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\n")


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def replace(path: Path) -> None:
    shutil.copy2(path, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def overwrite(path: Path) -> None:
    path.write_bytes(path.read_bytes().swapcase())


def vanish(path: Path) -> None:
    path.unlink()


def to_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def change_and_fail(change: Callable[[Path], None], path: Path) -> None:
    change(path)
    raise ValueError(path)


@pytest.mark.parametrize("change", [grow, shrink, replace, overwrite, vanish, to_a_folder])
@pytest.mark.parametrize("is_folder", [False, True])
def test_every_change_is_seen(
    tmp_path: Path, change: Callable[[Path], None], *, is_folder: bool
) -> None:
    folder = tmp_path / "of"
    folder.mkdir()
    (folder / "a.csv").write_text(RECORDS)
    path = folder if is_folder else folder / "a.csv"
    with unchanged(path):
        (folder / "a.csv").read_text()
    with pytest.raises(ChangedFileError, match="was changed while it was read"), unchanged(path):
        change(folder / "a.csv")
    # The error that follows from the change is its result.
    (folder / "b.csv").write_text(RECORDS)
    with pytest.raises(ChangedFileError), unchanged(folder / "b.csv"):
        change_and_fail(change, folder / "b.csv")
    with pytest.raises(ValueError, match="another"), unchanged(path):
        raise ValueError("another")


@contextmanager
def rewritten(path: Path) -> Iterator[None]:
    """Somebody writes the file again and again."""
    ended = threading.Event()
    texts = [path.read_text(), path.read_text() + "\n"]

    def write() -> None:
        count = 0
        while not ended.wait(0.001):
            count += 1
            path.with_name("next").write_text(texts[count % 2])
            path.with_name("next").replace(path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/x.csv").write_text(RECORDS)
    Path("dump.jsonl").write_text(DUMP)
    write_set(tmp_path / "lake" / BIN_IMAGE_SETS / "counting", BINS)
    write_predictions(Path("in/p.csv"), "sample,prediction", "00004,2", "00005,2", "00006,4")
    return command_line(monkeypatch, capsys, {"LAKE": tmp_path / "lake"})


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("validate", "in/x.csv", "--corrected=out.csv", "--report=out.html"), "in/x.csv"),
        (("compare", "in/x.csv", "--dump=dump.jsonl", "--out=out.csv"), "in/x.csv"),
        (("compare", "in/x.csv", "--dump=dump.jsonl", "--out=out.csv"), "dump.jsonl"),
        (("evaluate", "in/p.csv", "--set=counting", "--json=out.json"), "in/p.csv"),
    ],
)
def test_a_command_whose_file_changes_says_so_and_writes_nothing(
    run: Run, tmp_path: Path, words: tuple[str, ...], path: str
) -> None:
    assert run(*words)[0] in {0, 1}
    for made in tmp_path.glob("out.*"):
        made.unlink()
    with rewritten(Path(path)):
        code, _, err = run(*words)
    assert code == 3
    assert f"{path} was changed while it was read; run again once it is complete." in err
    assert not [*tmp_path.glob("*out.*")]


def test_one_of_several_files_that_changes_does_not_hide_the_verdicts_of_others(run: Run) -> None:
    Path("other.csv").write_text(OTHER)
    with rewritten(Path("in/x.csv")):
        code, out, _ = run("validate", "in/x.csv", "other.csv", "--format", "json")
    assert code == 3
    first, second = json.loads(out)["imports"]
    assert "was changed" in first["sentence"]
    assert second["sentence"].startswith("Of 2 records")
