"""HTTP requests as they are read: head, body, byte range, conditions. Bytes in, values out."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from off_platform_tests.s3.answers import S3Error

BYTE_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


@dataclass(slots=True)
class Request:
    """One request: its line, its headers with names in lower case, its body."""

    method: str
    target: str
    headers: dict[str, str]
    keeps_alive: bool
    body: bytes = b""

    @property
    def query(self) -> dict[str, str]:
        """The fields after the question mark."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def place(self) -> tuple[str, str]:
        """Bucket and key (empty for the bucket itself), path style."""
        bucket, _, key = self.target.partition("?")[0].removeprefix("/").partition("/")
        return unquote(bucket), unquote(key)


def parse_head(head: bytes) -> Request:
    """A request without its body from the bytes before the empty line.

    Raises:
        S3Error: it is not an HTTP/1 request (400).
    """
    line, *fields = head.decode("latin-1").split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        raise S3Error(400, "BadRequest", "An error occurred when parsing the HTTP request.")
    pairs = (field.partition(":") for field in fields)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if "transfer-encoding" in headers:
        raise S3Error(501, "NotImplemented", "A body in chunks is not implemented.")
    return Request(words[0], words[1], headers, headers.get("connection", "").lower() != "close")


def take_body(request: Request, unread: bytearray) -> bool:
    """Moves the body from the start of `unread` into the request; whether it is whole now."""
    length = int(request.headers.get("content-length", "0"))
    if len(unread) < length:
        return False
    request.body = bytes(unread[:length])
    del unread[:length]
    return True


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the byte after the last that a Range header asks of `size` bytes.

    Returns:
        None for the whole object: no header, or one that S3 ignores (several ranges, no sense).

    Raises:
        S3Error: nothing of the object is in the range (416).
    """
    found = BYTE_RANGE.fullmatch(header) if header else None
    if header is None or found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        message = "The requested range is not satisfiable"
        raise S3Error(416, "InvalidRange", message, {"Content-Range": f"bytes */{size}"})
    return start, stop


def names_etag(header: str, etag: str) -> bool:
    """Whether an If-Match or If-None-Match header names `etag` (quoted), or any by a star."""
    named = {part.strip().strip('"') for part in header.split(",")}
    return "*" in named or etag.strip('"') in named
