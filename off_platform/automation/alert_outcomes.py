"""Why apprise could not send: it returns true or false, and only logs the reason.

Log records of apprise and urllib3 contain URLs; they are read here and go no further.
"""

import logging
import re
import smtplib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from traceback import walk_tb

from requests.exceptions import ConnectTimeout, ReadTimeout
from urllib3.exceptions import MaxRetryError, ProtocolError, ReadTimeoutError

# 502 and 504: of a gateway that had no answer of the receiver.
_OF_GATEWAYS = (502, 504)
_STATUS = re.compile(r"error=([0-9]{3})\b")


@dataclass
class Outcome:
    """What was logged while one alert was sent.

    Attributes:
        statuses: status codes of answers that refused it.
        errors: exceptions that apprise was handling when it logged something.
    """

    statuses: list[int] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """The last reason, without anything secret."""
        if self.statuses:
            return f"it answered {self.statuses[-1]}"
        return type(self.errors[-1]).__name__ if self.errors else "it was refused"

    @property
    def is_unanswered(self) -> bool:
        """Whether the receiver may have the alert."""
        return any(status in _OF_GATEWAYS for status in self.statuses) or any(
            _is_unanswered(error) for error in self.errors
        )


_current: ContextVar[Outcome | None] = ContextVar("off_platform_alert_outcome", default=None)


@contextmanager
def heard() -> Iterator[Outcome]:
    """Reads the log of apprise in this thread."""
    _listen()
    outcome = Outcome()
    token = _current.set(outcome)
    try:
        yield outcome
    finally:
        _current.reset(token)


@cache
def _listen() -> None:
    spoken = logging.getLogger("apprise")
    spoken.addFilter(_note)
    # Only at this level is a refused mail logged.
    spoken.setLevel(logging.DEBUG)
    logging.getLogger("urllib3.connectionpool").addFilter(lambda _: _current.get() is None)


def _note(record: logging.LogRecord) -> bool:
    """Notes status and error, as apprise logs a failure where it handles it; logs nothing."""
    outcome, error = _current.get(), sys.exc_info()[1]
    if outcome is not None:
        outcome.statuses += [int(status) for status in _STATUS.findall(record.getMessage())]
        outcome.errors += [error] if error else []
    return False


def _is_unanswered(error: BaseException) -> bool:
    """Whether everything had been transmitted when it failed."""
    if isinstance(error, ConnectTimeout):
        return False
    if isinstance(error, TimeoutError | smtplib.SMTPServerDisconnected):
        # `data` of smtplib transmits the mail.
        return any(frame.f_code.co_name == "data" for frame, _ in walk_tb(error.__traceback__))
    cause = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    return isinstance(error, ReadTimeout) or isinstance(cause, ReadTimeoutError | ProtocolError)
