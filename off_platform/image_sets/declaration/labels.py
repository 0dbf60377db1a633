"""What a wing knows of its samples: labels as columns, and what stays together in a split.

The wings make the queries; `division/described.py` joins them to the manifest. Options are in
`options.py`.
"""

from dataclasses import dataclass

from off_platform.quality import Column


@dataclass(frozen=True)
class Labels:
    """Facts about samples.

    Attributes:
        columns: of the facts, in order.
        query: SQL for one row per sample: `sample`, its stem, and these columns.
    """

    columns: tuple[Column, ...]
    query: str


@dataclass(frozen=True)
class Units:
    """What stays together when a set is split: a product, or a visit of a bin.

    Attributes:
        query: SQL for one row per sample: `sample`, its stem; `unit`, a text; `place`, a stable
            hash of the unit from 0 to 1.
        word: for one of them, such as `product`.
    """

    query: str
    word: str
