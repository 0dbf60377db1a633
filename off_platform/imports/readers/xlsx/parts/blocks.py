"""Some rows of a sheet, cell by cell, as they are stored; what the cells hold is in `cells.py`."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384


@dataclass(frozen=True, slots=True)
class Block:
    """Whole rows. The arrays without a note have an element for each cell, row by row.

    Attributes:
        rows: the number of each row, from 1.
        row: which of `rows` a cell is in.
        column: from 0.
        kinds: each pair of style and type that cells have; empty texts for none.
        kind: which of `kinds` a cell is of.
        has_formula: whether a formula gives the value.
        texts: what is stored, for all cells; may hold other texts, too.
        at: which of `texts` is stored in a cell; -1 for none.
        may_escape: whether texts may have characters that XML cannot hold, such as `_x000D_`.
        hidden: the numbers of the rows that nobody sees.
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
