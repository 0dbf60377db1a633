"""The table `photos`: collected from the rows of a key index, then written, a row group a slice.

What a slice is for is `photo_order.py`; how the rows are made, `key_index.py`.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from off_platform.images.key_block import Numbers, arrow_of, numbers_of, texts_of
from off_platform.images.key_index import WRITING
from off_platform.images.keys import PHOTO_KINDS
from off_platform.images.photo_order import BARCODE_DIGITS, SLICES, number_of, slice_of
from off_platform.images.schemas import PHOTOS


class Photos:
    """The photos of an index: some 20 bytes each are held until they are written.

    Attributes:
        doubled: objects that another row of the index names too, once written.
    """

    def __init__(self) -> None:
        """Starts without photos."""
        self._blocks: list[tuple[pa.Table, Numbers]] = []
        self.doubled = 0

    def add(self, rows: pa.Table) -> None:
        """Adds some rows of the index, as `key_block.parse` makes them."""
        if not len(rows):
            return
        barcodes, image_ids, kinds = (
            rows.column(name).chunk(0) for name in ("barcode", "image_id", "kind")
        )
        runs, ids = numbers_of(barcodes.indices), numbers_of(image_ids)
        first = np.flatnonzero(_is_new(runs) | _is_new(ids))
        bits = np.left_shift(np.uint8(1), numbers_of(kinds.indices).astype(np.uint8))
        self.doubled += len(rows)
        slices = slice_of(_numbers(barcodes.dictionary)[runs[first]], ids[first].astype(np.uint64))
        order = np.argsort(slices.astype(np.uint8), kind="stable")
        photos = {
            "barcode": barcodes.dictionary.take(arrow_of(runs[first][order])),
            "image_id": arrow_of(ids[first][order]),
            "kinds": arrow_of(np.bitwise_or.reduceat(bits, first)[order]),
        }
        ends = np.cumsum(np.bincount(slices.astype(np.int64), minlength=SLICES))
        self._blocks.append((pa.table(photos), np.concatenate([[0], ends])))

    def write(self, path: Path) -> None:
        """Writes the table; within a slice, photos are in the order of the index."""
        schema = pa.schema(
            field.with_type(pa.dictionary(pa.int8(), pa.string()))
            if field.name == "kinds"
            else field
            for field in PHOTOS.arrow
        )
        how = {
            **WRITING,
            "write_statistics": ["slice"],
            "use_dictionary": ["slice", "image_id", "kinds"],
        }
        encoding = {"barcode": "DELTA_BYTE_ARRAY"}
        with pq.ParquetWriter(path, schema, **how, column_encoding=encoding) as file:
            for number in range(SLICES):
                parts = [
                    table.slice(ends[number], ends[number + 1] - ends[number])
                    for table, ends in self._blocks
                ]
                if any(map(len, parts)):
                    file.write_table(self._slice(number, pa.concat_tables(parts)))

    def _slice(self, number: int, parts: pa.Table) -> pa.Table:
        """One row a photo, also of photos that are listed in several places."""
        barcodes = parts.column("barcode").combine_chunks()
        ids = numbers_of(parts.column("image_id").combine_chunks())
        bits = numbers_of(parts.column("kinds").combine_chunks())
        of_photo = (_products(barcodes) << 32) | ids
        order = np.argsort(of_photo, kind="stable")
        first = np.flatnonzero(_is_new(of_photo[order]))
        kept, kinds = order[first], np.bitwise_or.reduceat(bits[order], first)
        self.doubled -= int(np.bitwise_count(kinds).sum())
        return pa.table(
            {
                "slice": arrow_of(np.full(len(kept), number, dtype=np.int32)),
                "barcode": barcodes.take(arrow_of(kept)),
                "image_id": arrow_of(ids[kept]),
                "kinds": pa.DictionaryArray.from_arrays(
                    arrow_of((kinds - 1).astype(np.int8)), texts_of(PHOTO_KINDS)
                ),
            }
        )


def _is_new(values: Numbers) -> Numbers:
    """For each value whether it is another than the one before."""
    return np.concatenate([[True], values[1:] != values[:-1]])


def _products(barcodes: pa.StringArray) -> Numbers:
    """A number for each barcode, the same for the same, in the order of `number_of`."""
    numbers = _numbers(barcodes)
    order = np.argsort(numbers, kind="stable")
    is_new = _is_new(numbers[order])
    again = np.flatnonzero(~is_new)
    pairs = (barcodes.take(arrow_of(order[at])) for at in (again, again - 1))
    if not pc.all(pc.equal(*pairs), min_count=0).as_py():
        # Numbers of more than 18 digits can be the same for two barcodes.
        return numbers_of(barcodes.dictionary_encode().indices).astype(np.int64)
    products = np.empty(len(order), dtype=np.int64)
    products[order] = np.cumsum(is_new)
    return products


def _numbers(barcodes: pa.StringArray) -> Numbers:
    """The `number_of` each; of those with more digits one by one, as there are few.

    A block has an empty text in place of a directory that is no barcode's.
    """
    digits = numbers_of(pc.binary_length(barcodes))
    short = np.flatnonzero((digits > 0) & (digits <= BARCODE_DIGITS))
    numbers = np.zeros(len(barcodes), dtype=np.uint64)
    numbers[short] = numbers_of(barcodes.take(arrow_of(short)).cast(pa.uint64()))
    for at in np.flatnonzero(digits > BARCODE_DIGITS):
        numbers[at] = number_of(barcodes[int(at)].as_py())
    return numbers
