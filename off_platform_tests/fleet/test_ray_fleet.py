"""Tasks on Ray in processes of this machine: results, errors, lost workers, an early end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from off_platform.storage import fleet as fleets
from off_platform.storage.fleet import LostPartsError, RayFleet, UnusableFleetError
from off_platform.storage.objects import UnusableLocationError
from off_platform_tests.waiting import (
    LOOK_SECONDS,
    PATIENCE_SECONDS,
    end_with_the_tests,
    wait_until,
)

pytestmark = pytest.mark.cluster


def double(part: int) -> tuple[int, int]:
    return 2 * part, os.getpid()


def refuse_three(part: int) -> int:
    if part == 3:
        raise UnusableLocationError("part 3 has no place.")
    return part


def die_once(place: Path, part: int) -> int:
    """Its first worker is killed in the middle of part 2."""
    seen = place / f"seen-{part}"
    if part == 2 and not seen.exists():
        seen.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return part


def always_die(part: int) -> int:
    if part == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return part


def note_interruption(place: Path, lost: int, part: int) -> int:
    """Part 0 ends once part 1 has begun, which does not end by itself and loses interrupts."""
    (place / f"begun-{part}").touch()
    if part == 0:
        assert wait_until((place / "begun-1").exists)
        return part
    for before in range(lost + 1):
        try:
            # Ray's interrupt does not end a sleep, but waits for the next line of Python.
            for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            if before == lost:
                (place / "stopped").touch()
                raise
    return part


def test_parts_are_done_in_other_processes(fleet: RayFleet) -> None:
    found = list(fleet.map(double, range(20)))
    assert sorted(result for result, _ in found) == [2 * part for part in range(20)]
    pids = {pid for _, pid in found}
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2
    assert fleet.ran.parts >= 20
    assert len(fleet.ran.nodes) == 1


def test_few_parts_are_taken_at_once(fleet: RayFleet) -> None:
    taken = []

    def parts() -> Iterator[int]:
        for part in range(50):
            taken.append(part)
            yield part

    results = fleet.map(double, parts())
    for done, _ in enumerate(results, 1):
        assert len(taken) <= done + 2 * fleet.places
    assert len(taken) == 50


def test_the_error_of_a_part_comes_back_as_itself(fleet: RayFleet) -> None:
    with pytest.raises(UnusableLocationError, match=r"^part 3 has no place\.$") as raised:
        list(fleet.map(refuse_three, range(9)))
    assert type(raised.value) is UnusableLocationError


def test_a_part_whose_worker_is_killed_is_tried_again(fleet: RayFleet, tmp_path: Path) -> None:
    before = fleet.ran.again
    assert sorted(fleet.map(partial(die_once, tmp_path), range(6))) == list(range(6))
    assert fleet.ran.again > before


def test_parts_that_kill_every_worker_are_named_after_the_others(
    fleet: RayFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets, "TRIES", 2)
    done = []
    with pytest.raises(LostPartsError, match="run again to resume") as raised:
        done.extend(fleet.map(always_die, range(3)))
    assert raised.value.parts == [1]


@pytest.mark.parametrize("lost", [0, 1])
def test_closing_interrupts_the_parts_in_progress(
    fleet: RayFleet, tmp_path: Path, lost: int
) -> None:
    results = fleet.map(partial(note_interruption, tmp_path, lost), range(2))
    assert next(results) == 0
    results.close()
    assert wait_until((tmp_path / "stopped").exists)


IN_BACKGROUND = """
import sys
from functools import partial
from pathlib import Path
from off_platform.storage.fleet import RayFleet
from off_platform_tests.fleet.test_ray_fleet import note_interruption
place = Path(sys.argv[1])
results = RayFleet(places=2).map(partial(note_interruption, place, 0), range(2))
next(results)
results.close()
print((place / "stopped").exists())
"""


def test_parts_are_interrupted_where_the_shell_ignores_interrupts(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IN_BACKGROUND, str(tmp_path)]
    done = subprocess.run(  # noqa: S603 - our own
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command],  # noqa: S607 - of the system
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "True", done.stderr


OWN_RAY = """
import sys
from operator import neg
from off_platform.storage.fleet import RayFleet
fleet = RayFleet(places=1)
print(sorted(fleet.map(neg, [1, 2])), flush=True)
import ray
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.readline()
"""
STRANGER = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False)"


def test_ray_of_a_run_serves_no_other_and_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        "HOME": str(tmp_path),
        "RAY_raylet_start_wait_time_s": "180",
    }
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", OWN_RAY],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=end_with_the_tests,  # noqa: PLW1509 - before any thread is started there
    ) as run:
        assert run.stdout
        assert run.stdout.readline() == "[-2, -1]\n"
        address = run.stdout.readline().strip()
        stranger = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", STRANGER, address],
            env=environment | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        run.communicate("end\n")
    assert run.returncode == 0
    assert stranger.returncode != 0
    assert "token" in stranger.stderr
    assert [path.name for path in tmp_path.rglob("*")] == []


def test_another_version_on_a_node_is_named(
    fleet: RayFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets, "version", lambda _: "0.0.1")
    with pytest.raises(UnusableFleetError, match=r"this machine 0\.0\.1: install the same version"):
        list(fleet.map(double, range(1)))
