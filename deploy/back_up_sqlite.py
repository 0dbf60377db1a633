"""Copies every SQLite file below a folder with SQLite's backup API: back_up_sqlite.py FROM TO."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path


def back_up(source: Path, to: Path) -> int:
    """Copies the files; returns their number. Each copy is consistent, even during writes.

    Raises:
        SystemExit: there are no SQLite files.
    """
    files = sorted(source.rglob("*.db"))
    if not files:
        sys.exit(f"No Dagster state was found at {source}; has Dagster run from this folder?")
    for file in files:
        copy = to / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        part = copy.with_name(f"{copy.name}.part")
        with closing(sqlite3.connect(file)) as old, closing(sqlite3.connect(part)) as new:
            old.backup(new)
        part.replace(copy)
    return len(files)


if __name__ == "__main__":
    _, folder, backup = sys.argv
    print(f"{back_up(Path(folder), Path(backup))} files of Dagster's state were backed up.")  # noqa: T201
