"""A photo of a bin: a fabric compartment seen from the front, with packages standing in it.

What lies in it stands in `bins_plan.py`; the packages' faces are those of `labels.py`.
"""

import io
from functools import cache
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from off_platform.sandbox import labels
from off_platform.sandbox.bins_plan import BinPlan, stocked
from off_platform.sandbox.seeds import chance

# Width and height of the genuine photos: 315-785 x 240-1069 px.
WIDTHS, HEIGHTS = (320, 460), (250, 420)
RIM = 0.09
FABRIC = (52, 60, 74)
QUALITY = 78
MOST_DRAWN = 16


def photo_of(planned: BinPlan, seed: int) -> bytes:
    """The JPEG of a bin, as many packages in it as it has units, 16 at most."""
    luck = chance(seed, "bin photo", planned.id)
    size = (luck.randrange(*WIDTHS), luck.randrange(*HEIGHTS))
    image = _compartment(size, luck)
    numbers = [item.number for item in planned.items for _ in range(item.fields["quantity"])]
    for number in numbers[:MOST_DRAWN]:
        _put_in(image, _face(number, seed), luck)
    _cover(image, luck)
    return _jpeg(image, luck)


def _compartment(size: tuple[int, int], luck: Random) -> Image.Image:
    """The empty bin: its back in the dark, sides and floor lighter."""
    width, height = size
    image = Image.new("RGB", size, FABRIC)
    pen = ImageDraw.Draw(image)
    inner = (width * RIM, height * RIM, width * (1 - RIM), height * (1 - RIM))
    shade = luck.randrange(-8, 9)
    pen.rectangle(inner, tuple(max(0, part // 2 + shade) for part in FABRIC))
    floor = [(0, height), (inner[0], inner[3]), (inner[2], inner[3]), (width, height)]
    pen.polygon(floor, tuple(part + 26 + shade for part in FABRIC))
    return image


@cache
def _face(number: int, seed: int) -> Image.Image:
    """A product's front, small: it is drawn once and put into many bins."""
    face = labels.front(stocked(number, seed), 1.0).image
    face.thumbnail((170, 220))
    return face


def _put_in(image: Image.Image, face: Image.Image, luck: Random) -> None:
    """One package, standing on the floor or lying on its side, before those behind it."""
    width, height = image.size
    share = luck.uniform(0.3, 0.62) * height / face.height
    small = face.resize((max(8, round(face.width * share)), max(8, round(face.height * share))))
    turned = small.rotate(
        luck.choice((0, 0, 0, 90)) + luck.gauss(0, 5),
        expand=True,
        resample=Image.Resampling.BILINEAR,
    )
    mask = Image.new("L", small.size, 255).rotate(0)
    mask = mask.resize(turned.size) if turned.size == small.size else _turned_mask(turned)
    left = luck.uniform(RIM * width, max(RIM * width, width * (1 - RIM) - turned.width))
    bottom = height * (1 - RIM * luck.uniform(0.2, 1.0))
    image.paste(turned, (round(left), round(bottom - turned.height)), mask)


def _turned_mask(turned: Image.Image) -> Image.Image:
    """What of a turned face is face: its corners are black."""
    return turned.convert("L").point([0] + [255] * 255)


def _cover(image: Image.Image, luck: Random) -> None:
    """The elastic bands that keep things in the bin, across the photo."""
    pen = ImageDraw.Draw(image)
    width, height = image.size
    for share in (0.35, 0.68):
        y = height * (share + luck.uniform(-0.04, 0.04))
        pen.line([(0, y), (width, y + luck.uniform(-9, 9))], (206, 208, 200), 4)


def _jpeg(image: Image.Image, luck: Random) -> bytes:
    blurred = image.filter(ImageFilter.BoxBlur(luck.choice((0, 0.6, 1.2))))
    speck = Image.frombytes("L", image.size, luck.randbytes(image.width * image.height))
    noisy = Image.blend(blurred, Image.merge("RGB", (speck, speck, speck)), 0.03)
    written = io.BytesIO()
    noisy.save(written, "JPEG", quality=QUALITY)
    return written.getvalue()
