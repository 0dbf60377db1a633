"""One large object to a file: whole or not at all, whatever happens on the way."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from obstore.store import LocalStore

from off_platform.storage import download as download_module
from off_platform.storage.download import (
    CHUNK_BYTES,
    DownloadError,
    GoneError,
    download,
    look,
    look_patiently,
    md5_of,
    wait_after,
)
from off_platform.storage.objects import Access, Source, open_store
from off_platform.storage.progress import Tally
from off_platform_tests.s3.server import Faults, S3Server, changed
from off_platform_tests.storage.conftest import Serve
from off_platform_tests.storage.serving import BUCKET, Moto, md5, open_at, put_down
from off_platform_tests.waiting import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 2**20
KEY = "data/data_keys.gz"
LARGE = random.Random(1).randbytes(12 * MEGABYTE)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    """A server of one large object."""
    folder = put_down(tmp_path / "bucket", {KEY: LARGE})
    with S3Server({BUCKET: folder}) as server:
        yield server


@pytest.fixture
def either(serve: Serve, tmp_path: Path) -> S3Server | Moto:
    """The large object at the double, and at moto's server."""
    return serve(put_down(tmp_path / "bucket", {KEY: LARGE}))


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    """Where the object is to be."""
    return tmp_path / "keys.gz"


def source_at(server: S3Server) -> Source:
    """The server's bucket as the assets know it."""
    return Source(f"s3://{BUCKET}", Access(endpoint=server.url, request_seconds=30))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited, without waiting them."""
    waited: list[float] = []
    monkeypatch.setattr(download_module, "time", SimpleNamespace(sleep=waited.append))
    return waited


def kept(destination: Path, data: bytes, etag: str, size: int = len(LARGE)) -> None:
    """What a killed download of an object leaves behind: a beginning and the note about it."""
    destination.with_name(f"{destination.name}.part").write_bytes(data)
    note = destination.with_name(f"{destination.name}.part.json")
    note.write_text(json.dumps({"etag": etag, "bytes": size}))


def demand_in_place(destination: Path, data: bytes) -> None:
    """The file is these bytes, and nothing is left beside it."""
    assert destination.read_bytes() == data
    assert [each for each in destination.parent.iterdir() if each.is_file()] == [destination]


def asked(server: S3Server) -> list[tuple[str | None, str | None, int]]:
    """Range, If-Match and status of each request."""
    return [(seen.range, seen.if_match, seen.status) for seen in server.requests]


def test_an_object_is_put_in_place_whole(either: S3Server | Moto, destination: Path) -> None:
    destination.write_bytes(b"old")
    seen = download(open_at(either), KEY, destination)
    demand_in_place(destination, LARGE)
    assert (seen.key, seen.etag, seen.bytes) == (KEY, f'"{md5(LARGE)}"', len(LARGE))
    assert seen == look(open_at(either), KEY)
    assert md5_of(destination) == md5(LARGE)


def test_an_empty_object_is_a_file_too(tmp_path: Path, destination: Path) -> None:
    store = LocalStore(put_down(tmp_path / "bucket", {"empty": b""}))
    download(store, "empty", destination)
    demand_in_place(destination, b"")


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5])
def test_a_file_of_a_folder_that_changes_meanwhile_is_read_afresh(
    tmp_path: Path, destination: Path, waits: list[float], length: int
) -> None:
    class Changing:
        def show(self, tally: Tally) -> None:
            if tally.bytes == CHUNK_BYTES:
                os.truncate(file, length)

    before = random.Random(0).randbytes(2 * CHUNK_BYTES + 3)
    store = LocalStore(put_down(tmp_path / "bucket", {"list": before}))
    file = tmp_path / "bucket" / "list"
    seen = download(store, "list", destination, display=Changing())
    assert destination.read_bytes() == file.read_bytes()
    assert (seen.bytes, len(waits)) == (length, 1)


def test_a_cut_download_resumes(server: S3Server, destination: Path, waits: list[float]) -> None:
    server.faults = Faults(cut=1.0)
    download(open_at(server), KEY, destination)
    demand_in_place(destination, LARGE)
    first, (rest, *conditions) = asked(server)
    assert first == (None, None, 200)
    assert conditions == [f'"{md5(LARGE)}"', 206]
    # Half of the object was sent, and of that all but the last chunk is certain to be kept.
    assert 4 * MEGABYTE <= int(str(rest).removeprefix("bytes=").removesuffix("-")) <= 6 * MEGABYTE
    assert waits == [0.25]


def test_a_slow_line_gets_there_with_more_requests_than_tries(
    server: S3Server, destination: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer ends after half of what is left, yet brings something."""
    monkeypatch.setattr(download_module, "CHUNK_BYTES", MEGABYTE)
    server.faults = Faults(cut=1.0, only_first_attempts=3)
    download(open_at(server), KEY, destination, attempts=1)
    demand_in_place(destination, LARGE)
    assert len(server.requests) == 4
    assert len(waits) == 3


