"""The set that predictions are about: found by its name in the lake, or as a folder.

Its manifest is read, and the table of labels beside it, if there is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from off_platform.image_sets.declaration.how import stratified_by
from off_platform.image_sets.declaration.names import NAME
from off_platform.image_sets.files.set_files import LABELS_TABLE
from off_platform.image_sets.manifest import COLUMNS
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import BIN_IMAGE_SETS, IMAGE_SETS, MANIFEST
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.sql import file_literal, identifier
from off_platform.words import escaped

QUANTITY = "expected_quantity"
"""The label of bins."""

_FOLDERS = {"images": IMAGE_SETS, "bins": BIN_IMAGE_SETS}
_NEEDED = ("position", "sample", "kind", "status")
_OF_OBJECTS = frozenset(column.name for column in COLUMNS)


class UnusableSetError(ValueError):
    """There is no such set, or it has no such label or split; the message names those it has."""


@dataclass(frozen=True)
class LabelledSet:
    """A set with labels, to compare predictions with.

    Attributes:
        name: its name, or its folder.
        is_of_bins: whether its photos are of bins.
        rows: SQL of its manifest, to use after FROM.
        columns: DuckDB's type of each column of the manifest.
        stratify: the label by which its splits are stratified, if they are.
    """

    name: str
    is_of_bins: bool
    rows: str
    columns: Mapping[str, str]
    stratify: str | None = None

    @property
    def labels(self) -> list[str]:
        """The columns that describe samples, not objects."""
        return [name for name in self.columns if name not in _OF_OBJECTS]

    def label(self, asked: str | None) -> str:
        """The label asked for, or the obvious one.

        Raises:
            UnusableSetError: there is none.
        """
        usual = (QUANTITY, self.stratify, "category")
        found = next((name for name in usual if name in self.labels), None)
        if asked in self.columns:
            return str(asked)
        has = f"its labels are {', '.join(self.labels)}" if self.labels else "it has no labels"
        if asked is not None:
            raise UnusableSetError(f"{self.name} has no label {asked!r}; {has}.")
        if found is None and len(self.labels) == 1:
            return self.labels[0]
        if found is None:
            raise UnusableSetError(f"{self.name}: name the label with --label; {has}.")
        return found


def labelled_set(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    text: str,
    wing: str | None = None,
) -> LabelledSet:
    """The set of a name in the lake, or of a folder; a name goes first.

    Args:
        lake: where built sets are.
        connection: DuckDB that can read the lake.
        text: name or folder.
        wing: `images` or `bins`, if both have a set of the name.

    Raises:
        UnusableSetError: there is none, or there are two.
    """
    wings = [wing] if wing else list(_FOLDERS)
    places = {each: lake.root.below(f"{_FOLDERS[each]}/{text}") for each in wings if _is_name(text)}
    found = {each: folder for each, folder in places.items() if folder.exists(MANIFEST)}
    if len(found) > 1:
        raise UnusableSetError(
            f"There are two sets {text}: give --wing images or --wing bins, or name the folder."
        )
    for folder in found.values():
        return _opened(connection, text, folder)
    if (Path(text) / MANIFEST).is_file():
        return _opened(connection, text, LocalFolder(Path(text)))
    built = sorted({name for each in wings for name in _built(lake, each)})
    raise UnusableSetError(
        f"There is no image set {text!r}: it is neither a folder with a {MANIFEST} nor a set in "
        f"the lake {lake.url}, which has {', '.join(built) or 'none'}."
    )


def _is_name(text: str) -> bool:
    return NAME.fullmatch(text) is not None


def _built(lake: Lake, wing: str) -> list[str]:
    folder = _FOLDERS[wing]
    return [
        name
        for name in lake.root.folders(folder)
        if lake.root.exists(f"{folder}/{name}/{MANIFEST}")
    ]


def _opened(connection: duckdb.DuckDBPyConnection, name: str, folder: Folder) -> LabelledSet:
    path = folder.address(MANIFEST)
    rows = f"read_parquet([{file_literal(path)}], hive_partitioning = false)"
    try:
        columns = _columns(connection, rows)
        if folder.exists(LABELS_TABLE):
            rows = _with_labels(connection, rows, columns, folder.address(LABELS_TABLE))
            columns = _columns(connection, rows)
        missing = [column for column in _NEEDED if column not in columns]
        if missing:
            raise UnusableSetError(
                f"{path} is not the manifest of an image set: it has no column {missing[0]}."
            )
        division = "any_value(division)" if "division" in columns else "NULL"
        ((is_of_bins, division),) = connection.execute(
            f"SELECT coalesce(bool_or(kind = 'metadata'), false), {division} FROM {rows}"
        ).fetchall()
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        raise UnusableSetError(f"{path} cannot be read: {escaped(first)}.") from error
    stratify = stratified_by(str(division)) if division else None
    return LabelledSet(name, is_of_bins, rows, columns, stratify)


def _columns(connection: duckdb.DuckDBPyConnection, rows: str) -> dict[str, str]:
    found = connection.execute(f"DESCRIBE FROM {rows}").fetchall()
    return {str(column): str(kind) for column, kind, *_ in found}


def _with_labels(
    connection: duckdb.DuckDBPyConnection, rows: str, columns: Mapping[str, str], table: str
) -> str:
    """The manifest's rows with the labels that only a table beside it has."""
    labels = f"read_parquet([{file_literal(table)}], hive_partitioning = false)"
    added = [name for name in _columns(connection, labels) if name not in {*columns, "id"}]
    shown = "".join(f", l.{identifier(name)}" for name in added)
    return f"(SELECT m.*{shown} FROM {rows} AS m LEFT JOIN {labels} AS l ON l.id = m.sample)"
