"""A group under construction: its objects and a journal of them, which a later run continues.

A line of the journal is a row of the manifest. Nothing here is synced to the disk: whoever resumes
compares each object with its line first, and drops what is behind the first difference. What the
rows say, and when a group is done, is `groups.py`.
"""

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from off_platform.image_sets.building import BUILDING, LOOSE, set_aside
from off_platform.image_sets.lake_objects import IN_LAKE
from off_platform.image_sets.shard_order import loader_order
from off_platform.storage.fetch import md5_hex
from off_platform.storage.shards import Container, LooseFiles, TarShard

if TYPE_CHECKING:
    from off_platform.image_sets.options import Layout

Row = dict[str, Any]

JOURNAL = "journal.jsonl"
# A draft that ends with one of these is asked for it again: the run ended because of it, perhaps.
_PASSING = frozenset({"failed", "refused", "corrupt"})


def draft_name(group: int) -> str:
    """Where the draft of a group is stored while the set is built."""
    return f"{BUILDING}/{group:05d}.draft"


class Draft:
    """Puts the objects of a group down one after another, and notes each in the journal."""

    def __init__(self, place: Path, name: str, layout: "Layout") -> None:
        """Reads what an earlier run left at the place, as far as it is whole.

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
        """Puts an object down, if there is one, and notes its row.

        Args:
            facts: the row; where its bytes are stored is added.
            member: name in the shard or folder.
            stored: the bytes; None for an object that did not come.
        """
        if stored is not None:
            facts["offset"] = self._open.add(member, stored)
            facts["path"] = self._name if self._layout == "shards" else f"{LOOSE}/{member}"
            facts["stored_bytes"] = len(stored)
            if len(stored) != facts["bytes"]:
                # Unpacked OCR results have no MD5 of their own.
                facts["crc32"] = zlib.crc32(stored)
        facts["member"] = member
        self.rows.append(facts)
        self._waiting.append(line(facts))

    def flush(self) -> None:
        """Hands all to the system, which keeps it when this process is killed."""
        if self._waiting:
            self._open.flush()
            self._lines.write("".join(self._waiting).encode())
            self._lines.flush()
            self._waiting.clear()

    def close(self, *, done: bool) -> None:
        """Ends the draft: as a group that is done, or for a later run to continue."""
        with self._lines:
            if done:
                self._open.finish()
            self.flush()
            self._open.close()

    def arrange(self) -> None:
        """Puts the samples of a shard that is done in the order for loaders (`shard_order.py`).

        A run that is killed in between drops what no longer agrees, as with every draft.
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
        """Copies objects into a shard of their own, and has their rows say where they are."""
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
        """The rows up to the first that is cut, or whose bytes are not its own; their length."""
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
            # Cut by the stop, or never begun; what was read before is good.
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
    """How many rows there are before those that the draft ends with and that are asked for again.

    What was at hand says nothing about the run's end.
    """
    good = len(rows)
    for number in range(len(rows) - 1, -1, -1):
        if rows[number]["status"] in _PASSING:
            good = number
        elif not rows[number].get(IN_LAKE):
            break
    return good


def line(row: Row) -> str:
    """A row of the manifest as a line of a journal."""
    # As JSON: a Parquet file made from Python's values would bring pandas, 60 MB.
    return json.dumps(row, default=str) + "\n"
