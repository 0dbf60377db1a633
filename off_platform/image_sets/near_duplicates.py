"""The photos of a set that are near duplicates of each other, by their perceptual hashes.

Two photos are near duplicates if the whole of one differs from the whole of the other, or from a
window of it (`perceptual_hash.py`), in at most `BITS_MOST` bits, of which at most `LOWEST_MOST` are
among the 64 lowest frequencies. All such pairs are found, none by chance: of three bands of the 64
bits one differs in at most two, so the photos with one of the few hundred words that differ so
little are looked up. `splits.py` decides what becomes of them.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from off_platform.image_sets.perceptual_hash import (
    BITS_MOST,
    LOWEST_MOST,
    WINDOWS,
    WORDS,
    Words,
    words_of,
)

if TYPE_CHECKING:
    import duckdb

Places = npt.NDArray[np.int64]

# The high bytes of the first eight of sixteen rows of 16 bits: frequencies below 8 both ways.
_LOWEST = np.uint64(0xFF00_FF00_FF00_FF00)
# Start and width of each band. LOWEST_MOST bits in three bands: one has at most a third of them.
_BANDS = ((0, 22), (22, 21), (43, 21))
_BITS_IN_BAND = LOWEST_MOST // len(_BANDS)
# Up to so many photos each is compared with each, which takes less than making the tables.
_FEW = 500
# Words looked up, and photos compared, at once: 40 MB.
_AT_ONCE = 2**20
_READ_ROWS = 10_000


class SameLooks(NamedTuple):
    """Which photos of a set look the same; photos are counted from 0 in the order of the set.

    Attributes:
        first: for each photo the first one that is an exact copy, or has the same hash.
        earlier: for each pair of near duplicates that are no copies the first of them.
        later: the second of them; both are the first of their copies. Pairs are sorted by it.
    """

    first: Places
    earlier: Places
    later: Places


def same_looks(connection: "duckdb.DuckDBPyConnection", photos: str) -> SameLooks:
    """The near duplicates and exact copies among photos.

    A photo without a hash, such as one of one colour, is only the same as its exact copies.

    Args:
        connection: DuckDB with the photos.
        photos: SQL with position, sample, md5, perceptual_hash (both may be null); one row per
            sample.
    """
    numbered = f"""
        SELECT row_number() OVER (ORDER BY position) - 1 AS place, perceptual_hash,
            coalesce(perceptual_hash, md5, sample) AS looks FROM ({photos})"""
    grouped = f"SELECT *, min(place) OVER (PARTITION BY looks) AS first FROM ({numbered})"
    rows = connection.sql(f"SELECT first FROM ({grouped}) ORDER BY place").to_arrow_table()
    first = rows["first"].to_numpy()
    hashed = f"({grouped}) WHERE place = first AND perceptual_hash IS NOT NULL"
    places, words = _read(connection, hashed)
    earlier, later = near_pairs(words)
    return SameLooks(first, places[earlier], places[later])


def _read(connection: "duckdb.DuckDBPyConnection", hashed: str) -> tuple[Places, Words]:
    ((count,),) = connection.execute(f"SELECT count(*) FROM {hashed}").fetchall()
    places = np.empty(count, dtype=np.int64)
    words = np.empty((count, len(WINDOWS), WORDS), dtype=np.uint64)
    rows = connection.sql(f"SELECT place, perceptual_hash FROM {hashed} ORDER BY place")
    start = 0
    for batch in rows.to_arrow_reader(_READ_ROWS):
        end = start + len(batch)
        places[start:end] = batch["place"]
        words[start:end] = words_of(batch["perceptual_hash"].to_pylist())
        start = end
    return places, words


def near_pairs(words: Words) -> tuple[Places, Places]:
    """All pairs of near duplicates: their smaller and their larger index, sorted by the latter.

    Args:
        words: of `words_of`.
    """
    if len(words) < 2:  # noqa: PLR2004 - a pair
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    lowest = _lowest(words)
    candidates = _all_pairs(len(words)) if len(words) <= _FEW else _looked_up(lowest)
    found = [np.unique(_near(words, lowest, wholes, windows)) for wholes, windows in candidates]
    pairs = np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
    later, earlier = np.divmod(pairs, len(words))
    return earlier, later


def _lowest(words: Words) -> Words:
    """The bits of the 64 lowest frequencies, of each photo and window."""
    return (words[:, :, 0] & _LOWEST) | ((words[:, :, 1] & _LOWEST) >> np.uint64(8))


def _near(words: Words, lowest: Words, wholes: Places, windows: Places) -> Places:
    """Of pairs of a photo and a window those that are near, each as one number.

    Args:
        words: of all photos.
        lowest: the same.
        wholes: photos.
        windows: windows of photos, numbered through.
    """
    apart = np.bitwise_count(lowest[wholes, 0] ^ lowest.ravel()[windows])
    kept = np.flatnonzero((apart <= LOWEST_MOST) & (windows // len(WINDOWS) != wholes))
    wholes, windows = wholes[kept], windows[kept]
    others = words.reshape(-1, WORDS)[windows]
    apart = np.bitwise_count(words[wholes, 0] ^ others).sum(axis=1, dtype=np.uint16)
    kept = np.flatnonzero(apart <= BITS_MOST)
    one, other = wholes[kept], windows[kept] // len(WINDOWS)
    return np.maximum(one, other) * len(words) + np.minimum(one, other)


def _all_pairs(count: int) -> Iterator[tuple[Places, Places]]:
    at_once = max(1, _AT_ONCE // (count * len(WINDOWS)))
    windows = np.arange(count * len(WINDOWS))
    for start in range(0, count, at_once):
        wholes = np.arange(start, min(start + at_once, count))
        yield np.repeat(wholes, len(windows)), np.tile(windows, len(wholes))


def _looked_up(lowest: Words) -> Iterator[tuple[Places, Places]]:
    """Photos and windows that differ in few bits of a band, a bounded number at once."""
    for start, width in _BANDS:
        keys = ((lowest >> np.uint64(start)) & np.uint64(2**width - 1)).astype(np.int32)
        order = np.argsort(keys, axis=None, kind="stable").astype(np.int32)
        counts = np.bincount(keys.ravel(), minlength=2**width)
        begins = np.cumsum(counts) - counts
        # Most words are those of no window; this table fits the processor's cache.
        there = counts > 0
        masks = _masks(width)
        at_once = max(1, _AT_ONCE // len(masks))
        for photo in range(0, len(keys), at_once):
            probes = (keys[photo : photo + at_once, 0, None] ^ masks).ravel()
            hit = np.flatnonzero(there.take(probes))
            found = probes[hit]
            yield from _expanded(hit // len(masks) + photo, begins[found], counts[found], order)


def _masks(width: int) -> Places:
    """All words of a width with at most `_BITS_IN_BAND` bits."""
    sets = (bits for most in range(_BITS_IN_BAND + 1) for bits in combinations(range(width), most))
    return np.array([sum(1 << bit for bit in bits) for bits in sets], dtype=np.int64)


def _expanded(
    wholes: Places, begins: Places, counts: Places, order: npt.NDArray[np.int32]
) -> Iterator[tuple[Places, Places]]:
    """Runs of windows, each with its photo, as pairs."""
    ends = np.cumsum(counts, dtype=np.int64)
    start = 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        # At least one run, however long: it is as long as there are windows.
        end = max(start + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
        of_run = counts[start:end]
        firsts = np.repeat(begins[start:end] - (ends[start:end] - of_run - before), of_run)
        places = firsts + np.arange(len(firsts))
        yield np.repeat(wholes[start:end], of_run), order[places].astype(np.int64)
        start = end
