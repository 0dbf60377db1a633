"""Ceph's S3 server, where it is installed: a monitor, an OSD in memory and a RADOS gateway.

It is an S3 that others made, in another language, and that answers conditional writes. On Debian:
`apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common`.
"""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from off_platform_tests.ports import free_ports
from off_platform_tests.waiting import PATIENCE_SECONDS, end_with_the_tests

PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
SETTINGS = """[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{port}
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
osd class update on start = false
osd crush update on start = false
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
ms bind msgr2 = false
rgw run sync thread = false
rgw enable gc threads = false
rgw enable lc threads = false
"""


def missing() -> list[str]:
    """The programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextmanager
def ceph(folder: Path, key: str) -> Iterator[str]:
    """The address of a gateway; `key` is the name and the secret of its only user."""
    ports = free_ports(2)
    fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
    settings = folder / "ceph.conf"
    settings.write_text(SETTINGS.format(fsid=fsid, port=ports[0], folder=folder))
    for name in ("mon", "osd"):
        (folder / name).mkdir()
    here = ("-c", str(settings))
    monitors = str(folder / "monmap")
    monitor = ("--addv", "a", f"v1:127.0.0.1:{ports[0]}")
    _run("monmaptool", "--create", "--fsid", fsid, *monitor, monitors)
    _run("ceph-mon", *here, "--mkfs", "-i", "a", "--monmap", monitors)
    with ExitStack() as stack:
        stack.enter_context(_running("ceph-mon", *here, "-i", "a"))
        _run("ceph", *here, "osd", "new", osd, "0")
        _run("ceph", *here, "osd", "crush", "add", "osd.0", "1.0", "host=here", "root=default")
        _run("ceph-osd", *here, "-i", "0", "--mkfs", "--osd-uuid", osd)
        stack.enter_context(_running("ceph-osd", *here, "-i", "0"))
        address = f"127.0.0.1:{ports[1]}"
        gateway = ("-n", "client.rgw.a", f"--rgw-frontends=beast endpoint={address}")
        stack.enter_context(_running("radosgw", *here, *gateway))
        _wait_for(f"http://{address}")
        user = ("--uid", key, "--display-name", key, "--access-key", key, "--secret-key", key)
        assert json.loads(_run("radosgw-admin", *here, "user", "create", *user))["user_id"] == key
        yield f"http://{address}"


def _run(*command: str) -> str:
    done = subprocess.run(  # noqa: S603 - Ceph's own programs
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-1000:]}")
    return done.stdout


@contextmanager
def _running(*command: str) -> Iterator[None]:
    process = subprocess.Popen(  # noqa: S603 - Ceph's own programs
        [*command, "-f"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=end_with_the_tests,  # noqa: PLW1509 - before any thread is started there
    )
    try:
        yield
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


def _wait_for(url: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - of this machine
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
