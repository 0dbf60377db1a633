"""Listing: spans are together the whole of a folder, whatever fails; a part never passes for it."""

import string
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from socket import create_connection
from socketserver import StreamRequestHandler, ThreadingTCPServer
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore

from off_platform.storage import listing
from off_platform.storage.listing import ListingError, Span, spans, write_listing
from off_platform.storage.objects import Access, open_store
from off_platform.storage.progress import Tally
from off_platform_tests.s3.server import Faults, S3Server
from off_platform_tests.storage.conftest import Serve
from off_platform_tests.storage.serving import BUCKET, md5, open_at, put_down
from off_platform_tests.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from obstore.store import ObjectStore

FOLDER = "metadata/"
BODY = b"body"
# Characters with a meaning in paths or URLs, digits, and characters next to and beyond them.
ODD = "0159 !\"#%&'()*+,-.:;<=>?@AZ[]^_`az{|}~éÿ\U0001f4e6"
NAMES = st.text(ODD, min_size=1, max_size=5).filter(lambda name: name not in {".", ".."})
DEEP = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
# Ends of pages and of spans fall on names that a path would quote. Names that end with # and digits
# are not among them: obstore takes such files of a folder for its own unfinished ones.
MANY = [f"{number % 10}{mark}{number:04d}é%" for number in range(2600) for mark in "#["]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow one another at once."""
    monkeypatch.setattr(listing, "FIRST_WAIT", 0.001)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bucket of several of obstore's pages, to be looked at only."""
    names = [
        FOLDER + name for name in [*MANY, "notes.json", "!first", "5", "5/deep"] if name != "5"
    ]
    objects = dict.fromkeys([*names, "metadata.txt", "metadataX/1", "image/1.jpg"], BODY)
    return put_down(tmp_path_factory.mktemp("many"), objects)


def keys_below(bucket: Path, folder: str = FOLDER) -> list[str]:
    """What is there, in the order of the keys' bytes."""
    found = (path.relative_to(bucket).as_posix() for path in bucket.rglob("*") if path.is_file())
    return sorted((key for key in found if key.startswith(folder)), key=str.encode)


def listed(store: "ObjectStore", parts: Sequence[Span], attempts: int = 6) -> pa.Table:
    """The files of all spans after one another."""
    with TemporaryDirectory() as folder:
        files = write_listing(store, parts, Path(folder), concurrency=4, attempts=attempts)
        return pa.concat_tables([pq.read_table(file, memory_map=False) for file in files])


def keys_of(table: pa.Table) -> list[str]:
    """Its keys as they follow one another."""
    return [str(key) for key in table["key"].to_pylist()]


def memory_with(keys: Sequence[str]) -> MemoryStore:
    """A store in memory, which lists in the order of the keys' bytes like S3."""
    store = MemoryStore()
    for key in keys:
        obstore.put(store, key, BODY)
    return store


class BurstAfterEveryPage:
    """A display that lets the server refuse the requests that follow."""

    def __init__(self, server: S3Server, refusals: int) -> None:
        """Refuses a number of requests each time."""
        self._server, self._refusals = server, refusals

    def show(self, tally: Tally) -> None:
        """A page has come."""
        assert tally.done
        self._server.slow_down_for(requests=self._refusals)


