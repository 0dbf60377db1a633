"""One HTTP/1.1 connection: kept alive, requests answered in order, as fast as they are taken."""

import asyncio
from collections.abc import Callable
from typing import cast

from off_platform_tests.s3.answers import PIECE_BYTES, Answer, Ending, Pieces, S3Error
from off_platform_tests.s3.requests import Request, parse_head, take_body
from off_platform_tests.s3.service import Service

MAX_HEAD_BYTES = 64 * 1024
WRITE_BUFFER_BYTES = 4 * PIECE_BYTES
HEAD_END = b"\r\n\r\n"

Watcher = Callable[[Request, int], None]


class Connection(asyncio.Protocol):
    """Reads requests and sends their answers one after the other, in the order they came."""

    def __init__(self, service: Service, watcher: Watcher, open_ones: "set[Connection]") -> None:
        """Answers by `service`, hands each status to `watcher`, is in `open_ones` while open."""
        self._service = service
        self._watcher = watcher
        self._open_ones = open_ones
        self._unread = bytearray()
        self._request: Request | None = None
        self._answer: Answer | None = None
        self._waits = False
        self._full = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins with a new connection."""
        # uvloop's transports are asyncio's by what they do, not by class.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Lets go of everything; `exc` is why, which no test asks for."""
        del exc
        self._open_ones.discard(self)
        self._unread.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._service.waiting -= self._waits
        self._waits = False
        if self._answer is not None and self._answer.pieces is not None:
            self._answer.pieces.close()
        self._answer = None

    def abort(self) -> None:
        """Closes at once, whatever is still to be sent."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Takes what the client sent, and answers what is whole."""
        self._unread += data
        self._serve()

    def pause_writing(self) -> None:
        """Sends no more until the client has taken some."""
        self._full = True

    def resume_writing(self) -> None:
        """Resumes what `pause_writing` stopped."""
        # Not at once: asyncio's transport breaks when it is closed within this call.
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._full = False
        if self._answer is not None and self._answer.pieces is not None:
            self._pump(self._answer, self._answer.pieces)
        self._serve()

    @property
    def _is_busy(self) -> bool:
        return self._waits or self._full or self._answer is not None

    def _serve(self) -> None:
        while not (self._is_busy or self._transport.is_closing()):
            try:
                request = self._next_request()
            except S3Error as refused:
                self._send(refused.answer(with_body=True), keeps_alive=False)
                return
            if request is None:
                return
            if seconds := self._service.faults.latency_seconds:
                self._waits = True
                self._service.waiting += 1
                self._service.beside.append(self._service.waiting)
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(seconds, self._reply_late, request)
            else:
                self._reply(request)

    def _next_request(self) -> Request | None:
        if self._request is None:
            end = self._unread.find(HEAD_END)
            if end < 0:
                if len(self._unread) > MAX_HEAD_BYTES:
                    raise S3Error(400, "RequestHeaderSectionTooLarge", "The head is too long.")
                return None
            self._request = parse_head(bytes(self._unread[:end]))
            del self._unread[: end + len(HEAD_END)]
            if self._request.headers.get("expect", "").lower() == "100-continue":
                # Without this, botocore waits a second before it sends the body.
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = self._request
        if not take_body(request, self._unread):
            return None
        self._request = None
        return request

    def _reply_late(self, request: Request) -> None:
        self._waits = False
        self._service.waiting -= 1
        self._reply(request)
        self._serve()

    def _reply(self, request: Request) -> None:
        answer = self._service.answer(request)
        self._watcher(request, answer.status)
        self._send(answer, keeps_alive=request.keeps_alive)

    def _send(self, answer: Answer, *, keeps_alive: bool) -> None:
        self._transport.write(answer.data)
        if answer.pieces is None:
            if not keeps_alive:
                self._transport.close()
            return
        if not keeps_alive and answer.ending is Ending.KEEP:
            answer.ending = Ending.CLOSE
        self._answer = answer
        if not self._full:
            self._pump(answer, answer.pieces)

    def _pump(self, answer: Answer, pieces: Pieces) -> None:
        while pieces.left and not self._full:
            piece = pieces.read()
            if not piece:
                self._transport.abort()
                return
            self._transport.write(piece)
        if pieces.left or answer.ending is Ending.HANG:
            return
        pieces.close()
        self._answer = None
        if answer.ending is Ending.CLOSE:
            self._transport.close()
