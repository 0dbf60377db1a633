"""Declared sets that must not share a bin: one holds bins out, another would train with them.

Asked of the tables by the sets' choices, whether the sets were made or not. That splits themselves
do not leak is `split_checks.py`.
"""

from collections.abc import Iterator, Mapping
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from off_platform.bins.choice import BinChoice, candidates_query, objects_query
from off_platform.bins.schemas import BIN_ITEMS, BIN_SPLITS, BINS
from off_platform.image_sets.declared import declared_choice, declared_sets
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

WING = "bins"
# `counting_test` is the counterpart of `counting`, also when nobody declared a split.
HELD_OUT_ENDINGS = ("_test", "_val", "_validation", "_holdout", "-test", "-val", "-validation")


class Shared(NamedTuple):
    """What two declared sets share; a photo that is in both is of a visit that is in both."""

    held_out: str
    other: str
    photos: int
    """Photos of the set held out that are of a visit of the other."""

    @property
    def sentence(self) -> str:
        """The same for people, with what to do."""
        return (
            f"{self.photos:,} photos of {self.held_out} show a bin that is in {self.other} too, "
            'moments apart or the same photo: declare split = "train" for the one and '
            'split = "test" for the other'
        )


def declared_choices(path: Path) -> dict[str, BinChoice]:
    """The choices of all declared sets of bins.

    Raises:
        off_platform.image_sets.declared.WrongDeclarationError: the file is wrong.
        off_platform.image_sets.declared.UnusableChoiceError: a set's options are.
    """
    names = declared_sets(path, WING)
    return {name: declared_choice(path, WING, BinChoice, name)[0] for name in names}


def shared_bins(
    lake: Lake,
    connection: "duckdb.DuckDBPyConnection",
    choices: Mapping[str, BinChoice],
    of: str | None = None,
) -> Iterator[Shared]:
    """Each set that is held out with each set that is not, where they share a visit.

    Args:
        lake: with the bins' tables.
        connection: DuckDB that can read them.
        choices: the declared sets by name.
        of: only pairs with this set; None for all.
    """
    for held_out, other in permutations(choices, 2):
        apart = of is not None and of not in {held_out, other}
        if apart or not _is_held_out(held_out, choices) or _is_held_out(other, choices):
            continue
        held, others = (_visits(lake, choices[name]) for name in (held_out, other))
        ((photos,),) = connection.execute(
            f"SELECT count(*) FROM ({held}) WHERE visit_id IN (SELECT visit_id FROM ({others}))"
        ).fetchall()
        if photos:
            yield Shared(held_out, other, photos)


def _is_held_out(name: str, choices: Mapping[str, BinChoice]) -> bool:
    split = choices[name].split
    is_counterpart = any(
        name.endswith(ending) and name.removesuffix(ending) in choices
        for ending in HELD_OUT_ENDINGS
    )
    return split in {"validation", "test"} or (split is None and is_counterpart)


def _visits(lake: Lake, choice: BinChoice) -> str:
    """The chosen bins of a set with their visits."""
    bins, items, splits = (lake.rows_of(table.name) for table in (BINS, BIN_ITEMS, BIN_SPLITS))
    chosen = objects_query(choice, candidates_query(choice, bins, items, splits))
    return f"SELECT id, visit_id FROM {bins} WHERE id IN (SELECT stem FROM ({chosen}))"
