"""A set in a bucket is the set here, byte for byte; what is there already is not sent again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import duckdb
import pytest

from off_platform.image_sets.publishing import bucket_target, publishing
from off_platform.image_sets.publishing.bucket_target import BucketTarget, access_from
from off_platform.image_sets.publishing.publishable import publishable
from off_platform.image_sets.publishing.publishing import (
    Difference,
    TargetRefusedError,
    TargetUnreachableError,
    publish,
)
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.objects import Access
from off_platform.storage.progress import LogDisplay
from off_platform_tests.publishing.conftest import content, write_set
from off_platform_tests.s3.server import Faults, S3Server

BUCKET = "our-sets"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    (tmp_path / BUCKET).mkdir()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ours")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # boto3 keeps the credentials of the first client.
    boto3.setup_default_session()
    with S3Server({BUCKET: tmp_path / BUCKET}) as running:
        yield running


Publish = Callable[..., Difference]


@pytest.fixture
def publish_to(server: S3Server, connection: duckdb.DuckDBPyConnection) -> Publish:
    """Publishes a folder below a prefix."""

    def send(
        folder: Path, prefix: str = "sets/few", bucket: str = BUCKET, *, delete: bool = False
    ) -> Difference:
        made = publishable(LocalFolder(folder), connection)
        target = BucketTarget(bucket, prefix, Access("eu-west-3", server.url, signed=True))
        return publish(made, "few", target, LogDisplay(str), delete=delete)

    return send


def puts(server: S3Server) -> list[str]:
    return [each.path for each in server.requests if each.method == "PUT"]


@pytest.mark.parametrize("prefix", ["sets/few", ""])
def test_a_set_arrives_with_the_card_last(
    server: S3Server, publish_to: Publish, tmp_path: Path, prefix: str
) -> None:
    folder = write_set(tmp_path / "set", "split files", photos=30)
    publish_to(folder, prefix)
    assert content(tmp_path / BUCKET / prefix) == content(folder)
    assert puts(server)[-1].endswith("/README.md")
    assert len(puts(server)) == len(content(folder))


def test_large_files_are_sent_in_parts_and_compared(
    server: S3Server, publish_to: Publish, tmp_path: Path
) -> None:
    folder = write_set(tmp_path / "set", "shards")
    shard = folder / "train-00000.tar"
    # What follows the end of a TAR file does not count.
    shard.write_bytes(shard.read_bytes() + bytes(bucket_target.PART_BYTES * 2 + 5))
    publish_to(folder)
    assert content(tmp_path / BUCKET / "sets/few") == content(folder)
    assert sum("train-00000.tar" in path for path in puts(server)) > 1
    assert publish_to(folder).to_send == ()


def test_a_set_that_is_there_is_not_sent_again(
    server: S3Server, publish_to: Publish, tmp_path: Path
) -> None:
    folder = write_set(tmp_path / "set")
    publish_to(folder)
    server.requests.clear()
    assert publish_to(folder).to_send == ()
    assert puts(server) == []
    data = (folder / "gallery.html").read_bytes()
    (folder / "gallery.html").write_bytes(data[:-1] + b"X")
    assert publish_to(folder).to_send == ("gallery.html",)
    assert content(tmp_path / BUCKET / "sets/few") == content(folder)


def test_files_of_the_target_stay_unless_asked(publish_to: Publish, tmp_path: Path) -> None:
    publish_to(write_set(tmp_path / "set", photos=7))
    smaller = write_set(tmp_path / "smaller", photos=5)
    (tmp_path / BUCKET / "sets/fewer.txt").write_text("not below the prefix")
    assert publish_to(smaller).only_there == ("00000/s0005.jpg", "00000/s0006.jpg")
    there = content(tmp_path / BUCKET / "sets/few")
    assert there.keys() == content(tmp_path / "set").keys()
    publish_to(smaller, delete=True)
    assert content(tmp_path / BUCKET / "sets/few") == content(smaller)
    assert (tmp_path / BUCKET / "sets/fewer.txt").exists()


def test_nothing_is_deleted_from_a_whole_bucket(publish_to: Publish, tmp_path: Path) -> None:
    (tmp_path / BUCKET / "diary.txt").write_text("mine")
    with pytest.raises(TargetRefusedError, match="names a whole bucket"):
        publish_to(write_set(tmp_path / "set"), "", delete=True)
    assert (tmp_path / BUCKET / "diary.txt").exists()


def test_what_a_stopped_run_sent_stays(
    server: S3Server, publish_to: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_set(tmp_path / "set", photos=40)
    monkeypatch.setattr(BucketTarget, "batch_files", 10)
    send = BucketTarget.send
    sent: list[int] = []

    def stop_later(self: BucketTarget, files: dict[str, Path], about: str) -> None:
        if len(sent) == 3:
            raise KeyboardInterrupt
        sent.append(len(files))
        send(self, files, about)

    monkeypatch.setattr(BucketTarget, "send", stop_later)
    with pytest.raises(KeyboardInterrupt):
        publish_to(folder)
    assert "README.md" not in content(tmp_path / BUCKET / "sets/few")
    monkeypatch.setattr(BucketTarget, "send", send)
    server.requests.clear()
    found = publish_to(folder)
    assert len(found.same) == 30
    assert len(puts(server)) == len(found.to_send) == len(content(folder)) - 30
    assert content(tmp_path / BUCKET / "sets/few") == content(folder)


def test_large_files_are_sent_in_smaller_batches(
    publish_to: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_set(tmp_path / "set", photos=6)
    sizes = {name: len(data) for name, data in content(folder).items()}
    monkeypatch.setattr(publishing, "BATCH_BYTES", sum(sizes.values()) // 2)
    batches: list[list[str]] = []
    send = BucketTarget.send

    def note(self: BucketTarget, files: dict[str, Path], about: str) -> None:
        batches.append(list(files))
        send(self, files, about)

    monkeypatch.setattr(BucketTarget, "send", note)
    publish_to(folder)
    assert len(batches) > 2
    assert [name for batch in batches for name in batch] == sorted(
        sizes, key=lambda name: (name == "README.md", name == "manifest.parquet", name)
    )
    for batch in batches:
        assert len(batch) == 1 or sum(map(sizes.get, batch)) <= publishing.BATCH_BYTES  # type: ignore[arg-type]
    assert content(tmp_path / BUCKET / "sets/few") == content(folder)


def test_a_bucket_that_does_not_exist_is_said(publish_to: Publish, tmp_path: Path) -> None:
    with pytest.raises(TargetRefusedError, match=r"s3://nobodys/sets/few refuses this.*NoSuchB"):
        publish_to(write_set(tmp_path / "set"), bucket="nobodys")


def test_without_credentials_it_says_which(
    publish_to: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    boto3.setup_default_session()
    with pytest.raises(TargetRefusedError, match="No AWS credentials were found"):
        publish_to(write_set(tmp_path / "set"))


def test_a_server_that_does_not_answer_is_said(
    server: S3Server,
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bucket_target, "ATTEMPTS", 1)
    made = publishable(LocalFolder(write_set(tmp_path / "set")), connection)
    target = BucketTarget(BUCKET, "few", Access("eu-west-3", "http://127.0.0.1:9", signed=True))
    with pytest.raises(TargetUnreachableError, match="cannot be reached"):
        publish(made, "few", target, LogDisplay(str), delete=False)
    assert server.requests == []


@pytest.mark.slow
def test_a_failing_server_is_said_and_resumed(
    server: S3Server, publish_to: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_target, "ATTEMPTS", 1)
    folder = write_set(tmp_path / "set")
    server.slow_down_for(requests=3)
    with pytest.raises(TargetUnreachableError, match="SlowDown"):
        publish_to(folder)
    server.faults = Faults()
    publish_to(folder)
    assert content(tmp_path / BUCKET / "sets/few") == content(folder)


def test_objects_have_their_types(
    publish_to: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, str] = {}
    send = BucketTarget._put

    def note(self: BucketTarget, named: tuple[str, Path]) -> None:
        seen[named[0]] = bucket_target._type_of(named[0])
        send(self, named)

    monkeypatch.setattr(BucketTarget, "_put", note)
    publish_to(write_set(tmp_path / "set", "files", photos=1))
    assert seen == {
        "00000/s0000.jpg": "image/jpeg",
        "README.md": "text/markdown; charset=utf-8",
        "chart_classes.svg": "image/svg+xml",
        "gallery.html": "text/html; charset=utf-8",
        "manifest.parquet": "application/vnd.apache.parquet",
        "metadata.parquet": "application/vnd.apache.parquet",
    }


def test_the_region_is_the_lakes_or_that_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    boto3.setup_default_session()
    assert access_from("us-east-2", None, "eu-west-3").region == "us-east-2"
    assert access_from(None, None, "eu-west-3").region == "eu-north-1"
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    assert access_from(None, None, "eu-west-3").region == "eu-west-3"
