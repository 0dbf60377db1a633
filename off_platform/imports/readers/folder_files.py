"""Which files of a folder are an import, and which are not read; how, is in `joining.py`."""

from pathlib import Path

from off_platform.imports.readers.batches import Found
from off_platform.imports.readers.opening import shown_name

# What a file is, its content tells; but a folder may hold other things besides.
PICTURES = "images"
ENDINGS = frozenset(
    {".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm", ".xls", ".ods"}
)


def data_files(folder: Path) -> list[Path]:
    """The files of an import's folder, by name: those that by their ending may be read."""
    return [path for path in _entries(folder) if not _why_not(path)]


def not_read(folder: Path) -> list[Found]:
    """What else is in an import's folder, such as a note to the reader; nothing of a file."""
    if not folder.is_dir():
        return []
    return [
        Found(
            None, None, "file_not_read", shown_name(path),
            f"{shown_name(path)[:120]} was not read, as {why}.",
        )
        for path in _entries(folder)
        if (why := _why_not(path))
    ]  # fmt: skip


def is_plain(path: Path) -> bool:
    """Whether it is an ordinary file: a link may lead anywhere, a pipe is read without an end."""
    return path.is_file() and not path.is_symlink()


def is_own_folder(path: Path) -> bool:
    """Whether it is a folder of the import itself, not a link to another."""
    return path.is_dir() and not path.is_symlink()


def _why_not(path: Path) -> str:
    """Why something in a folder is not read; empty when it is."""
    if path.is_symlink():
        return "it is a link, and links are not followed"
    if path.is_dir():
        return "it is a folder below the import's"
    if not path.is_file():
        return "it is a pipe or a device, not an ordinary file"
    return "" if path.suffix.lower() in ENDINGS else "its ending is none of an import's"


def _entries(folder: Path) -> list[Path]:
    """Hidden files are not part of the import; the folder of pictures is looked at elsewhere."""
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and not (path.name == PICTURES and is_own_folder(path))
    )
