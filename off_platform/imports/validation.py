"""Validates an import: accepted records, quarantined records, findings.

Only the flow: `readers/` reads formats, `records/` interprets records, `whole_file/staging.py`
writes the tables. Memory does not grow with the file.
"""

import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.intake.joining import open_whole
from off_platform.imports.readers.batches import Batch, Found, Reader, SourceFile, UnreadableError
from off_platform.imports.readers.delimited.opening import likely_encoding
from off_platform.imports.readers.folder_files import not_read
from off_platform.imports.readers.opening import open_import, sha256_of, shown_name
from off_platform.imports.readers.reading_ahead import read_ahead
from off_platform.imports.readers.recognition.unpacking import unpacked
from off_platform.imports.records.columns import Columns, columns_of, demand_identifier
from off_platform.imports.records.findings import as_rows
from off_platform.imports.records.identity import given_identifiers, known_forms
from off_platform.imports.records.record import read_records
from off_platform.imports.specification.fields import BARCODES
from off_platform.imports.specification.rules import BY_ID
from off_platform.imports.specification.tables import FINDINGS, PRODUCTS_QUARANTINED
from off_platform.imports.values.explanation import Explanation
from off_platform.imports.whole_file import damage
from off_platform.imports.whole_file.duplicates import duplicates, quarantine
from off_platform.imports.whole_file.pictures import pictures_found
from off_platform.imports.whole_file.staging import Staging
from off_platform.imports.whole_file.surveys import Surveys
from off_platform.imports.whole_file.verdict import Verdict
from off_platform.storage.progress import Display, Tally
from off_platform.storage.threads import cores, in_order

BATCH_ROWS = 10_000
# Reading and writing have their own threads, for which more threads would wait.
MOST_THREADS = 4
# A file refused for these can still be examined for the cause.
SURVEYED_ANYWAY = ("not_utf8", "no_identifier_column")


def validate_import(
    path: Path,
    into: Path,
    *,
    now: float | None = None,
    display: Display | None = None,
    others: Sequence[Found] = (),
    sha256: str | None = None,
    threads: int | None = None,
) -> Verdict:
    """Checks a whole import and writes its tables.

    Args:
        path: the file, or a folder of files.
        into: an existing folder, which receives `accepted.parquet`, `quarantined.parquet` and
            `findings.parquet`, for every verdict.
        now: Unix seconds, for timestamps in the future; by default from the clock.
        display: where progress is shown.
        others: earlier findings on the whole import, such as files that were not stored.
        sha256: its SHA-256, if known; see `sha256_of`.
        threads: that check batches; by default one per core, up to 4. The tables do not depend on
            it.

    Returns:
        The verdict, also for an unreadable file.
    """
    began = time.monotonic()
    explanation = Explanation(int(time.time() if now is None else now))
    with Staging(into, others) as staging:
        verdict = Validation(path, staging, explanation, display, threads).run(sha256)
    verdict.seconds = time.monotonic() - began
    return verdict


