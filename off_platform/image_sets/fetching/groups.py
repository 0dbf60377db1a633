"""Groups of samples: a shard or a folder of loose files each, and the manifest's rows for it.

How an object is requested from the store, and how the answer is written. `build.py` chooses the
groups and decides when to give up.
"""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from tarfile import BLOCKSIZE
from typing import TYPE_CHECKING, Any, Self

from off_platform.image_sets.construction.lake_objects import IN_LAKE
from off_platform.image_sets.construction.planned_rows import KEPT_FACTS
from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.fetching.drafts import Draft, draft_name
from off_platform.image_sets.fetching.earlier import HAD
from off_platform.image_sets.fetching.placing import Build, OpenGroup, Placing, open_group
from off_platform.image_sets.files.set_files import LOOSE, set_aside
from off_platform.image_sets.files.shard_order import loader_order
from off_platform.image_sets.files.stored_objects import StoredObjects
from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.image_sets.photos.contents import Content, check_for, decode_jpeg
from off_platform.image_sets.photos.pictures import check_other_format
from off_platform.image_sets.photos.preparing import prepared
from off_platform.storage.folder import Folder
from off_platform.storage.transfer import Outcome, Wanted, transfer

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from off_platform.image_sets.declaration.options import Layout

Row = dict[str, Any]
Ended = Outcome[Row, Content]


def wanted_object(row: Row, how: How) -> Wanted[Row, Content]:
    """The request to the store for a row of `planned_rows.rows_to_fetch`."""
    decoded = row["kind"] not in TEXT_KINDS and _is_decoded(row["sample"], how.decoded_share)
    check = decode_jpeg if decoded else check_for(row["kind"], with_text=True)
    row["decoded"] = decoded

    def judge(data: bytes) -> tuple[str | None, Content]:
        content = check(data)
        if row["kind"] in TEXT_KINDS:
            return content.problem, content
        if content.problem and how.keep_formats:
            content = check_other_format(data) or content
        content = prepared(content, data, how)
        return content.problem, content

    # A photo that should be decoded now and was not before is fetched again; so is an object that
    # the set stores in another form.
    afresh = (decoded and not row["old_decoded"]) or _is_stored_otherwise(row, how)
    return Wanted(row["key"], row, judge, None if afresh else row["old_etag"], row[IN_LAKE])


def with_copy_kept(outcome: Ended, how: How) -> Ended:
    """The outcome; the existing copy counts as unchanged if a fresh one is unavailable for now.

    An object that is missing or damaged in the store is not temporarily unavailable.
    """
    row = outcome.tag
    passing = outcome.status in {"failed", "refused"}
    if not passing or row["old_path"] is None or _is_stored_otherwise(row, how):
        return outcome
    reason = f"the copy of an earlier run is kept: {outcome.reason}"
    return replace(outcome, status="unchanged", reason=reason)


def _is_stored_otherwise(row: Row, how: How) -> bool:
    """Whether the existing copy has another form than the set asks for."""
    if row["old_path"] is None:
        return False
    if row["kind"] == "ocr":
        return bool((row["old_bytes"] != row["old_object_bytes"]) != how.unpacks)
    if row["kind"] in TEXT_KINDS:
        return False
    needs_look = how.looks and row["old_sharpness"] is None
    return bool(needs_look or row["old_processing"] != how.form.text)


def _is_decoded(sample: int, share: float) -> bool:
    """Samples at regular intervals, so that the same ones are decoded after an interruption."""
    return share > 0 and sample % max(round(1 / share), 1) == 0


