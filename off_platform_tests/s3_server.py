"""An S3-like server for tests and benchmarks: folders as buckets, faults on demand, fast.

Here are the server's thread and its public door; `python -m off_platform_tests.s3_server` runs it
as a process of its own. What it answers is s3_service's. It checks no signature, listens on this
machine only, and keeps neither metadata nor versions.
"""

import argparse
import asyncio
import os
import select
import signal
import stat
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from off_platform_tests.s3_connections import Connection
from off_platform_tests.s3_faults import Fault, Faults, changed
from off_platform_tests.s3_requests import Request
from off_platform_tests.s3_service import Options, Service
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
        port: int = 0,
        **options: Any,
    ) -> None:
        """Prepare to serve `buckets`, a folder for each name.

        Args:
            buckets: uploads are written to these folders, faults change nothing in them.
            faults: none by default.
            record: whether to fill `requests`.
            port: a free one by default.
            **options: the attributes of `Options`; the defaults are S3's own.
        """
        self.url = ""
        self.requests: list[Seen] = []
        self._service = Service(buckets, faults or Faults(), Options(**options))
        self._record = record
        self._port = port
        self._counts: Counter[tuple[str, int]] = Counter()
        self._open_ones: set[Connection] = set()
        self._own_errors: list[BaseException] = []
        self._started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, name="s3-server", daemon=True)

    def __enter__(self) -> Self:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        self._thread.start()
        try:
            self.url = f"http://{HOST}:{self._started.result(PATIENCE_SECONDS)}"
        except OSError:
            self._thread.join(PATIENCE_SECONDS)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every connection and end the thread.

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
        """Answer SlowDown to everything for `seconds` from now, and to the next `requests`."""
        self._call(self._service.burst.begin, seconds, requests)

    def replace(self, bucket: str, key: str, data: bytes) -> None:
        """Let the object have other bytes, ETag and Last-Modified; the folder stays as it is.

        Raises:
            KeyError: there is no such bucket or object.
        """
        self._call(self._service.buckets[bucket].replace, key, data)

    def warm(self) -> None:
        """Read every object once, before the `with` block, so that no first request is slow."""
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
        try:
            server = await self._loop.create_server(
                lambda: Connection(self._service, self._watch, self._open_ones),
                HOST,
                self._port,
                backlog=BACKLOG,
            )
        except OSError as error:
            self._started.set_exception(error)
            return
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="s3_server", description="Serve a folder as a bucket.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bucket", default="bucket", help="its name")
    parser.add_argument("--port", type=int, default=0, help="a free one by default")
    parser.add_argument("--warm", action="store_true", help="read all objects before the start")
    parser.add_argument("--kept-mib", type=int, default=256, help="memory for small objects")
    parser.add_argument("--seconds", type=float, default=3600.0, help="end after so long")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="before every answer")
    for fault in Fault:
        name = fault.value.replace("_", "-")
        parser.add_argument(f"--{name}", type=float, default=0.0, help="share of the objects")
    parser.add_argument("--slow-down-burst", type=int, default=2, help="SlowDowns an object")
    parser.add_argument("--flip-forever", action="store_true")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of objects with faults")
    parser.add_argument("--page-size", type=int, default=1000, help="entries a page of a listing")
    parser.add_argument("--multipart-etags", action="store_true")
    parser.add_argument("--missing-is-forbidden", action="store_true")
    return parser


def _wait_for_end(seconds: float) -> None:
    """Wait until `seconds` passed or whoever holds the other end of standard input is gone."""
    end = time.monotonic() + seconds
    mode = os.fstat(sys.stdin.fileno()).st_mode
    watched = [sys.stdin.fileno()] if stat.S_ISFIFO(mode) or sys.stdin.isatty() else []
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select(watched, [], [], left)
        if ready and not os.read(ready[0], 4096):
            return


def main() -> None:
    """Serve until SIGTERM, the end of standard input where that is a pipe, or `--seconds`."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    shares = {fault.value: getattr(arguments, fault.value) for fault in Fault}
    faults = Faults(
        latency_seconds=arguments.latency_ms / 1000,
        slow_down_burst=arguments.slow_down_burst,
        flip_forever=arguments.flip_forever,
        seed=arguments.seed,
        **shares,
    )
    server = S3Server(
        {arguments.bucket: arguments.folder},
        faults=faults,
        record=False,
        port=arguments.port,
        kept_bytes=arguments.kept_mib * 1024**2,
        page_size=arguments.page_size,
        multipart_etags=arguments.multipart_etags,
        missing_is_forbidden=arguments.missing_is_forbidden,
    )
    if arguments.warm:
        server.warm()
    with server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        _wait_for_end(arguments.seconds)


if __name__ == "__main__":
    main()
