"""A month by its schedule, and a daemon that dies, under Dagster's own daemon and webserver."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from off_platform.sandbox.make import Sandbox
from off_platform_tests.automation.platform import Platform, running_platform
from off_platform_tests.waiting import wait_until

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def moments() -> list[datetime]:
    """When the month is made, once that is known."""
    return []


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, moments: list[datetime]
) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("schedule")
    started = time.monotonic()

    def soon() -> str:
        """A minute that comes once while the tests run; the daemon starts as the webserver did."""
        margin = 75 + 5 * (time.monotonic() - started)
        moments.append(datetime.now(UTC) + timedelta(seconds=margin))
        return f"{moments[0].minute} {moments[0].hour} * * *"

    images, bins = sandbox.images.folder, sandbox.bins.folder
    with running_platform(root, images, bins, monthly_cron=soon) as running:
        yield running


def test_the_schedule_builds_the_month_once(platform: Platform, moments: list[datetime]) -> None:
    # Nothing moves until then.
    assert wait_until(lambda: datetime.now(UTC) >= moments[0], time.monotonic)
    month = f"{moments[0]:%Y-%m-01}"
    platform.wait("the month", lambda: (month, "SUCCESS") in platform.runs("monthly"))
    assert platform.runs("monthly") == [(month, "SUCCESS")]
    assert platform.rows(f"SELECT count(*) > 0 FROM key_index WHERE month = '{month}'") == [(True,)]


def hand_in_long(platform: Platform, name: str, records: int) -> str:
    """Hands in a file that takes a while; gives its partition once its run has started."""
    rows = "".join(f"{name}{number},Name {number},1\n" for number in range(records))
    key = platform.hand_in(f"{name}.csv", f"product_id,product_name,fat_g\n{rows}")
    platform.wait("the run", lambda: (key, "STARTED") in platform.runs("imports"))
    return key


def products(platform: Platform) -> list[tuple[int, int]]:
    return platform.rows("SELECT count(*), count(DISTINCT product) FROM products_imported")


def runs_of(platform: Platform, key: str) -> list[str]:
    """How the runs of an import ended, the newest first."""
    return [status for found, status in platform.runs("imports") if found == key]


def test_the_daemon_may_die_in_the_middle(platform: Platform) -> None:
    months = platform.runs("monthly")
    key = hand_in_long(platform, "long", 100_000)
    os.killpg(platform.daemon.pid, signal.SIGKILL)
    platform.daemon.wait()
    platform.daemon = platform.start_daemon()
    other = platform.hand_in("after.csv", "barcode,product_name\n3017620422003,Nutella\n")
    platform.wait("the import", lambda: "SUCCESS" in runs_of(platform, key))
    platform.wait("the other import", lambda: "SUCCESS" in runs_of(platform, other))
    assert products(platform) == [(100_001, 100_001)]
    assert runs_of(platform, key).count("SUCCESS") == 1
    assert platform.runs("monthly") == months


def family(pid: int) -> list[int]:
    """A process and all that descend from it, whatever their group."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def test_a_run_that_a_power_cut_left_is_ended_and_tried_again(platform: Platform) -> None:
    key = hand_in_long(platform, "cut", 200_000)
    for pid in family(platform.daemon.pid):
        os.kill(pid, signal.SIGKILL)
    platform.daemon.wait()
    assert runs_of(platform, key) == ["STARTED"]
    platform.daemon = platform.start_daemon()
    platform.wait("the second try", lambda: runs_of(platform, key) == ["SUCCESS", "FAILURE"])
    assert products(platform) == [(300_001, 300_001)]
