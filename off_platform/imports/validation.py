"""A file that somebody hands in -> accepted records, quarantined records, findings.

The flow alone: formats are read in `readers/`, records in `records.py`; the tables are written in
`staging.py`. Memory does not grow with the file.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from off_platform.imports.intake.joining import open_whole
from off_platform.imports.readers.batches import Batch, Found, Reader, Source, UnreadableError
from off_platform.imports.readers.delimited.opening import likely_encoding
from off_platform.imports.readers.folder_files import not_read
from off_platform.imports.readers.opening import open_import, sha256_of, shown_name
from off_platform.imports.readers.reading_ahead import read_ahead
from off_platform.imports.records.columns import Columns, columns_of, demand_identifier
from off_platform.imports.records.explanation import Explanation
from off_platform.imports.records.findings import as_rows
from off_platform.imports.records.identity import as_they_stand, known_forms
from off_platform.imports.records.record import Records, read_records
from off_platform.imports.specification.fields import BARCODES
from off_platform.imports.specification.rules import BY_ID
from off_platform.imports.specification.tables import FINDINGS, PRODUCTS_QUARANTINED
from off_platform.imports.whole_file import damage
from off_platform.imports.whole_file.duplicates import duplicates, quarantine
from off_platform.imports.whole_file.pictures import pictures_found
from off_platform.imports.whole_file.staging import Staging, connected
from off_platform.imports.whole_file.surveys import Surveys
from off_platform.storage.progress import Display, Tally

if TYPE_CHECKING:
    import duckdb

BATCH_ROWS = 25_000
# Refused for these, a file can still be looked at for what spoilt it.
SURVEYED_ANYWAY = ("not_utf8", "no_identifier_column")


@dataclass(slots=True)
class Verdict:
    """What became of a file.

    Attributes:
        source: what it is; None when it could not even be recognised.
        refused: why no record could be looked at; None when they were.
        accepted: records that may pass.
        quarantined: records that may not.
        counts: findings, by rule.
        seconds: how long it took.
    """

    source: Source | None = None
    refused: Found | None = None
    accepted: int = 0
    quarantined: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def records(self) -> int:
        """All records that were looked at."""
        return self.accepted + self.quarantined

    def forget_records(self) -> None:
        """Begins again, before the file is read once more."""
        self.accepted = self.quarantined = 0
        self.counts.clear()

    def count(self, level: str) -> int:
        """Findings of a level."""
        return sum(count for rule, count in self.counts.items() if BY_ID[rule].level == level)


def validate_import(
    path: Path,
    into: Path,
    *,
    now: float | None = None,
    display: Display | None = None,
    beside: Sequence[Found] = (),
    sha256: str | None = None,
) -> Verdict:
    """Looks at a whole import and writes its tables.

    Args:
        path: the file, or a folder of files.
        into: a folder that is there; `accepted.parquet`, `quarantined.parquet` and
            `findings.parquet` are put there, whatever the verdict.
        now: Unix seconds, for timestamps in the future; the clock's by default.
        display: where progress is shown.
        beside: what was found of the whole import before, such as files that were not kept.
        sha256: of it, where that is known; see `sha256_of`.

    Returns:
        The verdict. That a file cannot be read is one, too.
    """
    began = time.monotonic()
    staging, verdict = Staging(into, beside), Verdict()
    explanation = Explanation(int(time.time() if now is None else now))
    with connected(into) as connection:
        try:
            reader = open_whole(path, into, sha256 or sha256_of(path))
            verdict.source = reader.source
            _validate(reader, path, staging, verdict, connection, explanation, display)
        except UnreadableError as error:
            _refuse(path, error, staging, verdict, connection)
    verdict.seconds = time.monotonic() - began
    return verdict


def _validate(
    reader: Reader,
    path: Path,
    staging: Staging,
    verdict: Verdict,
    connection: "duckdb.DuckDBPyConnection",
    explanation: Explanation,
    display: Display | None,
) -> None:
    columns = columns_of(reader)
    surveys = Surveys()
    tally = Tally(unit="records")
    with staging.writing():
        for batch, found in read_ahead(reader, BATCH_ROWS):
            if batch is not None:
                columns.meet(batch.columns)
                demand_identifier(columns, [each for each in found if each.row is None])
            if batch is None or not len(batch.rows):
                staging.write(*_of_lost_rows(found, reader.source, verdict))
                continue
            records = read_records(batch, columns, explanation)
            late = records.findings.adopt(found)
            surveys.add(batch, columns)
            _stage(batch, records, late, reader.source, columns, staging, verdict)
            tally.done += len(batch.rows)
            if display:
                display.show(tally)
    # A file of nothing but rows that cannot be read has no batch.
    demand_identifier(columns)
    damaged = surveys.damaged(columns)
    if damaged and not explanation.damaged:
        # What all codes together tell is known only now: they are looked at again, as damaged.
        verdict.forget_records()
        again = open_whole(path, staging.folder, reader.source.sha256)
        knowing = replace(explanation, damaged=damaged)
        _validate(again, path, staging, verdict, connection, knowing, display)
        return
    _settle(reader, path, staging, verdict, connection, columns, surveys)


def _stage(
    batch: Batch,
    records: Records,
    late: list[Found],
    source: Source,
    columns: Columns,
    staging: Staging,
    verdict: Verdict,
) -> None:
    """Writes a batch: accepted records, rejected records and findings."""
    findings = records.findings
    broken = pa.array(findings.broken)
    passing = pa.array(~findings.broken)
    stands = as_they_stand(batch, columns)
    forms = known_forms(records.table["product"], stands, findings.certain(BARCODES))
    quarantined = quarantine(batch, stands, forms, findings.rules_broken(), broken)
    found = findings.table(source, stands)
    staging.write(records.table.filter(passing), quarantined, found)
    staging.write_products(records.table)
    staging.write(*_of_lost_rows(late, source, verdict))
    verdict.accepted += int(passing.true_count)
    verdict.quarantined += int(broken.true_count)
    for counted in found["rule"].value_counts().to_pylist():
        verdict.counts[counted["values"]] += counted["counts"]


def _of_lost_rows(
    found: list[Found], source: Source, verdict: Verdict
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Rows that could not be read as records at all; they are quarantined, too."""
    lost: dict[int, list[str]] = {}
    for each in found:
        verdict.counts[each.rule] += 1
        if each.row is not None and BY_ID[each.rule].level == "error":
            lost.setdefault(each.row, []).append(each.rule)
    verdict.quarantined += len(lost)
    quarantined = pa.table(
        [
            pa.array(list(lost), pa.int64()),
            pa.nulls(len(lost), pa.string()),
            pa.nulls(len(lost), pa.string()),
            pa.array(list(lost.values()), pa.list_(pa.string())),
            pa.nulls(len(lost), pa.map_(pa.string(), pa.string())),
        ],
        schema=PRODUCTS_QUARANTINED.arrow,
    )
    return quarantined.slice(0, 0), quarantined, as_rows(source.name, found, source)


