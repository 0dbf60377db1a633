"""How many near duplicates are found among real photos, how many wrongly; and how fast.

    python -m benchmarks.near_duplicates FOLDER ... [--neither FILE]
    python -m benchmarks.near_duplicates --search 20000 [--dense]

The first takes the photos of folders, changes copies of each as people change photos, and compares
all with all. In the file each line names photos that may show the same thing: they count as
neither. Where `imagehash` and `pdqhash` are installed, their hashes are compared on the same photos
at the threshold that is best for them.
"""

import argparse
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from off_platform.image_sets.division.near_duplicates import near_pairs
from off_platform.image_sets.photos.looks import looks_of
from off_platform.image_sets.photos.perceptual_hash import WINDOWS, WORDS, Words, words_of

Bits = npt.NDArray[np.bool_]
PRECISION = 0.99
ORIGINAL = "original"
BORDER = 0.05
SIDES = {
    "each side": (BORDER,) * 4,
    "half on each side": (BORDER / 2,) * 4,
    "left": (BORDER, 0, 0, 0),
    "top": (0, BORDER, 0, 0),
    "right": (0, 0, BORDER, 0),
    "bottom": (0, 0, 0, BORDER),
}
_T = Image.Transpose
# How a photo is stored so that it is shown upright with an orientation.
STORED = {
    1: None,
    2: _T.FLIP_LEFT_RIGHT,
    3: _T.ROTATE_180,
    4: _T.FLIP_TOP_BOTTOM,
    5: _T.TRANSPOSE,
    6: _T.ROTATE_90,
    7: _T.TRANSVERSE,
    8: _T.ROTATE_270,
}
ORIENTATION = 0x0112
SEED = 20261130


class Copy(NamedTuple):
    """A changed copy of a photo: of which one, how it was changed, its hashes by method."""

    photo: int
    change: str
    hashes: dict[str, Any]


