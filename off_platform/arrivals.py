"""What a look into the inbox finds, and the runs that import it: configuration and errors.

The imports wing looks and imports; sensors request the runs and report them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# The job of one file, and that of several with its only op.
IMPORT = "imports"
BATCH = "import_batch"
BATCH_STEP = "import_files"
# Files of one run: starting a run takes as long as importing ten small files.
MOST_FILES = 100
# Larger files have a run each, as they would keep the others waiting.
SMALL_BYTES = 20_000_000
# The metadata of an observation of `import_file`: why the file could not be imported.
NOT_IMPORTED = "not_imported"
# Beside it, the traceback of an unexpected error.
TRACEBACK = "traceback"


class FilesNotImportedError(OSError):
    """Files could not be imported; each is reported on its partition."""


class BatchStoppedError(OSError):
    """Several files in a row could not be imported, so the others were not tried."""


@dataclass(frozen=True)
class Arrival:
    """A new file or folder that is complete.

    Attributes:
        key: the import's partition.
        place: its location, for the asset `import_file`.
        state: changes when the file is written or touched again.
        bytes: its size.
    """

    key: str
    place: str
    state: str
    bytes: int = 0


@dataclass(frozen=True)
class Arrivals:
    """The outcome of a look into the inbox.

    Attributes:
        arrived: files and folders to import now.
        waiting: how many are incomplete or left for later looks.
        cursor: state for the next look.
    """

    arrived: list[Arrival]
    waiting: int
    cursor: str


def batches(arrived: Iterable[Arrival], most: int = MOST_FILES) -> list[list[Arrival]]:
    """Divides files among runs: large ones alone, small ones together.

    Args:
        arrived: the files.
        most: of one run.
    """
    alone: list[list[Arrival]] = []
    small: list[Arrival] = []
    for each in arrived:
        if each.bytes > SMALL_BYTES:
            alone.append([each])
        else:
            small.append(each)
    return [*alone, *(small[start : start + most] for start in range(0, len(small), most))]


def import_config(place: str) -> dict[str, Any]:
    """The configuration of a run of one file."""
    return {"ops": {"import_file": {"config": {"path": place}}}}


def batch_config(files: Mapping[str, str], *, again: bool = False) -> dict[str, Any]:
    """The configuration of a run of several files.

    Args:
        files: import -> location.
        again: whether those that have a report are imported again.
    """
    return {"ops": {BATCH_STEP: {"config": {"files": dict(files), "again": again}}}}


def files_of(run_config: Mapping[str, Any], partition: str | None) -> dict[str, str]:
    """The files that a run was requested for; import -> location, or nothing."""
    ops = run_config.get("ops") or {}
    if BATCH_STEP in ops:
        return dict((ops[BATCH_STEP].get("config") or {}).get("files") or {})
    place = ((ops.get("import_file") or {}).get("config") or {}).get("path")
    return {partition: str(place)} if partition and place else {}
