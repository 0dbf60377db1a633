"""Image sets on a cluster of two nodes, of which nodes, workers and drivers are lost.

After each loss the set is read again without the platform (`plain_sets.py`).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from off_platform.image_sets.construction.plans import ROWS
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.sandbox.make import Sandbox
from off_platform.storage.fleet import RayFleet
from off_platform.storage.local_folder import LocalFolder
from off_platform_tests.fleet.driver import access_to
from off_platform_tests.fleet.plain_sets import (
    Files,
    client_of,
    demand_receipts,
    demand_whole,
    files_below,
    manifest,
    shards,
)
from off_platform_tests.fleet.test_sets import kill_some, workers
from off_platform_tests.images_desk import Desk, desk_at, source_of
from off_platform_tests.s3.moto_server import moto_server
from off_platform_tests.s3.server import Faults, S3Server
from off_platform_tests.waiting import PATIENCE_SECONDS, end_with_the_tests, wait_until

pytestmark = pytest.mark.cluster

LAKES = "lakes"
OPTIONS: dict[str, Any] = {"kind": "400+ocr", "group_samples": 2}
STORE_BYTES = 80 * 2**20
# Ray's workers of other clusters on this machine listen from 10002 to 19999.
PORTS = range(20_000, 32_000)
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Workers have the environment of their node.
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
LATENCY = Faults(latency_seconds=0.2)


def free_port() -> int:
    for port in PORTS:
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("", port))
            return port
    raise OSError("no port is free")


@pytest.fixture(scope="module")
def cluster(_environment: None) -> Iterator[Any]:
    """A node, which the tests join."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as environment:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": STORE_BYTES}
        running = Cluster(
            initialize_head=True, head_node_args={**head, "gcs_server_port": free_port()}
        )
        yield running
        ray.shutdown()
        running.shutdown()


@pytest.fixture
def node(cluster: Any) -> Iterator[Any]:
    """A second node, which the test may lose."""
    added = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    yield added
    if added in cluster.worker_nodes:
        cluster.remove_node(added, allow_graceful=False)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of moto's S3 server, with a bucket for lakes."""
    with moto_server() as url:
        with closing(client_of(url)) as client:
            client.create_bucket(Bucket=LAKES)
        yield url


class Watched(RayFleet):
    """Two places, and what a test does after some parts and at the end of all."""

    after = 0
    act: Callable[[], None] | None = None
    at_end: list[Callable[[], None]]

    def __init__(self, address: str) -> None:
        """Joins a cluster."""
        super().__init__(address, places=2)
        self.at_end = []

    def map(self, work: Callable[[Any], Any], parts: Iterable[Any]) -> Iterator[Any]:
        """See `Fleet.map`."""
        for done, result in enumerate(super().map(work, parts), 1):
            if self.act and done == self.after:
                self.act()
            yield result
        for each in self.at_end:
            each()


@dataclass
class Case:
    """A set on the cluster, and the same of one process."""

    desk: Desk
    fleet: Watched
    endpoint: str | None
    source: Path
    here: Files

    def files(self) -> Files:
        """All files of the set."""
        return files_below(self.desk.folder().address(), self.endpoint)

    def make(self) -> Any:
        """Makes the set, and compares it."""
        made = self.desk.make(**OPTIONS)
        self.demand_same()
        return made

    def demand_same(self) -> None:
        """The set is that of one process, each object stored once with the source's bytes."""
        files = self.files()
        demand_whole(files, self.source)
        assert shards(files) == shards(self.here)
        assert manifest(files) == manifest(self.here)


@pytest.fixture(params=["folder", "bucket"])
def case(
    request: pytest.FixtureRequest,
    cluster: Any,
    server: S3Server,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Case]:
    """A lake with an indexed month; the server answers slowly once one process has made the set."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    lake, endpoint = str(tmp_path / "lake"), None
    if request.param == "bucket":
        lake, endpoint = f"s3://{LAKES}/{tmp_path.name}", request.getfixturevalue("moto")
    with desk_at(lake, source_of(server), access_to(endpoint)) as desk:
        desk.month()
        desk.make(**OPTIONS, folder=LocalFolder(tmp_path / "here/tryout"))
        here = files_below(str(tmp_path / "here/tryout"))
        demand_whole(here, sandbox.images.folder)
        desk.fleet = fleet = Watched(cluster.address)
        server.faults = LATENCY
        made = Case(desk, fleet, endpoint, sandbox.images.folder, here)
        fleet.at_end.append(lambda: demand_receipts(made.files()))
        yield made


@pytest.mark.usefixtures("node")
def test_a_set_of_two_nodes_is_that_of_one_process(case: Case) -> None:
    made = case.make()
    assert len(case.fleet.ran.nodes) == 2
    assert made.tally.done == made.tally.total
    assert case.fleet.ran.again == 0


def test_a_node_that_is_gone_after_some_parts_changes_nothing(
    case: Case, cluster: Any, node: Any
) -> None:
    loss = threading.Thread(target=lose, args=(cluster, node), daemon=True)
    case.fleet.after, case.fleet.act = 1, loss.start
    case.make()
    loss.join(PATIENCE_SECONDS)
    assert node not in cluster.worker_nodes
    assert case.fleet.ran.again >= 1


def lose(cluster: Any, node: Any) -> None:
    """Removes a node while it does a task, whose worker is stopped, so that it cannot end it."""
    (raylet,) = node.all_processes["raylet"]
    found: list[int] = []

    def is_at_work() -> bool:
        found[:] = workers(raylet.process.pid)
        return bool(found)

    assert wait_until(is_at_work, look_seconds=0.01)
    os.kill(found[0], signal.SIGSTOP)
    cluster.remove_node(node, allow_graceful=False)
    with suppress(ProcessLookupError):
        os.kill(found[0], signal.SIGKILL)


@pytest.mark.usefixtures("node")
def test_workers_that_are_killed_change_nothing(case: Case) -> None:
    killer = threading.Thread(target=kill_some, args=(2,), daemon=True)
    killer.start()
    case.make()
    killer.join(PATIENCE_SECONDS)
    assert case.fleet.ran.again >= 1


@pytest.mark.usefixtures("node")
def test_a_run_after_a_killed_driver_goes_on(case: Case, cluster: Any) -> None:
    desk = case.desk
    asked = {
        "lake": desk.lake.root.address(),
        "endpoint": case.endpoint,
        "images": desk.source.access.endpoint,
        "ray": cluster.address,
        "options": OPTIONS,
    }
    words = [sys.executable, "-m", "off_platform_tests.fleet.driver", json.dumps(asked)]
    driver = subprocess.Popen(words, preexec_fn=end_with_the_tests)  # noqa: PLW1509, S603 - ours

    def has_begun() -> bool:
        return driver.poll() is not None or len(receipts(desk)) >= 3

    try:
        assert wait_until(has_begun, look_seconds=0.02)
        assert driver.poll() is None
    finally:
        driver.kill()
        driver.wait(PATIENCE_SECONDS)
    # It was killed before its end: the set is not finished.
    assert receipts(desk)
    made = case.make()
    assert 0 < made.tally.by_end.total() < len(manifest(case.here))


def receipts(desk: Desk) -> list[str]:
    """The groups of the half-built set that are done."""
    return [name for name in desk.folder().names(BUILDING) if name.endswith(ROWS)]
