"""Converts a key list to the key index: every line parsed, vectorised, streaming, in order.

`key_block.py` parses lines; `key_changes.py` compares two months.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from off_platform.images import key_list
from off_platform.images.key_block import (
    KINDS,
    Block,
    Oddity,
    arrow_of,
    numbers_of,
    parse,
    texts_of,
)
from off_platform.images.schemas import KEY_INDEX, KEY_INDEX_ODDITIES
from off_platform.storage.progress import Display, Tally
from off_platform.storage.threads import ahead, in_order

# Parsing takes twice as long as writing, and each leaves the interpreter's lock to the other.
PARSING_THREADS = 2


@dataclass
class KeyIndexFacts:
    """Counts from parsing; `doubled` are objects in more than one row, see `Photos`."""

    lines: int = 0
    rows: int = 0
    out_of_order: int = 0
    repeated: int = 0
    doubled: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    oddities: Counter[str] = field(default_factory=Counter)

    @property
    def sorted_and_unique(self) -> bool:
        """Whether every line is greater, byte by byte, than the previous one."""
        return not self.out_of_order and not self.repeated


def write_key_index(
    snapshot: Path,
    index: Path,
    oddities: Path,
    unpacked_most: int,
    display: Display | None = None,
    also: Callable[[pa.Table], object] | None = None,
) -> KeyIndexFacts:
    """Reads a key list and writes two Parquet files: the index, and the lines that are not keys.

    Both are in the list's order; sorting an unsorted list is left to the caller.

    Args:
        snapshot: the key list.
        index: file to write.
        oddities: file to write.
        unpacked_most: bytes the list may unpack to.
        display: shows the progress.
        also: takes the rows of the index too, as they are made.

    Raises:
        off_platform.images.key_list.RefusedKeyListError: see `key_list.blocks`.
    """
    facts, tally = KeyIndexFacts(), Tally(unit="keys")
    # One thread writes a block while others parse the next ones and another unpacks.
    with (
        pq.ParquetWriter(oddities, KEY_INDEX_ODDITIES.arrow, **WRITING) as odd,
        pq.ParquetWriter(index, _index_as_written(), **WRITING, **FRONT_CODED) as good,
        ThreadPoolExecutor(1, thread_name_prefix="index-writer") as writer,
    ):
        written: Future[None] | None = None
        for keyed, strange in _parsed(snapshot, unpacked_most, facts):
            if also:
                also(keyed)
            if written:
                written.result()
            written = writer.submit(good.write_table, keyed)
            if strange:
                odd.write_table(_oddities_table(strange))
            tally.done, tally.bytes = facts.lines, tally.bytes + keyed.nbytes
            if display:
                display.show(tally)
        if written:
            written.result()
    return facts


# The same rows give the same bytes: no Arrow schema, no timestamp, one row group per block.
WRITING: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "store_schema": False,
    "data_page_version": "2.0",
    # In the other columns every row group has all values; finding that out takes a tenth of the
    # time.
    "write_statistics": ["key", "barcode"],
}
# Sorted keys share prefixes: 71 MB become 40 MB for 22.5 million keys.
FRONT_CODED: dict[str, Any] = {
    "use_dictionary": ["barcode", "kind", "layout"],
    "column_encoding": {"key": "DELTA_BYTE_ARRAY"},
}


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A block of the list, parsed: its rows, its lines that are not keys, and their order."""

    lines: int
    first: bytes
    last: bytes
    repeated: int
    out_of_order: int
    table: pa.Table
    strange: list[Oddity]


def _parsed(
    snapshot: Path, unpacked_most: int, facts: KeyIndexFacts
) -> Iterator[tuple[pa.Table, list[Oddity]]]:
    last = b""
    blocks = ahead(key_list.blocks(snapshot, unpacked_most), may_block=True)
    for block in in_order(_parse, blocks, PARSING_THREADS):
        facts.repeated += block.repeated
        facts.out_of_order += block.out_of_order
        if facts.lines:
            facts.repeated += block.first == last
            facts.out_of_order += block.first < last
        last = block.last
        strange = [(facts.lines + number, text, reason) for number, text, reason in block.strange]
        facts.lines += block.lines
        facts.rows += block.table.num_rows
        facts.oddities.update(reason for _, _, reason in strange)
        _count_kinds(block.table, facts)
        yield block.table, strange


def _parse(block: bytes) -> _Parsed:
    """Parses a block; runs in several threads at once."""
    found = Block.of(block)
    lines = found.lines
    rising = pc.sum(pc.less(lines[:-1], lines[1:])).as_py() or 0
    repeated = 0
    if rising < len(lines) - 1:
        repeated = pc.sum(pc.equal(lines[:-1], lines[1:])).as_py()
    falling = len(lines) - 1 - rising - repeated
    table, strange = parse(found)
    return _Parsed(
        len(lines), lines[0].as_py(), lines[-1].as_py(), repeated, falling, table, strange
    )


def _count_kinds(table: pa.Table, facts: KeyIndexFacts) -> None:
    kinds = numbers_of(table.column("kind").chunk(0).indices)
    for kind, count in zip(KINDS, np.bincount(kinds, minlength=len(KINDS)), strict=True):
        facts.by_kind[kind] += int(count)


def _index_as_written() -> pa.Schema:
    """The index's columns with repeating ones as dictionaries; both are text in the file."""
    repeating = {"barcode": pa.int32(), "kind": pa.int8(), "layout": pa.int8()}
    return pa.schema(
        field.with_type(pa.dictionary(repeating[field.name], pa.string()))
        if field.name in repeating
        else field
        for field in KEY_INDEX.arrow
    )


def _oddities_table(strange: list[Oddity]) -> pa.Table:
    lines, texts, reasons = zip(*strange, strict=True)
    columns = [arrow_of(np.array(lines)), texts_of(texts), texts_of(reasons)]
    return pa.table(columns, schema=KEY_INDEX_ODDITIES.arrow)
