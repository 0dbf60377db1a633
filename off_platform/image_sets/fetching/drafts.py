"""A group under construction: its objects and their journal, which a later run resumes.

A line of the journal is a row of the manifest. Nothing here is synced to disk: a resuming run first
compares each object with its line, and drops everything after the first difference. `groups.py`
determines the rows, and when a group is done.
"""

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from off_platform.image_sets.construction.lake_objects import IN_LAKE
from off_platform.image_sets.files.set_files import BUILDING, LOOSE, set_aside
from off_platform.image_sets.files.shard_order import loader_order
from off_platform.storage.fetch import md5_hex
from off_platform.storage.shards import Container, LooseFiles, TarShard

if TYPE_CHECKING:
    from off_platform.image_sets.declaration.options import Layout

Row = dict[str, Any]

JOURNAL = "journal.jsonl"
# If a draft ends with one of these, the object is requested again: it may be why the run ended.
_PASSING = frozenset({"failed", "refused", "corrupt"})


def draft_name(group: int) -> str:
    """Where the draft of a group is stored while the set is built."""
    return f"{BUILDING}/{group:05d}.draft"


class Draft:
    """Writes the objects of a group one after another, and records each in the journal."""

    def __init__(self, place: Path, name: str, layout: "Layout") -> None:
        """Reads an earlier run's draft, as far as it is intact.

        Args:
            place: the draft's folder.
            name: of the shard, as in the manifest's column `path`, or of the group's folder.
            layout: of the set.
        """
        self._layout: Layout = layout
        self._name = name
        self._waiting: list[str] = []
        self.container = place / name
        self.journal = place / JOURNAL
        self.rows, end = self._whole_rows()
        self._lines = self.journal.open("ab")
        self._lines.truncate(end)
        self._open: Container = self._continued()

    def add(self, facts: Row, member: str, stored: bytes | None) -> None:
        """Writes an object, if there is one, and records its row.

        Args:
            facts: the row; the location of its bytes is added.
            member: name in the shard or folder.
            stored: the bytes; None for a missing object.
        """
        if stored is not None:
            facts["offset"] = self._open.add(member, stored)
            facts["path"] = self._name if self._layout == "shards" else f"{LOOSE}/{member}"
            facts["stored_bytes"] = len(stored)
            if len(stored) != facts["bytes"]:
                # The MD5 of an OCR result is that of its packed bytes.
                facts["crc32"] = zlib.crc32(stored)
        facts["member"] = member
        self.rows.append(facts)
        self._waiting.append(line(facts))

    def flush(self) -> None:
        """Flushes to the operating system, so that nothing is lost if this process is killed."""
        if self._waiting:
            self._open.flush()
            self._lines.write("".join(self._waiting).encode())
            self._lines.flush()
            self._waiting.clear()

    def close(self, *, done: bool) -> None:
        """Closes the draft: as a finished group, or for a later run to resume."""
        with self._lines:
            if done:
                self._open.finish()
            self.flush()
            self._open.close()

    def arrange(self) -> None:
        """Sorts the samples of a finished shard into the order for loaders.

        See `files/shard_order.py`. If the run is killed meanwhile, the next one drops what
        differs, as in every draft.
        """
        rows = sorted(self.rows, key=lambda row: row["position"])
        members = [(row["member"], row.get("path") is not None) for row in rows]
        with self.container.open("rb") as made:
            orders = loader_order(members, lambda index: _object(made, rows[index]))
        shard, aside = ([rows[index] for index in order] for order in orders)
        if shard == self.rows:
            return
        arranged = self.container.with_name(f"{self._name}.new")
        self._copy(shard, arranged)
        if aside:
            self._copy(aside, self.container.with_name(set_aside(self._name)))
        journal = self.journal.with_name(f"{JOURNAL}.new")
        journal.write_text("".join(map(line, (*shard, *aside))), encoding="utf-8")
        arranged.replace(self.container)
        journal.replace(self.journal)

    def _copy(self, rows: list[Row], to: Path) -> None:
        """Copies objects to a new shard, and sets their location in the rows."""
        shard = TarShard(to)
        with self.container.open("rb") as before:
            for row in rows:
                if row.get("path") is not None:
                    row["offset"] = shard.add(row["member"], _object(before, row))
                    row["path"] = to.name.removesuffix(".new")
        shard.finish()
        shard.close()

    def _continued(self) -> Container:
        stored = [row for row in self.rows if row.get("path") is not None]
        if self._layout == "files":
            return LooseFiles(self.container, {row["path"].split("/")[1] for row in stored})
        last = stored[-1] if stored else None
        return TarShard(self.container, last["offset"] + last["stored_bytes"] if last else 0)

    def _whole_rows(self) -> tuple[list[Row], int]:
        """The rows before the first that is cut or does not match its bytes; and their length."""
        rows: list[Row] = []
        ends = [0]
        try:
            with self.journal.open("rb") as lines:
                for text in lines:
                    row = json.loads(text)
                    if not (text.endswith(b"\n") and self._is_whole(row)):
                        break
                    rows.append(row)
                    ends.append(ends[-1] + len(text))
        except (OSError, ValueError, KeyError, TypeError):
            # Cut when the run stopped, or never begun; the rows before it are intact.
            pass
        good = _without_passing(rows)
        return rows[:good], ends[good]

    def _is_whole(self, row: Row) -> bool:
        if row.get("path") is None:
            return {"position", "status", "member"} <= row.keys()
        folder, _, file = row["path"].partition("/")
        place = self._name if self._layout == "shards" else LOOSE
        if folder != place or Path(file).name != file or "member" not in row:
            return False
        with (self.container / file).open("rb") as stored:
            data = _object(stored, row)
        if len(data) != row["stored_bytes"]:
            return False
        if "crc32" in row:
            return bool(zlib.crc32(data) == row["crc32"])
        return bool(md5_hex(data) == row["md5"])


def _object(stored: BinaryIO, row: Row) -> bytes:
    stored.seek(row["offset"] or 0)
    return stored.read(row["stored_bytes"])


def _without_passing(rows: list[Row]) -> int:
    """The number of rows without the trailing ones that are requested again.

    Copies of earlier objects are not counted: they cannot be why the run ended.
    """
    good = len(rows)
    for number in range(len(rows) - 1, -1, -1):
        if rows[number]["status"] in _PASSING:
            good = number
        elif not rows[number].get(IN_LAKE):
            break
    return good


# `json.dumps` makes an encoder for each row.
_ENCODED = json.JSONEncoder(default=str).encode


def line(row: Row) -> str:
    """A row of the manifest as a line of a journal."""
    # As JSON: a Parquet file made from Python values would load pandas, 60 MB.
    return _ENCODED(row) + "\n"
