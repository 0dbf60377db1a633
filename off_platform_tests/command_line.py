"""The command line as a test runs it: in this process, with nothing but the settings it names."""

import sys
from collections.abc import Callable, Mapping

import pytest

from off_platform.cli import main as cli
from off_platform.settings import Settings, settings

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
    monkeypatch.setattr(cli.out, "width", 200)
    monkeypatch.setattr(cli.err, "width", 200)

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
