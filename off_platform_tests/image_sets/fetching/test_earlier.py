"""A refresh keeps what a set has: no wrong bucket empties it, no failure costs a copy at hand."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest

from off_platform.image_sets.fetching.build import WrongSourceError
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.images import keys
from off_platform.sandbox.make import Sandbox
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.objects import Access, Source
from off_platform.storage.transfer import Limits
from off_platform_tests.images_desk import BUCKET, Desk, desk_at, source_of, tree
from off_platform_tests.s3.server import Faults, S3Server

BOTH = {"kind": "400+ocr", "layout": "shards"}
LOOSE = {"kind": "raw+ocr", "layout": "files"}


@pytest.fixture
def desk(month_desk: Desk) -> Desk:
    """What every test here starts from."""
    return month_desk


def path_of(desk: Desk, name: str = "tryout") -> Path:
    return Path(desk.folder(name).address())


def statuses(desk: Desk) -> dict[str, str]:
    return {row["key"]: row["status"] for row in desk.manifest()}


def emptied(bucket: Path, share: float) -> Source:
    """A bucket of which a share of the objects is gone."""
    for number, path in enumerate(sorted((bucket / "data").rglob("*.*"))):
        if number * 37 % 100 < share * 100:
            path.unlink()
    return Source(str(bucket))


@pytest.mark.slow
@pytest.mark.parametrize("options", [BOTH, LOOSE])
def test_another_bucket_does_not_empty_a_set(
    desk: Desk, bucket: Path, options: dict[str, Any]
) -> None:
    desk.make(**options)
    before, right = tree(path_of(desk)), desk.source
    desk.source = emptied(bucket, 1)
    with pytest.raises(WrongSourceError, match=r"^none of \d+ objects were found at ") as refused:
        desk.make(**options)
    assert str(bucket) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert tree(path_of(desk)) == before
    desk.source = right
    desk.make(**options)
    assert tree(path_of(desk)) == before


def test_a_first_set_of_only_missing_objects_is_an_error(desk: Desk, sandbox: Sandbox) -> None:
    (key, *_) = sandbox.images.awkward["listed_but_gone"]
    parsed = keys.parse(key)
    with pytest.raises(WrongSourceError, match="none of 1 objects were found at s3://") as refused:
        desk.make(kind="raw", barcode_prefixes=[parsed.barcode], image_ids=[parsed.image_id])
    assert "the bucket has no such object" in str(refused.value)
    assert not desk.folder().names()


@pytest.mark.slow
@pytest.mark.parametrize(("share", "stays"), [(0.3, False), (0.8, True)])
def test_a_refresh_that_would_lose_most_leaves_the_set(
    desk: Desk, bucket: Path, share: float, *, stays: bool
) -> None:
    desk.source = Source(str(bucket))
    desk.make(**LOOSE, group_samples=1)
    before = tree(path_of(desk))
    had = sum(status == "fetched" for status in statuses(desk).values())
    emptied(bucket, share)
    if not stays:
        desk.make(**LOOSE, group_samples=1)
        assert 0.5 * had < sum(status == "fetched" for status in statuses(desk).values()) < had
        return
    # Twice, because what the first run did must not pass for done in the second.
    for _ in range(2):
        with pytest.raises(WrongSourceError, match=rf"of {had} objects of the set") as refused:
            desk.make(**LOOSE, group_samples=1)
        assert "build the set in a new folder" in str(refused.value)
        now = tree(path_of(desk))
        assert {name: now[name] for name in before} == before
        assert all(name.startswith(BUILDING) for name in now.keys() - before.keys())


@pytest.mark.slow
def test_what_such_a_refresh_fetched_is_not_fetched_again(desk: Desk, bucket: Path) -> None:
    desk.make(**BOTH, n=10)
    had = {row["key"] for row in desk.manifest()}
    shutil.copytree(bucket, bucket.with_name("whole"))
    for key in had:
        (bucket / key).unlink(missing_ok=True)
    with S3Server({BUCKET: bucket}) as poor:
        desk.source = source_of(poor)
        with pytest.raises(WrongSourceError):
            desk.make(**BOTH, n=20)
        for key in had:
            if (bucket.with_name("whole") / key).exists():
                shutil.copy(bucket.with_name("whole") / key, bucket / key)
        poor.requests.clear()
        assert desk.make(**BOTH, n=20).continued
        asked = {seen.path.removeprefix(f"/{BUCKET}/") for seen in poor.requests}
    assert asked == had
    assert len(desk.manifest()) == 40


@pytest.mark.slow
@pytest.mark.parametrize("options", [BOTH, LOOSE])
def test_an_object_that_fails_keeps_its_copy(
    desk: Desk, server: S3Server, sandbox: Sandbox, options: dict[str, Any]
) -> None:
    desk.make(**options)
    before, rows = tree(path_of(desk)), desk.manifest()
    desk.limits = Limits(concurrency=8, attempts=1)
    server.faults = Faults(cut=0.2, only_first_attempts=1_000_000, seed=1)
    # Bytes are sent only for what changed; an answer without bytes cannot be cut.
    changed = _changed_where(server, sandbox, rows)
    desk.make(**options)
    now = desk.manifest()
    failed = {row["key"] for row in now if row["reason"] and row["status"] == "fetched"}
    assert failed == changed
    kept = [row for row in now if row["key"] in failed]
    for row in kept:
        assert row["reason"].startswith("the copy of an earlier run is kept: ")
    assert md5s(now) == md5s(rows)
    stored = {name for name in before if "/" in name or name.endswith(".tar")}
    assert {name: tree(path_of(desk))[name] for name in stored} == {
        name: before[name] for name in stored
    }
    assert f"{len(failed)} objects of the set are copies from an earlier run" in (
        desk.folder().read("README.md").decode()
    )
    # And the next run fetches them.
    server.faults = Faults()
    desk.make(**options)
    assert all((row["reason"] is None) == (row["status"] == "fetched") for row in desk.manifest())
    repaired = md5s(desk.manifest())
    assert {key for key, md5 in md5s(rows).items() if repaired[key] != md5} == changed


def md5s(rows: list[dict[str, Any]]) -> dict[str, str]:
    """The MD5 of each object that is there, by key."""
    return {row["key"]: row["md5"] for row in rows if row["status"] == "fetched"}


def _changed_where(server: S3Server, sandbox: Sandbox, rows: list[dict[str, Any]]) -> set[str]:
    """Changes the objects that a server will cut; their keys."""
    changed = set()
    for row in rows:
        if row["status"] == "fetched" and server.fault_of(row["key"]) == "cut":
            data = (sandbox.images.folder / row["key"]).read_bytes()
            packed = row["kind"] == "ocr"
            other = gzip.compress(gzip.decompress(data) + b" ", mtime=0) if packed else data + b"\0"
            server.replace(BUCKET, row["key"], other)
            changed.add(row["key"])
    assert changed
    return changed


@pytest.mark.slow
def test_a_bucket_that_refuses_all_does_not_pass_for_a_refresh(
    desk: Desk,
) -> None:
    desk.make(**BOTH)
    before = tree(path_of(desk))
    with S3Server({"other": path_of(desk)}) as private:
        desk.source = Source(f"s3://{BUCKET}", Access(endpoint=private.url, request_seconds=10))
        with pytest.raises(WrongSourceError, match="none of"):
            desk.make(**BOTH)
    assert tree(path_of(desk)) == before


@pytest.mark.slow
def test_a_loose_file_that_is_not_as_large_as_it_was_is_fetched_afresh(
    desk: Desk, server: S3Server
) -> None:
    desk.make(**LOOSE)
    whole = tree(path_of(desk))
    first, second, third, *_ = [row for row in desk.manifest() if row["path"]]
    cut = path_of(desk) / first["path"]
    cut.write_bytes(cut.read_bytes()[:100])
    longer = path_of(desk) / second["path"]
    longer.write_bytes(longer.read_bytes() + b"more")
    (path_of(desk) / third["path"]).unlink()
    corrupt = {key for key, status in statuses(desk).items() if status == "corrupt"}
    server.requests.clear()
    again = desk.make(**LOOSE)
    assert tree(path_of(desk)) == whole
    sent = {seen.path.removeprefix(f"/{BUCKET}/") for seen in server.requests if seen.status == 200}
    assert sent - corrupt == {first["key"], second["key"], third["key"]}
    assert again.tally.by_end["fetched"] == 3


@pytest.mark.slow
def test_all_objects_of_a_shard_that_is_not_as_large_as_it_was_are_fetched_afresh(
    desk: Desk, server: S3Server
) -> None:
    desk.make(**BOTH)
    whole = tree(path_of(desk))
    path = path_of(desk) / "00001.tar"
    data = bytearray(path.read_bytes())
    row = next(r for r in desk.manifest() if r["path"] == path.name and r["kind"] == "ocr")
    # An OCR result is stored unpacked, so no MD5 shows its damage.
    data[row["offset"] + 20] ^= 1
    path.write_bytes(data + b"\0" * 512)
    of_shard = {row["key"] for row in desk.manifest() if row["path"] == path.name}
    corrupt = {key for key, status in statuses(desk).items() if status == "corrupt"}
    server.requests.clear()
    desk.make(**BOTH)
    assert tree(path_of(desk)) == whole
    sent = {seen.path.removeprefix(f"/{BUCKET}/") for seen in server.requests if seen.status == 200}
    assert sent - corrupt == of_shard


@pytest.mark.slow
def test_two_sets_of_loose_files_are_not_mixed_in_a_bucket(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "lake").mkdir()
    with S3Server({"lake": tmp_path / "lake"}) as server:
        access = Access(endpoint=server.url)
        with desk_at("s3://lake/deep", Source(str(sandbox.images.folder)), access) as desk:
            desk.month()
            for seed in (1, 2):
                desk.make(kind="400", layout="files", n=6, group_samples=3, seed=seed)
                stored = {name for name in desk.folder().names() if "/" in name}
                assert stored == {row["path"] for row in desk.manifest() if row["path"]}
            assert desk.folder().exists(MANIFEST)
