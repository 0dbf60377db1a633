"""Converts columns of sound texts to numbers, times, lists and maps; and mask functions.

`values/explanation.py` decides which texts are sound.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.specification.characters import NOT_SEEN, SPACES
from off_platform.imports.values.geography.places import countries
from off_platform.imports.values.placeholders import MARKS, MISSING
from off_platform.imports.values.whole_columns import Distinct

if TYPE_CHECKING:
    import numpy.typing as npt

# Maximum length of a product in comparisons.
MOST_NAME = 200


def cut(texts: pa.StringArray, most: int) -> pa.StringArray:
    """Cuts texts to a maximum length.

    Few columns have a long text, and checking lengths takes a tenth of the time of cutting.
    """
    longest = pc.max(pc.binary_length(texts)).as_py()
    if longest is None or longest <= most:
        return texts
    return pc.utf8_slice_codeunits(texts, 0, most)


def positions_of(mask: pa.BooleanArray) -> "npt.NDArray[np.int64]":
    """The positions where a mask is true; null counts as false."""
    return np.flatnonzero(pc.fill_null(mask, fill_value=False).to_numpy(zero_copy_only=False))


def present(texts: pa.StringArray) -> pa.BooleanArray:
    """Which cells have a value: neither empty nor a placeholder, such as `N/A`."""
    distinct = Distinct.of(texts)
    return pc.fill_null(distinct.spread(_say_something(distinct.texts)), fill_value=False)


def _say_something(texts: pa.StringArray) -> pa.BooleanArray:
    plain = pc.utf8_lower(pc.utf8_trim(texts, characters=NOT_SEEN))
    nothing = pc.is_in(plain, pa.array(["", *MISSING]))
    marks = pc.match_substring_regex(plain, f"^[{MARKS}][{MARKS}{SPACES}]*$")
    nothing = pc.or_(nothing, pc.fill_null(marks, fill_value=False))
    return pc.and_(texts.is_valid(), pc.invert(nothing))


def to_numbers(texts: pa.StringArray) -> pa.DoubleArray:
    """Plain numbers as floats."""
    return texts.cast(pa.float64())


def to_timestamps(texts: pa.StringArray) -> pa.TimestampArray:
    """Unix seconds as timestamps in UTC."""
    seconds = texts.cast(pa.int64())
    return seconds.cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("us", "UTC"))


def split_lists(texts: pa.StringArray) -> pa.ListArray:
    """Lists separated by commas or semicolons, trimmed, without empty parts."""
    split = pc.split_pattern_regex(texts, "[,;]")
    parts = pc.utf8_trim_whitespace(pc.list_flatten(split))
    full = pc.not_equal(parts, "").to_numpy(zero_copy_only=False)
    lengths = pc.fill_null(pc.list_value_length(split), 0).to_numpy(zero_copy_only=False)
    ends = np.concatenate(([0], np.cumsum(lengths)))
    kept = np.concatenate(([0], np.cumsum(full)))
    made = pa.ListArray.from_arrays(
        pa.array(kept[ends].astype(np.int32)), parts.filter(pa.array(full))
    )
    return pc.if_else(texts.is_valid(), made, pa.scalar(None, made.type))


def to_countries(texts: pa.StringArray) -> pa.ListArray:
    """Lists of countries as ISO 3166-1 codes; groups and unknown ones unchanged."""
    encoded = texts.dictionary_encode()
    codes = [list(countries(text).value or ()) for text in encoded.dictionary.to_pylist()]
    return pa.array(codes, pa.list_(pa.string())).take(encoded.indices)


def text_maps(columns: dict[str, pa.StringArray], rows: int) -> pa.MapArray:
    """The present texts of several columns as one map per row; null if there are none."""
    names, arrays = list(columns), list(columns.values())
    if not names or not rows:
        return pa.nulls(rows, pa.map_(pa.string(), pa.string()))
    there = np.stack([each.is_valid().to_numpy(zero_copy_only=False) for each in arrays], axis=1)
    lengths = np.stack([pc.binary_length(each).fill_null(0) for each in arrays], axis=1)
    # A map needs the texts of a row together. Joining the columns makes just these bytes, in
    # half of the time of taking each text.
    joined = pc.binary_join_element_wise(*arrays, "", null_handling="replace", null_replacement="")
    values = pa.StringArray.from_buffers(
        int(there.sum()), pa.py_buffer(_offsets(lengths[there])), joined.buffers()[2]
    )
    keys = pa.array(names).take(pa.array(np.nonzero(there)[1]))
    counts = there.sum(axis=1)
    offsets = pa.array(_offsets(counts))
    return pa.MapArray.from_arrays(offsets, keys, values, mask=pa.array(counts == 0))


def _offsets(lengths: "npt.NDArray[np.integer]") -> "npt.NDArray[np.int32]":
    return np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)


def names_where(masks: "dict[str, npt.NDArray[np.bool_]]", rows: int) -> pa.ListArray:
    """The names of the masks that are true, as one list per row; null if none is."""
    names = [name for name, mask in masks.items() if mask.any()]
    if not names:
        return pa.nulls(rows, pa.list_(pa.string()))
    holds = np.stack([masks[name] for name in names], axis=1)
    counts = holds.sum(axis=1)
    values = pa.array(names).take(pa.array(np.nonzero(holds)[1]))
    return pa.ListArray.from_arrays(pa.array(_offsets(counts)), values, mask=pa.array(counts == 0))


def short_names(products: pa.StringArray) -> pa.StringArray:
    """Products shortened for comparison in little memory: long ones become their SHA-256."""
    long = pc.greater(pc.binary_length(products), MOST_NAME)
    if not pc.any(long).as_py():
        return products
    named = [
        f"{product[:MOST_NAME]}... (SHA-256 {hashlib.sha256(product.encode()).hexdigest()})"
        for product in products.filter(long).to_pylist()
    ]
    return pc.replace_with_mask(products, long, pa.array(named, pa.string()))
