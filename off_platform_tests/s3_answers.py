"""HTTP answers as the test S3 server writes them: heads, bodies in pieces, S3's XML.

What is answered to which request is s3_service's; sending is s3_connections'.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from html import escape
from http import HTTPStatus

PIECE_BYTES = 256 * 1024
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
REQUEST_ID = "4442587FB7D0A2F9"
NO_CONTENT_STATUSES = {204, 304}


class Ending(Enum):
    """What becomes of the connection after an answer."""

    KEEP = "keep"
    CLOSE = "close"
    HANG = "hang"


class Pieces:
    """A part of an object, handed out piece by piece from memory or from an open file."""

    def __init__(self, source: bytes | int, start: int, stop: int, *, offset: int = 0) -> None:
        """Take the bytes `start` to `stop` of `source`: bytes, or a file descriptor to close.

        Args:
            source: the bytes, or a descriptor that is closed by `close`.
            start: the first byte of the object.
            stop: the byte after the last one; may be lowered until the end was read.
            offset: where in `source` the object begins.
        """
        self._source = source
        self._offset = offset
        self._at = start
        self.stop = stop
        self.flipped_byte: int | None = None

    @property
    def left(self) -> int:
        """How many bytes are still to come."""
        return self.stop - self._at

    def read(self) -> bytes:
        """The next piece; empty at the end, and where a file has become shorter."""
        size, at = min(PIECE_BYTES, self.left), self._at + self._offset
        if isinstance(self._source, bytes):
            piece = self._source[at : at + size]
        else:
            piece = os.pread(self._source, size, at)
        if self.flipped_byte is not None and 0 <= self.flipped_byte - self._at < len(piece):
            wrong = bytearray(piece)
            wrong[self.flipped_byte - self._at] ^= 0x10
            piece = bytes(wrong)
        self._at += len(piece)
        return piece

    def close(self) -> None:
        """Close the file, if there is one; a second call does nothing."""
        if isinstance(self._source, int):
            os.close(self._source)
        self._source, self.stop = b"", self._at


@dataclass(slots=True)
class Answer:
    """One answer: bytes to send at once, then pieces, if any; `status` is for the record."""

    status: int
    data: bytes
    pieces: Pieces | None = None
    ending: Ending = Ending.KEEP


class S3Error(Exception):
    """A request is refused, with S3's code and sentence."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Refuse with `status`; `details` become elements of the XML, `headers` go out with it."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = dict(details or {})
        self.headers = dict(headers or {})


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line, the headers and the empty line after them."""
    phrase = "Slow Down" if status == HTTPStatus.SERVICE_UNAVAILABLE else HTTPStatus(status).phrase
    lines = [f"HTTP/1.1 {status} {phrase}", "Server: AmazonS3", f"x-amz-request-id: {REQUEST_ID}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def plain_answer(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer without a body."""
    headers = dict(headers or {})
    if status not in NO_CONTENT_STATUSES:
        headers["Content-Length"] = "0"
    return Answer(status, head(status, headers))


def xml_answer(status: int, xml: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with an XML body; `xml` is without the declaration."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}'.encode()
    headers = {"Content-Type": "application/xml", "Content-Length": str(len(body))} | dict(
        headers or {}
    )
    return Answer(status, head(status, headers) + body)


def error_answer(refused: S3Error, *, with_body: bool) -> Answer:
    """A refusal as S3 writes it; a HEAD request gets it without the XML."""
    if not with_body:
        return plain_answer(refused.status, refused.headers)
    fields = {"Code": refused.code, "Message": str(refused), **refused.details}
    fields |= {"RequestId": REQUEST_ID, "HostId": "test"}
    return xml_answer(refused.status, f"<Error>{elements(fields)}</Error>", refused.headers)


def elements(fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """XML elements with escaped text, one a field, in order."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in pairs)


def no_such_key(key: str) -> S3Error:
    """The refusal for an object that is not there."""
    return S3Error(404, "NoSuchKey", "The specified key does not exist.", details={"Key": key})


def access_denied() -> S3Error:
    """The refusal for an object that one may not even know to be missing."""
    return S3Error(403, "AccessDenied", "Access Denied")


def precondition_failed(condition: str) -> S3Error:
    """The refusal where the header `condition` does not hold."""
    message = "At least one of the pre-conditions you specified did not hold"
    return S3Error(412, "PreconditionFailed", message, details={"Condition": condition})


def not_implemented() -> S3Error:
    """The refusal for what S3 can do and this server cannot."""
    message = "A header or query you provided implies functionality that is not implemented"
    return S3Error(501, "NotImplemented", message)


def slow_down(retry_after_seconds: int | None) -> S3Error:
    """The refusal of a bucket that is asked too much."""
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    return S3Error(503, "SlowDown", "Please reduce your request rate.", headers=headers)
