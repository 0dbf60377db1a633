"""What all senders of alerts share: how long an answer is waited for, and the errors."""

# Of a request, to connect and to answer, unless the URL has `cto` and `rto`.
SECONDS = 15


class NotSentError(OSError):
    """An alert could not be sent; the message says by whom and why, and holds no secret.

    Attributes:
        had: digests of those recipients of one URL that accepted it.
    """

    def __init__(self, said: str, had: tuple[str, ...] = ()) -> None:
        """A sentence, and who has the alert nevertheless."""
        super().__init__(said)
        self.had = had


class PerhapsSentError(NotSentError):
    """All was handed over and no answer came in time: the receiver may have the alert."""
