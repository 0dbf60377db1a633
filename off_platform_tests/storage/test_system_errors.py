"""Errors of the system: what, where and what to do, also where only their text is left."""

import os
from pathlib import Path

import pytest

from off_platform.storage.system_errors import in_a_sentence, written_in_a_sentence


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
