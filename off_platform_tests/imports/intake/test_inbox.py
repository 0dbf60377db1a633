"""The inbox: new and whole files become imports, once, in portions; it is never altered."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from off_platform.arrivals import Arrivals
from off_platform.imports.intake import inbox as module
from off_platform.imports.intake.inbox import entries, fetched, look
from off_platform.imports.intake.originals import key_of
from off_platform.storage.objects import Access, Source
from off_platform_tests.s3.server import S3Server


def looks(source: Source, count: int, cursor: str | None = None) -> list[Arrivals]:
    """Looks in a row, each with what the one before remembered."""
    found: list[Arrivals] = []
    for _ in range(count):
        found.append(look(source, found[-1].cursor if found else cursor))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def keys(found: Arrivals) -> list[str]:
    return [each.key for each in found.arrived]


def test_a_file_is_imported_once_unchanged_in_two_looks(folder: Path) -> None:
    path = folder / "a.csv"
    path.write_text("1")
    first, second, third = looks(Source(str(folder)), 3)
    assert (first.arrived, first.waiting) == ([], 1)
    assert keys(second) == [key_of(path)]
    assert second.arrived[0].place == str(path)
    assert (third.arrived, third.waiting) == ([], 0)


def test_a_file_that_still_grows_waits(folder: Path) -> None:
    path, cursor = folder / "a.csv", None
    for size in range(1, 4):
        path.write_text("x" * size)
        found = look(Source(str(folder)), cursor)
        assert found.arrived == []
        cursor = found.cursor
    assert keys(look(Source(str(folder)), cursor)) == [key_of(path)]


@pytest.mark.parametrize(
    "name", ["a.csv.part", ".hidden", "b.TMP", "Thumbs.db", "desktop.ini", "~$a.xlsx"]
)
def test_unfinished_and_hidden_names_are_left_alone(folder: Path, name: str) -> None:
    (folder / name).write_text("x")
    assert all((each.arrived, each.waiting) == ([], 0) for each in looks(Source(str(folder)), 3))


def test_a_corrected_file_is_another_import_and_the_same_again_is_not(folder: Path) -> None:
    path = folder / "a.csv"
    path.write_text("1")
    _, first = looks(Source(str(folder)), 2)
    path.write_text("2")
    _, second = looks(Source(str(folder)), 2, first.cursor)
    assert keys(second) == [key_of(path)]
    assert keys(second) != keys(first)
    # Put there again, its key is that of before; a run of a key is asked for once.
    path.write_text("1")
    os.utime(path, (1, 1))
    _, again = looks(Source(str(folder)), 2, second.cursor)
    assert keys(again) == keys(first) == [key_of(path)]


def test_thousands_of_files_are_imported_in_portions_without_loss(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 40)
    names = [f"{number:04d}.csv" for number in range(1000)]
    for name in names:
        (folder / name).write_text(name)
    found = looks(Source(str(folder)), 27)
    assert [len(each.arrived) for each in found] == [0, *[40] * 25, 0]
    taken = [key.split("@")[0] for each in found for key in keys(each)]
    assert sorted(taken) == names
    assert sorted(path.name for path in folder.iterdir()) == names


def test_removed_files_are_forgotten(folder: Path) -> None:
    (folder / "a.csv").write_text("1")
    (*_, last) = looks(Source(str(folder)), 2)
    (folder / "a.csv").unlink()
    after = look(Source(str(folder)), last.cursor)
    assert after == look(Source(str(folder)), None)
    assert after != last


def test_a_cursor_holds_any_number_of_names(folder: Path) -> None:
    for number in range(20_001):
        (folder / f"{number:05d}.csv").touch()
    first, second = looks(Source(str(folder)), 2)
    assert (len(first.arrived), first.waiting) == (0, 20_001)
    assert (len(second.arrived), second.waiting) == (module.MOST_FILES, 20_001 - module.MOST_FILES)
    assert len(second.cursor) < 9 * 20_001


def test_a_large_inbox_is_imported_in_portions_each_file_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 10)
    for number in range(50):
        (folder / f"{number:02d}.csv").touch()
    found = looks(Source(str(folder)), 7)
    assert [each.waiting for each in found] == [50, 40, 30, 20, 10, 0, 0]
    taken = [each.place for look in found for each in look.arrived]
    assert taken == sorted(map(str, folder.iterdir()))
    (folder / "last.csv").touch()
    _, new, after = looks(Source(str(folder)), 3, found[-1].cursor)
    assert keys(new) == [key_of(folder / "last.csv")]
    assert (after.arrived, after.waiting) == ([], 0)


def test_a_portion_has_at_least_one_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SECONDS", 0.0)
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text(name)
    found = looks(Source(str(folder)), 4)
    assert [(len(each.arrived), each.waiting) for each in found] == [(0, 2), (1, 1), (1, 0), (0, 0)]


def test_a_folder_is_one_import_once_all_of_it_is_there(folder: Path) -> None:
    (folder / "several" / "images").mkdir(parents=True)
    (folder / "several" / "a.csv").write_text("1")
    first = look(Source(str(folder)), None)
    (folder / "several" / "images" / "x.jpg").write_text("2")
    second, third = looks(Source(str(folder)), 2, first.cursor)
    assert second.arrived == []
    assert keys(third) == [key_of(folder / "several")]


def test_an_unreadable_file_becomes_an_import(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text(name)

    def read(path: Path, **how: Path | None) -> str:
        # Nobody forbids root to read a file.
        if path.name == "a.csv":
            raise PermissionError(13, "Permission denied", str(path))
        return key_of(path, **how)

    monkeypatch.setattr(module, "key_of", read)
    first, second = keys(looks(Source(str(folder)), 2)[1])
    assert first.startswith("a.csv@")
    assert second == key_of(folder / "b.csv")


def to_a_pipe(path: Path) -> None:
    os.mkfifo(path)


def to_a_link(path: Path) -> None:
    path.symlink_to("../secret.csv")


def to_a_link_to_a_folder(path: Path) -> None:
    path.symlink_to("..")


@pytest.mark.parametrize("become", [to_a_pipe, to_a_link, to_a_link_to_a_folder])
@pytest.mark.parametrize("name", ["a.csv", "several/a.csv"])
def test_what_becomes_a_pipe_or_a_link_after_the_list_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, become: Callable[[Path], None], name: str
) -> None:
    secret = folder.with_name("secret.csv")
    secret.write_text("barcode\n")
    (folder / "several").mkdir()
    path = folder / name
    path.write_text("1")

    def late(given: Path, **how: Path | None) -> str:
        path.unlink(missing_ok=True)
        become(path)
        return key_of(given, **how)

    monkeypatch.setattr(module, "key_of", late)
    found = keys(looks(Source(str(folder)), 2)[1])
    assert found
    read = hashlib.sha256(secret.read_bytes()).hexdigest()[:8]
    assert not any(key.endswith(read) for key in found)


def test_a_missing_inbox_is_an_error(folder: Path) -> None:
    with pytest.raises(OSError, match="none"):
        look(Source(str(folder / "none")), None)


def test_an_inbox_on_s3(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    (folder / "in" / "several").mkdir(parents=True)
    (folder / "in" / "a.csv").write_text("1")
    (folder / "in" / "several" / "b.csv").write_text("2")
    with S3Server({"inbox": folder}) as server:
        source = Source("s3://inbox/in", Access(endpoint=server.url, signed=True))
        first, second, third = looks(source, 3)
        assert (first.arrived, third.arrived) == ([], [])
        assert keys(second) == [key_of(folder / "in" / "a.csv"), key_of(folder / "in" / "several")]
        with fetched(second.arrived[0].place, source) as path:
            assert (path.name, path.read_text()) == ("a.csv", "1")
        with fetched(second.arrived[1].place, source) as path:
            assert (path.name, (path / "b.csv").read_text()) == ("several", "2")


def test_the_same_bytes_under_two_names_of_one_key_are_one_import(folder: Path) -> None:
    for name in ("menu 1.csv", "menu-1.csv"):
        (folder / name).write_text("x")
    _, second, third = looks(Source(str(folder)), 3)
    assert keys(second) == [key_of(folder / "menu-1.csv")]
    assert (third.arrived, third.waiting) == ([], 0)


def test_links_and_pipes_are_left_alone(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("x")
    (folder / "link.csv").symlink_to(secret)
    (folder / "loop").symlink_to(folder)
    (folder / "several").mkdir()
    (folder / "several" / "link.csv").symlink_to(secret)
    os.mkfifo(folder / "pipe.csv")
    assert [entry.name for entry in entries(Source(str(folder)))] == ["several"]


def test_a_file_that_was_touched_is_ready_again_in_another_state(folder: Path) -> None:
    path = folder / "a.csv"
    path.write_text("x")
    *_, first = looks(Source(str(folder)), 2)
    os.utime(path, (1, 1))
    *_, second = looks(Source(str(folder)), 2, first.cursor)
    assert keys(first) == keys(second)
    assert first.arrived[0].state != second.arrived[0].state
