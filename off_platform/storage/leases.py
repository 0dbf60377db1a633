"""A lease locks a prefix of a bucket for one run, as `locks.py` does with a folder on disk.

It is an object that is created only if absent. Its holder renews it; another run takes it over when
its holder is dead, and a holder that lost it must write nothing any more (`Lease.check`). Times are
compared on the server's clock alone, as machines' clocks differ. `bucket_folder.py` says which
prefixes are locked.
"""

import json
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import obstore
from obstore import exceptions

from off_platform.storage.locks import FolderInUseError
from off_platform.storage.objects import UnusableLocationError, in_one_line

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import ObjectStore

HELD = ".held.json"
# Written and removed again to learn the server's time; its own for each run.
_NOW = ".held.now."

RENEWED_SECONDS = 30.0
# Ten renewals, each of which the store tries several times.
DEAD_SECONDS = 300.0
# Of a lease that is believed without asking the server: two renewals.
BELIEVED_SECONDS = 60.0
# Holders that change while a run asks for the lease.
TRIES = 10
LEASE_BYTES_MOST = 10_000

_TAKEN = (exceptions.AlreadyExistsError, exceptions.PreconditionError)
# Servers that were seen to refuse a second creation, by address.
_conditional: set[str] = set()


class LeaseLostError(OSError):
    """Another run took the lease over, or the bucket cannot be asked; nothing more is written."""


@dataclass(frozen=True)
class Holder:
    """The run that has a lease.

    Attributes:
        run: the Dagster run's id; empty for a command.
        host: name of its machine.
        process: its number there.
        machine: identifies the machine since its start, with its process numbers; empty if unknown.
        began: when the process began, in the machine's own unit; a later one with the same number
            began later.
        since: when it got the lease, UTC.
        token: differs for each lease.
    """

    run: str
    host: str
    process: int
    machine: str
    began: str
    since: str
    token: str

    @classmethod
    def here(cls, run: str) -> "Holder":
        """This process, as the holder of a new lease."""
        process = os.getpid()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        host = socket.gethostname()
        return cls(run, host, process, _machine(), _began(process), now, token_hex(16))

    def is_dead(self) -> bool:
        """Whether it was a process of this machine and ended; false where that is not known."""
        is_here = bool(self.machine) and self.machine == _machine()
        return is_here and _began(self.process) != self.began

    def __str__(self) -> str:
        """For messages."""
        run = f"run {self.run}" if self.run else "a command"
        return f"{run} (process {self.process} on {self.host}, since {self.since})"


