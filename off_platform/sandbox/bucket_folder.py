"""A folder in place of a bucket: made once, moved into place as a whole, never over other files.

What is in it is decided in `images_bucket.py` and `bins_bucket.py`.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

# Beside the objects; no key points to it.
MARKER = ".sandbox.json"


def make_once(folder: Path, arguments: dict[str, int], build: Callable[[Path], None]) -> bool:
    """Makes the bucket, or leaves it as it is if the same one exists.

    It is built in a folder beside it, named `.part`, and moved into place as a whole: if it is
    killed, nothing is left that looks complete, and the next call cleans up.

    Args:
        folder: where; a sandbox made with other arguments is replaced.
        arguments: what the bytes depend on.
        build: fills the folder that it is given.

    Returns:
        Whether it was made by this call.

    Raises:
        FileExistsError: the folder holds something other than a sandbox; it is not touched.
    """
    try:
        made_with = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        made_with = None
    if made_with == arguments:
        return False
    ours = not folder.exists() or (folder / MARKER).exists()
    if not ours and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(
            f"{folder} holds something that is not a sandbox: choose another folder, or empty it."
        )
    part, old = (folder.with_name(f"{folder.name}.{end}") for end in ("part", "old"))
    _remove(part)
    build(part)
    (part / MARKER).write_text(json.dumps(arguments), encoding="utf-8")
    _remove(old)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    _remove(old)
    return True


def write_file(path: Path, content: bytes, written_t: int) -> None:
    """Writes an object with its time, which a server of the folder gives as LastModified."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (written_t, written_t))


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
