"""A Postgres of its own, as Debian installs it, and how Dagster reaches it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from off_platform_tests.ports import free_port
from off_platform_tests.waiting import PATIENCE_SECONDS

POSTGRES = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def postgres_server() -> Iterator[dict[str, str]]:
    """Starts it, and gives the environment variables of `deploy/dagster.yaml`."""
    if not (POSTGRES / "initdb").exists():
        pytest.skip("Debian's postgresql-15 is not installed here")
    port = str(free_port())
    # As root, Postgres refuses to run; the folder of the tests is closed to others.
    data = Path(tempfile.mkdtemp(prefix="off-platform-postgres-"))
    if os.geteuid() == 0:
        os.chown(data, pwd.getpwnam("postgres").pw_uid, -1)
    _run("initdb", "-D", str(data), "-A", "trust", "-U", "dagster")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data}"
    _run("pg_ctl", "-D", str(data), "-w", "-o", options, "-l", str(data / "log"), "start")
    try:
        _run("createdb", "-h", "127.0.0.1", "-p", port, "-U", "dagster", "dagster")
        reached = {"HOST": "127.0.0.1", "PORT": port, "USER": "dagster", "PASSWORD": "none"}
        yield {f"DAGSTER_PG_{name}": value for name, value in {**reached, "DB": "dagster"}.items()}
    finally:
        _run("pg_ctl", "-D", str(data), "-m", "fast", "stop")
        shutil.rmtree(data, ignore_errors=True)


def _run(program: str, *words: str) -> None:
    as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    command = [*as_other, str(POSTGRES / program), *words]
    subprocess.run(  # noqa: S603 - Postgres' own
        command, check=True, timeout=PATIENCE_SECONDS, capture_output=True, cwd="/"
    )
