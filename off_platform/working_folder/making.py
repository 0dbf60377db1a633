"""Makes a folder that the platform works in; keeps what is there already."""

import filecmp
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from off_platform.storage.local_folder import LocalFolder
from off_platform.working_folder.shipped import SHIPPED, shipped

Outcome = Literal["created", "kept", "differs"]

_TEMPLATE = Path(__file__).parent / "template"
_FROM_TEMPLATE = {"README.md": "README.md", ".gitignore": "gitignore", "dg.toml": "dg.toml"}


def files() -> Mapping[str, Path]:
    """The files of a working folder: the name of each, and what it is a copy of."""
    return {name: shipped(name) for name in SHIPPED} | {
        name: _TEMPLATE / source for name, source in _FROM_TEMPLATE.items()
    }


def make_working_folder(folder: Path) -> dict[str, Outcome]:
    """Creates the files that are not there; a file appears whole or not at all.

    Args:
        folder: an empty folder, or one with files, or one to create.

    Returns:
        What became of each file: `created`, `kept` as it was there already, or kept although it
        `differs` from the one that ships with the package.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".init-") as made:
        return {name: _placed(folder, name, of, Path(made)) for name, of in files().items()}


def _placed(folder: Path, name: str, of: Path, scratch: Path) -> Outcome:
    place = folder / name
    # A link that leads nowhere is somebody's, too.
    if not os.path.lexists(place):
        copy = scratch / Path(name).name
        shutil.copyfile(of, copy)
        if LocalFolder(folder, scratch).place_new(copy, name):
            return "created"
    is_same = place.is_file() and filecmp.cmp(of, place, shallow=False)
    return "kept" if is_same else "differs"
