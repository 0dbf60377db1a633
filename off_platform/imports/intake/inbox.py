"""The inbox for producers' files: a folder or an S3 prefix, which is read and never modified.

A file is complete when two consecutive looks find it unchanged; names such as `x.csv.part` wait.
Links are not followed, as they may lead out of the inbox; pipes and devices are ignored. The cursor
grows by 8 bytes per file in the inbox. `automation/sensors.py` calls it.
"""

import base64
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import obstore

from off_platform.arrivals import MOST_FILES, Arrival, Arrivals
from off_platform.imports.intake.originals import key_from, key_of
from off_platform.imports.readers.folder_files import is_of_desktop
from off_platform.storage.download import download
from off_platform.storage.objects import Source, is_local, local_folder

UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart")
# Per look: a sensor has one minute in total, and each file is read once for its key.
MOST_SECONDS = 20.0
# Among a million files, the chance that two have the same fingerprint is one in 500.
_FINGERPRINT_BYTES = 6
_FINGERPRINT_LENGTH = 8


@dataclass(frozen=True)
class Entry:
    """A file or folder of the inbox.

    Attributes:
        name: its name.
        state: a digest that changes when it changes.
        bytes: its size.
    """

    name: str
    state: str
    bytes: int = 0


def look(inbox: Source, cursor: str | None, again: Collection[str] = ()) -> Arrivals:
    """Looks for files that are new since the last look.

    Args:
        inbox: the folder or prefix.
        cursor: of the previous look; None at first.
        again: locations to report again.

    Raises:
        OSError: the inbox does not exist or cannot be reached.
    """
    before = json.loads(cursor) if cursor else {}
    seen, taken = (_split(before.get(name, "")) for name in ("seen", "taken"))
    found = [(entry, _fingerprint(entry)) for entry in entries(inbox)]
    base = _base(inbox)
    ended = time.monotonic() + MOST_SECONDS
    ready: list[Arrival] = []
    wait: list[str] = []
    still: list[str] = []
    for entry, fingerprint in found:
        is_again = fingerprint in taken and base + entry.name in again
        if fingerprint in taken and not is_again:
            still.append(fingerprint)
        elif (
            (is_again or fingerprint in seen) and len(ready) < MOST_FILES and _in_time(ready, ended)
        ):
            key = _key(inbox, entry)
            # The same bytes under names that give the same key are one import.
            if key not in {each.key for each in ready}:
                ready.append(Arrival(key, base + entry.name, fingerprint, entry.bytes))
            still.append(fingerprint)
        else:
            wait.append(fingerprint)
    remembered = {"seen": "".join(wait), "taken": "".join(still)}
    return Arrivals(ready, len(wait), json.dumps(remembered))


def _in_time(ready: list[Arrival], ended: float) -> bool:
    """Whether there is time for another file; always true for the first, to ensure progress."""
    return not ready or time.monotonic() < ended


def _fingerprint(entry: Entry) -> str:
    """The cursor's part for an entry: eight characters of a digest of its name and state."""
    digest = hashlib.sha256(f"{entry.name}/{entry.state}".encode("utf-8", "surrogateescape"))
    return base64.b64encode(digest.digest()[:_FINGERPRINT_BYTES]).decode()


def _split(fingerprints: str) -> set[str]:
    ends = range(0, len(fingerprints), _FINGERPRINT_LENGTH)
    return {fingerprints[at : at + _FINGERPRINT_LENGTH] for at in ends}


def entries(inbox: Source) -> list[Entry]:
    """The files and folders of an inbox by name, except unfinished ones and those of desktops.

    Raises:
        OSError: the inbox does not exist or cannot be reached.
    """
    found = _local_entries(local_folder(inbox.url)) if is_local(inbox.url) else _objects(inbox)
    named = sorted(found, key=lambda entry: entry.name)
    return [
        entry
        for entry in named
        if not is_of_desktop(entry.name) and not entry.name.lower().endswith(UNFINISHED)
    ]


def _local_entries(folder: Path) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_file(follow_symlinks=False):
                yield _entry(entry.name, [entry])
            elif entry.is_dir(follow_symlinks=False):
                files = [each for each in Path(entry.path).rglob("*") if _is_real(each)]
                yield _entry(entry.name, sorted(each for each in files if not each.is_dir()))


def _entry(name: str, files: "Iterable[Path | os.DirEntry[str]]") -> Entry:
    states, size = [], 0
    for file in files:
        try:
            about = file.stat()
        except FileNotFoundError:
            # It was moved in the meantime.
            continue
        states.append(f"{file.name}:{about.st_size}:{about.st_mtime_ns}")
        size += about.st_size
    return Entry(name, _digest("\n".join(states)), size)


def _is_real(path: Path) -> bool:
    """Whether it is a regular file or folder; reading a pipe might never end."""
    return not path.is_symlink() and (path.is_file() or path.is_dir())


def _objects(inbox: Source) -> Iterator[Entry]:
    """Objects by the first part of their name; a prefix below the inbox is a folder."""
    states: dict[str, list[str]] = {}
    sizes: Counter[str] = Counter()
    for batch in obstore.list(inbox.store):
        for found in batch:
            name = found["path"].split("/")[0]
            state = f"{found['path']}:{found['size']}:{found['e_tag']}:{found['last_modified']}"
            states.setdefault(name, []).append(state)
            sizes[name] += found["size"]
    for name, of_name in states.items():
        yield Entry(name, _digest("\n".join(sorted(of_name))), sizes[name])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _base(inbox: Source) -> str:
    """What all locations of entries begin with: an absolute path, or a URL."""
    place = str(local_folder(inbox.url)) if is_local(inbox.url) else inbox.url
    return f"{place.rstrip('/')}/"


def _key(inbox: Source, entry: Entry) -> str:
    """The import's key; an unreadable file also has one, so that its run reports the error."""
    try:
        with fetched(_base(inbox) + entry.name, inbox) as path:
            # Since the list was made, it may have become a link.
            own = path.parent.resolve() / path.name if is_local(inbox.url) else None
            return key_of(path, within=own)
    except OSError:
        return key_from(entry.name, _digest(entry.state))


@contextmanager
def fetched(place: str, inbox: Source | None = None) -> Iterator[Path]:
    """A file or folder of the inbox, as a local path.

    Args:
        place: a path, or its URL in the inbox.
        inbox: access to a bucket.

    Raises:
        OSError: it does not exist or cannot be read.
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
