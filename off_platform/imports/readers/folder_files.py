"""The files of a folder that are read as an import, and those that are not."""

from pathlib import Path

from off_platform.imports.readers.batches import Found
from off_platform.imports.readers.opening import shown_name

# Formats are recognised by content, but a folder may also contain other files.
PICTURES = "images"
ENDINGS = frozenset(
    {".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm", ".xls", ".ods"}
)

# What Office keeps beside a file while somebody has it open, as `~$products.xlsx`.
_OF_OFFICE = "~$"
# What Windows keeps in a folder that somebody opens, also in one on a server.
_OF_WINDOWS = frozenset({"thumbs.db", "desktop.ini"})


def is_of_desktop(name: str) -> bool:
    """Whether a file is hidden or was made by the desktop of whoever opened its folder or it."""
    return name.startswith((".", _OF_OFFICE)) or name.lower() in _OF_WINDOWS


def data_files(folder: Path) -> list[Path]:
    """The files of an import's folder that have a readable extension, by name."""
    return [path for path in _entries(folder) if not _why_not(path)]


def not_read(folder: Path) -> list[Found]:
    """The other files of an import's folder, such as a note; none for a single file."""
    if not folder.is_dir():
        return []
    return [
        left_out(shown_name(path), f"was not read, as {why}")
        for path in _entries(folder)
        if (why := _why_not(path))
    ]


def left_out(name: str, says: str) -> Found:
    """`file_not_read`: what happened to a file of a folder, and why."""
    return Found.of_file("file_not_read", f"{name[:120]} {says}.", name)


def is_plain(path: Path) -> bool:
    """Whether it is a regular file: a link may lead anywhere, a pipe may be endless."""
    return path.is_file() and not path.is_symlink()


def is_own_folder(path: Path) -> bool:
    """Whether it is a folder of the import itself, not a link to another."""
    return path.is_dir() and not path.is_symlink()


def _why_not(path: Path) -> str:
    """Why an entry of a folder is not read; empty if it is."""
    if path.is_symlink():
        return "it is a link, and links are not followed"
    if path.is_dir():
        return "it is a subfolder"
    if not path.is_file():
        return "it is a pipe or a device, not a regular file"
    return "" if path.suffix.lower() in ENDINGS else "its extension is not that of an import file"


def _entries(folder: Path) -> list[Path]:
    """The entries, except files of desktops and the pictures, which `pictures.py` reads."""
    return sorted(
        path
        for path in folder.iterdir()
        if not is_of_desktop(path.name) and not (path.name == PICTURES and is_own_folder(path))
    )
