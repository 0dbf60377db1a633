"""Ray on this machine, for all tests of this folder."""

from collections.abc import Iterator

import pytest

from off_platform.storage.fleet import RayFleet

# A busy machine takes longer than Ray's own bound to start.
START_SECONDS = "180"


@pytest.fixture(scope="module")
def fleet() -> Iterator[RayFleet]:
    """Two places on this machine."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_raylet_start_wait_time_s", START_SECONDS)
        ray = pytest.importorskip("ray", reason="Ray is not installed")
        yield RayFleet(places=2)
        ray.shutdown()
