"""How the work grows with key lists and sets: CPU and memory of each step, without a network.

`python -m benchmarks scale` measures 3 million keys and a set of their million photos; sizes are
given in millions of keys, as in `--millions 30 100 300`, of which the sets have a third.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.generated import GENERATED, large_key_list_bucket
from benchmarks.measuring import Run, python, run

MILLION = 10**6
# Of key lists with more, no set of all photos is made: it would need hundreds of gigabytes.
MOST_SET_MILLIONS = 30
COLUMNS = ("step", "objects", "CPU s", "CPU s a million", "peak MB")
OF_LIST = {
    "indexed": ("key list to index and photos", ()),
    "chosen": ("1,000 photos chosen", ("1000",)),
    "chosen_million": ("1,000,000 photos chosen", ("1000000",)),
    "changes": ("changes between two months", ()),
}
OF_SET = {
    "planned": ("plan of all photos", ("all",)),
    "filled": ("", ()),
    "resumed": ("groups left, when resumed", ()),
    "finished": ("finish: manifest, pages, moves", ()),
    "checked": ("checks of the manifest", ()),
}


def measure(millions: Sequence[int]) -> None:
    """Prints what each step takes, for key lists of so many millions of keys."""
    print("\n## scale\n")
    print(f"| {' | '.join(COLUMNS)} |")
    print(f"|-{'-|-'.join('-' * len(name) for name in COLUMNS)}-|")
    for keys in millions:
        for name, objects, taken in _measured(keys):
            each = taken.cpu_seconds / objects * MILLION
            figures = (f"{objects:,}", f"{taken.cpu_seconds:.1f}", f"{each:.2f}")
            memory = f"{taken.peak_bytes / MILLION:,.0f}"
            print(f"| {' | '.join((name, *figures, memory))} |", flush=True)


def _measured(millions: int) -> Iterator[tuple[str, int, Run]]:
    keys = millions * MILLION
    bucket = large_key_list_bucket(keys)
    with _lake(keys) as lake:
        for step, (name, words) in OF_LIST.items():
            given = (lake, bucket) if step == "indexed" else (lake, *words)
            yield name, keys, _step(step.removesuffix("_million"), *given)
        if millions > MOST_SET_MILLIONS:
            return
        for step, (name, words) in OF_SET.items():
            taken = _step(step, lake, *words)
            if name:
                yield name, keys // 3, taken


def _step(name: str, *words: str | Path) -> Run:
    return run(python("benchmarks.scale_steps", name, *words))


@contextmanager
def _lake(keys: int) -> Iterator[Path]:
    """A folder for a lake; not on a memory disk, as these are large."""
    lake = GENERATED / f"scale-{keys}"
    shutil.rmtree(lake, ignore_errors=True)
    yield lake
    shutil.rmtree(lake)
