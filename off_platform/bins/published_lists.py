"""Lists of bins that others published, and how much a split by one of them leaks.

ABID's `random_val.txt` has a number a line, counted from 1 over the main set. Udacity's
`file_list.json` has paths of metadata by class: `{"1": ["data/metadata/00035.json"]}`. ABID's
counting lists have pairs of a place, counted from 0, and a quantity: `[[34, 1]]`.
A file comes from outside: it is bounded, and anything else is refused with one sentence.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from off_platform.bins.keys import space_of
from off_platform.bins.splits import leak_query
from off_platform.words import quoted

if TYPE_CHECKING:
    import duckdb

# The whole set is 4 MB as numbers and 16 MB as paths.
MOST_BYTES = 32 * 1024 * 1024
# A place of a counting list is an id less one; ids have six digits at most.
LAST_PLACE = 999_999
PAIR = 2
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NUMBER = re.compile(r"[0-9]{1,6}")
_METADATA_PATH = re.compile(r"(?:[^/]+/)*metadata/([0-9]{1,6})\.json")
_EXPECTED = (
    "expected is a number a line or pairs of place and quantity (ABID), or paths of metadata by "
    "class (Udacity)"
)


class NotABinListError(ValueError):
    """A file is not a list of bins; the message is one sentence: which, where, what is wrong."""


class Leak(NamedTuple):
    """How much a split by a list leaks, counted over the bins in the lake."""

    listed: int
    """Bins of the list, in the lake or not."""
    outside: int
    """Those in the lake; they are outside train."""
    leaked: int
    """Those of them with a photo of the same visit in train."""

    @property
    def rate(self) -> float | None:
        """Share of the bins outside train that leak; None if none is in the lake."""
        return self.leaked / self.outside if self.outside else None

    @property
    def sentence(self) -> str:
        """The same for people."""
        if self.rate is None:
            return f"None of the {self.listed:,} listed bins is in the lake."
        return (
            f"Of {self.listed:,} listed bins {self.outside:,} are in the lake; {self.leaked:,} of "
            f"them ({self.rate:.1%}) have a photo of the same visit in train."
        )


def read_list(path: Path) -> list[str]:
    """The ids of a list in any of the forms, in its order.

    Raises:
        NotABinListError: the file cannot be read, is too large, or is not a list of bins.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotABinListError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MOST_BYTES:
        raise NotABinListError(
            f"{path} is not a list of bins: it has more than {MOST_BYTES:,} bytes."
        )
    try:
        return parse_list(data)
    except NotABinListError as error:
        raise NotABinListError(f"{path} is not a list of bins: {error}") from None


def parse_list(data: bytes) -> list[str]:
    """The ids of a list in any of the forms, in its order.

    Raises:
        NotABinListError: it is in none of the formats, names a bin twice, or names something else.
    """
    try:
        text = data.removeprefix(_BYTE_ORDER_MARK).decode().strip()
    except UnicodeDecodeError:
        raise NotABinListError(f"it is not UTF-8 text; {_EXPECTED}.") from None
    if not text:
        raise NotABinListError(f"it is empty; {_EXPECTED}.")
    if text.startswith("<"):
        raise NotABinListError(
            "it is a web page (HTML), saved in place of the list; download the file itself."
        )
    read = {"{": _of_paths, "[": _of_pairs}.get(text[0], _of_numbers)
    return _each_once(read(text))


def measure_leak(connection: "duckdb.DuckDBPyConnection", bins: str, ids: Iterable[str]) -> Leak:
    """How much it leaks to hold out the bins of a list and to train with all others.

    Args:
        connection: DuckDB that can read `bins`; it gets a temporary table `listed_bins`.
        bins: SQL of `bins`, with id and visit_id.
        ids: those of the list.
    """
    listed = list(ids)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE listed_bins AS SELECT unnest(?::VARCHAR[]) AS id", [listed]
    ).fetchall()
    split = "CASE WHEN id IN (FROM listed_bins) THEN 'validation' ELSE 'train' END"
    published = f"(SELECT visit_id, {split} AS published_split FROM {bins})"
    ((outside, leaked),) = connection.execute(leak_query(published, "published_split")).fetchall()
    return Leak(len(listed), outside, leaked)


def _of_numbers(text: str) -> Iterable[str]:
    for number, line in enumerate(text.split("\n"), start=1):
        if entry := line.strip():
            yield _main_id(entry, number)


def _main_id(entry: str, line: int) -> str:
    padded = f"{int(entry):05d}" if _NUMBER.fullmatch(entry) else ""
    # Some who make such lists write the number, others the padded id.
    if space_of(padded) != "main" or entry not in {padded, padded.lstrip("0")}:
        raise NotABinListError(
            f"line {line}, {_shown(entry)}, is not a number of a bin of the main set; {_EXPECTED}."
        )
    return padded


def _of_pairs(text: str) -> Iterable[str]:
    for number, pair in enumerate(_json(text), start=1):
        is_pair = isinstance(pair, list) and len(pair) == PAIR
        if not is_pair or not all(type(value) is int and value >= 0 for value in pair):
            raise NotABinListError(
                f"entry {number:,} is not a place and a quantity, two whole numbers; {_EXPECTED}."
            )
        bin_id = f"{pair[0] + 1:05d}" if pair[0] < LAST_PLACE else ""
        if space_of(bin_id) != "main":
            raise NotABinListError(f"entry {number:,} names a place beyond the main set.")
        yield bin_id


def _of_paths(text: str) -> Iterable[str]:
    for name, paths in _json(text).items():
        if not isinstance(paths, list):
            raise NotABinListError(f"class {_shown(name)} has no list of paths; {_EXPECTED}.")
        for path in paths:
            yield _id_of_path(path, name)


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_no_class_twice)
    except RecursionError:
        raise NotABinListError(f"its JSON is too deep; {_EXPECTED}.") from None
    except NotABinListError:
        raise
    except ValueError as error:
        # Not only JSONDecodeError: Python refuses to read a number of 5,000 digits.
        raise NotABinListError(f"its JSON is broken: {error}.") from None


def _no_class_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    classes = dict(pairs)
    if len(classes) < len(pairs):
        raise NotABinListError("it names a class twice, and only one of them would be read.")
    return classes


def _id_of_path(path: object, name: str) -> str:
    match = _METADATA_PATH.fullmatch(path) if isinstance(path, str) else None
    if match is None or space_of(match[1]) is None:
        raise NotABinListError(
            f"class {_shown(name)} has {_shown(path)}, which is not a path of a bin's metadata."
        )
    return match[1]


def _each_once(ids: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for bin_id in ids:
        if bin_id in found:
            raise NotABinListError(f"it names the bin {bin_id} twice.")
        found[bin_id] = None
    return list(found)


def _shown(value: object) -> str:
    """A text, shortened for a message; of anything else its type, as it may be very large."""
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    return quoted(value)
