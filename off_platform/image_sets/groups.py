"""Groups of samples: a shard or a folder of loose files each, and the manifest's rows for it.

What is asked of the store for an object and what is put down of the answer; which groups there are
and when to give up is `build.py`.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tarfile import BLOCKSIZE
from typing import TYPE_CHECKING, Any

from off_platform.image_sets import building
from off_platform.image_sets.contents import TEXT_KINDS, Content, check_for, decode_jpeg
from off_platform.storage.folders import Folder
from off_platform.storage.shards import Container, LooseFiles, TarShard
from off_platform.storage.transfer import Outcome, Wanted, transfer

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from off_platform.image_sets.build import How, Layout

Row = dict[str, Any]
Ended = Outcome[Row, Content]

# A photo of more pixels is not decoded; the largest phones make 200 million.
MOST_PIXELS = 250_000_000


def wanted_object(row: Row, how: "How") -> Wanted[Row, Content]:
    """What is asked of the store for a row of `building.rows_to_fetch`."""
    decoded = row["kind"] not in TEXT_KINDS and _is_decoded(row["sample"], how.decoded_share)
    check = _decode if decoded else check_for(row["kind"])
    row["decoded"] = decoded

    def judge(data: bytes) -> tuple[str | None, Content]:
        content = check(data)
        return content.problem, content

    # A photo that should be decoded now and was not before is fetched again, and so is what lies
    # otherwise packed in the other layout.
    afresh = (decoded and not row["had_decoded"]) or _is_packed_otherwise(row, how)
    return Wanted(row["key"], row, judge, None if afresh else row["had_etag"])


def with_copy_kept(outcome: Ended, how: "How") -> Ended:
    """The outcome; where a fresh copy cannot be had for now, as if the one at hand were unchanged.

    Not so when the object is gone or damaged in the store: that is no passing trouble.
    """
    row = outcome.tag
    passing = outcome.status in {"failed", "refused"}
    if not passing or row["had_path"] is None or _is_packed_otherwise(row, how):
        return outcome
    reason = f"the copy of an earlier run is kept: {outcome.reason}"
    return replace(outcome, status="unchanged", reason=reason)


def _is_packed_otherwise(row: Row, how: "How") -> bool:
    in_shards = bool(row["had_path"]) and row["had_path"].endswith(".tar")
    return row["kind"] == "ocr" and in_shards != (how.layout == "shards")


def _is_decoded(sample: int, share: float) -> bool:
    """Samples at even steps, so that the same are decoded however often a run is interrupted."""
    return share > 0 and sample % max(round(1 / share), 1) == 0


def _decode(data: bytes) -> Content:
    return decode_jpeg(data, MOST_PIXELS)


class GroupMaker:
    """Makes shards, or folders of loose files, and the manifest's rows for them."""

    def __init__(self, folder: Folder, store: "ObjectStore", how: "How") -> None:
        """Takes the set's folder, the store to ask again where a copy is not whole, and how."""
        self._folder, self._store, self._how = folder, store, how

    def make(self, number: int, outcomes: Iterator[Ended]) -> None:
        """One group; it is done when its rows are in place, which is the last step."""
        name = f"{number:05d}" + (".tar" if self._how.layout == "shards" else "")
        with self._folder.scratch() as scratch:
            stays, rest = self._as_it_was(name, outcomes)
            if stays is not None:
                rows = stays
                # What a killed run built of it must not be moved over what stays.
                self._folder.remove(f"{building.BUILDING}/{name}")
            else:
                with _container(self._how.layout, scratch / name) as container:
                    rows = [self._put_down(outcome, name, container) for outcome in rest]
                self._folder.place(scratch / name, f"{building.BUILDING}/{name}")
            _write_rows(rows, scratch / "rows")
            self._folder.place(scratch / "rows", building.rows_name(number))

    def _as_it_was(
        self, name: str, outcomes: Iterator[Ended]
    ) -> tuple[list[Row] | None, Iterator[Ended]]:
        """The rows of a group of which nothing changed, so that no byte of it is written again.

        Otherwise None and all outcomes, those that were looked at included. Only outcomes without
        bytes are held while looking.
        """
        seen: list[Ended] = []
        place = _Place(name, self._how.layout)
        for outcome in outcomes:
            seen.append(outcome)
            if not place.holds(outcome):
                return None, chain(seen, outcomes)
        if not place.is_all_there(self._folder):
            return None, iter(seen)
        rows = [_facts_from_before(outcome) for outcome in seen]
        return rows, iter(())

    def _put_down(self, outcome: Ended, name: str, container: Container) -> Row:
        row = outcome.tag
        if outcome.status == "unchanged":
            facts, stored = _facts_from_before(outcome), self._had(row)
            if stored is None:
                # The copy at hand is gone or cut: the object is fetched after all.
                afresh = replace(wanted_object(row, self._how), etag=None)
                (outcome,) = transfer(self._store, [afresh], self._how.limits)
        if outcome.status != "unchanged":
            facts, stored = _facts_of(outcome), self._as_stored(row, outcome.data)
        if stored is not None:
            shards = self._how.layout == "shards"
            member = row["member"] if shards else row["file"]
            facts["offset"] = container.add(member, stored)
            facts["path"] = name if shards else f"{name}/{member}"
            facts["stored_bytes"] = len(stored)
        return facts

    def _had(self, row: Row) -> bytes | None:
        """The bytes as stored in the set as it is; None when they are not what they were."""
        try:
            stored = self._folder.read(row["had_path"], row["had_offset"] or 0, row["had_bytes"])
        except FileNotFoundError:
            return None
        whole = len(stored) == row["had_bytes"]
        if whole and row["had_bytes"] == row["had_object_bytes"]:
            # Unpacked OCR results have no MD5 of their own.
            whole = hashlib.md5(stored, usedforsecurity=False).hexdigest() == row["had_md5"]
        return stored if whole else None

    def _as_stored(self, row: Row, data: bytes | None) -> bytes | None:
        """OCR results stand unpacked in a shard, where readers look for `.json`."""
        if data is not None and row["kind"] == "ocr" and self._how.layout == "shards":
            return gzip.decompress(data)
        return data