class GroupMaker:
    """Builds shards, or folders of loose files, and their manifest rows."""

    def __init__(self, build: Build, store: "ObjectStore") -> None:
        """Takes what to build, and the store, which replaces damaged copies."""
        self._build, self._store = build, store
        self._folder, self._how = build.folder, build.how
        self._open: dict[int, OpenGroup] = {}
        self._before = StoredObjects(build.folder)
        self.placing = Placing(build)

    def begun(self, number: int) -> Draft | None:
        """The draft of an interrupted group, as far as it is intact."""
        if number not in self._open and self._folder.is_kept(draft_name(number)):
            self._open[number] = open_group(self._build, number)
        found = self._open.get(number)
        return found.draft if found and found.draft.rows else None

    def make(self, number: int, outcomes: Iterator[Ended]) -> None:
        """Builds one group; it is done when its rows are in place, which is the last step.

        Args:
            number: of the group.
            outcomes: outcomes of its objects that are not in its draft.
        """
        stays, rest = (None, outcomes) if self.begun(number) else self._as_it_was(number, outcomes)
        if stays is not None:
            self.placing.place_rows(number, stays)
            return
        if number not in self._open:
            self._open[number] = open_group(self._build, number)
        draft = self._open[number].draft
        for outcome in rest:
            self._put_down(outcome, draft)
        draft.close(done=True)
        self.placing.place(number, self._open.pop(number))

    def flush(self) -> None:
        """Ensures that the data written so far survives this process."""
        for each in self._open.values():
            each.draft.flush()

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Places finished groups, and closes the drafts for a later run."""
        try:
            self.placing.close()
        finally:
            for each in self._open.values():
                each.draft.close(done=False)
                each.places.close()
            self._before.__exit__()

    def _as_it_was(
        self, number: int, outcomes: Iterator[Ended]
    ) -> tuple[list[Row] | None, Iterator[Ended]]:
        """The rows of an unchanged group, which is not written again.

        For a changed group, None and all outcomes, including those already examined. Only outcomes
        without bytes are held in memory.
        """
        if self._how.arranged:
            return None, outcomes
        seen: list[Ended] = []
        place = _GroupInPlace(
            self._build.name(number), self._how.layout, arranged=self._build.is_ordered(number)
        )
        for outcome in outcomes:
            seen.append(outcome)
            if not place.holds(outcome):
                return None, chain(seen, outcomes)
        if not place.is_all_there(self._folder):
            return None, iter(seen)
        rows = [_facts_from_before(outcome) for outcome in seen]
        return rows, iter(())

    def _put_down(self, outcome: Ended, draft: Draft) -> None:
        row = outcome.tag
        if outcome.status == "unchanged":
            facts, stored = _facts_from_before(outcome), self._had(row)
            if stored is None:
                # The existing copy is missing or cut, so the object is fetched.
                afresh = replace(wanted_object(row, self._how), etag=None)
                (outcome,) = transfer(self._store, [afresh], self._how.limits)
        if outcome.status != "unchanged":
            facts, stored = _facts_of(outcome, self._how), self._as_stored(outcome)
        if stored is None:
            # The old row has the location of the bytes.
            facts |= {"path": None, "offset": None, "stored_bytes": None}
        draft.add(facts, row["member"] if self._how.staged == "shards" else row["file"], stored)

    def _had(self, row: Row) -> bytes | None:
        """The bytes in the existing set; None if they differ from its manifest."""
        where = (row["old_path"], row["old_offset"], row["old_bytes"])
        try:
            stored = self._before.read(row["kind"], *where)
        except FileNotFoundError:
            return None
        whole = len(stored) == row["old_bytes"]
        if whole and row["old_bytes"] == row["old_object_bytes"]:
            # Unpacked OCR results and changed photos have no MD5 of their own.
            whole = hashlib.md5(stored, usedforsecurity=False).hexdigest() == row["old_md5"]
        return stored if whole else None

    def _as_stored(self, outcome: Ended) -> bytes | None:
        """The bytes to store: OCR results are unpacked where loaders expect `.json`."""
        data, content = outcome.data, outcome.facts
        if data is not None and outcome.tag["kind"] == "ocr" and self._how.unpacks:
            return gzip.decompress(data)
        return content.formed.data if content and content.formed else data


class _GroupInPlace:
    """Determines whether the existing set stores a group exactly as this run would."""

    def __init__(self, name: str, layout: "Layout", *, arranged: bool) -> None:
        self._name, self._layout, self._arranged = name, layout, arranged
        self._rows: list[Row] = []
        self._objects = 0

    def holds(self, outcome: Ended) -> bool:
        row = outcome.tag
        self._rows.append(row)
        if outcome.status != "unchanged":
            return outcome.data is None and row["old_path"] is None
        self._objects += 1
        # The position in a shard is compared once the order is known.
        return self._layout == "shards" or row["old_path"] == f"{LOOSE}/{row['file']}"

    def is_all_there(self, folder: Folder) -> bool:
        """Whether nothing is missing, cut or superfluous."""
        if self._layout == "files":
            # The size of each file was checked before (`earlier.py`).
            return self._objects > 0
        return all(_ends_at(folder, name, _end(name, rows)) for name, rows in self._files(folder))

    def _files(self, folder: Folder) -> Iterator[tuple[str, list[Row]]]:
        """The group's files, each with its rows in the order of writing."""
        shard, aside = list(range(len(self._rows))), list[int]()
        if self._arranged:
            there = [(row["member"], row["old_path"] is not None) for row in self._rows]
            shard, aside = loader_order(there, lambda index: _stored(folder, self._rows[index]))
        yield self._name, [self._rows[index] for index in shard]
        if aside:
            yield set_aside(self._name), [self._rows[index] for index in aside]


