"""`off-platform status`: the lake on one screen, and whether to look."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from off_platform.cli.configured import the_lake
from off_platform.cli.status_run import show_status
from off_platform.images.monthly import compare_month
from off_platform.images.months import file_month
from off_platform.imports.importing import import_stored
from off_platform.imports.intake.originals import key_of, record, store_original
from off_platform.settings import Settings
from off_platform.storage.objects import Source
from off_platform_tests.images_desk import MONTH, desk_at, write_list
from off_platform_tests.waiting import PATIENCE_SECONDS

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = datetime(2026, 12, 20, 12, tzinfo=UTC)
GOOD = "code,lc,product_name_fr\n3017620422003,fr,Pâte à tartiner\n"
# The check digit is wrong.
BAD = "code,lc,product_name_fr\n3017620422004,fr,[red]Pâte\n"


@pytest.fixture
def of(tmp_path: Path) -> Settings:
    (tmp_path / "bucket").mkdir()
    return Settings(_env_file=None, lake=str(tmp_path / "lake"), inbox=str(tmp_path))


@pytest.fixture
def shown(
    of: Settings, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Runs the command; its exit code, and what it says in both forms."""

    def show(now: datetime = NOW, settings: Settings | None = None) -> tuple[int, dict[str, Any]]:
        code = show_status(settings or of, as_json=True, now=now)
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert said["attention"] is (code == 1)
        assert show_status(settings or of, as_json=False, now=now) == code
        return code, {**said, "page": " ".join(capsys.readouterr().out.split())}

    return show


def make_month(of: Settings, folder: Path) -> None:
    write_list(folder / "bucket", [b"data/301/762/042/2003/1.jpg", b"data/301/762/042/2003/2.jpg"])
    with desk_at(of.lake, Source(str(folder / "bucket"))) as desk:
        desk.month(MONTH)
        compare_month(desk.lake, MONTH, desk.connection)
        file_month(desk.lake, MONTH, desk.connection)


def hand_in(of: Settings, folder: Path, name: str, text: str) -> str:
    """Imports a file."""
    path, lake = folder / name, the_lake(of)
    path.write_text(text, encoding="utf-8")
    key = key_of(path)
    store_original(lake, path, key)
    with lake.connect() as connection:
        record(lake, key, connection)
    import_stored(lake, lake.connect, key)
    return key


def test_a_lake_that_has_only_imports_wants_no_month(
    of: Settings, shown: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    hand_in(of, tmp_path, "good.csv", GOOD)
    code, said = shown()
    assert (code, said["month"], said["open"]) == (0, None, [])
    assert "Month No key list has been copied yet; `off-platform run` makes" in said["page"]
    assert "Nothing is open." in said["page"]


def test_a_month_and_what_runs_next(
    of: Settings, shown: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    make_month(of, tmp_path)
    code, said = shown()
    assert (code, said["month"], said["months"], said["imports"]["number"]) == (0, MONTH, 1, 0)
    assert said["figures"]["photos"] == 2
    assert "2026-11, the newest of 1 snapshot 1 product, 2 photos, 0 % with OCR" in said["page"]
    assert [each["at"] for each in said["next"]] == [
        "2026-11-21T02:30:00+00:00",
        "2026-11-23T07:00:00+00:00",
        "2026-12-04T03:00:00+00:00",
        None,
    ]
    assert "in 13 days: month" in said["page"]
    # Nothing runs by itself.
    _, quiet = shown(settings=of.model_copy(update={"unattended": False}))
    assert quiet["next"] == []
    assert "nothing by itself" in quiet["page"]
    # A month that is gone for good wants no attention; the one that is due does.
    code, said = shown(datetime(2027, 1, 5, tzinfo=UTC))
    assert (code, [item["is_lost"] for item in said["open"]]) == (0, [True])
    code, _ = shown(LATER)
    assert code == 1


@pytest.mark.slow
def test_it_needs_no_right_to_write(of: Settings, tmp_path: Path) -> None:
    hand_in(of, tmp_path, "good.csv", GOOD)
    lake = Path(of.lake)
    # Root may write everywhere, unless it gives up that right.
    setpriv = shutil.which("setpriv")
    if os.geteuid() == 0 and setpriv is None:
        pytest.skip("setpriv (util-linux) is not installed")
    as_reader = [setpriv, "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    program = Path(sys.executable).with_name("off-platform")
    for folder in (lake / ".scratch", lake):
        folder.chmod(0o555)
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [*as_reader, program, "status", "--json"],
            cwd=lake,
            env={"PATH": os.environ["PATH"], "HOME": str(lake), "OFF_PLATFORM_LAKE": of.lake},
            capture_output=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    finally:
        for folder in (lake, lake / ".scratch"):
            folder.chmod(0o755)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["imports"]["number"] == 1


@pytest.mark.slow
def test_imports_are_counted_and_open_ones_listed(
    of: Settings, shown: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    make_month(of, tmp_path)
    hand_in(of, tmp_path, "good.csv", GOOD)
    assert shown()[0] == 0
    bad = hand_in(of, tmp_path, "bad[1].csv", BAD)
    code, said = shown()
    assert code == 1
    assert (said["imports"]["number"], said["imports"]["newest"]) == (2, bad)
    assert [(item["kind"], item["name"]) for item in said["open"]] == [("import", bad)]
    # Names are not markup.
    assert bad in said["page"]
    # Refused for what only the whole file shows: its beginning can be read.
    for name, text in (("empty.csv", GOOD.partition("\n")[0]), ("nameless.csv", "a,b\n1,2\n")):
        refused = hand_in(of, tmp_path, name, text)
        _, said = shown()
        assert said["open"][-1]["name"] == refused
        assert said["open"][-1]["what"].startswith("Refused: ")
    assert said["imports"]["refused"] == 2
