"""An unexpected error: one sentence for the user, the traceback in a file for maintainers.

The command line decides which errors are expected.
"""

import os
import re
import tempfile
import traceback

from off_platform.cli.configured import the_lake
from off_platform.settings import secret_texts, settings
from off_platform.storage.damaged_file import DamagedFileError
from off_platform.storage.objects import in_one_line

# A shorter value, such as `yes`, would also mask ordinary text.
SECRET_CHARACTERS_LEAST = 6
MASK = "***"
_USER_OF_ADDRESS = re.compile(r"(?<=://)[^/\s@'\"]+(?=@)")
_QUERY_OF_ADDRESS = re.compile(r"(://[^\s?'\"]+\?)[^\s'\"]+")


def damage_behind(error: Exception) -> DamagedFileError | None:
    """The damaged file of the lake that caused a library's error; None for any other error."""
    if not type(error).__module__.startswith(("duckdb", "_duckdb", "pyarrow")):
        return None
    try:
        return the_lake(settings()).damage_behind(error)
    except Exception:  # noqa: BLE001 - the lake cannot be looked at; the first error is reported
        return None


def unreachable_behind(error: Exception) -> str | None:
    """What a lake in a bucket could not do, in a sentence; None for any other error.

    Buckets of sources are retried, and have errors of their own.
    """
    if not type(error).__module__.startswith("obstore"):
        return None
    return (
        f"The lake {settings().lake} cannot be used ({masked(in_one_line(error)).rstrip('.')}); "
        "check OFF_PLATFORM_LAKE, its region, endpoint and credentials, or run the command again "
        "later."
    )


def reported(error: BaseException) -> str:
    """Writes the traceback of an error to the temporary folder; returns the message for the user.

    The file is readable only by its owner and contains no credentials.
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
    return f"Unexpected error: {what.rstrip('.')}. Please report it with the traceback in {path}."


def masked(text: str) -> str:
    """The text without values of secret settings, and without users and queries of URLs."""
    for secret in secret_texts():
        if len(secret) >= SECRET_CHARACTERS_LEAST:
            text = text.replace(secret, MASK)
    return _QUERY_OF_ADDRESS.sub(rf"\1{MASK}", _USER_OF_ADDRESS.sub(MASK, text))
