"""Parses a block of a key list, vectorised: rows of the key index, and lines that are not keys.

A key list is sorted, so each directory is repeated on adjacent lines, and nearly all have a code of
13 digits. These are parsed once per run of equal directories, the names of their objects a digit
at a time. Other directories and names (longer codes and ids, the older layout) are parsed by
`keys.py`, the reference, once each; only oddities are parsed line by line. `key_index.py` reads the
whole list.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.barcodes.text import EAN_8, EAN_13
from off_platform.images import keys

KINDS: tuple[keys.Kind, ...] = get_args(keys.Kind)
LAYOUTS: tuple[keys.Layout, ...] = get_args(keys.Layout)

Numbers = np.ndarray[Any, Any]

# `data/401/235/911/4303/`: codes of 13 digits, the usual case.
PLAIN_DIRECTORY = np.frombuffer(keys.SPLIT.of("").encode(), dtype=np.uint8)
DIRECTORY_BYTES = len(PLAIN_DIRECTORY)
DIGITS = ord("0") == PLAIN_DIRECTORY
# A code of at most 8 significant digits starts with five zeros when padded to 13.
SHORT_CODE = "0" * (EAN_13 - EAN_8)
LONGEST_SHOWN = 500

WORD = 8
# Bytes of a line that are copied and examined together: the directory, and the digits of an id.
HEAD = 4 * WORD
MOST_PLAIN_DIGITS = 3
BEHIND_DIRECTORY = np.uint64(8 * (-DIRECTORY_BYTES % WORD))

Oddity = tuple[int, str, str]
"""Line number, its text cut to `LONGEST_SHOWN`, and why it is not a key."""


@dataclass(frozen=True)
class Block:
    """Lines of a key list, as Arrow strings and as bytes that are read in words.

    Attributes:
        lines: without their newlines; split at newline bytes only, no rule of CSV applies.
        padded: the block with its newlines, padded for reads beyond its end.
        starts: start of each line in `padded`.
        ends: position of each line's newline.
    """

    lines: pa.BinaryArray
    padded: bytes
    starts: Numbers
    ends: Numbers

    @classmethod
    def of(cls, block: bytes) -> "Block":
        """Finds the lines of a block."""
        ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
        starts = np.concatenate([[0], ends + 1])
        offsets = (starts - np.arange(len(starts))).astype(np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block.replace(b"\n", b""))]
        lines = pa.Array.from_buffers(pa.binary(), len(ends), buffers)
        return cls(lines, block + bytes(HEAD), starts[:-1], ends)

    def heads(self) -> Numbers:
        """The first bytes of each line, and what follows it where it is shorter."""
        return self._copied(f"V{HEAD}", self.starts).view(np.uint8).reshape(-1, HEAD)

    def last_words(self) -> Numbers:
        """The last eight bytes of each line, as a little-endian number."""
        return self._copied("<u8", np.maximum(self.ends - WORD, 0))

    def _copied(self, what: str, places: Numbers) -> Numbers:
        most = len(self.padded) - np.dtype(what).itemsize + 1
        every: Numbers = np.ndarray((most,), what, self.padded, strides=(1,))
        return every[places]


def parse(block: Block) -> tuple[pa.Table, list[Oddity]]:
    """The rows of a block, and the lines that are not keys, numbered from 1 on."""
    heads = block.heads()
    run_of_row, barcodes = _directories(heads)
    image_ids, kinds = _names(block, heads)
    rows = _Rows(run_of_row, image_ids, kinds, np.zeros(len(image_ids), dtype=np.int8))
    fits = (run_of_row >= 0) & (image_ids >= 0)
    strange: list[Oddity] = []
    if len(others := np.flatnonzero(~fits)):
        more = _other_keys(block.lines, others, rows, len(barcodes))
        barcodes = pa.concat_arrays([barcodes, more])
        fits = (rows.run_of_row >= 0) & (rows.image_ids >= 0)
        for row in np.flatnonzero(~fits):
            text = _text(block.lines[int(row)].as_py())
            strange.append((int(row) + 1, text[:LONGEST_SHOWN], keys.reason_against(text)))
    return _table(block.lines, barcodes, rows, fits), strange


@dataclass(frozen=True)
class _Rows:
    """Per line: index of its barcode or -1; image id or -1; indexes of kind and layout."""

    run_of_row: Numbers
    image_ids: Numbers
    kinds: Numbers
    layouts: Numbers


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")


def _directories(heads: Numbers) -> tuple[Numbers, pa.StringArray]:
    """For each row the index of its run of equal directories, or -1; and each run's barcode."""
    words = heads.view("<u8")[:, : -(-DIRECTORY_BYTES // WORD)].T.copy()
    words[-1] <<= BEHIND_DIRECTORY
    is_new = np.ones(len(heads), dtype=bool)
    is_new[1:] = (words[:, 1:] != words[:, :-1]).any(axis=0)
    first = np.flatnonzero(is_new)
    # A line that ends within these bytes has its newline there, which does not match.
    written = heads[first, :DIRECTORY_BYTES].T.copy()
    digits = written[DIGITS]
    fits = ((digits - ord("0")) < 10).all(axis=0)  # noqa: PLR2004 - bytes wrap around below "0"
    fits &= (written[~DIGITS] == PLAIN_DIRECTORY[~DIGITS, None]).all(axis=0)
    fits &= (digits != ord("0")).any(axis=0)
    runs = np.where(fits, np.arange(len(fits)), -1).astype(np.int32)
    run_of_row = np.repeat(runs, np.diff(first, append=len(heads)))
    return run_of_row, _normal_forms(np.where(fits, digits, ord("0")).T)


def _normal_forms(digits: Numbers) -> pa.StringArray:
    """The normal forms of barcodes of 13 digits, as bytes."""
    offsets = np.arange(len(digits) + 1, dtype=np.int32) * EAN_13
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(digits))]
    codes = pa.Array.from_buffers(pa.string(), len(digits), buffers)
    short = pc.starts_with(codes, SHORT_CODE)
    return pc.if_else(short, pc.utf8_slice_codeunits(codes, len(SHORT_CODE)), codes)