def _stored(folder: Folder, row: Row) -> bytes:
    try:
        return folder.read(row["old_path"], row["old_offset"] or 0, row["old_bytes"])
    except FileNotFoundError:
        return b""


def _end(name: str, rows: list[Row]) -> int | None:
    """Where a shard's last object ends; None if an object is not where it would be now."""
    end = 0
    for row in rows:
        if row["old_path"] is None:
            continue
        if (row["old_path"], row["old_offset"]) != (name, end + BLOCKSIZE):
            return None
        end += BLOCKSIZE + row["old_bytes"] + -row["old_bytes"] % BLOCKSIZE
    return end


def _ends_at(folder: Folder, name: str, end: int | None) -> bool:
    if end is None:
        return False
    try:
        return folder.read(name, end, 2 * BLOCKSIZE + 1) == bytes(2 * BLOCKSIZE)
    except FileNotFoundError:
        return False


def _facts_from_before(outcome: Ended) -> Row:
    """The facts of an unchanged object from the old manifest, otherwise from the new outcome."""
    if outcome.status != "unchanged":
        # Without bytes, so that its form does not matter.
        return _facts_of(outcome, How())
    row = outcome.tag
    return {
        "position": row["position"],
        "status": "fetched",
        "reason": outcome.reason,
        "bytes": row["old_object_bytes"],
        **{name: row[f"old_{name}"] for name in KEPT_FACTS},
        "stored_bytes": row["old_bytes"],
        IN_LAKE: row[IN_LAKE] is not None,
        HAD: row[HAD],
    }


def _facts_of(outcome: Ended, how: How) -> Row:
    content = outcome.facts or Content()
    changed = content.formed
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
        "format": content.format or ("JPEG" if content.width else None),
        "orientation": content.orientation,
        "processing": how.form.text if content.width else None,
        "stored_width": changed.width if changed else content.width,
        "stored_height": changed.height if changed else content.height,
        "perceptual_hash": content.perceptual_hash,
        "sharpness": content.sharpness,
        "decoded": content.decoded,
        "ocr_status": content.ocr_status,
        "ocr_text": content.ocr_text,
        "ocr_language": content.ocr_language,
        "ocr_confidence": content.ocr_confidence,
        IN_LAKE: outcome.tag[IN_LAKE] is not None,
        HAD: outcome.tag[HAD],
    }
