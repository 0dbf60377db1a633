"""An import from a URL or a stream: received into a local file, bounded in size and time.

The file's name is the last part of the URL's path; it is never a path, and neither the type nor a
name that the server gives is used. `readers/` recognises the content. Only the command line takes
URLs: a run on a server reads from the inbox and configured folders, see `allowed.py`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import requests
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from off_platform.words import escaped, file_name

MOST_BYTES = 2 << 30
MOST_SECONDS = 600.0
# To connect, and between two pieces of an answer.
ANSWER_SECONDS = 30.0
MOST_REDIRECTS = 5
_BLOCK_BYTES = 256 << 10
_MOST_NAME = 100
_SERVER_FAILS = 500
# Other answers that are worth another try: too slow, too early, too many requests.
_TRY_AGAIN = (408, 425, 429)
_PART = 206
_NO_URL = (
    *(requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema),
    requests.exceptions.MissingSchema,
)


class NotReceivedError(OSError):
    """The server cannot be reached or fails; the message says which, and why."""


class RefusedError(ValueError):
    """What was given is not a file that can be received; the message says why."""


def name_of(url: str) -> str:
    """The file's name: the last part of the URL's path, as plain text that is no path."""
    last = unquote(urlsplit(url).path.rpartition("/")[2], errors="replace")
    plain = "".join("-" if each in "/\\" or not each.isprintable() else each for each in last)
    return file_name(plain).lstrip(". ")[:_MOST_NAME] or "download"


def shown_url(url: str) -> str:
    """The URL for messages: without password and query, which may be secret.

    Raises:
        RefusedError: it is not a URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise RefusedError("A path that begins with http:// or https:// is not a URL.") from None
    return escaped(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def download(url: str, folder: Path) -> Path:
    """Downloads a file.

    Args:
        url: http or https, with up to 5 redirects, none from https to http.
        folder: an existing folder, which receives the file.

    Raises:
        NotReceivedError: it takes longer than 10 minutes, is cut off, or the server fails.
        RefusedError: there is no such file, or it is larger than 2 GB.
    """
    to, ended = folder / name_of(url), time.monotonic() + MOST_SECONDS
    with (
        _in_words(shown_url(url)),
        requests.Session() as session,
        to.open("wb") as file,
    ):
        session.max_redirects = MOST_REDIRECTS
        # A compressed transfer could unpack to any size.
        plain = {"Accept-Encoding": "identity"}
        with session.get(url, stream=True, timeout=ANSWER_SECONDS, headers=plain) as answer:
            _demand_file(url, answer)
            expected = _length(answer)
            if expected is not None and expected > MOST_BYTES:
                raise _too_large(shown_url(url))
            _copy(_blocks(answer), file, shown_url(url), ended)
    return to


def save_stream(stream: IO[bytes], to: Path) -> None:
    """Saves a stream such as standard input to its end.

    Raises:
        RefusedError: it is larger than 2 GB.
    """
    with to.open("wb") as file:
        _copy(iter(lambda: stream.read(_BLOCK_BYTES), b""), file, "standard input")


def _copy(blocks: Iterator[bytes], file: IO[bytes], what: str, ended: float | None = None) -> None:
    received = 0
    for block in blocks:
        received += len(block)
        if received > MOST_BYTES:
            raise _too_large(what)
        if ended is not None and time.monotonic() > ended:
            raise NotReceivedError(f"{what} takes longer than {MOST_SECONDS / 60:.0f} minutes.")
        file.write(block)


def _blocks(answer: requests.Response) -> Iterator[bytes]:
    """What has arrived so far, each time: a slow server cannot hold back the clock."""
    while block := answer.raw.read1(_BLOCK_BYTES, decode_content=False):
        yield block


def _demand_file(url: str, answer: requests.Response) -> None:
    if answer.status_code >= _SERVER_FAILS or answer.status_code in _TRY_AGAIN:
        raise NotReceivedError(f"{shown_url(url)} answers {_status(answer)}; try again later.")
    if not answer.ok or answer.status_code == _PART:
        raise RefusedError(f"{shown_url(url)} answers {_status(answer)}.")
    if _is_secure(url) and not all(_is_secure(each.url) for each in [*answer.history, answer]):
        raise RefusedError(f"{shown_url(url)} leads from https to http, which is not followed.")
    coded = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coded != "identity":
        said = f"{shown_url(url)} is sent compressed ({escaped(coded)}), which was not asked for."
        raise RefusedError(f"{said} Download it, and give the file.")


def _is_secure(url: str) -> bool:
    return url.lower().startswith("https://")


def _status(answer: requests.Response) -> str:
    return escaped(f"{answer.status_code} {answer.reason or ''}".strip())


def _length(answer: requests.Response) -> int | None:
    given = answer.headers.get("Content-Length", "")
    return int(given) if given.isascii() and given.isdigit() else None


def _too_large(what: str) -> RefusedError:
    return RefusedError(f"{what} is larger than {MOST_BYTES >> 30} GB; hand it in in parts.")


@contextmanager
def _in_words(shown: str) -> Iterator[None]:
    """Turns errors of requests, whose messages contain the whole URL, into messages of ours."""
    try:
        yield
    except (NotReceivedError, RefusedError):
        raise
    except requests.TooManyRedirects:
        raise RefusedError(f"{shown} is redirected more than {MOST_REDIRECTS} times.") from None
    except (requests.Timeout, ReadTimeoutError):
        said = f"{shown} does not answer within {ANSWER_SECONDS:.0f} seconds."
        raise NotReceivedError(said) from None
    except (UnicodeError, *_NO_URL):
        raise RefusedError(f"{shown} is not a URL, or leads to one that is not http.") from None
    except ProtocolError:
        raise NotReceivedError(f"{shown} was cut off; try again.") from None
    except (requests.RequestException, HTTPError) as error:
        raise NotReceivedError(f"{shown} cannot be read: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    """The innermost reason, without the URL."""
    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", inner)
    while isinstance(reason, ProtocolError) and isinstance(reason.args[-1], Exception):
        reason = reason.args[-1]
    return escaped(str(reason).rpartition(": ")[2].strip(" ')\"")) or type(error).__name__
