"""The server's thread and its public door.

`python -m off_platform_tests.s3.server` runs it as a process of its own.
"""

import argparse
import asyncio
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from off_platform_tests.s3.connections import Connection
from off_platform_tests.s3.faults import Fault, Faults, changed
from off_platform_tests.s3.requests import Request
from off_platform_tests.s3.service import Options, Service
from off_platform_tests.waiting import PATIENCE_SECONDS

__all__ = ["Fault", "Faults", "Options", "S3Server", "Seen", "changed"]

# uvloop answers about half as many requests again; it is not made for Windows.
LOOPS = import_module("uvloop" if find_spec("uvloop") else "asyncio")
HOST = "127.0.0.1"
BACKLOG = 1024
CLOSING_ROUNDS = 20

Result = TypeVar("Result")


class Seen(NamedTuple):
    """One request as the server saw it, and the status of its answer."""

    method: str
    path: str
    range: str | None
    if_match: str | None
    if_none_match: str | None
    status: int


class S3Server:
    """Serves folders as buckets from a thread of its own, while its `with` block lasts.

    Attributes:
        url: where it listens, `http://127.0.0.1:PORT`; objects are at `URL/BUCKET/KEY`.
        requests: what was asked so far, in order; stays empty with `record=False`.
    """

    def __init__(
        self,
        buckets: Mapping[str, Path],
        *,
        faults: Faults | None = None,
        record: bool = True,
        **options: Any,
    ) -> None:
        """Prepares to serve `buckets`, a folder for each name.

        Args:
            buckets: uploads are written to these folders, faults change nothing in them.
            faults: none by default.
            record: whether to fill `requests`.
            **options: the attributes of `Options`; the defaults are S3's own.
        """
        self.url = ""
        self.requests: list[Seen] = []
        self._service = Service(buckets, faults or Faults(), Options(**options))
        self._record = record
        self._counts: Counter[tuple[str, int]] = Counter()
        self._open_ones: set[Connection] = set()
        self._own_errors: list[BaseException] = []
        self._started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, name="s3-server", daemon=True)

    def __enter__(self) -> Self:
        """Listens on a free port."""
        self._thread.start()
        self.url = f"http://{HOST}:{self._started.result(PATIENCE_SECONDS)}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes every connection and ends the thread.

        Raises:
            RuntimeError: the server itself failed at a request, or does not end.
        """
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError("the S3 server does not end")
        if self._own_errors and error is None:
            raise RuntimeError("the S3 server failed at a request") from self._own_errors[0]

    @property
    def faults(self) -> Faults:
        """The faults from now on; may be set to others while the server runs."""
        return self._service.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._service.faults = faults

    def fault_of(self, key: str) -> Fault | None:
        """The fault that the object `key` has, or None."""
        return self.faults.fault_of(key)

    @property
    def beside(self) -> list[int]:
        """How many requests waited for their latency whenever one came, itself included."""
        return self._service.beside

    def counts(self) -> Counter[tuple[str, int]]:
        """How many requests were answered, by method and status."""
        return self._call(self._counts.copy)

    def slow_down_for(self, seconds: float = 0.0, *, requests: int = 0) -> None:
        """Answers SlowDown to everything for `seconds` from now, and to the next `requests`."""
        self._call(self._service.burst.begin, seconds, requests)

    def replace(self, bucket: str, key: str, data: bytes) -> None:
        """Lets the object have other bytes, ETag and Last-Modified; the folder stays as it is.

        Raises:
            KeyError: there is no such bucket or object.
        """
        self._call(self._service.buckets[bucket].replace, key, data)

    def warm(self) -> None:
        """Reads every object once, before the `with` block, so that no first request is slow."""
        for bucket in self._service.buckets.values():
            self._call(bucket.warm)

    def _call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        async def call() -> Result:
            return function(*arguments)

        if not self._thread.is_alive():
            return function(*arguments)
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=LOOPS.new_event_loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._note_own_error)
        server = await self._loop.create_server(
            lambda: Connection(self._service, self._watch, self._open_ones),
            HOST,
            0,
            backlog=BACKLOG,
        )
        self._started.set_result(server.sockets[0].getsockname()[1])
        await self._stop.wait()
        server.close()
        for _ in range(CLOSING_ROUNDS):
            for connection in tuple(self._open_ones):
                connection.abort()
            await asyncio.sleep(0)
        await server.wait_closed()

    def _note_own_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._own_errors.append(context.get("exception") or RuntimeError(context["message"]))

    def _watch(self, request: Request, status: int) -> None:
        self._counts[request.method, status] += 1
        if self._record:
            header = request.headers.get
            conditions = header("range"), header("if-match"), header("if-none-match")
            self.requests.append(Seen(request.method, request.target, *conditions, status))


def main() -> None:
    """Serves a folder until SIGTERM, or the end of standard input."""
    parser = argparse.ArgumentParser(prog="s3.server", description="Serve a folder as a bucket.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bucket", default="bucket", help="its name")
    parser.add_argument("--warm", action="store_true", help="read all objects before the start")
    parser.add_argument("--kept-mib", type=int, default=256, help="memory for small objects")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="before every answer")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    faults = Faults(latency_seconds=given.latency_ms / 1000)
    kept = given.kept_mib * 1024**2
    server = S3Server({given.bucket: given.folder}, faults=faults, record=False, kept_bytes=kept)
    if given.warm:
        server.warm()
    with server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
