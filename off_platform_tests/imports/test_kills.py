"""Imports that are killed: the next run finishes the work, with nothing lost and nothing double."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from off_platform_tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.slow

RECORDS = 30_000
ROWS = "".join(
    f"P{number:06d},Name {number},{'lots' if number % 100 == 0 else 1}\n"
    for number in range(RECORDS)
)
KILLS = 5


def start(root: Path) -> "subprocess.Popen[bytes]":
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "OFF_PLATFORM_LAKE": str(root / "lake"),
    }
    return subprocess.Popen(  # noqa: S603 - our own program
        [Path(sys.executable).with_name("off-platform"), "import", str(root / "long.csv")],
        cwd=root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


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
    luck, roots = random.Random(3), [tmp_path / "whole", tmp_path / "killed"]
    for root in roots:
        root.mkdir()
        (root / "long.csv").write_text(ROWS_OF_FILE)
    begun = time.monotonic()
    assert start(roots[0]).wait(PATIENCE_SECONDS) == 1
    longest, killed = time.monotonic() - begun, 0
    while killed < KILLS:
        process = start(roots[1])
        waited = luck.uniform(0.3, 0.95) * longest
        time.sleep(waited)
        if process.poll() is None:
            killed += 1
        else:
            # Others kept the machine busy while the whole one was timed.
            longest = waited
        process.kill()
        process.wait(PATIENCE_SECONDS)
    assert start(roots[1]).wait(PATIENCE_SECONDS) == 1
    assert contents(roots[1]) == contents(roots[0])
    assert contents(roots[0])["products_accepted"][0][0] == RECORDS - RECORDS // 100
