"""HTTP requests as the test S3 server reads them: head, body, byte ranges, conditions.

Pure: bytes in, values out. Sockets are s3_connections', answers s3_answers'.
"""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, unquote_to_bytes

from off_platform_tests.s3_answers import S3Error

MAX_BODY_BYTES = 512 * 1024**2
MAX_QUERY_FIELDS = 50
NUMBER = re.compile(r"[0-9]{1,12}")
BYTE_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")
CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]{1,8})(?:;[^\r\n]{0,1000})?\r\n")
MAX_CHUNK_HEAD_BYTES = 1100


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
        """The fields after the question mark.

        Raises:
            S3Error: there are too many, or they are no UTF-8 (400).
        """
        text = self.target.partition("?")[2]
        try:
            fields = parse_qsl(
                text, keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
            )
        except ValueError:
            raise S3Error(400, "InvalidURI", "Couldn't parse the specified URI.") from None
        return dict(fields)


def parse_head(head: bytes) -> Request:
    """A request without its body from the bytes before the empty line.

    Raises:
        S3Error: that is no HTTP/1 request (400).
    """
    line, *fields = head.decode("latin-1").split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        raise S3Error(400, "BadRequest", "An error occurred when parsing the HTTP request.")
    headers = {}
    for field in fields:
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    keeps_alive = words[2] != "HTTP/1.0" and headers.get("connection", "").lower() != "close"
    return Request(words[0], words[1], headers, keeps_alive)


def take_body(request: Request, unread: bytearray) -> bool:
    """Move the request's body from the start of `unread` into it, once all of it is there.

    Returns:
        Whether the request is whole now.

    Raises:
        S3Error: the body is longer than MAX_BODY_BYTES, or not framed as announced (400).
    """
    if request.headers.get("transfer-encoding", "").lower() == "chunked":
        found = dechunked(unread)
    else:
        length = _content_length(request)
        found = (bytes(unread[:length]), length) if len(unread) >= length else None
    if found is None:
        return False
    request.body, taken = found
    del unread[:taken]
    if "aws-chunked" in request.headers.get("content-encoding", ""):
        inner = dechunked(request.body)
        if inner is None:
            raise S3Error(400, "IncompleteBody", "The request body terminated unexpectedly.")
        request.body = inner[0]
    return True


def _content_length(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    if not NUMBER.fullmatch(text):
        raise S3Error(400, "BadRequest", "The Content-Length is no number.")
    if int(text) > MAX_BODY_BYTES:
        raise S3Error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum size.")
    return int(text)


def dechunked(framed: bytes | bytearray) -> tuple[bytes, int] | None:
    """The content of chunks, and how many framed bytes they and their trailer took.

    Reads both HTTP's chunks and those of S3's own aws-chunked encoding.

    Returns:
        None while the last chunk is not there yet.

    Raises:
        S3Error: that are no chunks, or more than MAX_BODY_BYTES (400).
    """
    pieces: list[bytes] = []
    at = total = 0
    while (head := CHUNK_HEAD.match(framed, at)) is not None:
        size, at = int(head[1], 16), head.end()
        total += size
        if total > MAX_BODY_BYTES:
            raise S3Error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum size.")
        if size == 0:
            end = framed.find(b"\r\n\r\n", at - 2)
            return (b"".join(pieces), end + 4) if end >= 0 else None
        if len(framed) < at + size + 2:
            return None
        pieces.append(bytes(framed[at : at + size]))
        at += size + 2
    if len(framed) - at > MAX_CHUNK_HEAD_BYTES or b"\r\n" in framed[at:]:
        raise S3Error(400, "IncompleteBody", "The request body is not in chunks.")
    return None


def place_of(target: str) -> tuple[str, str]:
    """Bucket and key (empty for the bucket itself) that a request's target names, path style.

    Raises:
        S3Error: the path is no UTF-8 once its percent signs are resolved (400).
    """
    bucket, _, key = target.partition("?")[0].removeprefix("/").partition("/")
    try:
        return unquote_to_bytes(bucket).decode(), unquote_to_bytes(key).decode()
    except UnicodeDecodeError:
        raise S3Error(400, "InvalidURI", "Couldn't parse the specified URI.") from None


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
        raise S3Error(
            416,
            "InvalidRange",
            "The requested range is not satisfiable",
            details={"RangeRequested": header, "ActualObjectSize": str(size)},
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, stop


def names_etag(header: str, etag: str) -> bool:
    """Whether an If-Match or If-None-Match header names `etag` (quoted), or any by a star."""
    named = {part.strip().removeprefix("W/").strip('"') for part in header.split(",")}
    return "*" in named or etag.strip('"') in named


def failed_condition(headers: dict[str, str], etag: str, modified: int) -> str | None:
    """The header whose condition an object does not meet, in the order HTTP checks them.

    Args:
        headers: the request's, names in lower case.
        etag: the object's, quoted.
        modified: the object's Last-Modified, seconds since 1970.
    """
    if "if-match" in headers:
        if not names_etag(headers["if-match"], etag):
            return "If-Match"
    elif modified > _seconds(headers.get("if-unmodified-since"), modified):
        return "If-Unmodified-Since"
    if "if-none-match" in headers:
        if names_etag(headers["if-none-match"], etag):
            return "If-None-Match"
    elif modified <= _seconds(headers.get("if-modified-since"), modified - 1):
        return "If-Modified-Since"
    return None


def _seconds(date: str | None, otherwise: int) -> int:
    try:
        return int(parsedate_to_datetime(date).timestamp()) if date else otherwise
    except (ValueError, OverflowError):
        return otherwise