def _machine() -> str:
    """Identifies the machine since its start and its process numbers; empty except on Linux."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return ""


def _began(process: int) -> str:
    """When a process of this machine began, on Linux; empty if there is none."""
    with suppress(OSError):
        # The name before it may contain anything, parentheses too; a zombie has ended.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in {"Z", "X"} else fields[19]
    return ""


@dataclass(frozen=True)
class _Found:
    """A lease as the bucket has it; `holder` is None if it is not a lease."""

    holder: Holder | None
    etag: str | None
    modified: datetime


@dataclass
class Lease:
    """A lease of this process; renewed by a thread until `release`."""

    store: "ObjectStore"
    key: str
    address: str
    holder: Holder
    _etag: str | None = None
    _renewed: float = 0.0
    _problem: str = ""
    _lost_to: str = ""
    _count: int = 0
    _busy: threading.Lock = field(default_factory=threading.Lock)
    _released: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def take(cls, store: "ObjectStore", folder: str, address: str, run: str) -> "Lease":
        """Takes the lease of a folder and starts its renewal.

        Args:
            store: of the bucket.
            folder: its key, without a slash at the end.
            address: of the folder, for messages.
            run: the Dagster run's id, or empty.

        Raises:
            FolderInUseError: another run has it, and may be alive.
            UnusableLocationError: the server ignores conditions of requests.
        """
        key = f"{folder}/{HELD}".lstrip("/")
        lease = cls(store, key, address, Holder.here(run))
        lease._take()
        threading.Thread(target=lease._renew_until_released, daemon=True, name="lease").start()
        return lease

    def _take(self) -> None:
        for _ in range(TRIES):
            with suppress(*_TAKEN):
                self._put("create")
                self._demand_conditions()
                return
            found = self._find()
            if found is None:
                continue
            if found.holder == self.holder:
                # The answer to its own request was lost.
                self._etag = found.etag
                return
            self._demand_dead(found)
            with suppress(*_TAKEN, FileNotFoundError):
                self._put({"e_tag": found.etag})
                return
        raise FolderInUseError(f"Other runs are starting to use {self.address}; try again.")

    def check(self) -> None:
        """Ensures that this process still has the lease; asks the server only after a minute.

        Raises:
            LeaseLostError: it has not, or that cannot be known.
        """
        is_believed = _clock() - self._renewed <= BELIEVED_SECONDS or self._renew()
        if self._lost_to:
            raise LeaseLostError(
                f"{self.address} was taken over by {self._lost_to}, as this run did not renew its "
                "lease in time; this run stops. Finished work is kept."
            )
        if not is_believed:
            raise LeaseLostError(
                f"The lease of {self.address} cannot be renewed ({self._problem}), so this run "
                "stops; run again when the bucket can be reached. Finished work is kept."
            )

    def release(self) -> None:
        """Stops the renewal and removes the lease, if it is still this process's."""
        self._released.set()
        with suppress(LeaseLostError):
            self.check()
            # A server that cannot be reached lets others wait until the lease is old.
            with suppress(exceptions.BaseError, FileNotFoundError):
                obstore.delete(self.store, self.key)

    def _renew_until_released(self) -> None:
        while not self._released.wait(RENEWED_SECONDS) and not self._lost_to:
            self._renew()

    def _renew(self) -> bool:
        with self._busy:
            try:
                return not self._lost_to and self._is_renewed()
            except (exceptions.BaseError, OSError) as error:
                # The thread tries again; `check` reports it.
                self._problem = in_one_line(error)
                return False

    def _is_renewed(self) -> bool:
        with suppress(*_TAKEN, FileNotFoundError):
            self._put({"e_tag": self._etag})
            return True
        # Either lost, or stored by an earlier try of the store, its answer lost.
        asked, found = _clock(), self._find()
        if found and found.holder == self.holder:
            self._etag, self._renewed = found.etag, asked
            return True
        self._lost_to = str((found and found.holder) or "another run")
        return False

    def _put(self, mode: "PutMode") -> None:
        """Writes the lease under a condition; each time other bytes, so that its ETag differs."""
        self._count += 1
        asked = _clock()
        data = json.dumps({**asdict(self.holder), "renewals": self._count}).encode()
        put = obstore.put(self.store, self.key, data, mode=mode, use_multipart=False)
        self._etag, self._renewed = put["e_tag"], asked

    def _find(self) -> _Found | None:
        try:
            found = obstore.get(self.store, self.key)
        except FileNotFoundError:
            return None
        meta = found.meta
        holder = None
        if meta["size"] <= LEASE_BYTES_MOST:
            with suppress(ValueError, TypeError, KeyError):
                holder = _holder_of(json.loads(found.bytes().to_bytes()))
        return _Found(holder, meta["e_tag"], meta["last_modified"])

    def _demand_dead(self, found: _Found) -> None:
        if found.holder is None:
            raise FolderInUseError(
                f"{self.address}/{HELD} is not a lease of Off Platform; remove it and run again."
            )
        if found.holder.is_dead():
            return
        dead = found.modified + timedelta(seconds=DEAD_SECONDS)
        if self._now() < dead:
            raise FolderInUseError(
                f"{self.address} is in use by {found.holder}; wait until it ends. If it was "
                f"killed, run again after {dead:%H:%M:%S} UTC."
            )

    def _now(self) -> datetime:
        """The server's time."""
        key = self.key.removesuffix(HELD) + _NOW + self.holder.token
        obstore.put(self.store, key, self.holder.token.encode())
        now = obstore.head(self.store, key)["last_modified"]
        obstore.delete(self.store, key)
        return now

    def _demand_conditions(self) -> None:
        """Ensures that the server refuses to create what exists; some ignore conditions."""
        server = "/".join(self.address.split("/")[:3])
        if server in _conditional:
            return
        with suppress(*_TAKEN):
            self._put("create")
            obstore.delete(self.store, self.key)
            raise UnusableLocationError(
                f"The S3 server of {self.address} ignores If-None-Match, so two runs could use one "
                "folder at once; use a server with conditional writes, or a folder on disk."
            )
        _conditional.add(server)


def is_lease(name: str) -> bool:
    """Whether a file of that name is a lease, and none of the folder's own files."""
    file = name.rpartition("/")[2]
    return file == HELD or file.startswith(_NOW)


def _holder_of(found: Any) -> Holder:
    holder = Holder(**{name: found[name] for name in Holder.__dataclass_fields__})
    if not isinstance(holder.process, int):
        raise TypeError(holder.process)
    return holder


def _clock() -> float:
    """Seconds, those in which the machine was suspended too, where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
