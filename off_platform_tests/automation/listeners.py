"""Servers on this machine that take alerts: a webhook, and a mail server."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from off_platform_tests.waiting import PATIENCE_SECONDS


class Listener:
    """A server on this machine that keeps what it is sent."""

    def __init__(self) -> None:
        """Answers 200 to all."""
        self.bodies: list[Any] = []
        self.answers: list[int] = []
        self.keys: list[str | None] = []
        self.is_late = False
        self.received = threading.Event()
        self.answers_after: threading.Event | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """As a receiver of JSON."""
        return f"json://127.0.0.1:{self.port}/hooks/s3cr3t-t0ken"

    @property
    def chat(self) -> str:
        """As a server of Mattermost."""
        return f"mmost://127.0.0.1:{self.port}/s3cr3t-t0ken"


@contextmanager
def listening() -> Iterator[Listener]:
    kept = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            status = kept.answers.pop(0) if kept.answers else 200
            if status == 200:
                kept.bodies.append(json.loads(data))
                kept.keys.append(self.headers["Idempotency-Key"])
            kept.received.set()
            if kept.answers_after and not kept.answers_after.wait(PATIENCE_SECONDS):
                return
            if kept.is_late:
                # No answer: the one who asks gives up, and closes the connection.
                self.rfile.read(1)
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on standard error."""

    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        kept.port = port
        yield kept


@contextmanager
def mailbox(*, full: list[str] | None = None) -> Iterator[tuple[int, list[EmailMessage]]]:
    """A mail server that speaks just enough SMTP; it refuses mail to those whose box is full."""
    mails: list[EmailMessage] = []

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    data = b"".join(iter(self.rfile.readline, b".\r\n"))
                    mails.append(message_from_bytes(data, policy=policy.default))  # type: ignore[arg-type]
                is_full = any(f"<{each}>".encode() in line for each in full or ())
                answers = {b"QUIT": b"221 bye", b"RCPT": b"452 full" if is_full else b"250 ok"}
                self.wfile.write(answers.get(word, b"250 ok") + b"\r\n")
                if word == b"QUIT":
                    return

    with _served(ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port, mails


@contextmanager
def _served(server: Any) -> Iterator[int]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
