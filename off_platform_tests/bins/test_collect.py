"""Listing and fetching: only what is new; what is odd is named; what died is gone on with."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from off_platform.bins import collect, listing
from off_platform.bins.listing import EmptyBucketError
from off_platform.storage.listing import ListingError
from off_platform.storage.locks import FolderInUseError
from off_platform.storage.objects import Access, Source
from off_platform.storage.transfer import Limits
from off_platform_tests.bins.conftest import BUCKET, LIMITS, BinsDesk
from off_platform_tests.interruptions import StoppingFolder
from off_platform_tests.s3.server import Faults, S3Server

EMPTY = json.dumps({"BIN_FCSKU_DATA": {}, "EXPECTED_QUANTITY": 0})


def fill(bucket: Path, *ids: str, text: str = EMPTY) -> None:
    """Bins with their photos."""
    for bin_id in ids:
        (bucket / "metadata" / f"{bin_id}.json").write_text(text)
        (bucket / "bin-images" / f"{bin_id}.jpg").write_bytes(b"\xff\xd8\xff")


def gets(server: S3Server) -> list[str]:
    """The objects that were requested."""
    return [
        seen.path
        for seen in server.requests
        if seen.method == "GET" and "list-type" not in seen.path
    ]


def test_all_genuine_metadata_are_there(real: tuple[BinsDesk, S3Server], real_bucket: Path) -> None:
    desk, _ = real
    rows = desk.rows("bin_metadata")
    files = {path.stem: path.read_text() for path in (real_bucket / "metadata").iterdir()}
    assert {row["id"]: row["text"] for row in rows} == files
    assert all(row["usable"] and row["oddity"] is None for row in rows)
    assert all(row["etag"].strip('"') == row["md5"] for row in rows)


def test_a_second_run_asks_for_no_object(real: tuple[BinsDesk, S3Server]) -> None:
    desk, server = real
    server.requests.clear()
    listed, collected = desk.collect()
    assert "nothing has changed" in listed.sentence
    assert (collected.changed, collected.tally.done) == (False, 0)
    assert server.requests
    assert gets(server) == []


def test_the_time_of_the_listing_is_known_also_where_nothing_is_new(
    bins_desk: BinsDesk, bins_bucket: Path
) -> None:
    fill(bins_bucket, "00001")
    assert listing.last_listed(bins_desk.lake) == "at an unknown time"
    bins_desk.collect()
    bins_desk.lake.root.write(listing.LISTED, b"2020-02-03T04:05:06+00:00")
    assert listing.last_listed(bins_desk.lake) == "on 2020-02-03 at 04:05 UTC"
    begun = datetime.now(UTC)
    listed, _ = bins_desk.collect()
    assert not listed.added
    written = bins_desk.lake.root.read(listing.LISTED).decode()
    assert datetime.fromisoformat(written) >= begun.replace(microsecond=0)


def test_two_runs_do_not_collect_at_once(bins_desk: BinsDesk, bins_bucket: Path) -> None:
    fill(bins_bucket, "00001")
    # Each would number its parts alike, and remove those of the other.
    with (
        bins_desk.lake.root.below("collecting").locked(),
        pytest.raises(FolderInUseError, match="Another run is using"),
    ):
        bins_desk.collect()
    _, collected = bins_desk.collect()
    assert collected.rows == 1


def test_a_part_of_a_run_that_lost_its_lock_is_kept_for_the_next(
    bins_desk: BinsDesk, bins_bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bins_bucket, "00001", "00002")
    root, replace = bins_desk.lake.root, bins_desk.lake.replace
    late = "collecting/bin_metadata/000000-late.parquet"

    def replaced(table: str, *rest: Any) -> int:
        rows = replace(table, *rest)
        if table == "bin_metadata":
            (part,) = root.names("collecting")
            assert part.startswith("collecting/bin_metadata/000000-")
            root.write(late, root.read(part))
        return rows

    monkeypatch.setattr(bins_desk.lake, "replace", replaced)
    bins_desk.collect()
    monkeypatch.undo()
    assert root.names("collecting") == [late]
    _, collected = bins_desk.collect()
    assert (collected.rows, root.names("collecting")) == (2, [])


def test_one_request_per_object_that_is_new_and_no_head(
    bins_desk: BinsDesk, bins_bucket: Path
) -> None:
    """Listing gives size, ETag and time: nothing is asked for to learn them."""
    ids = [f"{number:05d}" for number in range(1, 41)]
    fill(bins_bucket, *ids)
    with S3Server({BUCKET: bins_bucket}) as server:
        bins_desk.source = Source(f"s3://{BUCKET}", Access(endpoint=server.url))
        bins_desk.collect()
        assert Counter(seen.method for seen in server.requests)["HEAD"] == 0
        assert sorted(gets(server)) == [f"/{BUCKET}/metadata/{each}.json" for each in ids]
        listings = len(server.requests) - len(ids)
        fill(bins_bucket, "00041", "00042")
        server.requests.clear()
        bins_desk.collect()
        assert len(gets(server)) == 2
        assert len(server.requests) == listings + 2


@pytest.mark.slow
def test_ids_of_both_spaces_are_never_mixed_up(bins_desk: BinsDesk, bins_bucket: Path) -> None:
    fill(bins_bucket, "1", "00001", "523", "00523", "100000", "0523", "000523")
    bins_desk.collect()
    bins_desk.make()
    assert [(row["id"], row["id_space"], row["position"]) for row in bins_desk.rows("bins")] == [
        ("00001", "main", 1),
        ("00523", "main", 523),
        ("100000", "main", 100_000),
        ("1", "pilot", 1),
        ("523", "pilot", 523),
    ]
    odd = Counter(row["oddity"] for row in bins_desk.rows("bin_oddities"))
    # Both halves of both ids that are none; and the pilot's lack the name of their image.
    assert odd == {"id_no_number": 4, "missing_field": 2}


def test_only_what_is_new_or_changed_is_fetched(bins_bucket: Path, bins_desk: BinsDesk) -> None:
    fill(bins_bucket, *(f"{number:05d}" for number in range(1, 40)))
    with S3Server({BUCKET: bins_bucket}) as server:
        bins_desk.source = Source(f"s3://{BUCKET}", Access(endpoint=server.url))
        bins_desk.collect()
    fill(bins_bucket, "00040")
    fill(bins_bucket, "00007", text=EMPTY + " ")
    (bins_bucket / "metadata" / "00009.json").unlink()
    with S3Server({BUCKET: bins_bucket}) as server:
        bins_desk.source = Source(f"s3://{BUCKET}", Access(endpoint=server.url))
        listed, collected = bins_desk.collect()
        assert sorted(gets(server)) == [
            f"/{BUCKET}/metadata/{bin_id}.json" for bin_id in ("00007", "00040")
        ]
    assert "gone" in listed.sentence
    assert collected.rows == 39
    rows = {row["id"]: row["text"] for row in bins_desk.rows("bin_metadata")}
    assert rows["00007"] == EMPTY + " "
    assert "00009" not in rows


BAD = {
    "html": "<html>503</html>",
    "truncated": EMPTY[:20],
    "item_not_an_object": json.dumps({"BIN_FCSKU_DATA": {"B0": []}, "EXPECTED_QUANTITY": 1}),
    "quantity_not_a_number": '{"BIN_FCSKU_DATA": {}, "EXPECTED_QUANTITY": "1"}',
    "nan": '{"BIN_FCSKU_DATA": {}, "EXPECTED_QUANTITY": NaN}',
    "duplicate_key": EMPTY.replace("{}", '{"B0": {}, "B0": {}}'),
    "too_large": " " * (collect.METADATA_BYTES_MOST + 1),
}


def test_bad_input_is_an_oddity_and_the_run_goes_on(bins_desk: BinsDesk, bins_bucket: Path) -> None:
    fill(bins_bucket, "00001", "00002")
    keys = {oddity: f"metadata/0001{number}.json" for number, oddity in enumerate(BAD)}
    for oddity, key in keys.items():
        fill(bins_bucket, Path(key).stem, text=BAD[oddity])
    bins_desk.collect()
    bins_desk.make()
    assert [row["id"] for row in bins_desk.rows("bins")] == ["00001", "00002"]
    rows = bins_desk.rows("bin_oddities")
    assert {row["oddity"]: row["key"] for row in rows} == keys
    assert len(rows) == len(keys)
    assert all(row["reason"] and not row["usable"] for row in rows)
    assert not bins_desk.collect()[1].changed


@pytest.mark.slow
def test_halves_without_the_other_are_named(bins_desk: BinsDesk, bins_bucket: Path) -> None:
    fill(bins_bucket, "00001", "00002", "00003")
    (bins_bucket / "metadata" / "00002.json").unlink()
    (bins_bucket / "bin-images" / "00003.jpg").unlink()
    bins_desk.collect()
    bins_desk.make()
    assert {(row["key"], row["oddity"]) for row in bins_desk.rows("bin_oddities")} == {
        ("bin-images/00002.jpg", "no_metadata"),
        ("metadata/00003.json", "no_image"),
    }
    assert [row["image_key"] for row in bins_desk.rows("bins")] == ["bin-images/00001.jpg", None]


@pytest.mark.slow
def test_faults_cost_no_bin(bins_desk: BinsDesk, bins_bucket: Path) -> None:
    ids = [f"{number:05d}" for number in range(1, 301)]
    fill(bins_bucket, *ids)
    faults = Faults(slow_down=0.1, cut=0.05, flip=0.05)
    with S3Server({BUCKET: bins_bucket}, faults=faults, page_size=50) as server:
        bins_desk.source = Source(f"s3://{BUCKET}", Access(endpoint=server.url))
        bins_desk.collect(Limits(concurrency=8, attempts=6))
    assert [row["id"] for row in bins_desk.rows("bin_metadata", "usable")] == ids


def test_what_is_gone_between_listing_and_fetching_is_asked_for_again(
    bins_desk: BinsDesk, bins_bucket: Path
) -> None:
    fill(bins_bucket, "00001", "00002")
    path = bins_bucket / "metadata" / "00002.json"
    desk = bins_desk
    listing.list_objects(desk.lake, desk.source, desk.connection, LIMITS)
    path.rename(path.with_suffix(".gone"))
    collect.collect_metadata(desk.lake, desk.source, desk.connection, LIMITS)
    assert [row["oddity"] for row in desk.rows("bin_metadata")] == [None, "missing"]
    path.with_suffix(".gone").rename(path)
    desk.collect()
    assert [row["oddity"] for row in desk.rows("bin_metadata")] == [None, None]


def test_an_empty_bucket_changes_nothing(bins_desk: BinsDesk, bins_bucket: Path) -> None:
    fill(bins_bucket, "00001")
    bins_desk.collect()
    (bins_bucket / "metadata" / "00001.json").unlink()
    (bins_bucket / "bin-images" / "00001.jpg").unlink()
    with pytest.raises(EmptyBucketError, match="has no bins below metadata/ and bin-images/"):
        bins_desk.collect()
    assert [row["id"] for row in bins_desk.rows("bin_metadata")] == ["00001"]


def test_a_bucket_that_cannot_be_listed_changes_nothing(
    bins_desk: BinsDesk, bins_bucket: Path
) -> None:
    fill(bins_bucket, "00001")
    bins_desk.collect()
    with S3Server({BUCKET: bins_bucket}) as server:
        url = server.url
    bins_desk.source = Source(f"s3://{BUCKET}", Access(endpoint=url))
    with pytest.raises(ListingError, match="could not be listed in 2 tries"):
        bins_desk.collect(Limits(concurrency=4, attempts=2))
    assert len(bins_desk.rows("bin_objects")) == 2


@pytest.mark.slow
def test_a_run_stopped_at_any_change_of_the_lake_is_gone_on_with(
    bins_desk: BinsDesk, bins_bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "PART_OBJECTS", 4)
    ids = [f"{number:05d}" for number in range(1, 14)]
    fill(bins_bucket, *ids)
    desk, whole = bins_desk, bins_desk.lake.root
    listing.list_objects(desk.lake, desk.source, desk.connection, LIMITS)
    stops = 0
    while True:
        desk.lake.root = StoppingFolder(Path(desk.lake.url), stops)
        try:
            collected = collect.collect_metadata(desk.lake, desk.source, desk.connection, LIMITS)
        except KeyboardInterrupt:
            stops += 1
            desk.lake.root = whole
            continue
        break
    desk.lake.root = whole
    assert stops >= 4
    assert collected.rows == len(ids)
    assert [row["id"] for row in desk.rows("bin_metadata")] == ids
    assert whole.names("collecting") == []
