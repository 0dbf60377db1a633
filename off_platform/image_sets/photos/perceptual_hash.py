"""The perceptual hash of a photo: photos that look the same have hashes that differ in few bits.

It is the pHash of `imagehash` (256 bits: which of the 16 x 16 lowest frequencies are above their
median), of the whole photo and of six windows inside it. A cropped copy hardly resembles the whole
original to a pHash: up to 128 of 256 bits differ for a border of 5 %, while other photos differ in
76 and more. From one of the original's windows it differs in at most 32 bits, in 99 % of the copies
measured by `benchmarks/near_duplicates.py`. Photos of other packages in the same design differ in
30 and more. `division/near_duplicates.py` compares.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]

SIDE = 64
"""Side of the grey picture that is hashed, in pixels."""
FREQUENCIES = 16
_BORDER = 0.05
_HALF = _BORDER / 2
# Start and end of each window, as shares of height and of width; the whole photo is the first.
WINDOWS = (
    ((0, 1), (0, 1)),
    ((_BORDER, 1 - _BORDER), (_BORDER, 1 - _BORDER)),
    ((_HALF, 1 - _HALF), (_HALF, 1 - _HALF)),
    ((0, 1), (_BORDER, 1)),
    ((0, 1), (0, 1 - _BORDER)),
    ((_BORDER, 1), (0, 1)),
    ((0, 1 - _BORDER), (0, 1)),
)
WORDS = 4
"""Words of 64 bits in the hash of a window."""
DIGITS = len(WINDOWS) * WORDS * 16
"""Hexadecimal digits of a hash; the first 64 are those of the whole photo."""
BITS_MOST = 32
"""Of the 256 bits of a window, at most so many differ between near duplicates."""
LOWEST_MOST = 8
"""Of the bits of the 64 lowest frequencies, at most so many differ between near duplicates."""
# The standard deviation of a photo without anything to recognise, in levels of 0 to 255. The
# palest of the real photos measured has 13, and a JPEG of one colour less than 1.
_LEAST_CONTRAST = 2.0


def perceptual_hash(grey: npt.NDArray[np.uint8]) -> str | None:
    """The hash of a photo; None if nothing can be recognised in it, such as one of one colour.

    Args:
        grey: `SIDE` x `SIDE` pixels.

    Returns:
        `DIGITS` hexadecimal digits: for each window the bits of the frequencies, row by row.
    """
    pixels = grey.astype(np.float32)
    flat = pixels.ravel()
    if float(flat @ flat) / flat.size - float(flat.mean()) ** 2 < _LEAST_CONTRAST**2:
        return None
    # Many small products: a large one would start threads of its own in each fetching thread.
    found = np.matmul(np.matmul(_DOWN, pixels)[_DOWN_OF], _ACROSS)
    # Rounded, so that frequencies that are not there are 0 on any machine.
    frequencies = np.rint(found).reshape(len(WINDOWS), -1)
    half = frequencies.shape[1] // 2
    middle = np.partition(frequencies, (half - 1, half), axis=1)[:, half - 1 : half + 1]
    bits = frequencies > middle.mean(axis=1, keepdims=True)
    return np.packbits(bits).tobytes().hex()


def words_of(hashes: Sequence[str]) -> Words:
    """Hashes as words: an array of hash, window and word.

    Raises:
        ValueError: a hash does not have `DIGITS` hexadecimal digits.
    """
    if any(len(each) != DIGITS for each in hashes):
        raise ValueError(f"a perceptual hash has {DIGITS} hexadecimal digits")
    data = np.frombuffer(bytes.fromhex("".join(hashes)), dtype=">u8")
    return data.astype(np.uint64).reshape(-1, len(WINDOWS), WORDS)


def _frequencies_of(window: tuple[float, float]) -> Floats:
    """The matrix that makes the lowest frequencies of a window of a column of pixels.

    The discrete cosine transform (type 2, as in `imagehash`) of the window, drawn to the full side.
    """
    edges = np.linspace(window[0] * SIDE, window[1] * SIDE, SIDE + 1)
    pixels = np.arange(SIDE)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    drawn = covered.clip(min=0) / np.diff(edges)[:, None]
    waves = np.cos(np.pi / SIDE * np.outer(np.arange(FREQUENCIES), pixels + 0.5))
    made: Floats = (waves @ drawn).astype(np.float32)
    return made


_HEIGHTS = tuple(dict.fromkeys(window[0] for window in WINDOWS))
_DOWN = np.stack([_frequencies_of(height) for height in _HEIGHTS])
_DOWN_OF = np.array([_HEIGHTS.index(window[0]) for window in WINDOWS])
_ACROSS = np.stack([_frequencies_of(window[1]).T for window in WINDOWS])
