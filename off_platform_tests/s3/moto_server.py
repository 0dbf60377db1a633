"""moto's server at 127.0.0.1, with conditional writes that are atomic, as those of S3 are.

moto compares `If-None-Match` and stores the object in two steps, so two requests at the same time
may both create it; S3 answers one of them with 412 ("conditional writes", Amazon S3 user guide).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Lock, Thread
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH")


class _OneAtATime:
    """A WSGI application that answers conditional writes one after another."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application, self._lock = application, Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        is_write = environ["REQUEST_METHOD"] in {"PUT", "POST"}
        if not (is_write and any(name in environ for name in CONDITIONS)):
            return self._application(environ, start_response)
        # Read before the lock is taken: a client that is stopped must not stop the others.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
        with self._lock:
            return [*self._application(environ, start_response)]


@contextmanager
def moto_server() -> Iterator[str]:
    """The address of a server; all servers of one process share their buckets and secrets."""
    application = _OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server(
        "127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler
    )
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
