"""Vectorised checks of whole columns, shared by the parsers. Pure.

Texts without any finding are sound; the parsers explain the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
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
# Number of rows examined to see whether texts repeat.
_SAMPLE = 500


def one_array(column: Column) -> pa.Array:
    """The column as one array of strings; copied only if it has several chunks."""
    if isinstance(column, pa.ChunkedArray):
        # A single chunk is returned as is, several are combined.
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    return column.cast(pa.large_string())


def matches(column: Column, pattern: str, *, absent: bool) -> Bools:
    """Which texts contain a match of the pattern.

    Args:
        column: texts, may be null.
        pattern: of RE2; `^` and `$` are the ends of the text.
        absent: the result for null.
    """
    found = pc.match_substring_regex(one_array(column), pattern)
    answer: Bools = found.fill_null(absent).to_numpy(zero_copy_only=False)
    return answer


def whole(column: Column, pattern: str) -> Bools:
    """Which texts match the whole pattern; missing and empty ones are sound."""
    return matches(column, f"^(?:{pattern})?$", absent=True)


@dataclass(frozen=True, slots=True)
class Distinct:
    """A column by its distinct texts: most columns of an import repeat a few.

    Attributes:
        texts: the distinct ones; the whole column if most differ.
        codes: for each row its position in `texts`, null if missing; None if `texts` is the whole
            column.
    """

    texts: pa.StringArray
    codes: pa.Int32Array | None

    @classmethod
    def of(cls, column: pa.StringArray) -> "Distinct":
        """Takes a column; its beginning shows whether texts repeat."""
        sample = column.slice(0, _SAMPLE)
        if 2 * pc.count_distinct(sample).as_py() > len(sample):
            return cls(column, None)
        encoded = column.dictionary_encode()
        return cls(encoded.dictionary, encoded.indices)

    def spread(self, of_texts: pa.Array) -> pa.Array:
        """The results for `texts`, for each row; null if the text is missing."""
        return of_texts if self.codes is None else of_texts.take(self.codes)


def sound_by_distinct(column: Column, read: "Callable[[str], Reading]") -> Bools:
    """Which texts are sound, decided by the parser itself; for few distinct texts."""
    encoded = one_array(column).dictionary_encode()
    verdicts = [read(text).rule is None for text in encoded.dictionary.to_pylist()]
    # The last entry is for missing texts.
    table = np.array([*verdicts, True], dtype=bool)
    answer: Bools = table[encoded.indices.fill_null(len(verdicts)).to_numpy(zero_copy_only=False)]
    return answer