class _Place:
    """Whether the objects of a group lie in the set as it is just as they would be put down now."""

    def __init__(self, name: str, layout: "Layout") -> None:
        self._name, self._layout = name, layout
        self._end, self._objects = 0, 0

    def holds(self, outcome: Ended) -> bool:
        row = outcome.tag
        if outcome.status != "unchanged":
            return outcome.data is None and row["had_path"] is None
        self._objects += 1
        if self._layout == "files":
            return bool(row["had_path"] == f"{self._name}/{row['file']}")
        start = self._end + BLOCKSIZE
        self._end = start + row["had_bytes"] + -row["had_bytes"] % BLOCKSIZE
        return bool((row["had_path"], row["had_offset"]) == (self._name, start))

    def is_all_there(self, folder: Folder) -> bool:
        """Whether nothing else lies there, and nothing was cut off."""
        if self._layout == "files":
            return len(folder.names(self._name)) == self._objects > 0
        try:
            end = folder.read(self._name, self._end, 2 * BLOCKSIZE + 1)
        except FileNotFoundError:
            return False
        return end == bytes(2 * BLOCKSIZE)


def _container(layout: "Layout", path: Path) -> Container:
    return TarShard(path) if layout == "shards" else LooseFiles(path)


def _facts_from_before(outcome: Ended) -> Row:
    """What the old manifest said of an object that is unchanged; what the new outcome says else."""
    if outcome.status != "unchanged":
        return _facts_of(outcome)
    row = outcome.tag
    return {
        "position": row["position"],
        "status": "fetched",
        "reason": outcome.reason,
        "bytes": row["had_object_bytes"],
        **{
            name: row[f"had_{name}"]
            for name in (
                "md5", "etag", "last_modified", "width", "height", "decoded", "ocr_status",
                "path", "offset",
            )
        },
        "stored_bytes": row["had_bytes"],
    }  # fmt: skip


def _facts_of(outcome: Ended) -> Row:
    content = outcome.facts or Content()
    return {
        "position": outcome.tag["position"],
        "status": outcome.status,
        "reason": outcome.reason,
        "bytes": None if outcome.data is None else len(outcome.data),
        "md5": outcome.md5,
        "etag": outcome.etag,
        "last_modified": outcome.last_modified,
        "width": content.width,
        "height": content.height,
        "decoded": outcome.tag["decoded"] and outcome.data is not None,
        "ocr_status": content.ocr_status,
    }


def _write_rows(rows: list[Row], path: Path) -> None:
    """As JSON lines: a Parquet file made from Python's values would bring pandas, 60 MB."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, default=str) + "\n" for row in rows)
