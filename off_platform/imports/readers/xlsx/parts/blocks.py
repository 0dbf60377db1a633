"""Rows of a sheet as stored, cell by cell; `cells.py` interprets them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384


@dataclass(frozen=True, slots=True)
class Block:
    """Complete rows. Unless noted, arrays have an element per cell, row by row.

    Attributes:
        rows: the number of each row, from 1.
        row: index into `rows`.
        column: from 0.
        kinds: the distinct pairs of style and type; empty texts for none.
        kind: index into `kinds`.
        has_formula: whether the value is the result of a formula.
        texts: the stored texts; may include others.
        at: index into `texts`; -1 for none.
        may_escape: whether texts may have escapes of characters that XML cannot contain, such as
            `_x000D_`.
        hidden: the numbers of hidden rows.
    """

    rows: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    kinds: list[tuple[str, str]]
    kind: npt.NDArray[Any]
    has_formula: npt.NDArray[np.bool_]
    texts: pa.StringArray
    at: npt.NDArray[np.int64]
    may_escape: bool = True
    hidden: set[int] = field(default_factory=set)
