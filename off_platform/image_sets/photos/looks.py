"""What a photo looks like: its perceptual hash, and how sharp it is. From the bytes, decoded once.

The bytes come from outside and may be hostile: nothing here raises because of them. It runs in the
fetching threads: Pillow and NumPy do all but a few calls outside the interpreter's lock.
`contents.py` decides whether an object is complete, from its header.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL.Image import Resampling, fromarray
from simplejpeg import decode_jpeg

from off_platform.image_sets.photos.file_formats import NotWholeError
from off_platform.image_sets.photos.jpeg import START, UPRIGHT, Frame, drafted, whole_frame
from off_platform.image_sets.photos.perceptual_hash import SIDE, perceptual_hash
from off_platform.image_sets.photos.pictures import loaded

if TYPE_CHECKING:
    from PIL.Image import Image

# Half of the 400 px copies, which the JPEG decoder makes by itself.
DRAWN_SIDE = 200
"""Longest side of the picture whose sharpness is measured, in pixels."""
_LEAST_SIDE = 3


@dataclass(frozen=True, slots=True)
class Looks:
    """What a photo looks like.

    Attributes:
        perceptual_hash: see there; None if nothing can be recognised, or it was not decoded.
        sharpness: variance of the Laplacian of the grey photo, drawn to `DRAWN_SIDE`; None if it
            was not decoded, or is less than 3 pixels wide or high. Smaller photos are not enlarged.
        problem: why the photo cannot be decoded, in one sentence.
        decoded: whether the photo was decoded in full.
    """

    perceptual_hash: str | None = None
    sharpness: float | None = None
    problem: str | None = None
    decoded: bool = False


def looks_of(data: bytes) -> Looks:
    """What a complete JPEG, PNG, WebP or GIF looks like, turned upright.

    A JPEG in several scans that is too large to be decoded has no looks, and no problem.
    """
    try:
        frame = whole_frame(data, thorough=False) if data.startswith(START) else None
        grey = _grey(data, frame)
    except NotWholeError as error:
        return Looks(problem=str(error))
    if grey is None:
        return Looks()
    size = drawn_size(*grey.size)
    drawn = grey if grey.size == size else grey.resize(size, Resampling.BOX)
    small = drawn.resize((SIDE, SIDE), Resampling.BOX)
    turn = UPRIGHT.get((frame and frame.orientation) or 1)
    upright = small if turn is None else small.transpose(turn)
    return Looks(perceptual_hash(np.asarray(upright)), _sharpness(drawn), decoded=True)


def drawn_size(width: int, height: int) -> tuple[int, int]:
    """The size whose longest side is `DRAWN_SIDE`, or the size itself if it is smaller."""
    longest = max(width, height, DRAWN_SIDE)
    return max(1, width * DRAWN_SIDE // longest), max(1, height * DRAWN_SIDE // longest)


def _grey(data: bytes, frame: Frame | None) -> "Image | None":
    if frame is None:
        return loaded(data).convert("L")
    if (quick := _quickly_decoded(data, frame)) is not None:
        return quick
    # At this size the decoder skips most of its work, and without colours a third of the rest.
    picture = drafted(data, frame, "L", drawn_size(frame.width, frame.height))
    return picture and picture.convert("L")


def _quickly_decoded(data: bytes, frame: Frame) -> "Image | None":
    """The grey picture of an ordinary JPEG, by the same libjpeg-turbo in one call outside the lock.

    Pillow takes 1.4 times as long, mostly to read the header. What this decoder warns of is left to
    Pillow, which decides whether it is damage.
    """
    if not frame.sequential or frame.components not in (1, 3):
        return None
    width, height = drawn_size(frame.width, frame.height)
    # Pillow's scales, so that both give the same pixels; this decoder also has those between.
    scale = min(frame.width // width, frame.height // height)
    least = next(each for each in (8, 4, 2, 1) if scale >= each)
    sides = {"min_width": -(-frame.width // least), "min_height": -(-frame.height // least)}
    try:
        pixels = decode_jpeg(data, "GRAY", **sides)
    except ValueError:
        return None
    return fromarray(pixels[:, :, 0])


def _sharpness(grey: "Image") -> float | None:
    if min(grey.size) < _LEAST_SIDE:
        return None
    width = grey.width
    # In one dimension it takes half the time; what wraps around is left out at the end.
    pixels = np.asarray(grey).astype(np.int16).ravel()
    laplacian = pixels[: -2 * width] + pixels[2 * width :]
    laplacian += pixels[width - 1 : -width - 1]
    laplacian += pixels[width + 1 : 1 - width]
    laplacian -= pixels[width:-width] * np.int16(4)
    inside = laplacian.reshape(-1, width)[:, 1:-1].astype(np.float32).ravel()
    variance = float(inside @ inside) / inside.size - float(inside.mean()) ** 2
    # More digits would differ between machines.
    return float(f"{max(variance, 0):.4g}")
