"""Which paths a run may be asked to read: in any spelling, through whatever links."""

from pathlib import Path

import pytest

from off_platform.imports.intake.allowed import NotAllowedError, demand_allowed


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    for folder in ("inbox", "inbox_of_others", "further"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").touch()
    return tmp_path / "inbox"


def test_the_inbox_and_configured_folders_may_be_read(inbox: Path) -> None:
    further = f"/nowhere, {inbox.parent}/further"
    demand_allowed(str(inbox / "x.csv"), str(inbox), "")
    demand_allowed((inbox / "x.csv").as_uri(), str(inbox), "")
    demand_allowed(f"{inbox.parent}/further/x.csv", None, further)
    demand_allowed("s3://bucket/in/x.csv", "s3://bucket/in/", "")


@pytest.mark.parametrize(
    "place",
    [
        "/etc/passwd",
        "{inbox}/../further/x.csv",
        "{inbox}_of_others/x.csv",
        "{inbox}/link.csv",
        "file://{inbox}/../further/x.csv",
        "s3://bucket/in/x.csv",
    ],
)
def test_other_folders_may_not_be_read(inbox: Path, place: str) -> None:
    (inbox / "link.csv").symlink_to(inbox.parent / "further" / "x.csv")
    with pytest.raises(NotAllowedError, match="OFF_PLATFORM_IMPORT_FOLDERS"):
        demand_allowed(place.format(inbox=inbox), str(inbox), "")


@pytest.mark.parametrize(
    "place", ["s3://bucket/inner/x", "s3://bucket/in/../x", "s3://other/in/x", "/in/x"]
)
def test_a_bucket_is_bounded_to_its_prefix(place: str) -> None:
    with pytest.raises(NotAllowedError):
        demand_allowed(place, "s3://bucket/in", "")
