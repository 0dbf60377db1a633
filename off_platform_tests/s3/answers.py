"""HTTP answers as they are written: heads, bodies in pieces, S3's XML."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from html import escape
from http import HTTPStatus

PIECE_BYTES = 256 * 1024
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
NO_CONTENT_STATUSES = {204, 304}


class Ending(Enum):
    """What becomes of the connection after an answer."""

    KEEP = "keep"
    CLOSE = "close"
    HANG = "hang"


class Pieces:
    """A part of an object, handed out piece by piece from memory or from an open file."""

    def __init__(self, source: bytes | int, start: int, stop: int) -> None:
        """Takes bytes, or a descriptor that `close` closes, and which of its bytes to hand out."""
        self._source, self._at, self.stop = source, start, stop
        self.flipped_byte: int | None = None

    @property
    def left(self) -> int:
        """How many bytes are still to come."""
        return self.stop - self._at

    def read(self) -> bytes:
        """The next piece; empty at the end, and where a file has become shorter."""
        size = min(PIECE_BYTES, self.left)
        if isinstance(self._source, bytes):
            piece = self._source[self._at : self._at + size]
        else:
            piece = os.pread(self._source, size, self._at)
        if self.flipped_byte is not None and 0 <= self.flipped_byte - self._at < len(piece):
            wrong = bytearray(piece)
            wrong[self.flipped_byte - self._at] ^= 0x10
            piece = bytes(wrong)
        self._at += len(piece)
        return piece

    def close(self) -> None:
        """Closes the file, if there is one; a second call does nothing."""
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
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Refuses with `status`; `headers` go out with it."""
        super().__init__(message)
        self.status, self.code, self.headers = status, code, dict(headers or {})

    def answer(self, *, with_body: bool) -> Answer:
        """It as S3 writes it; a HEAD request gets it without the XML."""
        if not with_body:
            return plain_answer(self.status, self.headers)
        fields = {"Code": self.code, "Message": str(self)}
        return xml_answer(self.status, f"<Error>{elements(fields)}</Error>", self.headers)


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line, the headers and the empty line after them."""
    phrase = "Slow Down" if status == HTTPStatus.SERVICE_UNAVAILABLE else HTTPStatus(status).phrase
    lines = [f"HTTP/1.1 {status} {phrase}", "Server: AmazonS3"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def plain_answer(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer without a body."""
    length = {} if status in NO_CONTENT_STATUSES else {"Content-Length": "0"}
    return Answer(status, head(status, {**(headers or {}), **length}))


def xml_answer(status: int, xml: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with an XML body; `xml` is without the declaration."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}'.encode()
    own = {"Content-Type": "application/xml", "Content-Length": str(len(body))}
    return Answer(status, head(status, {**own, **(headers or {})}) + body)


def elements(fields: Mapping[str, str]) -> str:
    """XML elements with escaped text, one a field, in order."""
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items())


def no_such_key() -> S3Error:
    """The refusal for an object that is not there."""
    return S3Error(404, "NoSuchKey", "The specified key does not exist.")


def precondition_failed() -> S3Error:
    """The refusal where a condition does not hold."""
    message = "At least one of the pre-conditions you specified did not hold"
    return S3Error(412, "PreconditionFailed", message)


def not_implemented() -> S3Error:
    """The refusal for what S3 can do and this server cannot."""
    message = "A header or query you provided implies functionality that is not implemented"
    return S3Error(501, "NotImplemented", message)


def slow_down() -> S3Error:
    """The refusal of a bucket that is asked too much."""
    return S3Error(503, "SlowDown", "Please reduce your request rate.")
