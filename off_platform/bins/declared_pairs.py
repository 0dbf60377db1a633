"""Declared sets that must not share a bin: one holds bins out, another would train with them.

Asked of the tables by the sets' choices, whether the sets were made or not. That splits themselves
do not leak is `split_checks.py`.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from off_platform.bins.choice import WING, BinChoice, candidates_query, objects_query
from off_platform.bins.schemas import BIN_ITEMS, BIN_SPLITS, BINS
from off_platform.image_sets.declared import declared_choice, declared_sets
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

# `counting_test` is a counterpart of other sets by its name, also when nobody declared a split.
_IN_NAMES = re.compile(
    r"(^|[_-])(test(ing|set)?|val(idation|id|set)?|eval(uation)?|dev|hold_?out|held_?out|unseen)"
    r"\d*([_-]|$)"
)
# In a description: what was kept from training, or is there to judge what was trained.
_IN_WORDS = re.compile(
    r"\b(held[ -]?out|hold[ -]?out|unseen|(no|never|not|without)( \w+)? (training|trained|seen)"
    r"|(to|for) (test|testing|validate|validation|evaluate|evaluation)"
    r"|(test|validation) (set|split))\b",
    re.IGNORECASE,
)


class Declared(NamedTuple):
    """A declared set of bins: its options, and its description."""

    choice: BinChoice
    description: str = ""


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


def declared_choices(path: Path) -> dict[str, Declared]:
    """All declared sets of bins, by name.

    Raises:
        off_platform.image_sets.declared.WrongDeclarationError: the file is wrong.
        off_platform.image_sets.declared.UnusableChoiceError: a set's options are.
    """
    names = declared_sets(path, WING)
    return {name: Declared(*declared_choice(path, WING, BinChoice, name)) for name in names}


def shared_bins(
    lake: Lake,
    connection: "duckdb.DuckDBPyConnection",
    declared: Mapping[str, Declared],
    of: str | None = None,
) -> Iterator[Shared]:
    """Each set that is held out with each set that is not, where they share a visit.

    Args:
        lake: with the bins' tables.
        connection: DuckDB that can read them.
        declared: the sets by name.
        of: only pairs with this set; None for all.
    """
    is_held_out = {name: _is_held_out(name, each) for name, each in declared.items()}
    for held_out, other in permutations(declared, 2):
        apart = of is not None and of not in {held_out, other}
        if apart or not is_held_out[held_out] or is_held_out[other]:
            continue
        held, others = (_visits(lake, declared[name].choice) for name in (held_out, other))
        ((photos,),) = connection.execute(
            f"SELECT count(*) FROM ({held}) WHERE visit_id IN (SELECT visit_id FROM ({others}))"
        ).fetchall()
        if photos:
            yield Shared(held_out, other, photos)


def _is_held_out(name: str, declared: Declared) -> bool:
    if split := declared.choice.split:
        return split != "train"
    return bool(_IN_NAMES.search(name) or _IN_WORDS.search(declared.description))


def _visits(lake: Lake, choice: BinChoice) -> str:
    """The chosen bins of a set with their visits."""
    bins, items, splits = (lake.rows_of(table.name) for table in (BINS, BIN_ITEMS, BIN_SPLITS))
    chosen = objects_query(choice, candidates_query(choice, bins, items, splits))
    return f"SELECT id, visit_id FROM {bins} WHERE id IN (SELECT stem FROM ({chosen}))"
