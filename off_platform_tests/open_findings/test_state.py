"""What is open: months that were not made, sets that lack something, and what closes them again."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from off_platform.image_sets.set_states import set_facts
from off_platform.images.monthly import compare_month
from off_platform.open_findings.state import OpenItem, open_findings, sentence
from off_platform.sandbox.make import Sandbox
from off_platform.storage.objects import Source
from off_platform_tests.images_desk import MONTH, NEXT_MONTH, Desk, desk_at, write_list

pytestmark = pytest.mark.slow

AFTER = "2027-01-01"


@pytest.fixture
def desk(tmp_path: Path, sandbox: Sandbox) -> Iterator[Desk]:
    bucket = shutil.copytree(sandbox.images.folder, tmp_path / "bucket")
    with desk_at(tmp_path / "lake", Source(str(bucket))) as opened:
        yield opened


def found(desk: Desk, month: str = MONTH, *, is_due: bool = False) -> list[OpenItem]:
    return open_findings(desk.lake, desk.connection, this_month=month, is_due=is_due)


def named(items: list[OpenItem]) -> list[tuple[str, str]]:
    return [(item.kind, item.name) for item in items]


def test_months_are_open_until_they_are_made(desk: Desk) -> None:
    # Before the first month, as in a lake that has only imports.
    assert found(desk, is_due=True) == []
    desk.sync()
    (half,) = found(desk)
    assert half.what == "It lacks key_index, photos, key_changes."
    desk.index()
    compare_month(desk.lake, MONTH, desk.connection)
    assert found(desk, is_due=True) == []
    # The next month passes without a copy.
    assert found(desk, NEXT_MONTH) == []
    (due,) = found(desk, NEXT_MONTH, is_due=True)
    assert (due.name, due.is_lost) == ("2026-12", False)
    (lost,) = found(desk, AFTER)
    assert (lost.name, lost.is_lost) == ("2026-12", True)
    assert sentence([lost]) == "1 month is open."


def test_sets_are_open_when_they_lack_objects_or_are_older_than_the_month(desk: Desk) -> None:
    desk.month()
    compare_month(desk.lake, MONTH, desk.connection)
    made = desk.make(kind="400", n=6, missing_share_most=1.0)
    assert found(desk) == []
    facts = set_facts(made.folder, desk.connection)
    assert facts
    assert (facts.month, facts.choice["n"]) == (MONTH, 6)
    desk.make("lacking", kind="400", missing_share_most=0)
    lacking = sum(row["status"] != "fetched" for row in desk.manifest("lacking"))
    assert lacking
    (item,) = found(desk)
    assert (item.name, item.number) == ("lacking", lacking)
    # The same list in another month changes no set; another list does.
    desk.month(NEXT_MONTH)
    compare_month(desk.lake, NEXT_MONTH, desk.connection)
    assert named(found(desk, NEXT_MONTH)) == [("image set", "lacking")]
    keys = [row["key"].encode() for row in desk.manifest("tryout") if row["status"] == "fetched"]
    write_list(Path(desk.source.url), keys)
    desk.month(AFTER)
    compare_month(desk.lake, AFTER, desk.connection)
    stale = [item for item in found(desk, AFTER) if item.name == "tryout"]
    assert [item.what for item in stale] == [
        "It was chosen from 2026-11; the newest month is 2027-01."
    ]
    desk.make(kind="400", n=2, missing_share_most=1.0)
    assert "tryout" not in [item.name for item in found(desk, AFTER)]


def test_a_set_that_is_being_built_is_open_without_a_manifest(desk: Desk) -> None:
    desk.lake.root.write("image_sets/begun/.building/plan.json", b"{}")
    (item,) = found(desk)
    assert (item.kind, item.name) == ("image set", "begun")
    assert "It resumes" in item.to_do


def test_a_set_whose_build_ended_before_it_wrote_anything_is_open(desk: Desk) -> None:
    Path(desk.lake.root.address("image_sets/tried")).mkdir(parents=True)
    (item,) = found(desk)
    assert (item.kind, item.name) == ("image set", "tried")
