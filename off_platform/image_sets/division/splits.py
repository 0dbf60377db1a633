"""Assigns the samples of a set to splits that do not leak.

The unit (a product, or a visit of a bin) stays together: its split follows from a stable hash of
itself, so that it does not move when the set grows. Near duplicates stay together, too: samples are
looked at in the order of the set, each only against earlier ones, so a larger set has the splits of
a smaller one with which it begins. A crowded photo (`near_duplicates.py`) is only known to be near
one other, so it is in no split. `declaration/shares.py` reads the shares,
`split_checks.py` checks the result without anything from here.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from off_platform.image_sets.declaration.shares import EXCLUDED
from off_platform.image_sets.division.hash_index import Places
from off_platform.image_sets.division.near_duplicates import NEAR_MOST, SameLooks
from off_platform.storage.sql import literal
from off_platform.words import escaped

if TYPE_CHECKING:
    import duckdb

# Multiples of the golden ratio, modulo 1, fill the interval evenly, however many there are.
_GOLDEN = (5**0.5 - 1) / 2
_NONE = -1
_ITEM_SHOWN = 40
ASSIGNED = pa.schema(
    [
        ("sample", pa.string()),
        ("split", pa.string()),
        ("excluded_because", pa.string()),
        ("duplicate_group", pa.string()),
    ]
)


class Samples(NamedTuple):
    """What is known of the samples of a set, in its order; samples are counted from 0.

    Attributes:
        names: their stems.
        unit: for each the first sample of the same unit.
        place: for each the place of its unit, from 0 to 1.
        earlier: for each the number of the split that its unit has in an earlier version of the
            set; -1 if it has none.
        known: whether the sample itself is in that version.
    """

    names: pa.StringArray
    unit: Places
    place: npt.NDArray[np.float64]
    earlier: Places
    known: npt.NDArray[np.bool_]


class Assigned(NamedTuple):
    """What becomes of the samples.

    Attributes:
        split: for each the number of its split; -1 if it is excluded.
        excluded_by: for each the sample because of which it is excluded; -1 if it is not.
        shared_item: of samples excluded for an item, the item.
        crowded: samples excluded because they are crowded.
        group: for each the first sample of its near duplicates; -1 if there are none.
    """

    split: Places
    excluded_by: Places
    shared_item: Mapping[int, str]
    crowded: AbstractSet[int]
    group: Places


def split_set(
    connection: "duckdb.DuckDBPyConnection",
    samples: str,
    looks: SameLooks,
    shares: Mapping[str, float],
    *,
    strata_seed: int | None = None,
    distinct: bool = False,
    links: str | None = None,
) -> pa.Table:
    """The split and the near duplicates of each sample; for `ASSIGNED`.

    Args:
        connection: DuckDB with the tables of the queries.
        samples: SQL for one row per sample: position, sample, unit (null for a unit of its own),
            place (of the unit, 0 to 1), stratum (null is a value like others), earlier (the split
            of its unit in an earlier version of the set, or null), known (whether the sample is in
            that version).
        looks: of the same samples, from `same_looks`.
        shares: of the splits, by name; empty for a set that is not split.
        strata_seed: if given, each split gets its share of each stratum, and places follow from
            this seed, not from `place`.
        distinct: whether all but the first of near duplicates are excluded.
        links: SQL with sample and link, such as an item; of samples that share one all are in one
            split, others excluded.
    """
    found = samples_from(connection, samples, list(shares), strata_seed)
    of_samples = _links(connection, samples, links) if links else {}
    return as_table(
        found, assign(found, looks, shares, distinct=distinct, links=of_samples), shares
    )


def samples_from(
    connection: "duckdb.DuckDBPyConnection",
    samples: str,
    splits: Sequence[str],
    strata_seed: int | None,
) -> Samples:
    """Reads the samples of `split_set`."""
    numbered = f"""
        SELECT row_number() OVER (ORDER BY position) - 1 AS row, sample, place, earlier,
            coalesce(known, false) AS known, coalesce(unit, sample) AS unit,
            coalesce(stratum, '') AS stratum FROM ({samples})"""
    first = f"SELECT *, min(row) OVER (PARTITION BY unit) AS first FROM ({numbered})"
    if strata_seed is not None:
        # A unit has the stratum of its first sample, and the next place in it.
        salted = f"{literal(f'{strata_seed} of stratum ')} || stratum"
        units = f"""
            SELECT row AS first, (('0x' || substr(md5({salted}), 1, 13))::BIGINT / {2.0**52}
                + (row_number() OVER (PARTITION BY stratum ORDER BY row) - 1) * {_GOLDEN!r}) % 1.0
                AS of_unit FROM ({first}) WHERE row = first"""
        first = f"SELECT * REPLACE (of_unit AS place) FROM ({first}) JOIN ({units}) USING (first)"
    numbers = " ".join(f"WHEN {literal(name)} THEN {place}" for place, name in enumerate(splits))
    earlier = f"CASE earlier {numbers} ELSE {_NONE} END" if splits else f"{_NONE}"
    columns = connection.sql(f"""
        SELECT sample, first, coalesce(place, 0)::DOUBLE AS place, ({earlier})::BIGINT AS earlier,
            known FROM ({first}) ORDER BY row""").to_arrow_table()
    unit, place, split, known = (
        columns[name].to_numpy() for name in ("first", "place", "earlier", "known")
    )
    return Samples(columns["sample"].combine_chunks(), unit, place, split, known)


def assign(
    samples: Samples,
    looks: SameLooks,
    shares: Mapping[str, float],
    *,
    distinct: bool = False,
    links: Mapping[int, Sequence[str]] | None = None,
) -> Assigned:
    """Assigns samples; see `split_set`.

    Samples of an earlier version come first, then the order of the set. A unit that is first seen
    with a near duplicate of a kept sample joins that one's split; a sample of any other unit that
    is a near duplicate of a kept sample of another split is excluded. A crowded sample is excluded
    if there are splits or only distinct samples are kept.

    Args:
        samples: in order.
        looks: of the same samples.
        shares: see there.
        distinct: see there.
        links: see there, for each sample that has some.
    """
    of_unit = _by_shares(samples, shares)
    excluded_by = np.full(len(of_unit), _NONE, dtype=np.int64)
    duplicates, items = _Duplicates(looks), _Items(links or {})
    group_of: dict[int, int] = {}
    crowded: set[int] = set()
    for sample in _in_turn(samples, looks, links):
        if (other := int(looks.crowded_by[sample])) != _NONE:
            group_of[sample] = other
            if shares or distinct:
                excluded_by[sample] = other
                crowded.add(sample)
            continue
        near = duplicates.kept_of(sample)
        unit = int(samples.unit[sample])
        if near and unit == sample and samples.earlier[sample] == _NONE:
            of_unit[unit] = of_unit[samples.unit[near[0]]]
        split = int(of_unit[unit])
        apart = (each for each in near if distinct or of_unit[samples.unit[each]] != split)
        if (other := next(apart, _NONE)) != _NONE:
            excluded_by[sample] = other
            group_of[sample] = other
        elif (other := items.taken_by(sample, split)) != _NONE:
            excluded_by[sample] = other
        else:
            duplicates.keep(sample, near)
            items.keep(sample, split)
    split_of = np.where(excluded_by == _NONE, of_unit[samples.unit], _NONE)
    groups = duplicates.groups(len(split_of), group_of)
    return Assigned(split_of, excluded_by, items.shared, crowded, groups)


def as_table(samples: Samples, assigned: Assigned, shares: Mapping[str, float]) -> pa.Table:
    """The outcome as `ASSIGNED`; the split is null if the set has no splits."""
    names = pa.array([*shares, EXCLUDED], pa.string())
    # Without splits all that are kept have none; the numbers of those excluded are the last.
    kept = assigned.split if shares else np.zeros_like(assigned.split)
    number = np.where(assigned.excluded_by == _NONE, kept, len(shares))
    without = (assigned.excluded_by == _NONE) & (not shares)
    split = names.take(pa.array(number, mask=without))
    excluded = np.flatnonzero(assigned.excluded_by != _NONE)
    sentences = np.full(len(number), None, dtype=object)
    for sample in excluded.tolist():
        sentences[sample] = _because(samples, assigned, split, sample)
    group = samples.names.take(pa.array(assigned.group, mask=assigned.group == _NONE))
    columns = [samples.names, split, pa.array(sentences, pa.string()), group]
    return pa.table(columns, schema=ASSIGNED)


def _because(samples: Samples, assigned: Assigned, split: pa.Array, sample: int) -> str:
    """The sentence on an excluded sample."""
    other = int(assigned.excluded_by[sample])
    if sample in assigned.crowded:
        return f"nearly the same photo as {samples.names[other]} and at least {NEAR_MOST} others"
    item = assigned.shared_item.get(sample)
    what = f"shares the item {escaped(item, _ITEM_SHOWN)} with" if item is not None else None
    # Null without splits.
    where = split[other].as_py()
    named = f", which is in {where}" if where else ""
    return f"{what or 'nearly the same photo as'} {samples.names[other]}{named}"


def _by_shares(samples: Samples, shares: Mapping[str, float]) -> Places:
    """The split of each unit, at its first sample, by its place or as it was earlier."""
    # The last split has the rest, however the sum of the shares is rounded.
    ends = np.cumsum(list(shares.values()))[:-1] if shares else np.empty(0)
    by_place = np.searchsorted(ends, samples.place, side="right").astype(np.int64)
    split: Places = np.where(samples.earlier == _NONE, by_place, samples.earlier)
    return split


def _in_turn(
    samples: Samples, looks: SameLooks, links: Mapping[int, Sequence[str]] | None
) -> list[int]:
    """The samples that have near duplicates or links, those of an earlier version first."""
    counts = np.bincount(looks.first, minlength=len(looks.first))
    like_others = counts > 1
    like_others[looks.earlier] = like_others[looks.later] = True
    like_others |= looks.crowded_by != _NONE
    wanted = like_others[looks.first]
    if links:
        wanted[list(links)] = True
    rows = np.flatnonzero(wanted)
    return [*rows[samples.known[rows]].tolist(), *rows[~samples.known[rows]].tolist()]


class _Duplicates:
    """The kept samples, by what they look like."""

    def __init__(self, looks: SameLooks) -> None:
        self._first = looks.first
        # The near ones of each, one after the other: there may be 64 pairs of each photo.
        ones = np.concatenate([looks.earlier, looks.later])
        self._near = np.concatenate([looks.later, looks.earlier])[np.argsort(ones, kind="stable")]
        self._ends = np.cumsum(np.bincount(ones, minlength=len(looks.first)))
        self._kept: dict[int, int] = {}
        self._root: dict[int, int] = {}

    def kept_of(self, sample: int) -> list[int]:
        """The kept samples that this one is a near duplicate of, one for each hash, in order."""
        looks = int(self._first[sample])
        near = self._near[self._ends[looks - 1] if looks else 0 : self._ends[looks]].tolist()
        alike = (self._kept.get(each, _NONE) for each in (looks, *near))
        return sorted(each for each in alike if each != _NONE)

    def keep(self, sample: int, near: Sequence[int]) -> None:
        self._kept.setdefault(int(self._first[sample]), sample)
        self._root[sample] = sample
        for other in near:
            one, two = self._find(sample), self._find(other)
            self._root[max(one, two)] = min(one, two)

    def groups(self, samples: int, like: Mapping[int, int]) -> Places:
        """The group of each kept sample, and of each excluded one that is like a kept one."""
        found = np.full(samples, _NONE, dtype=np.int64)
        for sample in self._root:
            found[sample] = self._find(sample)
        for sample, other in like.items():
            found[sample] = found[other]
        in_groups = found[found != _NONE]
        alone = np.bincount(in_groups, minlength=samples) == 1
        found[(found != _NONE) & alone[found]] = _NONE
        return found

    def _find(self, sample: int) -> int:
        root = self._root
        while root[sample] != sample:
            root[sample] = root[root[sample]]
            sample = root[sample]
        return sample


class _Items:
    """The kept samples, by their links."""

    def __init__(self, links: Mapping[int, Sequence[str]]) -> None:
        self._links = links
        self._kept: dict[str, tuple[int, int]] = {}
        self.shared: dict[int, str] = {}

    def taken_by(self, sample: int, split: int) -> int:
        """The kept sample of another split that has one of this one's links; -1 if none has."""
        for link in self._links.get(sample, ()):
            other, of_other = self._kept.get(link, (_NONE, split))
            if of_other != split:
                self.shared[sample] = link
                return other
        return _NONE

    def keep(self, sample: int, split: int) -> None:
        for link in self._links.get(sample, ()):
            self._kept.setdefault(link, (sample, split))


def _links(
    connection: "duckdb.DuckDBPyConnection", samples: str, links: str
) -> dict[int, list[str]]:
    rows = connection.sql(f"""
        SELECT row, list(link ORDER BY link) AS links FROM
            (SELECT row_number() OVER (ORDER BY position) - 1 AS row, sample FROM ({samples}))
        JOIN (SELECT DISTINCT sample, link FROM ({links}) WHERE link IS NOT NULL) USING (sample)
        GROUP BY row""").to_arrow_table()
    return dict(zip(rows["row"].to_pylist(), rows["links"].to_pylist(), strict=True))
