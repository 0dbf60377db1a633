"""A bucket of small photos as a folder, generated: the same bytes for the same number.

Whole JPEGs of 10 to 40 kB that any decoder reads, no two alike, with the key list that names them.
`python -m benchmarks.photo_buckets PHOTOS FOLDER` makes one; `large` after it, one of 400 kB each.
"""

import gzip
import sys
from io import BytesIO
from pathlib import Path
from random import Random

from PIL import Image

from off_platform.images.keys import KEY_LIST, key

SEED = 20261003
PHOTOS_A_PRODUCT = 4
# Width and height in pixels, and the least and the most bytes.
SMALL = ((400, 300), (10_000, 40_000))
LARGE = ((1200, 900), (380_000, 420_000))
# So many are drawn; the others are these with another comment inside.
DRAWN, DRAWN_LARGE = 200, 40
START = b"\xff\xd8"
COMMENT_BYTES = 32


def make_bucket(folder: Path, photos: int, *, large: bool = False) -> None:
    """Makes a bucket of so many photos; whoever is interrupted leaves no key list."""
    random = Random(SEED)  # noqa: S311 - test data need not be secret
    sides, lengths = LARGE if large else SMALL
    number = min(DRAWN_LARGE if large else DRAWN, photos)
    drawn = [_drawn(random, sides, lengths) for _ in range(number)]
    keys = sorted(
        key(str(3_000_000_000_000 + product * 1_237), image, "400")
        for product in range(-(-photos // PHOTOS_A_PRODUCT))
        for image in range(1, PHOTOS_A_PRODUCT + 1)
    )[:photos]
    for number, name in enumerate(keys):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_with_comment(drawn[number % len(drawn)], number))
    (folder / KEY_LIST).write_bytes(gzip.compress("\n".join(keys).encode(), mtime=0))


def _drawn(random: Random, sides: tuple[int, int], lengths: tuple[int, int]) -> bytes:
    """A photo with noise on it: the more noise, the more bytes."""
    wanted = random.randrange(*lengths)
    coarse = Image.frombytes("RGB", (8, 6), random.randbytes(8 * 6 * 3)).resize(sides)
    noise = Image.frombytes("L", sides, random.randbytes(sides[0] * sides[1])).convert("RGB")
    least, most = 0.0, 1.0
    for _ in range(8):
        share = (least + most) / 2
        written = BytesIO()
        Image.blend(coarse, noise, share).save(written, "JPEG", quality=75)
        least, most = (share, most) if written.tell() < wanted else (least, share)
    return written.getvalue()


def _with_comment(photo: bytes, number: int) -> bytes:
    comment = f"{number:0{COMMENT_BYTES}d}".encode()
    length = (len(comment) + 2).to_bytes(2, "big")
    return START + b"\xff\xfe" + length + comment + photo.removeprefix(START)


if __name__ == "__main__":
    make_bucket(Path(sys.argv[2]), int(sys.argv[1]), large=sys.argv[3:] == ["large"])
