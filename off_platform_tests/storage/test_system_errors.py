"""Errors of the system: what, where and what to do, also where only their text is left."""

import os
from pathlib import Path

import pytest

from off_platform.storage.system_errors import full_disk, in_a_sentence, written_in_a_sentence


def test_the_sentence_of_an_error_is_that_of_its_text(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for at in (tmp_path / "file" / "x", tmp_path / "it's, [so]: no \n", tmp_path / ("x" * 300)):
        with pytest.raises(OSError, match="Errno") as raised:
            at.open()
        said = in_a_sentence(raised.value)
        assert said == written_in_a_sentence(str(raised.value))
        assert str(at) in said
        assert "Errno" not in said


def test_it_says_what_to_do() -> None:
    for number, to_do in ((28, "Free some space"), (13, "permissions"), (2, "name another")):
        error = OSError(number, os.strerror(number), "/lake/x")
        assert in_a_sentence(error).startswith(f"{os.strerror(number)}: /lake/x. ")
        assert to_do in in_a_sentence(error)


def test_of_a_copy_the_place_that_is_written_is_named() -> None:
    error = OSError(28, os.strerror(28), "/inbox/a", None, "/lake/it's")
    said = "No space left on device: /lake/it's. Free some space and run again."
    assert in_a_sentence(error) == written_in_a_sentence(str(error)) == said


def test_other_messages_stay() -> None:
    assert in_a_sentence(OSError("The lake is in use.")) == "The lake is in use."
    assert written_in_a_sentence("The lake is in use.") == "The lake is in use."


def test_a_full_disk_is_one_sentence_whichever_library_writes() -> None:
    somewhere = "No space left on device. Free some space and run again."
    of_arrow = "Error writing bytes to file. Detail: [errno 28] No space left on device"
    assert in_a_sentence(OSError(28, of_arrow)) == somewhere
    of_xlsx = "xlsxwriter.exceptions.FileCreateError: [Errno 28] No space left on device"
    assert full_disk(of_xlsx) == written_in_a_sentence(of_xlsx) == somewhere
    of_duckdb = (
        'IO Error: Async write failed: {"exception_message":"Could not write file '
        '\\"/lake/a b.tsv\\": No space left on device","errno":"28"}'
    )
    there = "No space left on device: /lake/a b.tsv. Free some space and run again."
    assert in_a_sentence(OSError(of_duckdb)) == written_in_a_sentence(of_duckdb) == there
    assert full_disk("IO Error: No files found") is None
