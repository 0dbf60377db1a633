"""Timestamps as Unix seconds. Pure: the current time is an argument."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.specification.characters import SPACES
from off_platform.imports.values.reading import Reading, read_on, seen
from off_platform.imports.values.whole_columns import Column, one_array, whole

if TYPE_CHECKING:
    from off_platform.imports.values.whole_columns import Bools

# From March 1973 on: shorter numbers are a year, a date without dashes, or invalid.
SECONDS = "[1-9][0-9]{8,9}"
_SECONDS = re.compile(SECONDS)
_MILLISECONDS = re.compile(f"({SECONDS})[0-9]{{3}}")
_FRACTION = re.compile(f"({SECONDS})[.,]0+")
_ISO = re.compile(
    rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})(?:[Tt{SPACES}]([0-9]{{2}}):([0-9]{{2}})(?::([0-9]{{2}})"
    r"(?:[.,][0-9]{1,9})?)?\s?(?:[Zz]|UTC|([+-])([0-9]{2}):?([0-9]{2})?)?)?"
)
_COMPACT = re.compile("([0-9]{4})([0-9]{2})([0-9]{2})")
_DOTTED = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_MOST_CHARACTERS = 64


def timestamp(text: str, now: int) -> Reading:
    """One timestamp.

    Args:
        text: as in the file; without a time zone it is UTC.
        now: Unix seconds; later ones are in the future.

    Returns:
        Unix seconds.
    """
    return read_on(seen(text), lambda inner: _timestamp(inner, now))


def timestamps_sound(column: Column, now: int) -> "Bools":
    """Which texts of a column have no finding in `timestamp`."""
    texts = one_array(column)
    sound = whole(texts, SECONDS)
    full = pa.array(
        sound & (pc.binary_length(texts).fill_null(0).to_numpy(zero_copy_only=False) > 0)
    )
    seconds = pc.if_else(full, texts, pa.scalar(None, texts.type)).cast(pa.int64()).fill_null(0)
    answer: Bools = sound & (seconds.to_numpy(zero_copy_only=False) <= now)
    return answer


def _timestamp(text: str, now: int) -> Reading:
    if len(text) > _MOST_CHARACTERS:
        return Reading(None, "not_a_timestamp", detail=f"it has {len(text)} characters")
    if _SECONDS.fullmatch(text):
        future = int(text) > now
        return Reading(int(text), "timestamp_in_future" if future else None)
    if milliseconds := _MILLISECONDS.fullmatch(text):
        seconds = milliseconds[1]
        return Reading(int(seconds), "timestamp_milliseconds", seconds, certain=True)
    if fraction := _FRACTION.fullmatch(text):
        return Reading(int(fraction[1]), "not_a_timestamp", fraction[1], certain=True)
    if (iso := _ISO.fullmatch(text)) and (seconds := _of_iso(iso)):
        rule = "timestamp_in_future" if int(seconds) > now else "timestamp_iso"
        return Reading(int(seconds), rule, seconds, certain=True)
    return Reading(None, "not_a_timestamp", _guessed(text))


def _of_iso(found: re.Match[str]) -> str | None:
    numbers = [int(part or 0) for part in found.groups()[:6]]
    sign = -1 if found[7] == "-" else 1
    offset = timedelta(hours=int(found[8] or 0), minutes=int(found[9] or 0))
    return _seconds(numbers, sign * offset)


def _guessed(text: str) -> str | None:
    if compact := _COMPACT.fullmatch(text):
        return _seconds([int(part) for part in compact.groups()])
    if dotted := _DOTTED.fullmatch(text):
        return _seconds([int(part) for part in reversed(dotted.groups())])
    return None


def _seconds(numbers: list[int], offset: timedelta = timedelta()) -> str | None:
    """Unix seconds of year, month, day and so on; None if that moment does not exist."""
    try:
        zone = timezone(offset) if offset else UTC
        moment = datetime(*numbers, tzinfo=zone)  # type: ignore[arg-type, misc]
        seconds = str(int(moment.timestamp()))
    except (ValueError, OverflowError):
        return None
    return seconds if _SECONDS.fullmatch(seconds) else None