@pytest.mark.parametrize("multipart", [False, True])
def test_an_object_that_changed_meanwhile_is_read_afresh(
    tmp_path: Path, destination: Path, waits: list[float], *, multipart: bool
) -> None:
    """With an ETag in parts nothing but If-Match keeps two versions from being glued together."""
    folder = put_down(tmp_path / "bucket", {KEY: LARGE})
    faults = Faults(change=1.0)
    with S3Server({BUCKET: folder}, faults=faults, multipart_etags=multipart) as server:
        seen = download(open_at(server), KEY, destination)
        assert [(each.range is None, each.status) for each in server.requests] == [
            (True, 200),
            (False, 412),
            (True, 200),
        ]
    demand_in_place(destination, changed(LARGE))
    assert seen.bytes == len(changed(LARGE))
    assert waits == [0.25]


DOWNLOAD = """
import sys
from pathlib import Path
from off_platform.storage.download import download
from off_platform.storage.objects import Access, Source, open_store

store = open_store("s3://images", Access(endpoint=sys.argv[1]))
download(store, "data/data_keys.gz", Path(sys.argv[2]))
"""


def test_the_part_of_a_killed_process_is_kept(server: S3Server, destination: Path) -> None:
    server.faults = Faults(stall=1.0)
    part = destination.with_name("keys.gz.part")
    command = [sys.executable, "-c", DOWNLOAD, server.url, str(destination)]
    with subprocess.Popen(command, cwd=ROOT) as process:  # noqa: S603 - our own program
        assert wait_until(lambda: part.exists() and part.stat().st_size > 0, look_seconds=0.02)
        process.send_signal(signal.SIGKILL)
    have = part.stat().st_size
    assert 0 < have <= 6 * MEGABYTE
    assert not destination.exists()
    download(open_at(server), KEY, destination)
    demand_in_place(destination, LARGE)
    etag = f'"{md5(LARGE)}"'
    assert asked(server) == [(None, None, 200), (f"bytes={have}-", etag, 206)]


def test_only_the_remaining_bytes_are_counted(either: S3Server | Moto, destination: Path) -> None:
    shown: list[tuple[int, int]] = []

    class Recorder:
        """Remembers how far it was."""

        def show(self, tally: Tally) -> None:
            """Takes the state as it is now."""
            assert tally.total == len(LARGE)
            shown.append((tally.done, tally.bytes))

    kept(destination, LARGE[:MEGABYTE], f'"{md5(LARGE)}"')
    download(open_at(either), KEY, destination, display=Recorder())
    assert shown[-1] == (len(LARGE), len(LARGE) - MEGABYTE)
    assert shown == sorted(shown)


@pytest.mark.parametrize(
    "note", ["", "{", "[]", "7", '{"etag": null, "bytes": 99999999}', '{"etag": "x"}', None]
)
def test_a_part_that_no_note_explains_is_not_used(
    server: S3Server, destination: Path, note: str | None
) -> None:
    kept(destination, b"x" * 1000, "")
    note_path = destination.with_name("keys.gz.part.json")
    if note is None:
        note_path.unlink()
    else:
        note_path.write_text(note)
    download(open_at(server), KEY, destination)
    demand_in_place(destination, LARGE)
    assert asked(server) == [(None, None, 200)]


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_a_part_that_is_whole_or_longer_is_read_afresh(
    either: S3Server | Moto, destination: Path, extra: bytes
) -> None:
    kept(destination, LARGE + extra, f'"{md5(LARGE)}"')
    download(open_at(either), KEY, destination)
    demand_in_place(destination, LARGE)


def test_a_wrong_beginning_shows_in_the_md5(
    server: S3Server, destination: Path, waits: list[float]
) -> None:
    kept(destination, b"x" * 1000, f'"{md5(LARGE)}"')
    download(open_at(server), KEY, destination)
    demand_in_place(destination, LARGE)
    assert [seen.range for seen in server.requests] == ["bytes=1000-", None]
    assert waits == [0.25]


def test_a_flipped_bit_is_refused_and_read_again(
    server: S3Server, destination: Path, waits: list[float]
) -> None:
    server.faults = Faults(flip=1.0)
    download(open_at(server), KEY, destination)
    demand_in_place(destination, LARGE)
    assert asked(server) == [(None, None, 200)] * 2
    assert waits == [0.25]


@pytest.mark.usefixtures("waits")
def test_what_is_always_damaged_leaves_the_old_file_alone(
    server: S3Server, destination: Path
) -> None:
    server.faults = Faults(flip=1.0, flip_forever=True)
    destination.write_bytes(b"old")
    with pytest.raises(DownloadError) as refused:
        download(open_at(server), KEY, destination, attempts=1)
    assert str(refused.value) == f"{KEY} is damaged: its MD5 does not match its ETag."
    demand_in_place(destination, b"old")
    assert len(server.requests) == 1


@pytest.mark.usefixtures("waits")
def test_two_equal_downloads_are_accepted_from_an_encrypted_bucket(
    tmp_path: Path, destination: Path
) -> None:
    folder = put_down(tmp_path / "encrypted", {KEY: LARGE})
    with S3Server({BUCKET: folder}, encrypted=True) as server:
        seen = download(open_at(server), KEY, destination)
        assert len(server.requests) == 2
    demand_in_place(destination, LARGE)
    assert seen.etag != f'"{md5(LARGE)}"'


