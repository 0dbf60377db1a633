"""What an import is made of: its original in the lake, then tables, files and what the UI shows.

Plain values come out, so that stored files can also be validated in other processes. `assets.py`
reports a single import to Dagster, `batch.py` many in one run.
"""

import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from duckdb import InterruptException

from off_platform.imports import checks, previews
from off_platform.imports.comparison.making import make_products_compared
from off_platform.imports.export.files import ExportOptions
from off_platform.imports.export.making import export_to_lake
from off_platform.imports.intake.allowed import demand_allowed
from off_platform.imports.intake.inbox import fetched
from off_platform.imports.intake.originals import (
    StoredImport,
    not_kept,
    original,
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

__all__ = [
    "ExportOptions",
    "export_to_lake",
    "import_stored",
    "make_products_compared",
    "newest_products",
]

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
        """From the error."""
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


def import_at(site: Site, key: str) -> Imported | NotImported:
    """`import_stored`; an error is returned."""
    try:
        # Others are imported meanwhile.
        return import_stored(*site.open(), key, patience=0)
    except InterruptException:
        raise
    except Exception as error:  # noqa: BLE001 - it must not stop other imports; it is reported
        return NotImported.because(key, error)


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
        demand_allowed(place, settings.inbox, settings.import_folders)
        with fetched(place, inbox_source(settings)) as path:
            sha256 = store_original(lake, path, key)
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
    partition = (IMPORT, key)
    with (
        original(lake, key) as (path, sha256),
        lake.locked(PRODUCTS_ACCEPTED.name, partition, patience),
    ):
        with lake.root.scratch() as made:
            others = not_kept(lake, key)
            verdict = validate_import(path, made, display=display, others=others, sha256=sha256)
            written = output_files.write_files(lake, key, path, made, verdict)
            for table, file in STAGED:
                lake.replace(table.name, partition, table.arrow, (made / file).replace)
        with connect() as connection:
            accepted, _, findings = (lake.rows_of(table.name, partition) for table, _ in STAGED)
            states = previews.states_of(connection, lake)
            tables = {
                table.name: previews.of_table(connection, lake, table, partition)
                for table, _ in STAGED
            }
            tables[PRODUCTS_QUARANTINED.name] |= previews.quarantined(states, key)
            return Imported(
                key,
                previews.report(connection, findings, verdict, lake, key, written),
                tables,
                checks.of_accepted(connection, accepted, findings, verdict),
                previews.of_older(states, key),
            )


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