def _names(block: Block, heads: Numbers) -> tuple[Numbers, Numbers]:
    """Image id (or -1) and index of the kind, for rows with a directory of 13 digits.

    Such a name is up to three digits and a suffix. Longer names, and names with a superfluous
    leading zero as `01.jpg`, which is not a key of the current layout, are left to `keys.py`.
    """
    last = block.last_words()
    kinds = np.zeros(len(last), dtype=np.int8)
    ends_in = np.zeros(len(last), dtype=np.int32)
    # `.400.jpg` also ends in `.jpg`, so the longest suffix comes last.
    for kind in sorted(KINDS, key=lambda each: len(keys.SUFFIXES[each])):
        suffix = keys.SUFFIXES[kind].encode()
        word = last if len(suffix) == WORD else last.view("<u4")[1::2]
        found = word == int.from_bytes(suffix, "little")
        kinds = np.where(found, np.int8(KINDS.index(kind)), kinds)
        ends_in = np.where(found, np.int32(len(suffix)), ends_in)
    digits = (block.ends - block.starts - DIRECTORY_BYTES).astype(np.int32) - ends_in
    digits = np.where(ends_in == 0, np.int32(-1), digits)
    image_ids = np.full(len(last), -1, dtype=np.int32)
    numbers = np.zeros(len(last), dtype=np.int32)
    fits = np.ones(len(last), dtype=bool)
    for count in range(1, MOST_PLAIN_DIGITS + 1):
        digit = heads[:, DIRECTORY_BYTES + count - 1] - np.uint8(ord("0"))
        # Bytes wrap around below "0".
        fits &= digit < 10  # noqa: PLR2004
        numbers = numbers * 10 + digit
        image_ids = np.where(fits & (digits == count), numbers, image_ids)
        if count == 1:
            fits &= digit != 0
    return image_ids, kinds


def _of_names(names: pa.DictionaryArray) -> tuple[Numbers, Numbers]:
    found = [_plain_name(_text(each)) for each in names.dictionary.to_pylist()]
    image_ids = np.array([name[0] if name else -1 for name in found], dtype=np.int32)
    kinds = np.array([name[1] if name else 0 for name in found], dtype=np.int8)
    indices = numbers_of(names.indices)
    return image_ids[indices], kinds[indices]