def test_a_missing_object_is_reported_at_once(server: S3Server, destination: Path) -> None:
    with pytest.raises(GoneError, match=r"^data/none is not there\.$"):
        download(open_at(server), "data/none", destination)
    with pytest.raises(GoneError, match=r"^data/none is not there\.$"):
        look(open_at(server), "data/none")
    assert [seen.method for seen in server.requests] == ["GET", "HEAD"]


def test_a_refused_object_is_reported_at_once(tmp_path: Path, destination: Path) -> None:
    with S3Server({BUCKET: tmp_path}, missing_is_forbidden=True) as server:
        sentence = rf"^{KEY} is refused by the bucket, or does not exist\.$"
        with pytest.raises(GoneError, match=sentence):
            download(open_at(server), KEY, destination)
        with pytest.raises(GoneError, match=sentence):
            look(open_at(server), KEY)
        assert len(server.requests) == 2


@pytest.mark.parametrize("key", ["data/keys", "data/401/416/412.gz"])
def test_a_dead_server_is_one_sentence_for_every_key(
    destination: Path, waits: list[float], key: str
) -> None:
    store = open_store("s3://images", Access(endpoint="http://127.0.0.1:9"))
    with pytest.raises(DownloadError, match=rf"^{key} could not be read: .*error sending"):
        download(store, key, destination, attempts=3)
    with pytest.raises(DownloadError, match=rf"^{key} could not be read: .*error sending"):
        look(store, key)
    assert waits == [0.25, 0.5]


def test_a_destination_in_no_folder_is_not_taken_for_a_missing_object(
    either: S3Server | Moto, tmp_path: Path, waits: list[float]
) -> None:
    destination = tmp_path / "nowhere" / "keys.gz"
    with pytest.raises(DownloadError, match="could not be written: No such file") as refused:
        download(open_at(either), KEY, destination)
    assert not isinstance(refused.value, GoneError)
    assert waits == []


LITTLE_ROOM = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5 * 2**20, 5 * 2**20))
"""


def test_a_full_disk_is_reported_and_leaves_the_old_file_alone(
    server: S3Server, destination: Path
) -> None:
    destination.write_bytes(b"old")
    command = [sys.executable, "-c", LITTLE_ROOM + DOWNLOAD, server.url, str(destination)]
    done = subprocess.run(  # noqa: S603 - our own program
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )
    last = done.stderr.strip().splitlines()[-1]
    name = "off_platform.storage.download.DownloadError"
    assert last == f"{name}: {destination} could not be written: File too large."
    assert destination.read_bytes() == b"old"
    assert len(server.requests) == 1
    download(open_at(server), KEY, destination)
    demand_in_place(destination, LARGE)


def test_a_missing_object_is_retried_until_it_appears(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults = Faults(missing=1.0)
    waited: list[float] = []
    said: list[str] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            server.faults = Faults()

    monkeypatch.setattr(download_module, "time", SimpleNamespace(sleep=sleep))
    assert look_patiently(source_at(server), KEY, 8, said.append).bytes == len(LARGE)
    assert waited == [1.0, 2.0, 4.0]
    assert said[0] == f"{KEY} is not there. Trying again in 1 s (1 of 8)."
    assert said[2] == f"{KEY} is not there. Trying again in 4 s (3 of 8)."


def test_patience_ends(server: S3Server, waits: list[float]) -> None:
    said: list[str] = []
    with pytest.raises(GoneError, match="data/none is not there"):
        look_patiently(source_at(server), "data/none", 8, said.append)
    assert len(server.requests) == 8
    assert len(said) == 7
    assert waits == [1, 2, 4, 8, 16, 32, 60]
    assert sum(waits) == pytest.approx(120, abs=5)


def test_a_folder_is_checked_once(tmp_path: Path, waits: list[float]) -> None:
    said: list[str] = []
    with pytest.raises(GoneError, match="data/none is not there"):
        look_patiently(Source(str(tmp_path)), "data/none", 8, said.append)
    assert (said, waits) == ([], [])


def test_waits_double_up_to_a_minute() -> None:
    assert [wait_after(attempt) for attempt in (1, 2, 3, 7, 99)] == [1, 2, 4, 60, 60]


@pytest.mark.parametrize("kind", ["local", "http"])
def test_other_stores_than_s3_are_read_alike(
    server: S3Server, tmp_path: Path, destination: Path, kind: str
) -> None:
    url = str(tmp_path / "bucket") if kind == "local" else f"{server.url}/{BUCKET}"
    store = open_store(url, Access())
    seen = look(store, KEY)
    kept(destination, LARGE[: 5 * MEGABYTE], str(seen.etag))
    assert download(store, KEY, destination) == seen
    demand_in_place(destination, LARGE)
    if kind == "http":
        assert server.requests[-1].range == f"bytes={5 * MEGABYTE}-"
