"""Two makers of one group, in a folder and in a bucket: one of them counts, and none is mixed.

The first is one that was taken for lost: it stops in the middle of placing a group, and goes on
while another run places the same group, or after that run has finished the set. In between an
object has changed, so that the two have different bytes.
"""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from off_platform.image_sets import finish
from off_platform.image_sets.construction.planned_rows import write_outcomes
from off_platform.image_sets.construction.plans import PLAN, ROWS, OtherPlanError
from off_platform.image_sets.fetching import build
from off_platform.image_sets.fetching.part import Part, PartMade, Site, make_part
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.sandbox.make import Sandbox
from off_platform.storage.aws import client
from off_platform.storage.folder import Folder
from off_platform.storage.objects import Access
from off_platform_tests.images_desk import BUCKET, Desk, desk_at, source_of
from off_platform_tests.s3.moto_server import moto_server
from off_platform_tests.s3.server import S3Server, changed
from off_platform_tests.waiting import PATIENCE_SECONDS

OPTIONS: dict[str, Any] = {"kind": "400+ocr", "group_samples": 6}
LAYOUTS: dict[str, dict[str, Any]] = {
    "shards": {"layout": "shards", "n": 18},
    "files": {"layout": "files", "n": 18},
    "arranged": {"layout": "shards", "n": 18, "split": {"train": 0.7, "test": 0.3}},
}


class Suspended:
    """A folder whose user stops before it creates the first file of a kind."""

    def __init__(self, folder: Folder, ending: str) -> None:
        """Takes the folder, and how the names of the files end."""
        self._folder, self._ending = folder, ending
        self.reached, self.goes_on = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        """All else is the folder's."""
        return getattr(self._folder, name)

    def place_new(self, made: Path, name: str) -> bool:
        """See `Folder.place_new`."""
        if name.endswith(self._ending):
            self.reached.set()
            assert self.goes_on.wait(PATIENCE_SECONDS)
        return self._folder.place_new(made, name)


@dataclass
class Maker:
    """A maker in a thread of its own, suspended before it creates a file."""

    site: Site
    part: Part
    folder: Suspended
    ended: list[PartMade | OSError] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Starts it, and waits until it is suspended."""
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()
        assert self.folder.reached.wait(PATIENCE_SECONDS)

    def _make(self) -> None:
        site = replace(self.site, folder=self.folder)  # type: ignore[arg-type]
        try:
            self.ended.append(make_part(site, self.part))
        except OSError as error:
            self.ended.append(error)

    def go_on(self) -> None:
        """Lets it end."""
        self.folder.goes_on.set()
        self._thread.join(PATIENCE_SECONDS)
        assert len(self.ended) == 1


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of moto's S3 server, with a bucket `lakes`."""
    with pytest.MonkeyPatch.context() as environment, moto_server() as url:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        client("s3", "us-east-1", url, attempts=3, seconds=10).create_bucket(Bucket="lakes")
        yield url


@pytest.fixture(params=["folder", "bucket"])
def two(
    request: pytest.FixtureRequest, server: S3Server, month_lake: Path, tmp_path: Path
) -> Iterator[Desk]:
    """A desk with an indexed month."""
    lake, access = str(tmp_path / "lake"), None
    if request.param == "bucket":
        url = request.getfixturevalue("moto")
        lake, access = (
            f"s3://lakes/{tmp_path.name}",
            Access("us-east-1", url, signed=True, retries=3),
        )
    with desk_at(lake, source_of(server), access) as desk:
        for path in filter(Path.is_file, month_lake.rglob("*.parquet")):
            desk.lake.root.write(path.relative_to(month_lake).as_posix(), path.read_bytes())
        yield desk


def planned(desk: Desk, options: dict[str, Any]) -> tuple[Site, Part]:
    """Begins a set, and stops before any object is requested."""
    found: list[tuple[Site, Part]] = []

    def stop(site: Site, part: Part, **_: Any) -> PartMade:
        found.append((site, part))
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "make_part", stop)
        with pytest.raises(KeyboardInterrupt):
            desk.make(**OPTIONS, **options)
    return found[0]


def change_an_object(server: S3Server, sandbox: Sandbox, key: str) -> None:
    server.replace(BUCKET, key, changed((sandbox.images.folder / key).read_bytes()))


def demand_bytes(desk: Desk) -> None:
    """Every row's bytes, read again, have the row's MD5."""
    folder, seen = desk.folder(), 0
    for row in desk.manifest():
        if row["path"] is None:
            continue
        data = folder.read(row["path"], row["offset"] or 0, row["stored_bytes"])
        if row["kind"] == "ocr" and row["stored_bytes"] != row["bytes"]:
            assert data.startswith(b"{"), row["key"]
            continue
        assert hashlib.md5(data, usedforsecurity=False).hexdigest() == row["md5"], row["key"]
        seen += 1
    assert seen > len(desk.manifest()) / 3


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before the set is finished", "after"])
@pytest.mark.parametrize("ending", [".tar", ROWS])
@pytest.mark.parametrize(
    "layout",
    ["shards", *(pytest.param(each, marks=pytest.mark.soak) for each in ("files", "arranged"))],
)
def test_a_maker_that_was_taken_for_lost_changes_nothing(
    two: Desk, server: S3Server, sandbox: Sandbox, layout: str, ending: str, when: str
) -> None:
    if ending == ".tar" and layout != "shards":
        pytest.skip("only shards of a first making are created under their final names")
    site, part = planned(two, LAYOUTS[layout])
    late = Maker(site, part, Suspended(site.folder, ending))
    keys = two.connection.execute(
        f"SELECT key FROM '{site.folder.address(PLAN)}' ORDER BY kind, position"
    ).fetchall()
    change_an_object(server, sandbox, keys[0][0])

    def after_the_late_one(*arguments: Any) -> Any:
        late.go_on()
        return write_outcomes(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        if when != "after":
            patch.setattr(finish, "write_outcomes", after_the_late_one)
        two.make(**OPTIONS, **LAYOUTS[layout])
    if when == "after":
        late.go_on()
    (ended,) = late.ended
    if when != "after":
        assert isinstance(ended, PartMade)
        assert ended.already >= 1
    demand_bytes(two)
    # What it has left stops no later run, and is no part of the set.
    two.make(**OPTIONS, **LAYOUTS[layout])
    assert not two.folder().names(BUILDING)
    demand_bytes(two)


@pytest.mark.slow
def test_a_maker_of_another_plan_does_nothing(two: Desk) -> None:
    site, part = planned(two, {**LAYOUTS["shards"], "n": 9})
    two.make(**OPTIONS, n=8)
    before = two.folder().sizes()
    with pytest.raises(OtherPlanError, match="run again once no other run uses the folder"):
        make_part(site, part)
    assert two.folder().sizes() == before
