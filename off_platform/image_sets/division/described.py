"""The rows of a manifest: outcomes of objects, joined with labels, near duplicates and splits.

The outcomes are written by `construction/planned_rows.py`. What is near what is in
`near_duplicates.py`, which split a sample gets in `splits.py`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from off_platform.image_sets.construction.plans import SAMPLES
from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.declaration.labels import Labels, Units
from off_platform.image_sets.declaration.shares import EXCLUDED
from off_platform.image_sets.division.near_duplicates import same_looks
from off_platform.image_sets.division.splits import split_set
from off_platform.image_sets.manifest import COLUMNS, TEXT_KINDS
from off_platform.storage.engine import copy_query
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal, identifier, literal

if TYPE_CHECKING:
    import duckdb

# Columns of the table of samples besides the labels.
_UNIT, _PLACE, _STRATUM = "unit_of_sample", "place_of_unit", "stratum_of_sample"
_OF_SPLITS = ("duplicate_group", "split", "excluded_because")


class Described(NamedTuple):
    """The file of described rows, and what is written into it as its metadata."""

    path: Path
    facts: Mapping[str, str]


def samples_query(planned: str, labels: Labels | None, units: Units, stratify: str | None) -> str:
    """SQL for one row per planned sample: labels, unit and stratum.

    Args:
        planned: SQL for the samples: stem, barcode, image_id.
        labels: of them, if there are any.
        units: of them.
        stratify: the label that makes the strata.
    """
    names = [column.name for column in labels.columns] if labels else []
    shown = "".join(f", l.{identifier(name)}" for name in names)
    stratum = f"l.{identifier(stratify)}::VARCHAR" if stratify else "NULL::VARCHAR"
    joined = f"LEFT JOIN ({labels.query}) AS l ON l.sample = p.stem" if labels else ""
    return f"""
        SELECT p.stem AS sample{shown}, u.unit AS {_UNIT}, u.place AS {_PLACE},
            {stratum} AS {_STRATUM}
        FROM ({planned}) AS p {joined} LEFT JOIN ({units.query}) AS u ON u.sample = p.stem"""


def describe(
    connection: "duckdb.DuckDBPyConnection",
    folder: Folder,
    outcomes: Path,
    how: How,
    labels: Sequence[str],
    links: str | None,
    to: "Described",
) -> None:
    """Writes the rows of the manifest, with the places of objects as they are in the outcomes.

    Args:
        connection: DuckDB that can read the folder.
        folder: the set's.
        outcomes: a Parquet file, see `planned_rows.write_outcomes`.
        how: the set is built.
        labels: names of the labels.
        links: what samples share with others, see `splits.split_set`.
        to: the file to write.
    """
    rows = f"read_parquet({file_literal(outcomes)})"
    has_samples = folder.exists(SAMPLES)
    samples = f"read_parquet({file_literal(folder.address(SAMPLES))})"
    joined = f"LEFT JOIN {samples} AS s USING (sample)" if has_samples else ""
    known = {"unit": f"s.{_UNIT}"} if has_samples else {}
    known["division"] = literal(how.division) if how.division else "NULL"
    if how.looks:
        assigned = _assigned(connection, folder, rows, samples, how, links)
        connection.register("assigned_samples", assigned)
        joined += " LEFT JOIN assigned_samples AS a USING (sample)"
        known |= {name: f"a.{name}" for name in _OF_SPLITS}
    columns = ", ".join(
        f'({known.get(column.name, f"""o."{column.name}" """)})::{column.sql} AS "{column.name}"'
        for column in COLUMNS
    )
    shown = "".join(f", s.{identifier(name)}" for name in labels)
    query = f"SELECT {columns}{shown} FROM {rows} AS o {joined} ORDER BY position"
    copy_query(connection, query, to.path, facts=to.facts)
    if how.looks:
        connection.unregister("assigned_samples")


def _assigned(
    connection: "duckdb.DuckDBPyConnection",
    folder: Folder,
    rows: str,
    samples: str,
    how: How,
    links: str | None,
) -> object:
    """The split and the near duplicates of each sample."""
    photos = f"""
        SELECT sample, min(position) AS position,
            any_value(md5) FILTER ({_PHOTO}) AS md5,
            any_value(perceptual_hash) AS perceptual_hash
        FROM {rows} GROUP BY sample"""
    before = _before(folder, how)
    known = f"SELECT DISTINCT sample FROM ({before}) WHERE split <> {literal(EXCLUDED)}"
    looks = same_looks(connection, photos, kept=known)
    of_samples = f"""
        SELECT p.position, p.sample, s.{_UNIT} AS unit, s.{_PLACE} AS place,
            s.{_STRATUM} AS stratum, e.split AS earlier, k.sample IS NOT NULL AS known
        FROM ({photos}) AS p JOIN {samples} AS s USING (sample)
        LEFT JOIN (SELECT unit, any_value(split) AS split FROM ({before})
            WHERE split <> {literal(EXCLUDED)} GROUP BY unit) AS e ON e.unit = s.{_UNIT}
        LEFT JOIN ({known}) AS k ON k.sample = p.sample"""
    return split_set(
        connection,
        of_samples,
        looks,
        dict(how.shares),
        strata_seed=how.split_seed if how.stratify else None,
        distinct=how.distinct,
        links=links,
    )


_PHOTO = f"status = 'fetched' AND kind NOT IN {TEXT_KINDS}"


def _before(folder: Folder, how: How) -> str:
    """The splits of the existing set, if it was split in the same way."""
    nothing = "SELECT NULL::VARCHAR AS sample, NULL::VARCHAR AS unit, NULL::VARCHAR AS split"
    if not how.division or not folder.exists(MANIFEST):
        return f"{nothing} WHERE false"
    manifest = file_literal(folder.address(MANIFEST))
    return f"""
        SELECT sample, unit, split FROM (
            FROM ({nothing}, NULL::VARCHAR AS division WHERE false)
            UNION ALL BY NAME FROM read_parquet({manifest}))
        WHERE division = {literal(how.division)}"""
