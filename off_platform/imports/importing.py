"""What an import is made of: its original in the lake, then tables, files and what the UI shows.

Plain values come out, so that stored files can also be validated in other processes. `assets.py`
reports a single import to Dagster, `batch.py` many in one run.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from duckdb import InterruptException

from off_platform.imports import checks, previews
from off_platform.imports.intake.allowed import demand_allowed
from off_platform.imports.intake.inbox import fetched
from off_platform.imports.intake.originals import (
    StoredImport,
    not_kept,
    original,
    put_refusals,
    record,
    store_original,
)
from off_platform.imports.outputs import files as output_files
from off_platform.imports.products_imported import make_products_imported
from off_platform.imports.specification.tables import (
    IMPORT,
    PRODUCTS_ACCEPTED,
    PRODUCTS_IMPORTED,
    PRODUCTS_QUARANTINED,
    STAGED,
)
from off_platform.imports.specification.views import DERIVED
from off_platform.imports.validation import validate_import
from off_platform.imports.whole_file.stored_verdict import stored_verdict
from off_platform.imports.whole_file.verdict import Verdict
from off_platform.previews import table_preview
from off_platform.quality import Finding
from off_platform.resources import inbox_source
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.locks import FolderInUseError
from off_platform.storage.objects import Access
from off_platform.storage.progress import Display

if TYPE_CHECKING:
    import duckdb

Connect = Callable[[], AbstractContextManager["duckdb.DuckDBPyConnection"]]
Metadata = dict[str, Any]
MOST_REASON = 500


@dataclass(frozen=True)
class Imported:
    """A validated import, as it is reported.

    Attributes:
        key: its partition.
        report: metadata of `import_report`.
        tables: metadata of each of its tables, by name.
        findings: of the checks of `products_accepted`.
        older: older imports of which it settled records, with the metadata of their observation.
    """

    key: str
    report: Metadata
    tables: dict[str, Metadata]
    findings: Mapping[str, Finding]
    older: list[tuple[str, Metadata]]


@dataclass(frozen=True)
class NotImported:
    """An import that could not be stored or validated.

    Attributes:
        key: its partition.
        reason: in a sentence.
        is_busy: whether another run is importing it.
        details: the traceback of an unexpected error; else empty.
    """

    key: str
    reason: str
    is_busy: bool = False
    details: str = ""

    @classmethod
    def because(cls, key: str, error: Exception) -> "NotImported":
        """The import of this key, with the reason taken from the error."""
        said = str(error).strip().split("\n", 1)[0][:MOST_REASON]
        if isinstance(error, OSError) or type(error).__module__.startswith("off_platform."):
            return cls(key, said or type(error).__name__, isinstance(error, FolderInUseError))
        details = "".join(traceback.format_exception(error))
        return cls(key, f"{type(error).__name__}: {said}", details=details)


@dataclass(frozen=True)
class Site:
    """Where imports are made; plain values, for other processes.

    Attributes:
        url: of the lake.
        access: to a lake on S3.
        memory: memory limit of DuckDB.
        threads: of DuckDB.
        run: the Dagster run.
    """

    url: str
    access: Access
    memory: str
    threads: int
    run: str

    def open(self) -> tuple[Lake, Connect]:
        """The lake, and what opens DuckDB over it."""
        lake = Lake(self.url, self.access, DERIVED, self.run)
        return lake, partial(lake.connect, self.memory, self.threads)


def store_at(site: Site, settings: Settings, file: tuple[str, str]) -> StoredImport | NotImported:
    """`store_import` of an import and its location; an error is returned."""
    key, place = file
    try:
        return store_import(*site.open(), settings, key, place)
    except InterruptException:
        raise
    except Exception as error:  # noqa: BLE001 - it must not stop other imports; it is reported
        return NotImported.because(key, error)


def import_at(site: Site, keys: Sequence[str]) -> list[Imported | NotImported]:
    """`import_stored` of several imports; an error of one is returned.

    What does not depend on the file is done once for all of them.
    """
    lake, connect = site.open()
    made: list[_Made] = []
    failed: list[Imported | NotImported] = []
    with ExitStack() as held:
        with lake.views_at_end():
            for key in keys:
                try:
                    # Others are imported meanwhile.
                    made.append(held.enter_context(_made(lake, key, patience=0)))
                except InterruptException:
                    raise
                except Exception as error:  # noqa: BLE001 - it must not stop others; it is reported
                    failed.append(NotImported.because(key, error))
        return [*failed, *_each_described(lake, connect, made)]


def _each_described(
    lake: Lake, connect: Connect, made: Sequence["_Made"]
) -> list[Imported | NotImported]:
    """`_described`, together; one by one if that fails, to know which import is the cause."""
    try:
        return [*_described(lake, connect, made)]
    except InterruptException:
        raise
    except Exception as error:  # noqa: BLE001 - it must not stop other imports; it is reported
        if len(made) == 1:
            return [NotImported.because(made[0].key, error)]
    return [done for each in made for done in _each_described(lake, connect, [each])]


def store_import(
    lake: Lake, connect: Connect, settings: Settings, key: str, place: str | None
) -> StoredImport:
    """Stores a file or folder in the lake, unless it is already there, and writes its facts.

    Args:
        lake: where it is stored.
        connect: opens DuckDB over the lake.
        settings: the inbox, and which other folders may be read.
        key: of the import.
        place: its location; None if it is in the lake.

    Raises:
        off_platform.imports.intake.allowed.NotAllowedError: the place may not be read.
        off_platform.imports.intake.originals.OtherFileError: the file does not match the key.
        off_platform.imports.intake.originals.NotStoredError: it is not in the lake either.
        OSError: it cannot be read, or the lake cannot be written.
    """
    sha256 = ""
    if place:
        within = demand_allowed(place, settings.inbox, settings.import_folders)
        with fetched(place, inbox_source(settings)) as path:
            sha256 = store_original(lake, path, key, within=within)
    with connect() as connection:
        return record(lake, key, connection, sha256=sha256)


def import_stored(
    lake: Lake,
    connect: Connect,
    key: str,
    display: Display | None = None,
    patience: float | None = None,
) -> Imported:
    """Validates a stored import, and writes its tables, report, findings and corrected copy.

    Args:
        lake: in which it is stored.
        connect: opens DuckDB over the lake.
        key: of the import.
        display: where progress is shown.
        patience: seconds to wait for another run that validates it, see `Lake.locked`.

    Raises:
        off_platform.imports.intake.originals.NotStoredError: it is not in the lake.
        off_platform.storage.locks.FolderInUseError: another run validates it.
    """
    with _made(lake, key, display, patience) as made:
        (done,) = _described(lake, connect, [made])
        return done


@dataclass(frozen=True)
class _Made:
    """An import whose tables and files are in the lake.

    Attributes:
        key: its partition.
        verdict: of its validation.
        written: names of its files, and notes on the corrected copy.
        rows: of each of its tables, by name.
    """

    key: str
    verdict: Verdict
    written: tuple[list[str], list[str]]
    rows: dict[str, int]

    @property
    def refused(self) -> str:
        """Why the file was refused as a whole; empty if it was not."""
        return self.verdict.refused.message if self.verdict.refused else ""


@contextmanager
def _made(
    lake: Lake, key: str, display: Display | None = None, patience: float | None = None
) -> Iterator[_Made]:
    """Makes the tables and files of an import, which is locked during the `with` block."""
    partition = (IMPORT, key)
    with lake.locked(PRODUCTS_ACCEPTED.name, partition, patience):
        with original(lake, key) as (path, sha256), lake.root.scratch() as made:
            others = not_kept(lake, key)
            verdict = validate_import(path, made, display=display, others=others, sha256=sha256)
            written = output_files.write_files(lake, key, path, made, verdict)
            rows = {
                table.name: lake.replace(table.name, partition, table.arrow, (made / file).replace)
                for table, file in STAGED
            }
        yield _Made(key, verdict, written, rows)


def _described(lake: Lake, connect: Connect, made: Sequence[_Made]) -> Iterator[Imported]:
    """What is reported of imports, from their tables in the lake."""
    if not made:
        return
    with connect() as connection:
        put_refusals(lake, connection, {each.key: each.refused for each in made})
        rows_of = {
            each.key: [lake.rows_of(table.name, (IMPORT, each.key)) for table, _ in STAGED]
            for each in made
        }
        states = previews.states_of(connection, lake)
        previews.first_quarantined(connection, lake, rows_of)
        broken = checks.enforced_in(connection, [accepted for accepted, *_ in rows_of.values()])
        for each, broken_in in zip(made, broken, strict=True):
            key, (accepted, _, findings) = each.key, rows_of[each.key]
            tables = {
                table.name: previews.of_table(
                    connection, lake, table, (IMPORT, key), each.rows[table.name]
                )
                for table, _ in STAGED
            }
            tables[PRODUCTS_QUARANTINED.name] |= previews.quarantined(states, key)
            yield Imported(
                key,
                previews.report(connection, findings, each.verdict, lake, key, each.written),
                tables,
                checks.of_accepted(connection, accepted, findings, each.verdict, broken_in),
                previews.of_older(states, key),
            )


def stored_findings(lake: Lake, connect: Connect, key: str) -> Mapping[str, Finding]:
    """The findings of the checks of `products_accepted`, from an import's tables.

    Args:
        lake: in which they are.
        connect: opens DuckDB over the lake.
        key: of the import.

    Raises:
        off_platform.storage.lake.NoSuchTableError: it was not validated.
    """
    partition = (IMPORT, key)
    with connect() as connection:
        accepted, _, findings = (lake.rows_of(table.name, partition) for table, _ in STAGED)
        verdict = stored_verdict(connection, lake, key)
        return checks.of_accepted(connection, accepted, findings, verdict)


def newest_products(lake: Lake, connect: Connect) -> tuple[Metadata, Mapping[str, Finding]]:
    """Builds `products_imported`; returns its metadata, and the findings of its checks."""
    with connect() as connection:
        number = make_products_imported(lake, connection)
        rows = lake.rows_of(PRODUCTS_IMPORTED.name)
        metadata = {
            "dagster/row_count": number,
            "imports": len(lake.partitions(PRODUCTS_ACCEPTED.name)),
            **previews.open_in_quarantine(connection, lake),
            "preview": table_preview(connection, f"FROM {rows}"),
            "path": previews.path(lake.address(PRODUCTS_IMPORTED.name)),
        }
        return metadata, checks.of_imported(connection, rows)
