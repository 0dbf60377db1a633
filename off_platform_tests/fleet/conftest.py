"""Ray on this machine, for all tests of this folder."""

from collections.abc import Iterator

import pytest

from off_platform.storage.fleet import RayFleet

# A busy machine takes longer than Ray's own bound to start. Without a token, nothing depends on
# what the user has in ~/.ray.
ENVIRONMENT = {"RAY_raylet_start_wait_time_s": "180", "RAY_AUTH_MODE": "disabled"}


@pytest.fixture(scope="module")
def _environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def fleet(_environment: None) -> Iterator[RayFleet]:
    """Two places on this machine."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    yield RayFleet(places=2)
    ray.shutdown()
