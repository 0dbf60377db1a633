"""`off-platform publish`: finds the set, says what it sends and under which licence."""

import builtins
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from off_platform.storage.locks import locked
from off_platform.words import size
from off_platform_tests.command_line import Run, command_line
from off_platform_tests.publishing.conftest import content, write_set
from off_platform_tests.s3.server import S3Server

BUCKET = "our-sets"
TO = f"s3://{BUCKET}/few"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    (tmp_path / BUCKET).mkdir()
    with S3Server({BUCKET: tmp_path / BUCKET}) as running:
        yield running


@pytest.fixture
def run(
    server: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs `off-platform publish` in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ours")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    boto3.setup_default_session()
    return command_line(monkeypatch, capsys, {"LAKE_ENDPOINT": server.url}, "publish")


def test_a_folder_is_published(run: Run, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    code, out, _ = run("set", "--to", TO)
    assert code == 0
    assert content(tmp_path / BUCKET / "few") == content(folder)
    assert "Licence: CC BY-SA 3.0 (cc-by-sa-3.0); attribution: Open Food Facts contribut" in out
    assert f"Published at {TO}: 10 files sent" in out
    # It makes nothing beside the set, not even a lake.
    assert {path.name for path in tmp_path.iterdir()} == {"set", BUCKET}
    assert "10 were there already" in run("set", "--to", TO)[1]


def test_a_dry_run_shows_the_files_and_sends_nothing(run: Run, tmp_path: Path) -> None:
    write_set(tmp_path / "set")
    code, out, _ = run("set", "--to", TO, "--dry-run")
    assert code == 0
    assert content(tmp_path / BUCKET) == {}
    for name, data in content(tmp_path / "set").items():
        assert f"{name} " in out
        assert size(len(data)) in out
    assert "10 files would be sent, 0 are there already; 0 other files there would stay." in out
    run("set", "--to", TO)
    (tmp_path / BUCKET / "few" / "old.tar").write_bytes(b"old")
    out = run("set", "--to", TO, "--dry-run", "--delete")[1]
    assert "0 files would be sent, 10 are there already; 1 other file there would be rem" in out
    assert (tmp_path / BUCKET / "few" / "old.tar").exists()


def test_a_dry_run_of_many_files_shows_folders(run: Run, tmp_path: Path) -> None:
    write_set(tmp_path / "set", photos=40)
    out = run("set", "--to", TO, "--dry-run")[1]
    assert "00000/*.jpg" in out
    assert "s0001" not in out


def test_other_files_of_the_target_are_named(run: Run, tmp_path: Path) -> None:
    write_set(tmp_path / "set")
    (tmp_path / BUCKET / "few").mkdir()
    (tmp_path / BUCKET / "few" / "old.tar").write_bytes(b"old")
    assert "old.tar; remove them with --delete" in run("set", "--to", TO)[2]
    assert "1 other file removed there." in run("set", "--to", TO, "--delete")[1]
    assert content(tmp_path / BUCKET / "few") == content(tmp_path / "set")


def test_sets_of_the_lake_are_found_by_name(run: Run, tmp_path: Path) -> None:
    made = write_set(tmp_path / "var/lake/image_sets/few")
    assert run("few", "--to", TO)[0] == 0
    assert content(tmp_path / BUCKET / "few") == content(made)
    shutil.copytree(made, tmp_path / "var/lake/bin_image_sets/few")
    code, _, err = run("few", "--to", TO)
    assert (code, "say which with --wing" in err) == (2, True)
    assert run("few", "--to", TO, "--wing", "bins")[0] == 0


@pytest.mark.slow
def test_a_set_of_a_lake_in_a_bucket_is_published(run: Run, tmp_path: Path) -> None:
    made = write_set(tmp_path / BUCKET / "lake/image_sets/few", "split files", photos=12)
    lake = f"s3://{BUCKET}/lake"
    code, out, err = run("few", "--to", TO, "--check-bytes", LAKE=lake)
    assert (code, err) == (0, ""), out
    assert content(tmp_path / BUCKET / "few") == content(made)
    assert "0 files sent" in run("few", "--to", TO, LAKE=lake)[1]
    itself = f"{lake}/image_sets/few"
    assert "is the set itself" in run("few", "--to", itself, LAKE=lake)[2]


def test_a_licence_that_forbids_commercial_use_is_said(run: Run, tmp_path: Path) -> None:
    write_set(tmp_path / "set", licence="cc-by-nc-sa-3.0")
    for words in ((), ("--dry-run",)):
        assert "forbids commercial use" in run("set", "--to", TO, *words)[2]


def test_changed_bytes_are_refused_if_they_are_compared(run: Run, tmp_path: Path) -> None:
    photo = write_set(tmp_path / "set") / "00000" / "s0001.jpg"
    photo.write_bytes(photo.read_bytes()[:-1] + b"X")
    code, _, err = run("set", "--to", TO, "--check-bytes")
    assert code == 2
    assert "1 object of" in err
    assert "data/1.jpg in 00000/s0001.jpg" in err
    assert content(tmp_path / BUCKET) == {}


def test_a_set_that_is_being_built_is_refused(run: Run, tmp_path: Path) -> None:
    write_set(tmp_path / "set")
    with locked(tmp_path / "set"):
        code, _, err = run("set", "--to", TO)
    assert (code, "Another run is using" in err) == (3, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("none", "--to", TO), "There is no image set 'none' in the lake (var/lake), and no"),
        (("set", "--to", "gs://bucket/x"), "write hf://datasets/OWNER/NAME or s3://bucket/prefix"),
        (("set", "--to", "hf://us/few"), "write hf://datasets/OWNER/NAME or s3://bucket/prefix"),
        (("set", "--to", "s3:///x"), "is not a target"),
        (("set", "--to", "s3://me:word@bucket/x"), "'s3://***@bucket/x' is not a target"),
        (("set", "--to", TO, "--private"), "--private is for the Hugging Face Hub"),
        (("set", "--to", "s3://nobodys/x"), "NoSuchBucket"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    run: Run, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    write_set(tmp_path / "set")
    code, _, err = run(*words)
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err


def test_a_target_out_of_reach_has_a_code_of_its_own(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("off_platform.image_sets.publishing.bucket_target.ATTEMPTS", 1)
    write_set(tmp_path / "set")
    code, _, err = run("set", "--to", TO, LAKE_ENDPOINT="http://127.0.0.1:9")
    assert (code, "cannot be reached" in err) == (3, True)


def test_without_the_hubs_library_it_says_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name.endswith("hub_target"):
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    write_set(tmp_path / "set")
    code, _, err = run("set", "--to", "hf://datasets/us/few")
    assert (code, "off-platform[publish]" in err) == (2, True)
