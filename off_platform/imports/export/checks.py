"""The findings of an export's checks, all from the files as written.

`reading_back.py` names their columns as an import has them; the rules are those of the table
`products_export`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pandas as pd
import pandera.pandas as pa_pandera
from pandera.errors import SchemaErrors

from off_platform.imports.export.columns import unit_of
from off_platform.imports.export.files import NO_BARCODE, Exported, ExportedRows
from off_platform.imports.export.reading_back import field_of_nutrient, read_exported
from off_platform.imports.export.round_trip import reads_back
from off_platform.imports.records.identity import OWN_ID
from off_platform.imports.specification.characters import CONTROLS, URL
from off_platform.quality import SHAPE, Finding

BATCH_ROWS = 10_000
_NO_CODES = "SELECT NULL::VARCHAR AS code WHERE false"


def of_export(
    connection: duckdb.DuckDBPyConnection,
    rows: ExportedRows,
    made: Exported,
    folder: Path,
    scratch: Path,
) -> Mapping[str, Finding]:
    """The findings by rule.

    Args:
        connection: DuckDB that can read the rows.
        rows: what was exported.
        made: what was exported.
        folder: has the files.
        scratch: an empty folder, for the files as imports.
    """
    every = made.records + made.without_barcode
    pictures = made.pictures
    refused = pictures.left_out.total()
    found = {
        SHAPE: Finding(of=every),
        "all_exported": Finding(made.without_barcode, every),
        "in_files_once": _in_files_once(connection, rows.records, made, folder),
        "columns_valid": _columns_valid(connection, made, folder),
        "reads_back": reads_back(connection, rows, made, folder, scratch),
        "language_known": Finding(made.assumed, made.records),
        "pictures_accepted": Finding(refused, pictures.copied + refused),
    }
    if made.without_barcode:
        found["all_exported"].note = f"{made.without_barcode:,} of {every:,} are not: {NO_BARCODE}."
    if refused:
        by_number = sorted(pictures.left_out.items(), key=lambda each: (-each[1], each[0]))
        reasons = (f"{count:,} {reason}" for reason, count in by_number)
        found["pictures_accepted"].note = f"Left out: {'; '.join(reasons)}."
    return found


def _in_files_once(
    connection: duckdb.DuckDBPyConnection, records: str, made: Exported, folder: Path
) -> Finding:
    own = f"SELECT product AS code FROM {records} WHERE NOT starts_with(product, '{OWN_ID}')"
    files = (f"SELECT code FROM {read_exported(folder / name)}" for name in made.files)
    codes = " UNION ALL ".join(files) or _NO_CODES
    query = f"""SELECT code
        FROM (SELECT code, count(*) AS times FROM ({own}) GROUP BY code) AS own
        FULL JOIN (SELECT code, count(*) AS times FROM ({codes}) GROUP BY code) AS files
            USING (code)
        WHERE own.times IS DISTINCT FROM 1 OR files.times IS DISTINCT FROM 1 ORDER BY code"""
    broken = connection.execute(query).fetchall()
    found = Finding(of=made.records)
    found.add(len(broken), (code for (code,) in broken))
    return found


def export_schema(columns: list[str]) -> pa_pandera.DataFrameSchema:
    """What the importer accepts in the columns of an export; all are texts."""
    return pa_pandera.DataFrameSchema(
        {name: _column(name) for name in columns}, strict=True, checks=_units(columns)
    )


def _column(name: str) -> pa_pandera.Column:
    patterns = {"code": "[0-9]{8,}", "lc": "[a-z]{2}"}
    field, part = field_of_nutrient(name)
    if field and part == "unit":
        check = pa_pandera.Check.isin([unit_of(field)])
    elif field:
        check = _matches(r"[0-9]+(?:\.[0-9]+)?")
    elif name == "link" or "_url_" in name:
        check = _matches(URL)
    else:
        check = _matches(patterns.get(name, f"[^{CONTROLS}]+"))
    return pa_pandera.Column(str, check, nullable=name not in patterns)


def _matches(pattern: str) -> pa_pandera.Check:
    return pa_pandera.Check.str_matches(rf"^(?:{pattern})\Z")


def _units(columns: list[str]) -> list[pa_pandera.Check]:
    """A nutrient has a value and a unit, or neither; a record has a name in its language or any."""
    pairs: dict[str, list[str]] = {}
    for name in columns:
        if field := field_of_nutrient(name)[0]:
            pairs.setdefault(field, []).append(name)
    named = [name for name in columns if name.startswith("product_name_")]

    def paired(frame: pd.DataFrame) -> "pd.Series[bool]":
        holds = frame[named].notna().any(axis=1)
        for names in pairs.values():
            given = frame[names].notna()
            holds &= (len(names) == 2) & (given.all(axis=1) | ~given.any(axis=1))  # noqa: PLR2004
        return holds

    return [pa_pandera.Check(paired, ignore_na=False)]


def _columns_valid(connection: duckdb.DuckDBPyConnection, made: Exported, folder: Path) -> Finding:
    schema, found = export_schema(made.columns), Finding()
    for name in made.files:
        for frame in _frames(connection, folder / name):
            found.of += len(frame)
            try:
                schema.validate(frame, lazy=True)
            except SchemaErrors as errors:
                if "CHECK_ERROR" in errors.error_counts:
                    raise RuntimeError(f"a check of the export failed: {errors}") from errors
                rows = errors.failure_cases["index"].dropna().drop_duplicates()
                examples = [f"{name}: {frame['code'].get(row)}" for row in rows[:5]]
                found.add(max(len(rows), 1), examples)
    return found


def _frames(connection: duckdb.DuckDBPyConnection, file: Path) -> Iterator[pd.DataFrame]:
    for batch in connection.sql(f"FROM {read_exported(file)}").to_arrow_reader(BATCH_ROWS):
        yield batch.to_pandas().astype(object).where(lambda frame: frame.notna(), None)
