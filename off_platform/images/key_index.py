"""Key list to key index: every line parsed, in Arrow's vectors, streaming, in the list's order.

A list of 30 million keys has few different names (`1.jpg`, `1.400.jpg`, ...) and names each
directory several times in a row, because it is sorted. So a block's names are parsed once each, its
directories once a run, and only what does not fit that (longer codes, the older layout, junk) goes
one by one through `keys.py`, which is the rule. Month against month is `key_changes.py`.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from off_platform.barcodes.text import EAN_8, EAN_13
from off_platform.images import key_list, keys
from off_platform.images.schemas import KEY_INDEX, KEY_INDEX_ODDITIES
from off_platform.storage.progress import Display, Tally

KINDS: tuple[keys.Kind, ...] = get_args(keys.Kind)
LAYOUTS: tuple[keys.Layout, ...] = get_args(keys.Layout)

# `data/401/235/911/4303/`: codes of 13 digits, which nearly all have.
THIRTEEN_DIGITS = replace(keys.SPLIT, most=EAN_13)
DIRECTORY_BYTES = len(THIRTEEN_DIGITS.of(""))
# A code of at most 8 significant digits starts with five zeros when padded to 13.
SHORT_CODE = "0" * (EAN_13 - EAN_8)
LONGEST_SHOWN = 500


@dataclass
class KeyIndexFacts:
    """What was found on the way."""

    lines: int = 0
    rows: int = 0
    out_of_order: int = 0
    repeated: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    oddities: Counter[str] = field(default_factory=Counter)

    @property
    def sorted_and_unique(self) -> bool:
        """Whether every line is greater, byte by byte, than the one before."""
        return not self.out_of_order and not self.repeated


def write_key_index(
    snapshot: Path,
    index: Path,
    oddities: Path,
    unpacked_most: int,
    display: Display | None = None,
) -> KeyIndexFacts:
    """Reads a key list and writes two Parquet files: the index, and the lines that are no keys.

    Both are in the list's order; sorting an unsorted list is the caller's affair.

    Raises:
        off_platform.images.key_list.RefusedKeyListError: see `key_list.blocks`.
    """
    facts, tally = KeyIndexFacts(), Tally(unit="keys")
    # The index is written in one thread while the next block is parsed in another.
    with (
        pq.ParquetWriter(oddities, KEY_INDEX_ODDITIES.arrow, **WRITING) as odd,
        pq.ParquetWriter(index, _index_as_written(), **WRITING, **FRONT_CODED) as good,
        ThreadPoolExecutor(1, thread_name_prefix="index-writer") as writer,
    ):
        written: Future[None] | None = None
        for keyed, strange in _parsed(snapshot, unpacked_most, facts):
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


# The same rows give the same bytes: no writer's Arrow schema, no time, one row group a block.
WRITING: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "store_schema": False,
    "data_page_version": "2.0",
}
# Sorted keys share their beginnings: 71 MB become 40 MB for 22.5 million keys.
FRONT_CODED: dict[str, Any] = {
    "use_dictionary": ["barcode", "kind", "layout"],
    "column_encoding": {"key": "DELTA_BYTE_ARRAY"},
}

Oddity = tuple[int, str, str]


def _parsed(
    snapshot: Path, unpacked_most: int, facts: KeyIndexFacts
) -> Iterator[tuple[pa.Table, list[Oddity]]]:
    last = b""
    for block in key_list.blocks(snapshot, unpacked_most):
        lines = _lines(block)
        _count_order(lines, last, facts)
        last = lines[-1].as_py()
        table, strange = _parse(lines, facts.lines)
        facts.lines += len(lines)
        facts.rows += table.num_rows
        facts.oddities.update(reason for _, _, reason in strange)
        _count_kinds(table, facts)
        yield table, strange


def _lines(block: bytes) -> pa.BinaryArray:
    """A block's lines without their newlines, found by their bytes alone: no CSV rule applies."""
    ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n")).astype(np.int32) + 1
    offsets = np.concatenate([np.zeros(1, dtype=np.int32), ends])
    with_newline = pa.Array.from_buffers(
        pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(block)]
    )
    return pc.binary_slice(with_newline, 0, -1)


def _count_order(lines: pa.BinaryArray, last: bytes, facts: KeyIndexFacts) -> None:
    first = lines[0].as_py()
    rising = pc.sum(pc.less(lines[:-1], lines[1:])).as_py() or 0
    if rising < len(lines) - 1:
        repeated = pc.sum(pc.equal(lines[:-1], lines[1:])).as_py()
        facts.repeated += repeated
        facts.out_of_order += len(lines) - 1 - rising - repeated
    if facts.lines:
        facts.repeated += first == last
        facts.out_of_order += first < last


def _count_kinds(table: pa.Table, facts: KeyIndexFacts) -> None:
    kinds = table.column("kind").chunk(0).indices.to_numpy()
    for kind, count in zip(KINDS, np.bincount(kinds, minlength=len(KINDS)), strict=True):
        facts.by_kind[kind] += int(count)


