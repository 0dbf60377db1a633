"""A view of the lake over several tables, as SQL.

Wings declare them for their tables, and they are passed to the lake when it is opened. So no table
has to be rewritten when another one changes the status of its rows.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class DerivedView(NamedTuple):
    """A view over several tables.

    Attributes:
        tables: its tables; first the one that it is named after.
        query: makes its SQL from SQL for the rows of each table.
    """

    tables: tuple[str, ...]
    query: Callable[[Mapping[str, str]], str]
