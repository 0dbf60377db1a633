"""The photos of a set that are near duplicates of each other, by their perceptual hashes.

Two photos are near duplicates if the whole of one differs from the whole of the other, or from a
window of it (`photos/perceptual_hash.py`), in at most `BITS_MOST` bits, of which at most
`LOWEST_MOST` are among the 64 lowest frequencies. All such pairs are found, none by chance
(`hash_index.py`), except those of *crowded* photos: a photo with more than `NEAR_MOST` earlier near
duplicates that are not crowded themselves is not compared any further. So the number of pairs is
bounded, whatever the photos are. `splits.py` decides what becomes of them.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from off_platform.image_sets.division.hash_index import AT_ONCE, HashIndex, Places, Runs
from off_platform.image_sets.photos.perceptual_hash import (
    BITS_MOST,
    LOWEST_MOST,
    WINDOWS,
    WORDS,
    Words,
    words_of,
)

if TYPE_CHECKING:
    import duckdb

NEAR_MOST = 64
"""A photo with more earlier near duplicates, exact copies not counted, is crowded."""
NONE = -1

# The high bytes of the first eight of sixteen rows of 16 bits: frequencies below 8 both ways.
_LOWEST = np.uint64(0xFF00_FF00_FF00_FF00)
# Candidates of the photos that are looked at together: ordinary photos have a few thousand each.
_TOGETHER = 2**24
# With so large a share of crowded photos the index is made again, without them.
_CROWDED_SHARE = 1 / 8
_READ_ROWS = 10_000


class SameLooks(NamedTuple):
    """Which photos of a set look the same; photos are counted from 0 in the order of the set.

    Attributes:
        first: for each photo the first one that is an exact copy, or has the same hash.
        earlier: for each pair of near duplicates that are no copies the first of them.
        later: the second of them; both are the first of their copies. Pairs are sorted by it.
        crowded_by: for each crowded photo an earlier near duplicate that is not; -1 for others.
    """

    first: Places
    earlier: Places
    later: Places
    crowded_by: Places


class NearPairs(NamedTuple):
    """Near duplicates among hashes, by their indices.

    Attributes:
        earlier: the smaller index of each pair; neither is crowded.
        later: the larger one. Pairs are sorted by it.
        crowded_by: for each crowded hash an earlier near one that is not; -1 for others.
    """

    earlier: Places
    later: Places
    crowded_by: Places


def same_looks(
    connection: "duckdb.DuckDBPyConnection", photos: str, *, kept: str | None = None
) -> SameLooks:
    """The near duplicates and exact copies among photos.

    A photo without a hash, such as one of one colour, is only the same as its exact copies.

    Args:
        connection: DuckDB with the photos.
        photos: SQL with position, sample, md5, perceptual_hash (both may be null); one row per
            sample.
        kept: SQL with the sample of photos that are never crowded, as those that were compared and
            kept in an earlier version of the set.
    """
    of_kept = f"sample IN (SELECT sample FROM ({kept}))" if kept else "false"
    numbered = f"""
        SELECT row_number() OVER (ORDER BY position) - 1 AS place, perceptual_hash,
            coalesce(perceptual_hash, md5, sample) AS looks, {of_kept} AS kept FROM ({photos})"""
    grouped = f"""
        SELECT place, perceptual_hash, min(place) OVER (PARTITION BY looks) AS first,
            bool_or(kept) OVER (PARTITION BY looks) AS kept FROM ({numbered})"""
    rows = connection.sql(f"SELECT first FROM ({grouped}) ORDER BY place").to_arrow_table()
    first = rows["first"].to_numpy()
    hashed = f"({grouped}) WHERE place = first AND perceptual_hash IS NOT NULL"
    places, words, never_crowded = _read(connection, hashed)
    found = near_pairs(words, never_crowded)
    crowded_by = np.full(len(first), NONE, dtype=np.int64)
    crowded = np.flatnonzero(found.crowded_by != NONE)
    crowded_by[places[crowded]] = places[found.crowded_by[crowded]]
    return SameLooks(first, places[found.earlier], places[found.later], crowded_by[first])


def _read(
    connection: "duckdb.DuckDBPyConnection", hashed: str
) -> tuple[Places, Words, npt.NDArray[np.bool_]]:
    ((count,),) = connection.execute(f"SELECT count(*) FROM {hashed}").fetchall()
    places = np.empty(count, dtype=np.int64)
    words = np.empty((count, len(WINDOWS), WORDS), dtype=np.uint64)
    kept = np.empty(count, dtype=np.bool_)
    rows = connection.sql(f"SELECT place, perceptual_hash, kept FROM {hashed} ORDER BY place")
    start = 0
    for batch in rows.to_arrow_reader(_READ_ROWS):
        end = start + len(batch)
        places[start:end] = batch["place"]
        words[start:end] = words_of(batch["perceptual_hash"].to_pylist())
        kept[start:end] = batch["kept"].to_numpy(zero_copy_only=False)
        start = end
    return places, words, kept


def near_pairs(words: Words, kept: npt.NDArray[np.bool_] | None = None) -> NearPairs:
    """All pairs of near duplicates that are not crowded, and the crowded ones.

    Whether one is crowded follows from those before it, and does not change when more follow.

    Args:
        words: of `words_of`.
        kept: for each whether it is never crowded.
    """
    count = len(words)
    crowds = _Crowds(words, np.zeros(count, dtype=np.bool_) if kept is None else kept)
    indexed = count
    index = HashIndex(crowds.lowest, np.arange(count))
    for start in range(0, count, HashIndex.photos_at_once):
        end = min(start + HashIndex.photos_at_once, count)
        photos = start + np.flatnonzero(~crowds.crowded[start:end])
        for runs in _together(index.runs(photos), crowds.crowded):
            crowds.look_at(index, runs)
        alive = np.flatnonzero(~crowds.crowded)
        if len(alive) < indexed * (1 - _CROWDED_SHARE):
            crowds.forget_crowded()
            indexed = len(alive)
            index = HashIndex(crowds.lowest, alive)
    return crowds.found()


def _together(runs: Runs, crowded: npt.NDArray[np.bool_]) -> Iterator[Runs]:
    """The runs of photos in their order, of as many at once as there is room for.

    Args:
        runs: in any order.
        crowded: photos that are left out; more may be while runs are yielded.
    """
    if runs.counts.sum() <= _TOGETHER:
        yield runs
        return
    runs = runs.taken(np.argsort(runs.wholes, kind="stable"))
    photos, begins = np.unique(runs.wholes, return_index=True)
    sizes = np.add.reduceat(runs.counts, begins)
    ends = np.append(begins[1:], len(runs.wholes))
    start = 0
    while start < len(photos):
        waiting = start + np.flatnonzero(~crowded[photos[start:]])
        if not len(waiting):
            return
        room = np.searchsorted(np.cumsum(sizes[waiting]), _TOGETHER, side="right")
        # At least one photo: each window is a candidate once for each band.
        last = waiting[max(1, int(room)) - 1]
        chosen = runs.taken(slice(begins[waiting[0]], ends[last]))
        yield chosen.taken(~crowded[chosen.wholes])
        start = int(last) + 1


class _Crowds:
    """The near duplicates found so far, looking at photos in their order.

    A pair is *forward* if the whole of the earlier one resembles a part of the later one. It is
    found when the earlier one is looked at, other pairs when the later one is.
    """

    def __init__(self, words: Words, kept: npt.NDArray[np.bool_]) -> None:
        self._words = words
        self._kept = kept
        self.lowest = (words[:, :, 0] & _LOWEST) | ((words[:, :, 1] & _LOWEST) >> np.uint64(8))
        self.crowded = np.zeros(len(words), dtype=np.bool_)
        self._near = np.zeros(len(words), dtype=np.int32)
        # The first near one, after all those of forward pairs: these are always known.
        self._first = np.full(len(words), 2 * len(words), dtype=np.int64)
        self._pairs: list[Places] = []

    def look_at(self, index: HashIndex, runs: Runs) -> None:
        """Finds the pairs of the next photos, and which photos are crowded by them."""
        forward, others = self._pairs_of(index, runs)
        pairs = np.sort(np.concatenate([forward, others]))
        self._decide(pairs, int(runs.wholes.max(initial=NONE)))
        for found, least in ((forward, 0), (others, len(self._words))):
            later, earlier = self._split(found)
            counted = ~self.crowded[earlier]
            np.minimum.at(self._first, later[counted], earlier[counted] + least)
        later, earlier = self._split(pairs)
        counted = ~self.crowded[earlier]
        np.add.at(self._near, later[counted], 1)
        self.crowded[later] = (self._near[later] > NEAR_MOST) & ~self._kept[later]
        self._pairs.append(pairs[counted & ~self.crowded[later]])

    def forget_crowded(self) -> None:
        """Drops the pairs of crowded photos."""
        pairs = np.concatenate(self._pairs)
        self._pairs = [pairs[~self.crowded[pairs // len(self._words)]]]

    def found(self) -> NearPairs:
        """All pairs of near duplicates that were found."""
        if self._pairs:
            self.forget_crowded()
        pairs = np.sort(self._pairs[0]) if self._pairs else np.empty(0, dtype=np.int64)
        later, earlier = self._split(pairs)
        first = self._first % max(1, len(self._words))
        return NearPairs(earlier, later, np.where(self.crowded, first, NONE))

    def _split(self, pairs: Places) -> tuple[Places, Places]:
        later, earlier = np.divmod(pairs, max(1, len(self._words)))
        return later, earlier

    def _decide(self, pairs: Places, last: int) -> None:
        """Marks the crowded photos among those looked at, up to the last, one after the other."""
        later, earlier = self._split(pairs[: np.searchsorted(pairs, (last + 1) * len(self._words))])
        photos, begins, counts = np.unique(later, return_index=True, return_counts=True)
        many = (self._near[photos] + counts > NEAR_MOST) & ~self._kept[photos]
        for photo, begin, count in zip(photos[many], begins[many], counts[many], strict=True):
            counted = np.count_nonzero(~self.crowded[earlier[begin : begin + count]])
            self.crowded[photo] = self._near[photo] + counted > NEAR_MOST

    def _pairs_of(self, index: HashIndex, runs: Runs) -> tuple[Places, Places]:
        """The forward pairs and the others, each pair as one number and once."""
        forward, others = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for wholes, windows in index.candidates(runs):
            near = self._are_near(wholes, windows)
            one, other = wholes[near], windows[near] // len(WINDOWS)
            ahead = np.flatnonzero((other > one) & ~self.crowded[other])
            behind = np.flatnonzero((other < one) & ~self.crowded[other])
            forward.append(_once(other[ahead] * len(self._words) + one[ahead]))
            others.append(_once(one[behind] * len(self._words) + other[behind]))
        found = _once(np.concatenate(others))
        return _once(np.concatenate(forward)), found[~self._are_forward(found)]

    def _are_forward(self, pairs: Places) -> npt.NDArray[np.bool_]:
        forward = np.zeros(len(pairs), dtype=np.bool_)
        at_once = AT_ONCE // len(WINDOWS)
        for start in range(0, len(pairs), at_once):
            later, earlier = self._split(pairs[start : start + at_once])
            windows = (later[:, None] * len(WINDOWS) + np.arange(len(WINDOWS))).ravel()
            wholes = np.repeat(earlier, len(WINDOWS))
            apart = np.bitwise_count(self.lowest[wholes, 0] ^ self.lowest.ravel()[windows])
            near = self._are_near(wholes, windows) & (apart <= LOWEST_MOST)
            forward[start : start + at_once] = near.reshape(-1, len(WINDOWS)).any(axis=1)
        return forward

    def _are_near(self, wholes: Places, windows: Places) -> npt.NDArray[np.bool_]:
        """Whether photos and windows, numbered through, differ in few bits of all."""
        apart = np.zeros(len(wholes), dtype=np.uint16)
        of_windows = self._words.reshape(-1, WORDS)
        for word in range(WORDS):
            apart += np.bitwise_count(self._words[wholes, 0, word] ^ of_windows[windows, word])
        near: npt.NDArray[np.bool_] = apart <= BITS_MOST
        return near


def _once(pairs: Places) -> Places:
    """Pairs in order, each once. Most repeated ones stand together, so few are sorted."""
    return _without_repeated(np.sort(_without_repeated(pairs)))


def _without_repeated(pairs: Places) -> Places:
    return pairs[np.flatnonzero(np.diff(pairs, prepend=NONE))]
