"""The command line as a test runs it: with nothing but the settings it names.

In this process, unless it is interrupted.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from off_platform.cli import context
from off_platform.cli import main as cli
from off_platform.settings import Settings, settings
from off_platform_tests.waiting import PATIENCE_SECONDS

# Words, and settings of one call, -> exit code, output, errors.
Run = Callable[..., tuple[int, str, str]]


def command_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    of: Mapping[str, object] | None = None,
    *words: str,
) -> Run:
    """What runs `off-platform` in the working directory.

    Args:
        monkeypatch: of the test.
        capsys: of the test.
        of: settings of all calls, without their prefix; all others are the defaults.
        words: with which every call begins.
    """
    for name in Settings.model_fields:
        monkeypatch.delenv(f"OFF_PLATFORM_{name.upper()}", raising=False)
    _set(monkeypatch, of or {})
    monkeypatch.setattr(context.out, "width", 200)
    monkeypatch.setattr(context.err, "width", 200)

    def call(*more: str, **varied: str) -> tuple[int, str, str]:
        _set(monkeypatch, varied)
        settings.cache_clear()
        monkeypatch.setattr(sys, "argv", ["off-platform", *words, *more])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        captured = capsys.readouterr()
        code = stopped.value.code
        return (code if isinstance(code, int) else 0), captured.out, captured.err

    return call


def _set(monkeypatch: pytest.MonkeyPatch, of: Mapping[str, object]) -> None:
    for name, value in of.items():
        monkeypatch.setenv(f"OFF_PLATFORM_{name}", str(value))


def started(folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    """Starts the installed command in a folder, which is its home and its temporary folder too."""
    program = Path(sys.executable).with_name("off-platform")
    return subprocess.Popen(  # noqa: S603 - our own program
        [program, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)},
        # A shell's background jobs ignore Ctrl-C, and so does what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def press_ctrl_c(process: "subprocess.Popen[bytes]", sent: signal.Signals = signal.SIGINT) -> str:
    """Interrupts a command until it ends; gives what it wrote to the terminal."""
    # As a person does it: again when nothing happens, as while a library is still loaded.
    for seconds in (20, 60, PATIENCE_SECONDS):
        process.send_signal(sent)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            break
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return (out + err).decode().strip()
