"""What a wing knows of the samples of a set: columns, and the query that has them.

The wing decides which columns there are; they are joined to the manifest by the stem.
"""

from dataclasses import dataclass

from off_platform.quality import Column


@dataclass(frozen=True)
class Labels:
    """The labels of the chosen samples.

    Attributes:
        columns: the chosen ones, in order.
        query: SQL for one row per sample: `sample` (the stem) and these columns.
    """

    columns: tuple[Column, ...]
    query: str
