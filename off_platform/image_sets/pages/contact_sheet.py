"""The contact sheet of an image set: its first photos side by side in one small JPEG.

The thumbnail of one photo is made here too, because the gallery page shows the same thumbnails.
Fetching photos and choosing them happen elsewhere.
"""

import struct
from base64 import b64encode
from collections.abc import Iterable, Sequence
from io import BytesIO
from itertools import islice

from PIL import Image, ImageDraw, UnidentifiedImageError

from off_platform.image_sets.photos.jpeg import UPRIGHT

MOST_PIXELS = 64_000_000
"""Photos with more pixels are not drawn: decoding one would take about 200 MB."""

MARKDOWN_BELOW = 100_000
"""The result of `as_markdown` has fewer characters than this, all ASCII."""

_GAP = 4
_BACKGROUND = (236, 236, 233)
_GREY = (208, 208, 205)
_INK = (128, 128, 124)
_QUALITIES = range(85, 14, -10)
_SMALLEST_WIDTH = 32
_ORIENTATION_TAG = 0x0112

# Everything Pillow is known to raise on damaged files; and warnings, if they are errors.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    struct.error,
    Warning,
)


class NotDrawableError(ValueError):
    """A photo that cannot be shown; the message says why."""


def thumbnail(photo: bytes, side: int) -> Image.Image:
    """Make a photo small and upright.

    Args:
        photo: The bytes of a JPEG file; untrusted.
        side: The longest side of the result, in pixels; smaller photos keep their size.

    Returns:
        An RGB image, rotated by its EXIF orientation.

    Raises:
        NotDrawableError: When the bytes are not a JPEG, are damaged, or have over `MOST_PIXELS`.
    """
    try:
        return _small_and_upright(photo, side)
    except NotDrawableError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as problem:
        raise NotDrawableError(_too_large()) from problem
    except UnidentifiedImageError as problem:
        raise NotDrawableError("The bytes are not a JPEG photo.") from problem
    except _DAMAGE as problem:
        words = str(problem).strip(" .") or type(problem).__name__
        raise NotDrawableError(f"The JPEG is damaged: {words}.") from problem


def contact_sheet(
    photos: Iterable[bytes],
    *,
    columns: int = 10,
    side: int = 96,
    most: int = 60,
    max_bytes: int = 100_000,
) -> bytes:
    """Draw the first photos as a grid; the same photos always give the same bytes.

    Args:
        photos: JPEG files; one that cannot be drawn becomes a grey crossed cell. At most `most` are
            read.
        columns: Number of photos per row.
        side: Width and height of one cell, in pixels; photos keep their proportions inside it.
        most: Maximum number of photos.
        max_bytes: The sheet is smaller than this.

    Returns:
        A JPEG file of fewer than `max_bytes` bytes; without photos a small one that says so.

    Raises:
        ValueError: A number is not positive, the sheet would have more than `MOST_PIXELS` pixels,
            or no sheet is smaller than `max_bytes`.
    """
    if min(columns, side, most, max_bytes) < 1:
        raise ValueError("columns, side, most and max_bytes must all be at least 1")
    if (side + _GAP) ** 2 * max(columns, most) > MOST_PIXELS:
        raise ValueError(_too_large((side + _GAP) * columns, (side + _GAP) * most))
    cells = [_cell(photo, side) for photo in islice(photos, most)]
    return _encoded_below(_sheet(cells, columns, side) if cells else _empty_sheet(), max_bytes)


def as_markdown(sheet: bytes) -> str:
    """Write a contact sheet as a Markdown image with embedded bytes.

    Args:
        sheet: The result of `contact_sheet`; compressed again if it is too large.

    Returns:
        One line of Markdown, shorter than `MARKDOWN_BELOW` characters.
    """
    before, after = "![contact sheet](data:image/jpeg;base64,", ")"
    room = MARKDOWN_BELOW - 1 - len(before) - len(after)
    most_bytes = room // 4 * 3
    if len(sheet) > most_bytes:
        with Image.open(BytesIO(sheet), formats=("JPEG",)) as opened:
            sheet = _encoded_below(opened.convert("RGB"), most_bytes)
    return f"{before}{b64encode(sheet).decode('ascii')}{after}"


def encoded(image: Image.Image, quality: int) -> bytes:
    """Write an RGB image as a JPEG file.

    Args:
        image: The image.
        quality: JPEG quality, 1 to 95.

    Returns:
        The file's bytes, without any metadata.
    """
    file = BytesIO()
    # By default, Pillow copies the comment of the photo, up to 64 KB of outside data.
    image.save(file, "JPEG", quality=quality, optimize=True, comment=b"")
    return file.getvalue()


def _small_and_upright(photo: bytes, side: int) -> Image.Image:
    with Image.open(BytesIO(photo), formats=("JPEG", "PNG", "WEBP", "GIF")) as opened:
        width, height = opened.size
        if width * height > MOST_PIXELS:
            raise NotDrawableError(_too_large(width, height))
        # A gap of 1 lets libjpeg scale while it decodes, to the smallest size that is large enough.
        opened.thumbnail((side, side), reducing_gap=1.0)
        return _upright(opened).convert("RGB")


def _too_large(width: int | None = None, height: int | None = None) -> str:
    pixels = f"{width:,} \u00d7 {height:,} pixels" if width and height else "Its pixels"
    return f"{pixels} are more than the {MOST_PIXELS:,} that are drawn."


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except _DAMAGE:
        # A photo with damaged EXIF is shown unrotated.
        turn = None
    return image if turn is None else image.transpose(turn)


def _cell(photo: bytes, side: int) -> Image.Image:
    try:
        small = thumbnail(photo, side)
    except NotDrawableError:
        return _crossed_cell(side)
    cell = Image.new("RGB", (side, side), _BACKGROUND)
    cell.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return cell


def _crossed_cell(side: int) -> Image.Image:
    cell = Image.new("RGB", (side, side), _GREY)
    draw = ImageDraw.Draw(cell)
    draw.line((0, 0, side - 1, side - 1), fill=_INK, width=2)
    draw.line((0, side - 1, side - 1, 0), fill=_INK, width=2)
    return cell


def _sheet(cells: "Sequence[Image.Image]", columns: int, side: int) -> Image.Image:
    step = side + _GAP
    across = min(columns, len(cells))
    down = -(-len(cells) // across)
    sheet = Image.new("RGB", (across * step + _GAP, down * step + _GAP), _BACKGROUND)
    for number, cell in enumerate(cells):
        row, column = divmod(number, across)
        sheet.paste(cell, (_GAP + column * step, _GAP + row * step))
    return sheet


def _empty_sheet() -> Image.Image:
    sheet = Image.new("RGB", (320, 96), _BACKGROUND)
    ImageDraw.Draw(sheet).text((160, 48), "No photos in this set", fill=_INK, anchor="mm")
    return sheet


def _encoded_below(image: Image.Image, limit: int) -> bytes:
    for quality in _QUALITIES:
        file = encoded(image, quality)
        if len(file) < limit:
            return file
    if image.width < _SMALLEST_WIDTH:
        raise ValueError(f"no contact sheet fits into {limit:,} bytes")
    return _encoded_below(image.reduce(2), limit)
