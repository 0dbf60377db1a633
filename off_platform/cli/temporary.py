"""The folder of a command below the system's temporary one."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from off_platform.storage.local_folder import LocalFolder


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for one command below the system's temporary one; those of killed runs are removed.

    Raises:
        PermissionError: the folder belongs to another user, who could read and change its files.
    """
    own = Path(tempfile.gettempdir()) / f"off-platform-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    about = own.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise PermissionError(
            f"{own} belongs to another user or is writable by others; remove it, or set "
            "TMPDIR to another temporary folder."
        )
    with LocalFolder(own, own).scratch() as folder:
        yield folder
