"""What a set that one can train on costs beside a plain one, and resizing against img2dataset."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.generated import KEY_LIST, Sizes, large_photo_bucket, photo_bucket, scratch, where
from benchmarks.measuring import REPOSITORY, Run, in_turns, python, run
from benchmarks.report import Line, at_most_times, faster_by, memory_below, show
from benchmarks.serving import served

MEMORY_MOST = 700e6
COST_MOST = 2.5
RESIZE_LEAST = 1.5
SIDE = 224
PLAIN, TRAINABLE = "plain shards", "labels, split, perceptual hash"
RESIZED, PEER = f"resized to {SIDE}", "img2dataset"
# Where the peer is looked for; it needs older libraries than the platform.
IMG2DATASET = REPOSITORY / "var/peers/i2d/bin/img2dataset"
OPTIONS = {
    "split": {"train": 0.8, "validation": 0.1, "test": 0.1},
    "stratify": "category",
    "labels": ["name", "brands", "categories", "category", "nutriscore", "picture"],
}
HOW_TRAINABLE = (
    "Every photo is decoded, hashed and measured, near duplicates are found, products get labels "
    "and splits, and shards are written a second time, by split. The generated photos are copies "
    "of 200 with another comment, so most of them are near duplicates."
)
HOW_RESIZED = (
    "Both write WebDataset shards with the longer side reduced, at JPEG quality 90. Ours is a "
    "whole process, from the choice to data card and gallery, and compares every object with its "
    "MD5; the peer gets a list of URLs, 2 processes and 32 threads."
)


def compare(sizes: Sizes) -> None:
    """Prints both comparisons."""
    _trainable(sizes)
    _resized(sizes)


def _trainable(sizes: Sizes) -> None:
    bucket = photo_bucket(sizes.photos)
    with scratch() as folder, served(bucket) as url:
        lake, into = folder / "lake", folder / "into"
        run(python("benchmarks.ours", "month_made", lake, bucket))
        run(python("benchmarks.ours", "products_made", lake, bucket))

        def ours(options: str) -> Callable[[], Run]:
            words = ("trainable_set", lake, url, into, sizes.photos, options)
            return lambda: _afresh(into, python("benchmarks.ours", *words))

        measured = in_turns(
            {
                PLAIN: ours("{}"),
                TRAINABLE: ours(json.dumps(OPTIONS)),
            },
            sizes.rounds,
        )
        plain, trainable = measured[PLAIN], measured[TRAINABLE]
        wants = (
            at_most_times(COST_MOST, trainable, plain, PLAIN),
            memory_below(MEMORY_MOST, trainable),
        )
        lines = [Line(PLAIN, plain, None, ()), Line(TRAINABLE, trainable, plain, wants)]
        title = f"training: {sizes.photos:,} photos of 10 to 40 kB"
        show(title, lines, (HOW_TRAINABLE, where(folder)))


def _resized(sizes: Sizes) -> None:
    bucket = large_photo_bucket(sizes.large_photos)
    with scratch() as folder, served(bucket) as url:
        lake, into = folder / "lake", folder / "into"
        run(python("benchmarks.ours", "month_made", lake, bucket))
        words = (lake, url, into, sizes.large_photos, f'{{"longest_side": {SIDE}}}')
        runs: dict[str, Callable[[], Run]] = {
            RESIZED: lambda: _afresh(into, python("benchmarks.ours", "trainable_set", *words))
        }
        if IMG2DATASET.exists():
            urls = _urls(bucket, url, folder / "urls.txt")
            runs[PEER] = lambda: _afresh(into, _img2dataset(urls, into))
        measured = in_turns(runs, sizes.rounds)
        ours, peer = measured[RESIZED], measured.get(PEER)
        wants = [memory_below(MEMORY_MOST, ours)]
        if peer:
            wants.insert(0, faster_by(RESIZE_LEAST, ours, peer, PEER))
        lines = [Line(RESIZED, ours, peer, tuple(wants))]
        lines += [Line(PEER, peer, None, ())] if peer else []
        missing = () if peer else (f"{PEER} was left out: there is none at {IMG2DATASET}.",)
        title = f"resizing: {sizes.large_photos:,} photos of about 400 kB"
        show(title, lines, (HOW_RESIZED, *missing, where(folder)))


def _urls(bucket: Path, url: str, to: Path) -> Path:
    names = sorted(path.relative_to(bucket).as_posix() for path in bucket.rglob("*.jpg"))
    to.write_text("".join(f"{url}/bucket/{name}\n" for name in names if name != KEY_LIST))
    return to


def _img2dataset(urls: Path, into: Path) -> list[str]:
    options = {
        "url_list": urls,
        "output_folder": into,
        "output_format": "webdataset",
        "image_size": SIDE,
        "resize_mode": "keep_ratio_largest",
        "encode_quality": 90,
        "processes_count": 2,
        "thread_count": 32,
    }
    return [str(IMG2DATASET), *(f"--{name}={value}" for name, value in options.items())]


def _afresh(into: Path, command: list[str]) -> Run:
    """Runs a command that fills a folder, which is empty before and gone afterwards."""
    try:
        return run(command, {"AWS_REGION": "us-east-1", "NO_ALBUMENTATIONS_UPDATE": "1"})
    finally:
        shutil.rmtree(into, ignore_errors=True)
