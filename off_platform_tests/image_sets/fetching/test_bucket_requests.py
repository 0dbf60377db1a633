"""What a first making of a set asks of the bucket that it is written to."""

from collections import Counter
from pathlib import Path

import pytest

from off_platform.image_sets.pages import set_pages
from off_platform.storage.objects import Access
from off_platform_tests.images_desk import Desk, desk_at, source_of
from off_platform_tests.s3.server import S3Server

REQUESTS_OF_A_SHARD = 5
# Rows of groups of which no object could be had.
OF_NO_SHARD = 12


def asked_for(desk: Desk, lakes: S3Server, name: str, samples: int) -> Counter[str]:
    """Requests of a set by method, those of photos' bucket apart."""
    lakes.requests.clear()
    desk.make(name, kind="400", group_samples=samples, gallery_samples=1)
    return Counter(seen.method for seen in lakes.requests)


@pytest.mark.slow
def test_a_shard_takes_few_requests_and_no_copy(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    # The pictures of the pages are read from some shards, however many there are.
    monkeypatch.setattr(set_pages, "SHEET_PHOTOS", 1)
    (tmp_path / "lakes").mkdir()
    with S3Server({"lakes": tmp_path / "lakes"}) as lakes:
        access = Access("us-east-1", lakes.url, signed=True, retries=3)
        with desk_at("s3://lakes/one", source_of(server), access) as desk:
            desk.month()
            few = asked_for(desk, lakes, "few", 12)
            many = asked_for(desk, lakes, "many", 1)
            shards = {
                name: len([each for each in desk.folder(name).names() if each.endswith(".tar")])
                for name in ("few", "many")
            }
    more = shards["many"] - shards["few"]
    assert more > 10
    # A shard and its rows; a copy inside the bucket would be a PUT as well.
    assert many["PUT"] - few["PUT"] <= 2 * more + OF_NO_SHARD
    assert many.total() - few.total() <= REQUESTS_OF_A_SHARD * more
