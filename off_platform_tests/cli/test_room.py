"""What is said to be free when a disk is full."""

import tempfile
from pathlib import Path

import pytest

from off_platform.cli.room import with_room

FULL = "No space left on device. Free some space and run again."


def test_a_disk_so_full_that_it_has_no_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    said = with_room(FULL)
    assert said.startswith("No space left on device (free now: ")
    assert f"B for the lake in {tmp_path}" in said


def test_a_place_that_is_named_is_enough() -> None:
    named = "No space left on device: /data/x. Free some space and run again."
    assert with_room(named) == named
