"""Clients of the double for its own tests, and a small bucket to ask it for."""

import urllib.error
import urllib.request
from pathlib import Path

from obstore.store import S3Store

from off_platform_tests.s3.server import S3Server
from off_platform_tests.waiting import PATIENCE_SECONDS

BUCKET = "images"
PHOTO = "data/301/762/042/2003/1.jpg"
ODD_KEYS = ["odd/a b+c&d<e>.json", "odd/%2e%2e", "odd/über/\N{BANANA}", "odd/10.jpg", "odd/2.jpg"]


def small_bucket(folder: Path) -> Path:
    """Writes a few objects into a new folder; `readme` holds hello, `data_keys.gz` nothing."""
    contents = {PHOTO: bytes(range(256)) * 4, "data/data_keys.gz": b"", "readme": b"hello"}
    contents |= {key: key.encode() for key in ODD_KEYS}
    for key, data in contents.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def address_of(server: S3Server) -> tuple[str, int]:
    """Where the server listens, for a plain socket."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    return host, int(port)


def store_of(server: S3Server, bucket: str = BUCKET) -> S3Store:
    """An obstore store for one of the server's buckets."""
    return S3Store(
        bucket,
        endpoint=server.url,
        client_options={"allow_http": True},
        virtual_hosted_style_request=False,
        skip_signature=True,
    )


def ask(
    server: S3Server, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request; header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(server.url + path, body, named, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()
