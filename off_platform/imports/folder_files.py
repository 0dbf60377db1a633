"""Which files of a folder are an import, and which are not read; how, is in `joining.py`."""

from pathlib import Path

from off_platform.imports.readers.batches import Found
from off_platform.imports.readers.opening import shown_name

# What a file is, its content tells; but a folder may hold other things besides.
ENDINGS = frozenset(
    {".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm", ".xls", ".ods"}
)


def data_files(folder: Path) -> list[Path]:
    """The files of an import's folder, by name: those that by their ending may be read."""
    return [path for path in _files(folder) if path.suffix.lower() in ENDINGS]


def not_read(folder: Path) -> list[Found]:
    """What else lies in an import's folder, such as a note to the reader; nothing of a file."""
    if not folder.is_dir():
        return []
    return [
        Found(
            None, None, "file_not_read", shown_name(path),
            f"{shown_name(path)[:120]} was not read, as its ending is none of an import's.",
        )
        for path in _files(folder)
        if path.suffix.lower() not in ENDINGS
    ]  # fmt: skip


def _files(folder: Path) -> list[Path]:
    """Pictures lie in a folder below; hidden files are none of the import."""
    return sorted(
        path for path in folder.iterdir() if not path.is_dir() and not path.name.startswith(".")
    )
