"""Imports that are killed: the next run finishes the work, with nothing lost and nothing double."""

import os
import random
import shutil
import sys
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import duckdb
import pytest

from off_platform.cli import main as cli
from off_platform_tests.interruptions import Kills, forks, run_and_kill
from off_platform_tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.slow

RECORDS = 10_000
ROWS = "".join(
    f"P{number:06d},Name {number},{'lots' if number % 100 == 0 else 1}\n"
    for number in range(RECORDS)
)
KILLS = 4


def import_at(root: Path) -> None:
    """What a process does: the command, in a folder; it ends with 1, as there are findings."""
    os.chdir(root)
    os.environ["OFF_PLATFORM_LAKE"] = str(root / "lake")
    sys.argv = ["off-platform", "import", "long.csv"]
    try:
        cli.main()
    except SystemExit as ended:
        sys.exit(0 if ended.code == 1 else f"the import ended with {ended.code}")


def import_whole(context: ForkServerContext, root: Path) -> float:
    """Runs the command to its end; gives the seconds it took."""
    begun = time.monotonic()
    assert not run_and_kill(context, import_at, PATIENCE_SECONDS, root)
    return time.monotonic() - begun


def contents(root: Path) -> dict[str, Any]:
    """What the lake holds, but for times."""
    with duckdb.connect(root / "lake" / "off_platform.duckdb", read_only=True) as lake:
        tables = ("products_accepted", "products_quarantined", "import_findings")
        found: dict[str, Any] = {
            name: lake.execute(f"SELECT count(*), sum(hash(t)) FROM {name} AS t").fetchall()
            for name in tables
        }
        found["products_imported"] = lake.execute(
            "SELECT count(*), count(DISTINCT product) FROM products_imported"
        ).fetchall()
        found["imports"] = lake.execute(
            "SELECT count(*), any_value(sha256) FROM imports"
        ).fetchall()
    (kept,) = (root / "lake" / "imports").iterdir()
    found["files"] = sorted(path.relative_to(kept).as_posix() for path in kept.rglob("*.*"))
    found["original"] = (kept / "original" / "long.csv").read_text() == ROWS_OF_FILE
    return found


ROWS_OF_FILE = f"product_id,product_name,fat_g\n{ROWS}"


def test_a_killed_import_is_finished_by_the_next(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for root in (whole, killed):
        root.mkdir()
        (root / "long.csv").write_text(ROWS_OF_FILE)
    context = forks()
    kills = Kills(KILLS, import_whole(context, whole), random.Random(3))
    for _ in kills.rounds():
        if not kills.try_one(context, import_at, killed):
            shutil.rmtree(killed / "lake")
    import_whole(context, killed)
    assert contents(killed) == contents(whole)
    assert contents(whole)["products_accepted"][0][0] == RECORDS - RECORDS // 100
