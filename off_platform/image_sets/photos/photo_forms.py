"""Changes a photo to the form that a set asks for: smaller, upright, in another format.

The photo is complete (`contents.py`), but its bytes are from outside: what cannot be changed is a
problem in a sentence. A photo that needs no change keeps its bytes. Pillow decodes, scales and
encodes outside of the interpreter's lock, so that it runs in the threads of the transfer.
"""

import struct
import threading
from contextlib import nullcontext
from io import BytesIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from off_platform.image_sets.declaration.how import PhotoForm
from off_platform.image_sets.photos.contents import Formed
from off_platform.image_sets.photos.file_formats import NotWholeError
from off_platform.image_sets.photos.jpeg import UPRIGHT
from off_platform.image_sets.photos.pictures import MOST_PIXELS, opened_other
from off_platform.words import escaped

# Decoded pixels: above the first number one photo at a time, above the second none. 3 bytes each.
_LARGE_PIXELS = 12_000_000
_ONE_LARGE = threading.Lock()
# Pillow scales down while it decodes to at least this many times the wanted size.
_GAP = 2.0
_MOST_PROFILE = 64 * 1024
_ORIENTATION = 0x0112


def formed(
    data: bytes, size: tuple[int, int], orientation: int | None, form: PhotoForm
) -> Formed | None:
    """A complete photo in the form; None if it needs no change.

    Args:
        data: the whole JPEG, PNG, WebP or GIF.
        size: its width and height in pixels.
        orientation: of its EXIF, 1 to 8.
        form: the form.

    Raises:
        NotWholeError: it cannot be decoded, or has too many pixels.
    """
    is_jpeg = data.startswith(b"\xff\xd8\xff")
    smaller = form.longest_side is not None and max(size) > form.longest_side
    turned = form.upright and (orientation or 1) > 1
    if is_jpeg and not smaller and not turned and form.format in (None, "jpeg"):
        return None
    side = form.longest_side if smaller else None
    pixels = _decoded_pixels(size, side, is_jpeg=is_jpeg)
    if pixels > MOST_PIXELS:
        shown = f"{size[0]:,} x {size[1]:,} pixels"
        raise NotWholeError(f"the photo has {shown}, too many to be changed to another form")
    turn = UPRIGHT.get(orientation or 1) if form.upright else None
    try:
        with _ONE_LARGE if pixels > _LARGE_PIXELS else nullcontext():
            return _changed(data, side, turn, None if form.upright else orientation, form)
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error) as error:
        raise NotWholeError(f"the photo cannot be changed: {escaped(str(error))}") from error


def _decoded_pixels(size: tuple[int, int], side: int | None, *, is_jpeg: bool) -> int:
    """Pixels in memory: libjpeg can scale by a half, a quarter or an eighth while it decodes."""
    scale = 1
    while is_jpeg and side and scale < 8 and max(size) / (scale * 2) >= side * _GAP:  # noqa: PLR2004
        scale *= 2
    return size[0] * size[1] // scale**2


def _changed(
    data: bytes,
    side: int | None,
    turn: Image.Transpose | None,
    kept: int | None,
    form: PhotoForm,
) -> Formed:
    with _opened(data) as photo:
        if side:
            photo.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=_GAP)
        photo.load()
        profile = photo.info.get("icc_profile") if photo.mode == "RGB" else None
        plain = _on_white(photo)
        upright = plain if turn is None else plain.transpose(turn)
    file = BytesIO()
    exif = Image.Exif()
    if kept and kept > 1:
        exif[_ORIENTATION] = kept
    upright.save(
        file,
        form.format or "jpeg",
        quality=form.quality,
        exif=exif,
        # By default, Pillow copies the comment of the photo, up to 64 KB of outside data.
        comment=b"",
        icc_profile=profile if profile and len(profile) <= _MOST_PROFILE else None,
    )
    return Formed(file.getvalue(), *upright.size)


def _opened(data: bytes) -> Image.Image:
    if data.startswith(b"\xff\xd8\xff"):
        # Pillow warns about damaged EXIF, and warnings can only be silenced for all threads.
        return JpegImageFile(BytesIO(data.replace(b"Exif\0\0", b"----\0\0")))
    return opened_other(data)


def _on_white(photo: Image.Image) -> Image.Image:
    """The photo in grey or RGB; what is transparent becomes white."""
    if photo.mode in ("L", "RGB"):
        return photo
    if "A" in photo.getbands() or "transparency" in photo.info:
        layered = photo.convert("RGBA")
        white = Image.new("RGB", photo.size, "white")
        white.paste(layered, mask=layered.getchannel("A"))
        return white
    return photo.convert("RGB")
