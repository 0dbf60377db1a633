"""Shared by all senders of alerts: timeouts and errors."""

# Seconds to connect and to answer, unless the URL has `cto` and `rto`.
SECONDS = 15


class NotSentError(OSError):
    """An alert could not be sent; the message says by whom and why, without secrets.

    Attributes:
        had: digests of the recipients of one URL that accepted it.
    """

    def __init__(self, said: str, had: tuple[str, ...] = ()) -> None:
        """Takes the message, and the recipients that have the alert nevertheless."""
        super().__init__(said)
        self.had = had


class PerhapsSentError(NotSentError):
    """Everything was transmitted and no answer came in time: the receiver may have the alert."""