def changed(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Copies of a photo."""
    for side in (800, 400, 224, 150, 100):
        yield f"resized to {side}", _jpeg(_resized(image, side))
    yield "resized to 224 x 224", _jpeg(image.resize((224, 224)))
    for quality in (95, 75, 50, 30):
        yield f"quality {quality}", _jpeg(image, quality)
    for name, sides in SIDES.items():
        yield f"cropped 5 %, {name}", _jpeg(_cropped(image, sides))
    for orientation in STORED:
        yield "rotated by EXIF, 1 to 8", _jpeg(image, orientation=orientation)
    for name, sides in SIDES.items():
        small = _resized(_cropped(image, sides), 224)
        yield f"cropped {name}, 224, quality 50", _jpeg(small, 50)
        turned = _resized(_cropped(image, sides), 400)
        yield f"cropped {name}, 400, quality 70, EXIF 6", _jpeg(turned, 70, 6)


def _resized(image: Image.Image, side: int) -> Image.Image:
    share = side / max(image.size)
    return image.resize([max(1, round(each * share)) for each in image.size])


def _cropped(image: Image.Image, sides: tuple[float, ...]) -> Image.Image:
    (width, height), (left, top, right, bottom) = image.size, sides
    box = (width * left, height * top, width * (1 - right), height * (1 - bottom))
    return image.crop([round(each) for each in box])


def _jpeg(image: Image.Image, quality: int = 85, orientation: int = 1) -> bytes:
    exif, file, turn = Image.Exif(), BytesIO(), STORED[orientation]
    exif[ORIENTATION] = orientation
    stored = image if turn is None else image.transpose(turn)
    stored.save(file, "JPEG", quality=quality, exif=exif)
    return file.getvalue()


def peers() -> dict[str, Callable[[Image.Image], Bits]]:
    """Hashes of libraries that are installed."""
    found: dict[str, Callable[[Image.Image], Bits]] = {}
    try:
        import imagehash  # noqa: PLC0415 - a peer that need not be installed

        for side in (8, 16):
            found[f"imagehash.phash, {side * side} bits"] = lambda image, side=side: (
                imagehash.phash(image, side).hash.ravel()
            )
    except ImportError:
        print("imagehash is not installed and left out.")
    try:
        import pdqhash  # noqa: PLC0415 - the same

        found["pdqhash, 256 bits"] = lambda image: pdqhash.compute(np.asarray(image).view(np.int8))[
            0
        ].astype(bool)
    except ImportError:
        print("pdqhash is not installed and left out.")
    return found


def copies_of(
    number: int, path: Path, others: dict[str, Callable[[Image.Image], Bits]]
) -> list[Copy]:
    """A photo and its changed copies, hashed; none if nothing can be recognised in the photo."""
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB")
    found = []
    for change, data in ((ORIGINAL, path.read_bytes()), *changed(image)):
        ours = looks_of(data).perceptual_hash
        if ours is None:
            print(f"{path.name}, {change}: it has no hash, and is left out.")
            continue
        with Image.open(BytesIO(data)) as opened:
            shown = ImageOps.exif_transpose(opened).convert("RGB")
        hashes = {name: of_image(shown) for name, of_image in others.items()}
        found.append(Copy(number, change, {"ours": ours, **hashes}))
    return found


class Measured(NamedTuple):
    """What a method finds: shares of pairs of original and copy, of any two copies, precision."""

    of_copies: float
    of_pairs: float
    precision: float
    wrong: int
    of_wrong: int
    threshold: int | None
    found: npt.NDArray[np.bool_]


def measured(
    found: npt.NDArray[np.bool_], copies: Sequence[Copy], neither: Bits, most: int | None
) -> Measured:
    """Counts pairs that are found, each once."""
    photo = np.array([each.photo for each in copies])
    original = np.array([each.change == ORIGINAL for each in copies])
    upper = np.triu(np.ones_like(found), 1)
    same = photo[:, None] == photo
    right, wrong = upper & same, upper & ~same & ~neither[photo][:, photo]
    of_original = right & original[:, None]
    hits, mistakes = int((found & right).sum()), int((found & wrong).sum())
    return Measured(
        float(found[of_original].mean()),
        hits / int(right.sum()),
        hits / max(1, hits + mistakes),
        mistakes,
        int(wrong.sum()),
        most,
        found,
    )


def best(bits: Bits, copies: Sequence[Copy], neither: Bits) -> Measured:
    """A hash by Hamming distance, at the largest threshold that has the precision."""
    signs = bits.astype(np.float32) * 2 - 1
    apart = np.rint((bits.shape[1] - signs @ signs.T) / 2).astype(np.int16)
    tried = (measured(apart <= most, copies, neither, most) for most in range(bits.shape[1] // 2))
    return max(
        (each for each in tried if each.precision >= PRECISION), key=lambda each: each.of_pairs
    )


def compare(paths: Sequence[Path], same: Sequence[set[str]]) -> None:
    """Prints the tables of some photos."""
    others = peers()
    with ThreadPoolExecutor(2) as threads:
        of_photos = list(threads.map(lambda each: copies_of(*each, others), enumerate(paths)))
    copies = [copy for of_photo in of_photos for copy in of_photo]
    of_same = [{place for place, names in enumerate(same) if path.stem in names} for path in paths]
    neither = np.array([[bool(one & two) for two in of_same] for one in of_same])
    earlier, later, _ = near_pairs(words_of([copy.hashes["ours"] for copy in copies]))
    found = np.zeros((len(copies), len(copies)), dtype=np.bool_)
    found[earlier, later] = found[later, earlier] = True
    # Copies without a changed bit are near duplicates, too.
    hashes = np.array([copy.hashes["ours"] for copy in copies])
    found |= hashes[:, None] == hashes
    ours = measured(found, copies, neither, None)
    print(f"\n{len(paths):,} photos, {len(copies):,} with their copies.\n")
    print("| method | threshold | original and copy | any two copies | precision | wrong pairs |")
    print("|---|---|---|---|---|---|")
    _print_line("this platform", ours)
    for name in others:
        bits = np.array([copy.hashes[name] for copy in copies])
        _print_line(name, best(bits, copies, neither))
    _print_changes(ours, copies)


def _print_line(name: str, of: Measured) -> None:
    most = "" if of.threshold is None else str(of.threshold)
    wrong = f"{of.wrong:,} of {of.of_wrong:,}"
    shares = f"{of.of_copies:.4f} | {of.of_pairs:.4f} | {of.precision:.4f}"
    print(f"| {name} | {most} | {shares} | {wrong} |")


def _print_changes(ours: Measured, copies: Sequence[Copy]) -> None:
    print("\n| copy | found | of |\n|---|---|---|")
    originals = {copy.photo: place for place, copy in enumerate(copies) if copy.change == ORIGINAL}
    counts: dict[str, list[bool]] = {}
    for place, copy in enumerate(copies):
        if copy.change != ORIGINAL and copy.photo in originals:
            hit = bool(ours.found[originals[copy.photo], place])
            counts.setdefault(copy.change, []).append(hit)
    for change, hits in counts.items():
        print(f"| {change} | {sum(hits):,} | {len(hits):,} |")


def search(words: Words) -> None:
    """Prints what it takes to search hashes."""
    before, started = _peak(), time.process_time()
    found = near_pairs(words)
    seconds = time.process_time() - started
    print(
        f"{len(words):,} hashes: {seconds:.2f} CPU seconds, {len(found.later):,} pairs, "
        f"{np.count_nonzero(found.crowded_by >= 0):,} crowded, peak memory {_peak() / 1e6:,.0f} "
        f"MB, of which {before / 1e6:,.0f} MB were needed to make them."
    )


def dense(count: int) -> Words:
    """Hashes that are all near each other."""
    words = np.zeros((count, len(WINDOWS), WORDS), dtype=np.uint64)
    words[:, -1, -1] = np.arange(count)
    return words


def ordinary(count: int) -> Words:
    """Generated hashes, of which every hundredth is near another."""
    random = np.random.default_rng(SEED)
    words = np.empty((count, len(WINDOWS), WORDS), dtype=np.uint64)
    words[:, 0] = random.integers(0, 2**64, (count, WORDS), dtype=np.uint64)
    for window in range(1, len(WINDOWS)):
        # An eighth of the bits differ, as in windows of real photos.
        bits = [random.integers(0, 2**64, (count, WORDS), dtype=np.uint64) for _ in range(3)]
        words[:, window] = words[:, 0] ^ (bits[0] & bits[1] & bits[2])
    near = count // 100
    words[-near:] = words[:near] ^ np.uint64(1)
    return words


def _peak() -> int:
    # Linux counts in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Compares or searches."""
    parser = argparse.ArgumentParser(prog="benchmarks.near_duplicates", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--neither", type=Path, metavar="FILE", help="photos of the same thing")
    parser.add_argument("--search", type=int, metavar="HASHES", help="measure the search instead")
    parser.add_argument("--dense", action="store_true", help="search hashes that hardly differ")
    asked = parser.parse_args()
    if asked.search:
        search((dense if asked.dense else ordinary)(asked.search))
        return
    paths = sorted(path for folder in asked.folders for path in folder.rglob("*.jpg"))
    if not paths:
        parser.error("give folders with photos")
    lines = asked.neither.read_text().splitlines() if asked.neither else []
    compare(paths, [set(line.split()) for line in lines])


if __name__ == "__main__":
    main()
