"""Where parts are done: the settings, and this process. Ray is in `fleet/`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from off_platform.settings import Settings
from off_platform.storage.fleet import (
    Here,
    RayFleet,
    UnusableFleetError,
    demand_reachable,
    fleet_from,
)


def test_by_default_parts_are_done_here_one_by_one() -> None:
    taken = []

    def parts() -> Iterator[int]:
        for part in range(5):
            taken.append(part)
            yield part

    fleet = fleet_from(Settings(_env_file=None))
    assert isinstance(fleet, Here)
    for done, result in enumerate(fleet.map(str, parts()), 1):
        assert result == str(done - 1)
        assert len(taken) == done
    assert fleet.ran.parts == 5


def test_ray_on_this_machine_can_use_its_folders(tmp_path: Path) -> None:
    fleet = fleet_from(Settings(_env_file=None, fleet="ray", lake=str(tmp_path)))
    assert isinstance(fleet, RayFleet)
    demand_reachable(fleet, [str(tmp_path), "s3://bucket/lake"])


@pytest.mark.parametrize("address", ["auto", "head:6379"])
def test_ray_elsewhere_cannot_use_folders_of_this_machine(address: str, tmp_path: Path) -> None:
    options = {"fleet": "ray", "ray_address": address}
    with pytest.raises(UnusableFleetError, match=r"folder of this machine.*name an s3:// location"):
        fleet_from(Settings(_env_file=None, lake=str(tmp_path), **options))
    fleet = fleet_from(Settings(_env_file=None, lake="s3://bucket/lake", **options))
    with pytest.raises(UnusableFleetError, match="folder of this machine"):
        demand_reachable(fleet, ["s3://bucket/lake", f"file://{tmp_path}"])


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "me:password@head:6379", "a b:1"])
def test_an_address_is_local_auto_or_host_and_port(address: str) -> None:
    with pytest.raises(ValidationError, match="must be local, auto or an address"):
        Settings(_env_file=None, ray_address=address)
