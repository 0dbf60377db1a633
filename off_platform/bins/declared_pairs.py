"""Declared sets that must not share a bin: one holds bins out, another would train with them.

Determined from the tables and the sets' options, whether the sets were built or not.
`split_checks.py` checks that the splits do not leak.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from off_platform.bins.choice import WING, BinChoice, candidates_query, objects_query
from off_platform.bins.excluded import load_excluded
from off_platform.bins.schemas import BIN_ITEMS, BIN_SPLITS, BINS
from off_platform.image_sets.declaration.declared import (
    UnusableChoiceError,
    declared_choice,
    declared_sets,
)
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

# `counting_test` is held out by its name, even without a declared split.
_IN_NAMES = re.compile(
    r"(^|[_-])(test(ing|set)?|val(idation|id|set)?|eval(uation)?|dev|hold_?out|held_?out|unseen)"
    r"\d*([_-]|$)"
)
# Words of a description for sets kept from training, or used for evaluation.
_IN_WORDS = re.compile(
    r"\b(held[ -]?out|hold[ -]?out|unseen|(no|never|not|without)( \w+)? (training|trained|seen)"
    r"|(to|for) (test|testing|validate|validation|evaluate|evaluation)"
    r"|(test|validation) (set|split))\b",
    re.IGNORECASE,
)


class Declared(NamedTuple):
    """A declared set of bins: its options, its description, and the folder that declares it."""

    choice: BinChoice
    description: str = ""
    folder: Path = Path()


class Shared(NamedTuple):
    """The overlap of two declared sets; a photo in both belongs to a visit in both."""

    held_out: str
    other: str
    photos: int
    """Photos of the held-out set that belong to a visit of the other."""

    @property
    def sentence(self) -> str:
        """The overlap as a message, with what to do."""
        return (
            f"{self.photos:,} photos of {self.held_out} show a bin that is in {self.other} too, in "
            'the same photo or one taken moments apart: declare split = "train" for one set and '
            'split = "test" for the other'
        )


def declared_choices(path: Path) -> dict[str, Declared]:
    """All declared sets of bins, by name.

    Raises:
        off_platform.image_sets.declaration.declared.WrongDeclarationError: the file is invalid.
        off_platform.image_sets.declaration.declared.UnusableChoiceError: a set's options are
            invalid.
    """
    names = declared_sets(path, WING)
    return {
        name: Declared(*declared_choice(path, WING, BinChoice, name), path.parent) for name in names
    }


def shared_bins(
    lake: Lake,
    connection: "duckdb.DuckDBPyConnection",
    declared: Mapping[str, Declared],
    of: str | None = None,
) -> Iterator[Shared]:
    """The pairs of a held-out set and another set that share a visit.

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
        held, others = (
            _visits(lake, connection, number, declared[name])
            for number, name in enumerate((held_out, other))
        )
        ((photos,),) = connection.execute(
            f"SELECT count(*) FROM ({held}) WHERE visit_id IN (SELECT visit_id FROM ({others}))"
        ).fetchall()
        if photos:
            yield Shared(held_out, other, photos)


def _is_held_out(name: str, declared: Declared) -> bool:
    if split := declared.choice.only_split:
        return split != "train"
    return bool(_IN_NAMES.search(name) or _IN_WORDS.search(declared.description))


def _visits(
    lake: Lake, connection: "duckdb.DuckDBPyConnection", number: int, declared: Declared
) -> str:
    """The chosen bins of a set with their visits; the number names what is loaded."""
    bins, items, splits = (lake.rows_of(table.name) for table in (BINS, BIN_ITEMS, BIN_SPLITS))
    choice, excluded = declared.choice, None
    if choice.exclude:
        # Without the file the set cannot be built, which says why; until then it has all bins.
        with suppress(UnusableChoiceError):
            excluded = load_excluded(
                connection, declared.folder / choice.exclude, f"left_out_of_{number}"
            )
    chosen = objects_query(choice, candidates_query(choice, bins, items, splits, excluded))
    return f"SELECT id, visit_id FROM {bins} WHERE id IN (SELECT stem FROM ({chosen}))"
