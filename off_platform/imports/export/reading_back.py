"""An exported file as an import again: its columns under the names of the specification.

What `validate` finds in it must be the records that were exported. The mapping follows the names in
the file alone, not the SQL that made it.
"""

import csv
import re
from pathlib import Path

import duckdb

from off_platform.imports.export.columns import (
    NAME_LANGUAGE,
    NUTRIENTS,
    OTHER_NAMES,
    PICTURE_URLS,
    nutrient,
)
from off_platform.imports.specification.fields import BY_NAME
from off_platform.storage.sql import file_literal, identifier, literal

_NUTRIENT = re.compile(
    r"(?:nutrition\.input_sets\.\w+\.as_sold\.100g\.nutrients\.)?([a-z0-9-]+)[._](value_string|value|unit)"
)
# DuckDB's own bound, and one that no record reaches.
_USUAL_LINE_BYTES = 2_000_000
_MOST_LINE_BYTES = 512 << 20
_FIELD_OF = {name: field for field, name in OTHER_NAMES.items()}
_FIELD_OF_NUTRIENT = {nutrient(field): field for field in NUTRIENTS}
_FIELD_OF_URL = {name: field for field, name in PICTURE_URLS.items()}


def read_exported(file: Path) -> str:
    """SQL of an exported file's rows, all as texts, to use after FROM."""
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in _header(file))
    # The texts of one record may have many megabytes.
    longest = min(max(file.stat().st_size, _USUAL_LINE_BYTES), _MOST_LINE_BYTES)
    return (
        f"read_csv({file_literal(file)}, delim = '\t', header = true, quote = '\"', "
        f"escape = '\"', new_line = '\\n', auto_detect = false, parallel = false, "
        f"max_line_size = {longest}, columns = {{{columns}}})"
    )


def _header(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as lines:
        return next(csv.reader(lines, delimiter="\t"))


def field_of_nutrient(column: str) -> tuple[str | None, str]:
    """The nutrient's field of a column and its part, `value` or `unit`; no field for others."""
    found = _NUTRIENT.fullmatch(column)
    if not found or found[1] not in _FIELD_OF_NUTRIENT:
        return None, ""
    return _FIELD_OF_NUTRIENT[found[1]], "unit" if found[2] == "unit" else "value"


def write_as_import(exported: Path, to: Path, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Writes an exported file as CSV with the columns of the specification.

    Args:
        exported: a file of an export.
        to: the file to write.
        connection: DuckDB.

    Returns:
        The columns of the exported file that have no field.
    """
    read = read_exported(exported)
    selected: dict[str, list[str]] = {}
    unknown = []
    for name in _header(exported):
        field, sql = _field_of(name)
        if field is None:
            unknown.append(name)
        elif sql:
            selected.setdefault(field, []).append(sql)
    columns = ", ".join(
        f"coalesce({', '.join(sql)}) AS {identifier(field)}" for field, sql in selected.items()
    )
    connection.execute(
        f"COPY (SELECT {columns} FROM {read}) TO {literal(str(to))} (FORMAT csv, HEADER)"
    ).fetchall()
    return unknown


def _field_of(name: str) -> tuple[str | None, str]:
    """The field of a column and the SQL of its text; no field if it is unknown."""
    text = identifier(name)
    if name == "code":
        return "gtin", text
    nutrient_field, part = field_of_nutrient(name)
    if nutrient_field:
        # A unit is that of the specification, and has no column of its own there.
        return nutrient_field, "" if part == "unit" else text
    if found := NAME_LANGUAGE.fullmatch(name):
        return _FIELD_OF_URL.get(found[1], name), text
    field = _FIELD_OF.get(name, name)
    if field == "countries":
        return field, f"replace({text}, 'en:', '')"
    return (field, text) if field in BY_NAME else (None, "")