@contextmanager
def cutting(address: str, cut: set[int]) -> Iterator[str]:
    """A way to a server on which the answers of these numbers, from 0, end half-way."""
    host, _, port = address.removeprefix("http://").partition(":")
    answered = iter(range(10**6))

    class Way(StreamRequestHandler):
        def handle(self) -> None:
            head = b"".join(iter(self.rfile.readline, b"\r\n"))
            if not head:
                return
            with create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as server:
                server.sendall(head + b"Connection: close\r\n\r\n")
                with server.makefile("rb") as answer:
                    lines = [*iter(answer.readline, b"\r\n"), b"\r\n"]
                    sizes = [line for line in lines if line.lower().startswith(b"content-length:")]
                    body = answer.read(int(sizes[0].split(b":")[1]))
            kept = len(body) // 2 if next(answered) in cut else len(body)
            self.wfile.write(b"".join(lines[:-1]) + b"Connection: close\r\n\r\n" + body[:kept])

    with ThreadingTCPServer((host, 0), Way) as way:
        way.daemon_threads = True
        thread = Thread(target=way.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://{host}:{way.server_address[1]}"
        way.shutdown()
        thread.join()


@pytest.mark.slow
@given(names=st.sets(DEEP, max_size=30), beside=st.sets(NAMES, max_size=5))
def test_spans_are_together_the_whole_folder_in_order(names: set[str], beside: set[str]) -> None:
    wanted = sorted((FOLDER + name for name in names), key=str.encode)
    store = memory_with([*wanted, *(f"image/{name}" for name in beside), "metadata.txt"])
    assert keys_of(listed(store, spans(FOLDER))) == wanted
    assert keys_of(listed(store, [Span(FOLDER)])) == wanted


@given(starts=st.sets(st.sampled_from(string.printable[:62]), min_size=1).map(sorted))
def test_spans_follow_one_another_without_a_gap(starts: list[str]) -> None:
    parts = spans(FOLDER, "".join(starts))
    assert (parts[0].after, parts[-1].until) == (None, None)
    assert all(one.until == following.after for one, following in pairwise(parts))
    assert len(parts) == len(starts)


def test_a_key_that_is_a_cut_is_listed_once() -> None:
    keys = [FOLDER + name for name in ["0", "1", "1.json", "1/deep.json", "9", "notes.json"]]
    keys.sort()
    assert keys_of(listed(memory_with(keys), spans(FOLDER))) == keys


def test_a_span_is_after_one_key_up_to_and_including_another() -> None:
    store = memory_with([f"{FOLDER}{letter}" for letter in "abcdef"])
    part = Span(FOLDER, after=f"{FOLDER}b", until=f"{FOLDER}d")
    assert keys_of(listed(store, [part])) == [f"{FOLDER}c", f"{FOLDER}d"]


def test_folders_are_listed_in_the_requested_order(many: Path) -> None:
    store = open_store(str(many), Access())
    found = keys_of(listed(store, [Span(FOLDER), Span("image/")]))
    assert found[-1] == "image/1.jpg"
    assert sorted(found[:-1], key=str.encode) == keys_below(many)


def test_a_folder_without_objects_is_an_empty_table() -> None:
    table = listed(memory_with([]), spans(FOLDER))
    assert table.num_rows == 0
    assert table.schema.names == ["key", "bytes", "etag", "last_modified"]


def test_columns_match_the_bucket(serve: Serve, tmp_path: Path) -> None:
    store = open_at(serve(put_down(tmp_path, {f"{FOLDER}1.json": BODY})))
    table = listed(store, spans(FOLDER))
    modified = obstore.head(store, f"{FOLDER}1.json")["last_modified"]
    types = [pa.string(), pa.int64(), pa.string(), pa.timestamp("us", tz="UTC")]
    assert table.schema.types == types
    etag = f'"{md5(BODY)}"'
    row = {"key": f"{FOLDER}1.json", "bytes": 4, "etag": etag, "last_modified": modified}
    assert table.to_pylist() == [row]


@pytest.mark.slow
@pytest.mark.parametrize("page_size", [7, 1000])
def test_over_http_spans_are_the_whole_folder(many: Path, page_size: int) -> None:
    faults = Faults(latency_seconds=0.0005)
    with S3Server({BUCKET: many}, page_size=page_size, faults=faults) as server:
        assert keys_of(listed(open_at(server), spans(FOLDER))) == keys_below(many)


def test_refusals_between_pages_lose_no_key_and_double_none(many: Path, tmp_path: Path) -> None:
    with S3Server({BUCKET: many}, page_size=300) as server:
        (file,) = write_listing(
            open_at(server),
            [Span(FOLDER)],
            tmp_path,
            concurrency=1,
            attempts=4,
            display=BurstAfterEveryPage(server, refusals=2),
        )
        resumed = {
            after
            for request in server.requests
            for after in parse_qs(urlsplit(request.path).query).get("start-after", [])
        }
        refused = server.counts()["GET", 503]
    keys = keys_below(many)
    assert keys_of(pq.read_table(file)) == keys
    assert refused >= 2 * (len(keys) // listing.PAGE_KEYS)
    assert resumed == set(keys[listing.PAGE_KEYS - 1 :: listing.PAGE_KEYS])


@pytest.mark.slow
def test_refusals_of_all_spans_at_once_lose_no_key(many: Path) -> None:
    with S3Server({BUCKET: many}, page_size=100) as server:
        server.slow_down_for(requests=12)
        assert keys_of(listed(open_at(server), spans(FOLDER), attempts=15)) == keys_below(many)
        assert server.counts()["GET", 503] == 12


@pytest.mark.slow
def test_cut_answers_lose_no_key_and_double_none(many: Path) -> None:
    with S3Server({BUCKET: many}) as server, cutting(server.url, cut={0, 2, 5, 9}) as address:
        store = open_store(f"s3://{BUCKET}", Access(endpoint=address))
        assert keys_of(listed(store, spans(FOLDER))) == keys_below(many)
        asked = server.counts()["GET", 200]
    assert asked >= 10 + 4


def test_a_refused_listing_never_passes_for_a_complete_one(many: Path) -> None:
    with S3Server({BUCKET: many}) as server:
        server.slow_down_for(60)
        with pytest.raises(
            ListingError, match=r"'metadata/' could not be listed in 3 tries: .*503"
        ):
            listed(open_at(server), spans(FOLDER), attempts=3)
        assert server.counts()["GET", 200] == 0


def test_a_listing_that_ends_half_way_never_passes_for_a_whole_one(many: Path) -> None:
    cut = set(range(2, 100))
    with S3Server({BUCKET: many}) as server, cutting(server.url, cut) as address:
        store = open_store(f"s3://{BUCKET}", Access(endpoint=address))
        with pytest.raises(ListingError, match="could not be listed in 3 tries"):
            listed(store, [Span(FOLDER)], attempts=3)


def test_a_bucket_that_does_not_answer_in_time_is_an_error(many: Path) -> None:
    with S3Server({BUCKET: many}, faults=Faults(latency_seconds=5)) as server:
        store = open_at(server, seconds=0.1)
        with pytest.raises(ListingError, match="could not be listed in 2 tries"):
            listed(store, [Span(FOLDER)], attempts=2)


def test_progress_counts_every_key_once(tmp_path: Path) -> None:
    seen: list[int] = []

    class Noting:
        def show(self, tally: Tally) -> None:
            seen.append(tally.done)

    store = memory_with([f"{FOLDER}{number:05d}" for number in range(2500)])
    write_listing(store, spans(FOLDER), tmp_path, concurrency=3, attempts=1, display=Noting())
    assert seen == sorted(seen)
    assert seen[-1] == 2500
