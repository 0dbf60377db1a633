"""A folder that stands for a bucket: made once, put in place whole, never over what is not ours.

What lies in it is the affair of `images_bucket.py` and `bins_bucket.py`.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

# Beside the objects, where no key points.
MARKER = ".sandbox.json"


def make_once(folder: Path, arguments: dict[str, int], build: Callable[[Path], None]) -> bool:
    """Makes the bucket, or leaves it as it is where the same one lies there already.

    It is built beside the folder, in one of the same name with `.part` behind, and put in place
    whole: a killed make leaves nothing that looks whole, and the next one clears up after it.

    Args:
        folder: where; a sandbox made with other arguments is replaced.
        arguments: what decides the bytes.
        build: fills the folder it is given.

    Returns:
        Whether it was made just now.

    Raises:
        FileExistsError: something else than a sandbox lies in the folder; it is not touched.
    """
    if _marked(folder) == arguments:
        return False
    _refuse_what_is_not_ours(folder)
    part = folder.with_name(f"{folder.name}.part")
    _clear(part)
    build(part)
    (part / MARKER).write_text(json.dumps(arguments), encoding="utf-8")
    _put_in_place(part, folder)
    return True


def write_file(path: Path, content: bytes, written_t: int) -> None:
    """Writes an object with the time that a server of the folder tells as LastModified."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (written_t, written_t))


def _marked(folder: Path) -> object:
    """The arguments that a sandbox in a folder was made with, or None where none lies there."""
    try:
        return json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def _refuse_what_is_not_ours(folder: Path) -> None:
    ours = not folder.exists() or (folder / MARKER).exists()
    if not ours and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(
            f"{folder} holds something that is no sandbox: choose another folder, or empty it."
        )


def _clear(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _put_in_place(part: Path, folder: Path) -> None:
    """Swap the new folder for the sandbox that was there, if one was."""
    old = folder.with_name(f"{folder.name}.old")
    _clear(old)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    _clear(old)
