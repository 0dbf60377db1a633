"""Looks up the windows of photos whose lowest frequencies differ little from those of a photo.

Of three bands of the 64 bits of the lowest frequencies one differs in at most two between near
duplicates, so the windows with one of the few hundred words that differ so little are looked up.
`near_duplicates.py` compares the rest of the bits.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from off_platform.image_sets.photos.perceptual_hash import LOWEST_MOST, WINDOWS, Words

Places = npt.NDArray[np.int64]

AT_ONCE = 2**20
"""Words looked up, and candidates compared, at once: 40 MB."""
# Start and width of each band. LOWEST_MOST bits in three bands: one has at most a third of them.
_BANDS = ((0, 22), (22, 21), (43, 21))
_BITS_IN_BAND = LOWEST_MOST // len(_BANDS)
# Up to so many photos each is compared with each, which takes less than making the tables.
_FEW = 500


class Runs(NamedTuple):
    """Candidates of photos: for each of `wholes` a run of the index's windows, which may repeat."""

    wholes: Places
    begins: Places
    counts: Places

    def taken(self, chosen: "Places | npt.NDArray[np.bool_] | slice") -> "Runs":
        """Some of the runs."""
        return Runs(*(each[chosen] for each in self))


class HashIndex:
    """The windows of photos, by each band."""

    photos_at_once = AT_ONCE // 254
    """Photos to look up at once; a band has 254 words with at most two bits, or fewer."""

    def __init__(self, lowest: Words, photos: Places) -> None:
        """Makes the tables.

        Args:
            lowest: the bits of the lowest frequencies, of each photo and window.
            photos: that can be found.
        """
        self._lowest = lowest
        self._bands: list[_Band] = []
        of_each = np.arange(len(WINDOWS))
        if len(photos) <= _FEW:
            self._windows = (photos[:, None] * len(WINDOWS) + of_each).ravel().astype(np.int32)
            return
        size = len(photos) * len(WINDOWS)
        self._windows = np.empty(size * len(_BANDS), dtype=np.int32)
        for number, (start, width) in enumerate(_BANDS):
            keys = _keys(lowest[photos], start, width).ravel()
            order = np.argsort(keys, kind="stable")
            place, window = np.divmod(order, len(WINDOWS))
            of_band = slice(number * size, (number + 1) * size)
            self._windows[of_band] = photos[place] * len(WINDOWS) + window
            starts = np.zeros(2**width + 1, dtype=np.int64)
            np.cumsum(np.bincount(keys, minlength=2**width), out=starts[1:])
            # Most words are those of no window; this table fits the processor's cache.
            there = starts[1:] > starts[:-1]
            starts += of_band.start
            self._bands.append(_Band(start, width, there, starts.astype(np.int32)))

    def runs(self, photos: Places) -> Runs:
        """The candidates of at most `photos_at_once` photos, in no order."""
        if not self._bands:
            full = np.full_like(photos, len(self._windows))
            return Runs(photos, np.zeros_like(photos), full)
        found = [self._runs_of(band, photos) for band in self._bands]
        return Runs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _runs_of(self, band: "_Band", photos: Places) -> Runs:
        masks = _masks(band.width)
        keys = _keys(self._lowest[photos, 0], band.start, band.width)
        probes = (keys[:, None] ^ masks).ravel()
        hit = np.flatnonzero(band.there.take(probes))
        words = probes[hit]
        begins = band.starts[words].astype(np.int64)
        return Runs(photos[hit // len(masks)], begins, band.starts[words + 1] - begins)

    def candidates(self, runs: Runs) -> Iterator[tuple[Places, Places]]:
        """Photos and windows (numbered through) that differ in at most `LOWEST_MOST` of the bits.

        Each pair is there once, a bounded number at a time.
        """
        ends = np.cumsum(runs.counts)
        start = 0
        while start < len(ends):
            before = ends[start - 1] if start else 0
            # At least one run, however long: it is as long as there are windows.
            end = max(start + 1, int(np.searchsorted(ends, before + AT_ONCE, side="right")))
            of_run = runs.counts[start:end]
            firsts = runs.begins[start:end] - (ends[start:end] - of_run - before)
            places = np.repeat(firsts, of_run)
            places += np.arange(len(places))
            yield self._close(np.repeat(runs.wholes[start:end], of_run), places)
            start = end

    def _close(self, wholes: Places, places: Places) -> tuple[Places, Places]:
        windows = self._windows[places]
        apart = self._lowest[wholes, 0] ^ self._lowest.ravel()[windows]
        kept = np.flatnonzero(np.bitwise_count(apart) <= LOWEST_MOST)
        if self._bands:
            apart, of_band = apart[kept], places[kept] // (len(self._windows) // len(_BANDS))
            again = np.zeros(len(kept), dtype=np.bool_)
            for number, (start, width) in enumerate(_BANDS[:-1]):
                of_bits = np.bitwise_count(_keys(apart, start, width))
                again |= (of_band > number) & (of_bits <= _BITS_IN_BAND)
            kept = kept[~again]
        return wholes[kept], windows[kept].astype(np.int64)


class _Band(NamedTuple):
    """Of each word of a band whether there are windows, and where they start."""

    start: int
    width: int
    there: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.int32]


def _keys(lowest: Words, start: int, width: int) -> npt.NDArray[np.int32]:
    return ((lowest >> np.uint64(start)) & np.uint64(2**width - 1)).astype(np.int32)


def _masks(width: int) -> Places:
    """All words of a width with at most `_BITS_IN_BAND` bits."""
    sets = (bits for most in range(_BITS_IN_BAND + 1) for bits in combinations(range(width), most))
    return np.array([sum(1 << bit for bit in bits) for bits in sets], dtype=np.int64)