class Validation:
    """One import in progress: read, checked by record, completed as a whole."""

    def __init__(
        self,
        path: Path,
        staging: Staging,
        explanation: Explanation,
        display: Display | None = None,
        threads: int | None = None,
    ) -> None:
        """Takes the file or folder, the folder of its tables, and the checks of texts."""
        self._path, self._staging = path, staging
        self._explanation, self._display = explanation, display
        self._threads = threads or min(cores(), MOST_THREADS)
        self._verdict = Verdict()
        self._columns, self._surveys = Columns(), Surveys()

    def run(self, sha256: str | None = None) -> Verdict:
        """Builds the tables, for every verdict; see `validate_import`."""
        try:
            sha256 = sha256 or sha256_of(self._path)
            reader = self._read_all(sha256)
            damaged = self._surveys.damaged(self._columns)
            if damaged:
                # Damage to all codes is only known now: they are checked again, as damaged.
                self._verdict = Verdict(reader.source)
                self._explanation = replace(self._explanation, damaged=damaged)
                reader = self._read_all(sha256)
            self._settle(reader)
        except UnreadableError as error:
            self._refuse(error)
        return self._verdict

    def _read_all(self, sha256: str) -> Reader:
        """Checks and writes every record; returns the reader."""
        reader = open_whole(self._path, self._staging.folder, sha256)
        self._verdict.source = reader.source
        self._columns, self._surveys = columns_of(reader), Surveys()
        tally = Tally(unit="records")
        with self._staging.writing(), closing(self._parts(reader)) as parts:
            for checked in in_order(_check, parts, self._threads):
                self._write(checked, reader.source)
                tally.done += checked.rows
                if self._display:
                    self._display.show(tally)
        # A file with only unreadable rows has no batch.
        demand_identifier(self._columns)
        return reader

    def _parts(self, reader: Reader) -> "Generator[_Part]":
        """The batches of the file; work that depends on earlier batches is done here."""
        columns = self._columns
        with closing(read_ahead(reader, BATCH_ROWS)) as read:
            for batch, found in read:
                if batch is not None:
                    self._columns.meet(batch.columns)
                    demand_identifier(self._columns, [each for each in found if each.row is None])
                    # In JSON, later batches may have more columns.
                    columns = self._columns.as_met()
                    self._surveys.add(batch, columns)
                yield _Part(batch, found, reader.source, columns, self._explanation)

    def _write(self, checked: "_Checked", source: SourceFile) -> None:
        """Writes a batch: accepted records, quarantined records and findings."""
        if checked.tables is None:
            self._write_lost_rows(checked.lost, source)
            return
        accepted, quarantined, findings = checked.tables
        self._staging.write(accepted, quarantined, findings)
        self._staging.write_products(checked.products)
        self._write_lost_rows(checked.lost, source)
        self._verdict.accepted += len(accepted)
        self._verdict.quarantined += len(quarantined)
        for counted in findings["rule"].value_counts().to_pylist():
            self._verdict.counts[counted["values"]] += counted["counts"]

    def _write_lost_rows(self, found: list[Found], source: SourceFile) -> None:
        """Writes rows that could not be read as records; they are quarantined, too."""
        lost: dict[int, list[str]] = {}
        for each in found:
            self._verdict.counts[each.rule] += 1
            if each.row is not None and BY_ID[each.rule].level == "error":
                lost.setdefault(each.row, []).append(each.rule)
        self._verdict.quarantined += len(lost)
        quarantined = _lost(lost)
        self._staging.write(
            quarantined.slice(0, 0), quarantined, as_rows(source.name, found, source)
        )

    def _settle(self, reader: Reader) -> None:
        """Completes the tables with duplicates and damage of the whole file."""
        # Arrow caches the memory of the batches; DuckDB has its own, and needs it now.
        pa.default_memory_pool().release_unused()
        staging, verdict = self._staging, self._verdict
        pictures = pictures_found(self._path, staging)
        others = [*staging.others, *not_read(self._path), *pictures]
        of_file = [*self._columns.found, *self._surveys.found(), *others]
        verdict.counts.update(each.rule for each in of_file)
        twice = staging.duplicates()
        if twice:
            verdict.counts["duplicate_product"] += twice
            again = open_whole(self._path, staging.folder).batches(BATCH_ROWS)
            staging.move(duplicates(reader, again, self._columns, staging.twice()))
        rows = as_rows(reader.source.name, of_file, reader.source)
        staging.settle(rows, damage.repair_query(of_file), moved=twice > 0)
        reader.put_places(staging.folder / FINDINGS)
        if twice:
            verdict.accepted, verdict.quarantined = staging.sizes()

    def _refuse(self, error: UnreadableError) -> None:
        """Handles a file without readable records; other findings on it are still reported."""
        found, verdict, staging = error.found, self._verdict, self._staging
        verdict.refused, verdict.accepted, verdict.quarantined = found, 0, 0
        # In a folder, the unreadable file; damage across files is not searched for.
        file = error.file or self._path
        of_file = [found, *error.others, *_damage_anyway(file, found, staging.folder)]
        others = [*staging.others, *not_read(self._path)]
        verdict.counts = Counter(each.rule for each in [*of_file, *others])
        with staging.writing():
            pass
        source = error.source or verdict.source
        rows = [as_rows(shown_name(file), of_file, source), as_rows(shown_name(self._path), others)]
        staging.settle(pa.concat_tables(rows), "", moved=False)


@dataclass(frozen=True, slots=True)
class _Part:
    """A batch, or the end of the file, with everything that checking it needs.

    Attributes:
        batch: None at the end.
        found: the reader's findings since the previous batch.
        source: facts about the file.
        columns: the columns up to this batch.
        explanation: the checks of texts.
    """

    batch: Batch | None
    found: list[Found]
    source: SourceFile
    columns: Columns
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class _Checked:
    """A checked part.

    Attributes:
        lost: findings on rows that are not records.
        tables: accepted records, quarantined records and findings; None without records.
        products: row and product of every record.
        rows: number of records.
    """

    lost: list[Found]
    tables: tuple[pa.Table, pa.Table, pa.Table] | None = None
    products: pa.Table | None = None
    rows: int = 0


def _check(part: _Part) -> _Checked:
    """Checks a batch; runs in several threads at once."""
    batch, columns = part.batch, part.columns
    if batch is None or not len(batch.rows):
        return _Checked(part.found)
    records = read_records(batch, columns, part.explanation)
    findings = records.findings
    lost = findings.adopt(part.found)
    broken = pa.array(findings.broken)
    identifiers = given_identifiers(batch, columns)
    forms = known_forms(records.table["product"], identifiers, findings.certain(BARCODES))
    tables = (
        records.table.filter(pc.invert(broken)),
        quarantine(batch, identifiers, forms, findings.rules_broken(), broken),
        findings.table(part.source, identifiers),
    )
    return _Checked(lost, tables, records.table.select(["row", "product"]), len(batch.rows))


def _lost(rows: dict[int, list[str]]) -> pa.Table:
    """Rows without a record for the quarantine, each with the rules that it breaks."""
    return pa.table(
        [
            pa.array(list(rows), pa.int64()),
            pa.nulls(len(rows), pa.string()),
            pa.nulls(len(rows), pa.string()),
            pa.array(list(rows.values()), pa.list_(pa.string())),
            pa.nulls(len(rows), pa.map_(pa.string(), pa.string())),
        ],
        schema=PRODUCTS_QUARANTINED.arrow,
    )


def _damage_anyway(path: Path, refused: Found, folder: Path) -> list[Found]:
    """Whole-file damage in the intended identifier column, in a file refused for another reason.

    The German Excel that turned 368 of 397 barcodes into 7,6223E+12 also wrote invalid UTF-8.
    """
    if refused.rule not in SURVEYED_ANYWAY:
        return []
    try:
        table = unpacked(path, folder)
        encoding = likely_encoding(table) if refused.rule == "not_utf8" else None
        reader = open_import(table, encoding=encoding) if encoding else open_whole(path, folder)
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
        # The reason for the refusal has been reported.
        return []
    return survey.found() if survey else []
