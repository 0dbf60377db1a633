"""The transfer of many objects from a server at its worst: nothing is lost, nothing is wrong."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.storage.objects import Access, open_store
from off_platform.storage.transfer import Limits, transfer
from off_platform_tests.s3.server import Fault, Faults, S3Server
from off_platform_tests.storage.serving import (
    BUCKET,
    demand_all_accounted_for,
    fetch_all,
    open_at,
    put_down,
    random_objects,
    wanted,
)
from off_platform_tests.waiting import PATIENCE_SECONDS

BAD_DAY = Faults(slow_down=0.1, cut=0.03, flip=0.01, change=0.01, missing=0.01, seed=3)
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("count", [1_000, pytest.param(8_000, marks=pytest.mark.soak)])
def test_after_a_bad_day_every_object_is_accounted_for(tmp_path: Path, count: int) -> None:
    objects = random_objects(count)
    with S3Server({BUCKET: put_down(tmp_path, objects)}, faults=BAD_DAY) as server:
        outcomes = transfer(open_at(server), wanted(objects), Limits())
        demand_all_accounted_for(outcomes, objects, server)
        hit = Counter(server.fault_of(key) for key in objects)
        counts = server.counts()
    assert set(hit) == {None, *Fault} - {Fault.STALL}
    assert counts["GET", 503] == 2 * hit[Fault.SLOW_DOWN]
    assert counts["GET", 404] == hit[Fault.MISSING]
    spoiled = hit[Fault.CUT] + hit[Fault.FLIP] + hit[Fault.CHANGE]
    assert counts["GET", 200] == count - hit[Fault.MISSING] + spoiled


SHARES = st.integers(0, 20).map(lambda percent: percent / 100)


@settings(max_examples=5)
@given(SHARES, SHARES, SHARES, SHARES, st.integers(0, 99), st.integers(1, 40))
def test_no_mixture_of_faults_lets_a_wrong_byte_through(
    tmp_path_factory: pytest.TempPathFactory,
    cut: float,
    flip: float,
    change: float,
    missing: float,
    seed: int,
    concurrency: int,
) -> None:
    objects = random_objects(20, seed=seed)
    faults = Faults(cut=cut, flip=flip, change=change, missing=missing, seed=seed)
    folder = put_down(tmp_path_factory.mktemp("bucket"), objects)
    with S3Server({BUCKET: folder}, faults=faults) as server:
        outcomes = fetch_all(open_at(server), objects, Limits(concurrency, attempts=3))
        demand_all_accounted_for(outcomes, objects, server)


@pytest.mark.slow
def test_a_burst_of_seconds_is_waited_out_without_a_storm_of_requests(tmp_path: Path) -> None:
    """64 threads that back off one by one would ask hundreds of times in that time."""
    objects = random_objects(1000)
    with S3Server({BUCKET: put_down(tmp_path, objects)}) as server:
        server.faults = Faults(latency_seconds=0.01)
        outcomes = transfer(open_at(server), wanted(objects), Limits(concurrency=64, attempts=1))
        first = [next(outcomes) for _ in range(100)]
        server.slow_down_for(1.5)
        demand_all_accounted_for([*first, *outcomes], objects, server)
        counts = server.counts()
    assert counts["GET", 200] == 1000
    assert 5 <= counts["GET", 503] < 250


FLAT = """
import sys
from pathlib import Path
from off_platform.storage.objects import Access, open_store
from off_platform.storage.transfer import Limits, Wanted, transfer

url, count = sys.argv[1], int(sys.argv[2])
store = open_store("s3://images", Access(endpoint=url))
row = (Wanted(f"{n % 100}.jpg", n, lambda data: (None, None)) for n in range(count))
fetched = sum(each.status == "fetched" for each in transfer(store, row, Limits()))
# Not getrusage, which counts the process that started this one as well.
status = Path("/proc/self/status").read_text().split()
sys.stdout.write(f"{fetched} {int(status[status.index('VmHWM:') + 1]) / 1024}")
"""


def most_memory(server: S3Server, count: int) -> float:
    """Megabytes that a process needs to fetch a number of objects of 10 kB and drop them."""
    command = [sys.executable, "-c", FLAT, server.url, str(count)]
    done = subprocess.run(  # noqa: S603 - our own program
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS
    )
    fetched, most = done.stdout.split()
    assert int(fetched) == count
    return float(most)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux reports the memory there")
def test_memory_does_not_grow_with_the_number_of_objects(tmp_path: Path) -> None:
    folder = put_down(tmp_path, {f"{number}.jpg": bytes(10_000) for number in range(100)})
    with S3Server({BUCKET: folder}, record=False) as server:
        few, many = most_memory(server, 2_000), most_memory(server, 12_000)
    assert many < 300
    assert many < few * 1.5


def test_an_unreachable_host_is_a_failure_with_its_reason() -> None:
    store = open_store("s3://images", Access(endpoint="http://127.0.0.1:9"))
    (outcome,) = fetch_all(store, ["data/1.jpg"], Limits(attempts=1))
    assert outcome.status == "failed"
    assert "error sending request (1 tries)" in str(outcome.reason)
