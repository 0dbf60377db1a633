"""The commands of the README: what `make` itself adds to what they say, which is nothing."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
# Stands for the command line, which ends so at Ctrl-C; how it does is a test of its own.
PROGRAM = """#!/bin/sh
trap 'echo Stopped. >&2; exit 130' INT
echo ready
while :; do sleep 0.1; done
"""
# What a make hands to those below it, among it to the tests of `make test`: they would say which
# folder they enter.
AS_AT_A_TERMINAL = {
    name: value
    for name, value in os.environ.items()
    if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
}


@pytest.mark.parametrize("target", ["run", "ui"])
def test_ctrl_c_is_reported_by_the_command_alone(tmp_path: Path, target: str) -> None:
    for name, text in (("off-platform", PROGRAM), ("activate", f"PATH={tmp_path}:$PATH\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    with subprocess.Popen(  # noqa: S603 - the system's make
        ["make", "-o", ".venv/.ready", f"BIN={tmp_path}", target],  # noqa: S607 - the same
        cwd=PROJECT,
        env=AS_AT_A_TERMINAL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background jobs are deaf to it, and so are those they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # As a terminal does: to all of its foreground group.
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate()
    assert said == "Stopped.\n"
    assert process.returncode == -signal.SIGINT


def test_a_command_that_fails_is_a_failure_of_make(tmp_path: Path) -> None:
    (tmp_path / "off-platform").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "off-platform").chmod(0o755)
    words = ["make", "-o", ".venv/.ready", f"BIN={tmp_path}", "run"]
    done = subprocess.run(  # noqa: S603 - the system's make
        words, cwd=PROJECT, env=AS_AT_A_TERMINAL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Error" in done.stderr


def test_a_command_of_make_names_the_home_that_forbids_statistics() -> None:
    said = subprocess.run(
        ["make", "--eval", "shown:; @echo $$DAGSTER_HOME", "shown"],  # noqa: S607 - the system's
        cwd=PROJECT,
        env=AS_AT_A_TERMINAL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.strip() == str(PROJECT)