def _other_keys(
    lines: pa.BinaryArray, others: Numbers, rows: _Rows, barcodes: int
) -> pa.StringArray:
    """Fills in the rows of keys in other forms, and returns their barcodes.

    Each distinct directory and each distinct name is parsed once by `keys.py`.

    Args:
        lines: of the block.
        others: indexes of the rows to parse.
        rows: receives the results.
        barcodes: number of barcodes before the returned ones.
    """
    parts = pc.split_pattern(lines.take(arrow_of(others)), "/", max_splits=1, reverse=True)
    # A line without a slash is taken as both directory and name, and matches as neither.
    ends = numbers_of(parts.offsets)
    directories = parts.values.take(arrow_of(ends[:-1])).dictionary_encode()
    names = parts.values.take(arrow_of(ends[1:] - 1)).dictionary_encode()
    of_directory = [_directory(_text(each)) for each in directories.dictionary.to_pylist()]
    where = numbers_of(directories.indices)
    texts = [found[0] if found else "" for found in of_directory]
    runs = [barcodes + at if found else -1 for at, found in enumerate(of_directory)]
    rows.run_of_row[others] = np.array(runs, dtype=np.int32)[where]
    rows.layouts[others] = np.array([found[1] if found else 0 for found in of_directory])[where]
    rows.image_ids[others], rows.kinds[others] = _of_names(names)
    return texts_of([*texts, *_one_by_one(lines, others, rows, barcodes + len(texts))])


def _one_by_one(lines: pa.BinaryArray, others: Numbers, rows: _Rows, before: int) -> list[str]:
    """The same for keys with a superfluous zero in their name, which determines their layout."""
    found: list[str] = []
    for row in others[(rows.run_of_row[others] >= 0) & (rows.image_ids[others] < 0)]:
        with suppress(keys.NotAKeyError):
            key = keys.parse(_text(lines[int(row)].as_py()))
            rows.run_of_row[row], rows.image_ids[row] = before + len(found), key.image_id
            rows.kinds[row], rows.layouts[row] = KINDS.index(key.kind), LAYOUTS.index(key.layout)
            found.append(key.barcode)
    return found


def _directory(text: str) -> tuple[str, int] | None:
    """The barcode of a directory and the index of its layout; None if it is not one."""
    try:
        key = keys.parse(f"{text}/1{keys.SUFFIXES['raw']}")
    except keys.NotAKeyError:
        return None
    return key.barcode, LAYOUTS.index(key.layout)


def _plain_name(name: str) -> tuple[int, int] | None:
    """Image id and index of the kind; None if invalid, such as `01.jpg` in the current layout."""
    named = keys.parse_name(name)
    plain = named and name == f"{named[0]}{keys.SUFFIXES[named[1]]}"
    return (named[0], KINDS.index(named[1])) if named and plain else None


def _table(lines: pa.BinaryArray, barcodes: pa.StringArray, rows: _Rows, fits: Numbers) -> pa.Table:
    if not fits.all():
        kept = np.flatnonzero(fits)
        lines = lines.take(arrow_of(kept))
        rows = _Rows(*(each[kept] for each in vars(rows).values()))
    # Of a dictionary that repeats a text, Arrow writes a page of memory that it never filled, and
    # the texts as if there were none: 25 runs over one list gave 17 different files.
    distinct = barcodes.dictionary_encode()
    of_row = numbers_of(distinct.indices)[rows.run_of_row]
    # Keys are ASCII, so they are valid strings without a check.
    return pa.table(
        {
            "key": lines.view(pa.string()),
            "barcode": pa.DictionaryArray.from_arrays(arrow_of(of_row), distinct.dictionary),
            "image_id": arrow_of(rows.image_ids),
            "kind": pa.DictionaryArray.from_arrays(arrow_of(rows.kinds), texts_of(KINDS)),
            "layout": pa.DictionaryArray.from_arrays(arrow_of(rows.layouts), texts_of(LAYOUTS)),
        }
    )


# `pyarrow.array` and `to_numpy` load pandas, which takes as long as 1.5 million keys.
def numbers_of(whole: pa.Array) -> Numbers:
    """An Arrow integer array as a numpy array of the same memory."""
    found = np.frombuffer(whole.buffers()[1], dtype=str(whole.type))
    return found[whole.offset :][: len(whole)]


def arrow_of(numbers: Numbers) -> pa.Array:
    """A numpy integer array as an Arrow array."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(numbers))]
    return pa.Array.from_buffers(pa.type_for_alias(str(numbers.dtype)), len(numbers), buffers)


def texts_of(texts: Sequence[str]) -> pa.StringArray:
    """Strings as an Arrow array."""
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)
