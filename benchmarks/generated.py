"""What is measured on: made once under var/benchmarks and used again, and where results are put.

Everything is seeded: the same sizes give the same bytes. `rm -r var/benchmarks` makes it anew.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import GENERATED, python, run

KEY_LIST = "data/data_keys.gz"
MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - a fresh folder of an unforeseeable name is made in it
ROOM_BYTES = 4 * 10**9


@dataclass(frozen=True)
class Sizes:
    """How much is measured on, and how often."""

    keys: int = 22_500_000
    many_keys: int = 30_000_000
    photos: int = 20_000
    far_photos: int = 40_000
    large_photos: int = 5_000
    chosen: int = 1_000
    bins: int = 10_000
    import_rows: int = 1_000_000
    inbox_files: int = 200
    history_imports: int = 20_000
    rounds: int = 3
    millions: tuple[int, ...] = (3,)


QUICK = Sizes(
    keys=1_000_000,
    many_keys=2_000_000,
    photos=2_000,
    far_photos=2_000,
    large_photos=500,
    bins=2_000,
    import_rows=50_000,
    inbox_files=20,
    history_imports=500,
    rounds=1,
)


def key_list_bucket(keys: int) -> Path:
    """A folder that stands for the bucket and holds nothing but a key list of so many keys."""
    return _once(f"keys-{keys}", lambda folder: python("benchmarks.key_lists", keys, folder))


def earlier_key_list_bucket(keys: int) -> Path:
    """The same a month earlier, when some of the keys were not there yet."""
    of = key_list_bucket(keys)
    return _once(f"keys-{keys}-earlier", lambda folder: python("benchmarks.key_lists", of, folder))


def large_key_list_bucket(keys: int) -> Path:
    """The same for any number of keys, generated in a stream."""
    return _once(
        f"large-keys-{keys}", lambda folder: python("benchmarks.large_key_lists", keys, folder)
    )


def photo_bucket(photos: int) -> Path:
    """A folder that stands for the bucket, with photos and their key list."""
    return _once(
        f"photos-{photos}", lambda folder: python("benchmarks.photo_buckets", photos, folder)
    )


def large_photo_bucket(photos: int) -> Path:
    """The same with photos of about 400 kB."""
    return _once(
        f"large-photos-{photos}",
        lambda folder: python("benchmarks.photo_buckets", photos, folder, "large"),
    )


def bins_bucket(bins: int) -> Path:
    """A folder that stands for the bins bucket: metadata, and a byte for each photo."""
    return _once(f"bins-{bins}", lambda folder: python("benchmarks.bin_buckets", bins, folder))


def import_file(rows: int, form: str) -> Path:
    """A product import of so many rows, `csv`, `odd` (a CSV, too) or `xlsx`."""
    folder = _once(
        f"import-{rows}-{form}", lambda made: python("benchmarks.import_files", rows, form, made)
    )
    return folder / f"import.{'xlsx' if form == 'xlsx' else 'csv'}"


def status_lake() -> Path:
    """A lake of 24 months, 2,000 imports and 5 sets; the newest month is that of the first run."""
    return _once("status", lambda made: python("benchmarks.status_lake", made / "lake")) / "lake"


def history_home(imports: int) -> Path:
    """A home of Dagster with so many imports, and their inbox."""
    return _once(
        f"history-{imports}", lambda made: python("benchmarks.history_home", made, imports)
    )


def _once(name: str, command: Callable[[Path], list[str]]) -> Path:
    folder = GENERATED / name
    if not folder.exists():
        sys.stderr.write(f"  generating {name}, once\n")
        made = folder.with_name(f"{name}.part")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        run(command(made))
        made.rename(folder)
    return folder


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for what the measured programs write: on a memory disk with room, else beside."""
    GENERATED.mkdir(parents=True, exist_ok=True)
    roomy = MEMORY_DISK.is_dir() and shutil.disk_usage(MEMORY_DISK).free > ROOM_BYTES
    with tempfile.TemporaryDirectory(
        prefix="off-platform-benchmark-", dir=MEMORY_DISK if roomy else GENERATED
    ) as folder:
        yield Path(folder)


def where(folder: Path) -> str:
    """What kind of disk a scratch folder is on, as a sentence."""
    on_memory = MEMORY_DISK in folder.parents
    return f"All write to {'a memory disk' if on_memory else 'the disk of this folder'}."
