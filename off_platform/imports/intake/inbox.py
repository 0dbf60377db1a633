"""The inbox: where producers' files arrive, a folder or an S3 prefix. It is read, never altered.

A file is whole when two looks in a row find it the same; names that end in `.part` wait. Links are
not followed, as they lead out of it, and pipes and devices are no files. What is
remembered grows with the files that are there, by some bytes each. Who looks, and how often, is
`automation/sensors.py`.
"""

import base64
import hashlib
import json
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import obstore

from off_platform.imports.intake.taking_in import key_from, key_of
from off_platform.storage.download import download
from off_platform.storage.objects import Source, is_local, local_folder

UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart")
# Of a look: a sensor has a minute for all it does, and each file is read once for its key.
MOST_FILES = 25
MOST_SECONDS = 20.0
# Of a fingerprint; among a million files, two have the same with a chance of one in 500.
_FINGERPRINT_BYTES = 6
_FINGERPRINT_LENGTH = 8


@dataclass(frozen=True)
class Entry:
    """A file or folder of the inbox.

    Attributes:
        name: of it.
        state: what tells that it is the same as before.
    """

    name: str
    state: str


@dataclass(frozen=True)
class Ready:
    """An import that is whole.

    Attributes:
        key: of the import.
        place: where it lies.
        state: another one once the file is written or touched again.
    """

    key: str
    place: str
    state: str


@dataclass(frozen=True)
class Look:
    """What a look found: what is ready, how many others wait, and what to remember."""

    ready: list[Ready]
    waiting: int
    cursor: str


def look(inbox: Source, cursor: str | None, again: Collection[str] = ()) -> Look:
    """Looks for files that are new since the last look.

    Args:
        inbox: the folder or prefix.
        cursor: what the look before gave; None at first.
        again: places that are ready once more, though they were taken.

    Raises:
        OSError: the inbox is not there, or cannot be reached.
    """
    before = json.loads(cursor) if cursor else {}
    seen, taken = (_split(before.get(name, "")) for name in ("seen", "taken"))
    found = [(entry, _fingerprint(entry)) for entry in entries(inbox)]
    ended = time.monotonic() + MOST_SECONDS
    ready: list[Ready] = []
    wait: list[str] = []
    still: list[str] = []
    for entry, fingerprint in found:
        is_again = fingerprint in taken and _place(inbox, entry.name) in again
        if fingerprint in taken and not is_again:
            still.append(fingerprint)
        elif (
            (is_again or fingerprint in seen) and len(ready) < MOST_FILES and _in_time(ready, ended)
        ):
            key = _key(inbox, entry)
            # The same bytes under names that come to the same are one import.
            if key not in {each.key for each in ready}:
                ready.append(Ready(key, _place(inbox, entry.name), fingerprint))
            still.append(fingerprint)
        else:
            wait.append(fingerprint)
    remembered = {"seen": "".join(wait), "taken": "".join(still)}
    return Look(ready, len(wait), json.dumps(remembered))


def _in_time(ready: list[Ready], ended: float) -> bool:
    """Whether another file is read; the first one always is, or none ever would be."""
    return not ready or time.monotonic() < ended


def _fingerprint(entry: Entry) -> str:
    """What is remembered of an entry: of its name and its state, in eight characters."""
    digest = hashlib.sha256(f"{entry.name}/{entry.state}".encode("utf-8", "surrogateescape"))
    return base64.b64encode(digest.digest()[:_FINGERPRINT_BYTES]).decode()


def _split(fingerprints: str) -> set[str]:
    ends = range(0, len(fingerprints), _FINGERPRINT_LENGTH)
    return {fingerprints[at : at + _FINGERPRINT_LENGTH] for at in ends}


def entries(inbox: Source) -> list[Entry]:
    """The files and folders of an inbox by name, but for those that are not finished.

    Raises:
        OSError: it is not there, or cannot be reached.
    """
    found = _local_entries(local_folder(inbox.url)) if is_local(inbox.url) else _objects(inbox)
    named = sorted(found, key=lambda entry: entry.name)
    return [
        entry
        for entry in named
        if not entry.name.startswith(".") and not entry.name.lower().endswith(UNFINISHED)
    ]


def _local_entries(folder: Path) -> Iterator[Entry]:
    for path in folder.iterdir():
        if not _is_real(path):
            continue
        files = [each for each in path.rglob("*") if _is_real(each)] if path.is_dir() else [path]
        files = [each for each in files if not each.is_dir()]
        states = []
        for file in sorted(files):
            try:
                about = file.stat()
            except FileNotFoundError:
                # It was moved meanwhile; the next look sees what is there then.
                continue
            states.append(f"{file.name}:{about.st_size}:{about.st_mtime_ns}")
        yield Entry(path.name, _digest("\n".join(states)))


def _is_real(path: Path) -> bool:
    """Whether it is a file or folder of its own; a pipe would be waited for without an end."""
    return not path.is_symlink() and (path.is_file() or path.is_dir())


def _objects(inbox: Source) -> Iterator[Entry]:
    """Objects by the first part of their name; a prefix below the inbox is a folder."""
    states: dict[str, list[str]] = {}
    for batch in obstore.list(inbox.store):
        for found in batch:
            name = found["path"].split("/")[0]
            state = f"{found['path']}:{found['size']}:{found['e_tag']}:{found['last_modified']}"
            states.setdefault(name, []).append(state)
    for name, of_name in states.items():
        yield Entry(name, _digest("\n".join(sorted(of_name))))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _place(inbox: Source, name: str) -> str:
    """Location of an entry: an absolute path, or a URL."""
    if is_local(inbox.url):
        return str(local_folder(inbox.url) / name)
    return f"{inbox.url.rstrip('/')}/{name}"


def _key(inbox: Source, entry: Entry) -> str:
    """The import's key; a file that cannot be read gets one too, and its run says why."""
    try:
        with fetched(_place(inbox, entry.name), inbox) as path:
            return key_of(path)
    except OSError:
        return key_from(entry.name, _digest(entry.state))


@contextmanager
def fetched(place: str, inbox: Source | None = None) -> Iterator[Path]:
    """A file or folder of the inbox, as one of this machine.

    Args:
        place: a path, or its URL in the inbox.
        inbox: how a bucket is reached.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    if is_local(place) or inbox is None:
        yield local_folder(place)
        return
    with TemporaryDirectory(prefix="off-platform-") as scratch:
        name = place.rsplit("/", 1)[1]
        yield _downloaded(replace(inbox, url=place.rsplit("/", 1)[0]), name, Path(scratch) / name)


def _downloaded(inbox: Source, name: str, to: Path) -> Path:

    below = [found["path"] for batch in obstore.list(inbox.store, f"{name}/") for found in batch]
    for key in below or [name]:
        place = to / Path(*key.split("/")[1:]) if below else to
        if not place.resolve().is_relative_to(to.parent.resolve()):
            raise OSError(f"{key[:80]!r} is not a file name.")
        place.parent.mkdir(parents=True, exist_ok=True)
        download(inbox.store, key, place)
    return to
