"""An unexpected error: one sentence for the user, the traceback in a file for maintainers.

What counts as foreseen is decided by the command line.
"""

import os
import re
import tempfile
import traceback

from off_platform.settings import secret_texts

# A shorter value, such as `yes`, would also mask ordinary text.
SECRET_CHARACTERS_LEAST = 6
MASK = "***"
_USER_OF_ADDRESS = re.compile(r"(?<=://)[^/\s@'\"]+(?=@)")
_QUERY_OF_ADDRESS = re.compile(r"(://[^\s?'\"]+\?)[^\s'\"]+")


def reported(error: BaseException) -> str:
    """Writes the traceback of an error into the temporary folder; gives the sentence for the user.

    The file is readable by its owner alone, and holds no credentials.
    """
    said = masked(next(iter(str(error).strip().splitlines()), ""))
    what = f"{type(error).__name__}: {said[:200]}" if said else type(error).__name__
    text = masked("".join(traceback.format_exception(error)))
    try:
        handle, path = tempfile.mkstemp(prefix="off-platform-error-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as no_file:
        return f"Unexpected error: {what}. Its traceback could not be written: {no_file.strerror}."
    return f"Unexpected error: {what}. Please report it with the traceback in {path}."


def masked(text: str) -> str:
    """A text without the values of secret settings, and users and queries of addresses."""
    for secret in secret_texts():
        if len(secret) >= SECRET_CHARACTERS_LEAST:
            text = text.replace(secret, MASK)
    return _QUERY_OF_ADDRESS.sub(rf"\1{MASK}", _USER_OF_ADDRESS.sub(MASK, text))
