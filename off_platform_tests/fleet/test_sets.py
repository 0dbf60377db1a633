"""Image sets built by workers of Ray are those of one process, byte by byte."""

from pathlib import Path
from typing import Any

import pytest

from off_platform.storage.fleet import RayFleet
from off_platform.storage.folders import LocalFolder
from off_platform_tests.images_desk import Desk, desk_at, source_of, tree
from off_platform_tests.s3.server import S3Server

pytestmark = pytest.mark.loaders

OPTIONS: dict[str, Any] = {"kind": "400+ocr", "group_samples": 3}


@pytest.fixture
def desk(server: S3Server, tmp_path: Path) -> Any:
    """A desk with an indexed month."""
    with desk_at(tmp_path / "lake", source_of(server)) as desk:
        desk.month()
        yield desk


@pytest.mark.parametrize(
    "options",
    [
        {"layout": "shards"},
        {"layout": "files"},
        {"layout": "shards", "longest_side": 96, "split": {"train": 0.7, "test": 0.3}},
    ],
)
def test_a_set_of_workers_is_that_of_one_process(
    desk: Desk, fleet: RayFleet, tmp_path: Path, options: dict[str, Any]
) -> None:
    straight = desk.make("straight", **OPTIONS, **options)
    before = fleet.ran.parts
    desk.fleet = fleet
    folder = LocalFolder(tmp_path / "straight")
    made = desk.make("straight", **OPTIONS, **options, folder=folder)
    assert fleet.ran.parts > before
    assert made.tally.done == made.tally.total == straight.tally.total
    assert made.tally.by_end == straight.tally.by_end
    assert tree(Path(made.folder.address())) == tree(Path(straight.folder.address()))
    # A refresh, of which nothing changed.
    again = desk.make("straight", **OPTIONS, **options, folder=folder)
    assert again.tally.by_end["fetched"] == 0
    assert tree(Path(again.folder.address())) == tree(Path(straight.folder.address()))
