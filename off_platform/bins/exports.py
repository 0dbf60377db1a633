"""The labels of an image set, also in the formats of other projects.

ABID (silverbottlep/abid_challenge): `metadata.json` is a list with bin i + 1 of the main set at
position i, `{}` if it is missing; its split files have bins counted from 1, its counting lists have
positions from 0, each with the quantity, for bins of fewer than 6 items. Udacity's `file_list.json`
has the metadata of bins of 1 to 5 items by class.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from off_platform.bins.schemas import HARD_FROM
from off_platform.bins.verification import pairs_query
from off_platform.image_sets.files.set_files import LABELS_TABLE
from off_platform.storage.engine import copy_query
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    import duckdb

PAIRS = "verification_pairs.parquet"
ABID_METADATA = "abid_metadata.json"
# Not `train` and `val`: Hugging Face's loaders take files with these names for a split's data.
ABID_SPLITS = {"train": "trainset", "validation": "valset"}
UDACITY = "udacity_file_list.json"
UDACITY_CLASSES = range(1, 6)
ROWS = 1000


def write_exports(
    connection: "duckdb.DuckDBPyConnection", labelled: str, bins: str, bin_items: str, to: Path
) -> list[str]:
    """Writes all formats.

    Args:
        connection: DuckDB with the tables of the queries.
        labelled: SQL of the set's bins: id, id_space, position, expected_quantity, items_quantity,
            skus, difficulty, visit_id, split, text (the metadata's JSON).
        bins: SQL of all bins, with visit_id, to use after FROM.
        bin_items: SQL of the items of all bins.
        to: a folder for the files.

    Returns:
        The names of the files.
    """
    _write_abid_metadata(connection, _main(labelled), to / ABID_METADATA)
    # Joined once, for all other files.
    joined = to / "joined.parquet"
    copy_query(connection, f"SELECT * EXCLUDE (text) FROM ({labelled})", joined)
    labelled = f"FROM read_parquet({file_literal(joined)})"
    copy_query(
        connection,
        f"SELECT * EXCLUDE (position) FROM ({labelled}) ORDER BY id_space, position",
        to / LABELS_TABLE,
    )
    copy_query(connection, pairs_query(labelled, bins, bin_items), to / PAIRS)
    names = [LABELS_TABLE, PAIRS, ABID_METADATA]
    for split, name in ABID_SPLITS.items():
        of_split = f"{_main(labelled)} WHERE split = '{split}'"
        names += _write_abid_lists(connection, of_split, to, name)
    _write_udacity(connection, labelled, to / UDACITY)
    joined.unlink()
    return [*names, UDACITY]


def _main(labelled: str) -> str:
    return f"(SELECT * FROM ({labelled}) WHERE id_space = 'main')"


def _write_abid_metadata(connection: "duckdb.DuckDBPyConnection", main: str, path: Path) -> None:
    """Writes bin by bin, as all metadata would take a gigabyte."""
    place, separator = 0, ""
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for position, text in _rows(connection, f"SELECT position, text FROM {main}"):
            for _ in range(place, position - 1):
                file.write(f"{separator}{{}}")
                separator = ","
            file.write(separator + json.dumps(json.loads(text)))
            place, separator = position, ","
        file.write("]\n")


def _write_abid_lists(
    connection: "duckdb.DuckDBPyConnection", of_split: str, to: Path, name: str
) -> list[str]:
    bins = f"random_{name}.txt"
    counts = f"counting_{name}.json"
    with (to / f"abid_{bins}").open("w", encoding="utf-8") as file:
        for (position,) in _rows(connection, f"SELECT position FROM {of_split}"):
            file.write(f"{position}\n")
    few = f"SELECT position, expected_quantity FROM {of_split} AND expected_quantity < {HARD_FROM}"
    with (to / f"abid_{counts}").open("w", encoding="utf-8") as file:
        pairs = ([position - 1, quantity] for position, quantity in _rows(connection, few))
        _write_list(file, pairs)
    return [f"abid_{bins}", f"abid_{counts}"]


def _write_udacity(connection: "duckdb.DuckDBPyConnection", labelled: str, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number, quantity in enumerate(UDACITY_CLASSES):
            file.write(f'{", " if number else "{"}"{quantity}": ')
            of_class = f"""SELECT position, id FROM ({labelled})
                WHERE expected_quantity = {quantity}"""
            paths = (f"data/metadata/{bin_id}.json" for _, bin_id in _rows(connection, of_class))
            _write_list(file, paths)
        file.write("}\n")


def _write_list(file: Any, values: Iterator[Any]) -> None:
    file.write("[")
    for number, value in enumerate(values):
        file.write((", " if number else "") + json.dumps(value))
    file.write("]")


def _rows(connection: "duckdb.DuckDBPyConnection", query: str) -> Iterator[tuple[Any, ...]]:
    """A query's rows by position, in batches."""
    cursor = connection.cursor()
    # Two bins of different id spaces may have the same position.
    cursor.execute(f"FROM ({query}) ORDER BY ALL")
    while rows := cursor.fetchmany(ROWS):
        yield from rows
