"""An unforeseen error: its own exit code, one sentence, a traceback in a file, no secrets in it."""

import sys
import tempfile
from pathlib import Path

import pytest

from off_platform.cli import key_lists
from off_platform_tests.command_line import command_line


def test_an_unforeseen_error_is_a_sentence_a_file_and_code_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    run = command_line(monkeypatch, capsys)

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("wJalrXUtnFEMI at https://alice:pass@host/x?sig=abc")

    monkeypatch.setattr(key_lists, "the_lake", fails)
    code, out, err = run("keys", "4012359114303")
    assert (code, out) == (4, "")
    (file,) = tmp_path.glob("off-platform-error-*.txt")
    assert len(err.strip().splitlines()) == 1
    assert str(file) in err
    text = file.read_text()
    assert "Traceback" in text
    assert "ZeroDivisionError" in text
    for secret in ("wJalrXUtnFEMI", "alice", "pass@", "sig=abc"):
        assert secret not in text + err
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
def test_an_unwritable_crash_report_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run = command_line(monkeypatch, capsys)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "is" / "not" / "there"))

    def fails(*_: object, **__: object) -> None:
        raise TypeError

    monkeypatch.setattr(key_lists, "the_lake", fails)
    code, _, err = run("keys", "4012359114303")
    assert code == 4
    assert "could not be written" in err
