"""Whole columns looked at in one go: what the vector forms of the readers share. Pure.

Only texts about which nothing at all is to be said are sound; the readers explain the others.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from off_platform.imports.values.reading import Reading


Bools: TypeAlias = npt.NDArray[np.bool_]

# A `pyarrow.Array` or `ChunkedArray` of strings; pyarrow publishes no types.
Column: TypeAlias = Any


def one_array(column: Column) -> pa.Array:
    """The column as one array of strings; a copy only where it is in chunks."""
    if isinstance(column, pa.ChunkedArray):
        # One chunk is handed out as it is, many are put together.
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    return column.cast(pa.large_string())


def matches(column: Column, pattern: str, *, absent: bool) -> Bools:
    """Which texts have a place that the pattern matches.

    Args:
        column: texts, may be null.
        pattern: of RE2; `^` and `$` are the ends of the text.
        absent: the answer for null.
    """
    found = pc.match_substring_regex(one_array(column), pattern)
    answer: Bools = found.fill_null(absent).to_numpy(zero_copy_only=False)
    return answer


def whole(column: Column, pattern: str) -> Bools:
    """Which texts the pattern matches from end to end; those that are absent or empty are sound."""
    return matches(column, f"^(?:{pattern})?$", absent=True)


def sound_by_distinct(column: Column, read: "Callable[[str], Reading]") -> Bools:
    """Which texts are sound, where only the reader itself can decide; for few distinct texts."""
    encoded = one_array(column).dictionary_encode()
    verdicts = [read(text).rule is None for text in encoded.dictionary.to_pylist()]
    # The last is for the absent.
    table = np.array([*verdicts, True], dtype=bool)
    answer: Bools = table[encoded.indices.fill_null(len(verdicts)).to_numpy(zero_copy_only=False)]
    return answer