def _settle(
    reader: Reader,
    path: Path,
    staging: Staging,
    verdict: Verdict,
    connection: "duckdb.DuckDBPyConnection",
    columns: Columns,
    surveys: Surveys,
) -> None:
    """What shows only once all records were seen: duplicates, and damage of the whole file."""
    # Arrow keeps what the batches took; DuckDB has a memory of its own, and needs it now.
    pa.default_memory_pool().release_unused()
    beside = [*staging.beside, *not_read(path), *pictures_found(path, staging, connection)]
    of_file = [*columns.found, *surveys.found(), *beside]
    verdict.counts.update(each.rule for each in of_file)
    twice = staging.duplicates(connection)
    moved = twice > 0
    if moved:
        verdict.counts["duplicate_product"] += twice
        again = open_whole(path, staging.folder).batches(BATCH_ROWS)
        staging.move(duplicates(reader, again, columns, staging.twice()))
    rows = as_rows(reader.source.name, of_file, reader.source)
    staging.settle(connection, rows, damage.repair_query(of_file), moved=moved)
    reader.put_places(staging.folder / FINDINGS)
    if moved:
        verdict.accepted, verdict.quarantined = staging.sizes()


def _refuse(
    path: Path,
    error: UnreadableError,
    staging: Staging,
    verdict: Verdict,
    connection: "duckdb.DuckDBPyConnection",
) -> None:
    """A file of which no record can be read; what is known about it is still reported."""
    found = error.found
    verdict.refused, verdict.accepted, verdict.quarantined = found, 0, 0
    # Of a folder, the file that is meant; damage across its files is not looked for.
    file = error.file or path
    of_file = [found, *error.beside, *_damage_anyway(file, found, staging.folder)]
    beside = [*staging.beside, *not_read(path)]
    verdict.counts = Counter(each.rule for each in [*of_file, *beside])
    with staging.writing():
        pass
    source = error.source or verdict.source
    rows = [as_rows(shown_name(file), of_file, source), as_rows(shown_name(path), beside)]
    staging.settle(connection, pa.concat_tables(rows), "", moved=False)


def _damage_anyway(path: Path, refused: Found, folder: Path) -> list[Found]:
    """Whole-file damage in the column that was meant as identifier, whatever else is wrong.

    The German Excel that turned 368 of 397 barcodes into 7,6223E+12 wrote invalid UTF-8 besides.
    """
    if refused.rule not in SURVEYED_ANYWAY:
        return []
    try:
        encoding = likely_encoding(path) if refused.rule == "not_utf8" else None
        reader = open_import(path, encoding=encoding) if encoding else open_whole(path, folder)
        columns = Columns()
        survey: damage.IdentifierSurvey | None = None
        for batch in reader.batches(BATCH_ROWS):
            columns.meet(batch.columns)
            meant = next(iter(columns.identifiers), None) or columns.meant_as_identifier()
            if meant is None:
                return []
            survey = survey or damage.IdentifierSurvey(meant)
            if survey.column in batch.columns:
                survey.add(batch.columns[survey.column])
    except UnreadableError:
        # What it is refused for has been said.
        return []
    return survey.found() if survey else []
