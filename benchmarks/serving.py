"""One server in a process of its own, with all objects of a folder in its memory."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measuring import REPOSITORY, python

KEPT_MIB = 2400


@contextmanager
def served(bucket: Path, *options: object) -> Iterator[str]:
    """Gives the server's address."""
    words = ("--bucket", "bucket", "--warm", "--kept-mib", KEPT_MIB, *options)
    with subprocess.Popen(
        python("off_platform_tests.s3.server", bucket, *words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        text=True,
    ) as server:
        # It ends with its standard input, which leaving the `with` block closes.
        yield str(server.stdout and server.stdout.readline()).strip()
