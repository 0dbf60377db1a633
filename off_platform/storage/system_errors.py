"""Errors of the operating system in one sentence: what, where and what to do. Pure."""

import ast
import errno
import os
import re
from contextlib import suppress

_FULL = "Free some space and run again."
_EVERYWHERE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EMFILE: "Allow more open files (ulimit -n) and run again.",
    errno.ENAMETOOLONG: "Use a shorter name.",
}
_FORBIDDEN = "Change its permissions, or name another place."
_OF_PLACES = {errno.EACCES: _FORBIDDEN, errno.EPERM: _FORBIDDEN, errno.EROFS: _FORBIDDEN}
_ELSEWHERE = "Check that this place exists and can be read and written, or name another."
# What every library quotes, whatever it adds: DuckDB the file in JSON, Arrow and xlsxwriter none.
NO_SPACE = "|".join(re.escape(os.strerror(number)) for number in (errno.ENOSPC, errno.EDQUOT))
_FILE = re.compile(r'file \\?"(?P<place>[^"\\\n]+)\\?"')
# As Python writes such an error: `[Errno 2] No such file or directory: '/proc/x'`.
_WRITTEN = re.compile(
    r"\[Errno (?P<number>[0-9]+)\] (?P<reason>[^:]+?)(?:: (?:.+ -> )?(?P<place>(['\"]).+\4))?"
)


def in_a_sentence(error: OSError) -> str:
    """The message of an error for users; an error of ours has its own."""
    if (full := full_disk(str(error))) and not error.filename:
        return full
    if error.errno is None or error.strerror is None:
        return str(error)
    # Of a copy, the place that is written.
    return _sentence(error.errno, error.strerror, error.filename2 or error.filename)


def written_in_a_sentence(text: str) -> str:
    """The same for an error that is only known by its text; any other text stays."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return full_disk(text) or text
    number, reason, place = found.group("number", "reason", "place")
    # A name may look like two places.
    with suppress(SyntaxError):
        place = ast.literal_eval(place or "None")
    return _sentence(int(number), reason, place)


def full_disk(text: str) -> str | None:
    """The sentence for an error of any library whose disk is full; None for any other error."""
    found = re.search(NO_SPACE, text)
    if found is None:
        return None
    place = _FILE.search(text)
    return f"{found[0]}: {place['place']}. {_FULL}" if place else f"{found[0]}. {_FULL}"


def _sentence(number: int, reason: str, place: object) -> str:
    to_do = _EVERYWHERE.get(number, "")
    if not place:
        return f"{reason}. {to_do}".rstrip()
    return f"{reason}: {place}. {to_do or _OF_PLACES.get(number, _ELSEWHERE)}"