def _parse(lines: pa.BinaryArray, lines_before: int) -> tuple[pa.Table, list[Oddity]]:
    """The rows of a block, and the lines that are no keys."""
    run_of_row, barcodes = _directories(lines)
    others: list[str] = []
    image_ids, kinds = _names(lines)
    layouts = np.zeros(len(lines), dtype=np.int8)
    fits = (run_of_row >= 0) & (image_ids >= 0)
    strange: list[Oddity] = []
    for row in np.flatnonzero(~fits):
        text = lines[int(row)].as_py().decode("utf-8", "backslashreplace")
        try:
            key = keys.parse(text)
        except keys.NotAKeyError:
            number = lines_before + int(row) + 1
            strange.append((number, text[:LONGEST_SHOWN], keys.reason_against(text)))
            continue
        run_of_row[row], fits[row] = len(barcodes) + len(others), True
        others.append(key.barcode)
        image_ids[row], kinds[row] = key.image_id, KINDS.index(key.kind)
        layouts[row] = LAYOUTS.index(key.layout)
    barcodes = pa.concat_arrays([barcodes, pa.array(others, pa.string())])
    columns = [lines, run_of_row, image_ids, kinds, layouts]
    if not fits.all():
        columns = [column.filter(fits) if column is lines else column[fits] for column in columns]
    return _table(barcodes, *columns), strange


def _directories(lines: pa.BinaryArray) -> tuple[np.ndarray[Any, Any], pa.StringArray]:
    """For each row the number of its run of equal directories, or -1; and each run's barcode."""
    runs = pc.run_end_encode(pc.binary_slice(lines, 0, DIRECTORY_BYTES))
    fits = pc.match_substring_regex(runs.values, f"^{THIRTEEN_DIGITS.pattern}$")
    digits = pc.binary_slice(runs.values, len(keys.PREFIX), DIRECTORY_BYTES)
    joined = pc.replace_substring(digits, b"/", b"")
    codes = pc.if_else(fits, joined, b"").cast(pa.string())
    short = pc.starts_with(codes, SHORT_CODE)
    barcodes = pc.if_else(short, pc.utf8_slice_codeunits(codes, len(SHORT_CODE)), codes)
    nonzero = pc.not_equal(pc.utf8_ltrim(codes, "0"), "")
    numbers = np.where(
        pc.and_(fits, nonzero).to_numpy(zero_copy_only=False), np.arange(len(fits)), -1
    ).astype(np.int32)
    lengths = np.diff(runs.run_ends.to_numpy(), prepend=0)
    return np.repeat(numbers, lengths), barcodes


def _names(lines: pa.BinaryArray) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """For each row image id (or -1) and number of its kind; each different name is parsed once."""
    # With no end given, binary_slice asks for a negative buffer (pyarrow 26).
    names = pc.dictionary_encode(pc.binary_slice(lines, DIRECTORY_BYTES, key_list.LONGEST_LINE))
    found = [_plain_name(name.decode("latin-1")) for name in names.dictionary.to_pylist()]
    image_ids = np.array([name[0] if name else -1 for name in found], dtype=np.int32)
    kinds = np.array([KINDS.index(name[1]) if name else 0 for name in found], dtype=np.int8)
    indices = names.indices.to_numpy()
    return image_ids[indices], kinds[indices]


def _plain_name(name: str) -> tuple[int, keys.Kind] | None:
    """What `keys.parse_name` says; None for `01.jpg` too, which makes no key of today's layout."""
    named = keys.parse_name(name)
    return named if named and name == f"{named[0]}{keys.SUFFIXES[named[1]]}" else None


def _table(
    barcodes: pa.StringArray,
    lines: pa.BinaryArray,
    run_of_row: np.ndarray[Any, Any],
    image_ids: np.ndarray[Any, Any],
    kinds: np.ndarray[Any, Any],
    layouts: np.ndarray[Any, Any],
) -> pa.Table:
    return pa.table(
        {
            "key": lines.cast(pa.string()),
            "barcode": pa.DictionaryArray.from_arrays(run_of_row, barcodes),
            "image_id": pa.array(image_ids),
            "kind": pa.DictionaryArray.from_arrays(kinds, pa.array(KINDS)),
            "layout": pa.DictionaryArray.from_arrays(layouts, pa.array(LAYOUTS)),
        }
    )


def _index_as_written() -> pa.Schema:
    """The index's columns with those that repeat as dictionaries; in the file both are text."""
    repeating = {"barcode": pa.int32(), "kind": pa.int8(), "layout": pa.int8()}
    return pa.schema(
        field.with_type(pa.dictionary(repeating[field.name], pa.string()))
        if field.name in repeating
        else field
        for field in KEY_INDEX.arrow
    )


def _oddities_table(strange: list[Oddity]) -> pa.Table:
    columns = zip(*strange, strict=True)
    return pa.table([pa.array(column) for column in columns], schema=KEY_INDEX_ODDITIES.arrow)
