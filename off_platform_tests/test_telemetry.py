"""No command of the project collects usage statistics, with an empty home folder of the user."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["list", "defs"], marks=pytest.mark.slow),
        pytest.param(["check", "defs"], marks=pytest.mark.soak),
    ],
)
def test_dg_leaves_nothing_in_the_users_home(tmp_path: Path, words: list[str]) -> None:
    own = tmp_path / "own"
    own.mkdir()
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(own)}
    if not (Path(sys.prefix) / "dg.toml").exists():
        pytest.skip("this environment was not made by `make setup`")
    done = subprocess.run(  # noqa: S603 - a program of this environment
        [Path(sys.executable).with_name("dg"), *words],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Telemetry" not in done.stdout + done.stderr
    assert not list(own.iterdir())
