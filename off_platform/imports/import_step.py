"""What the steps of this wing's assets do, and what they report.

The work is in `importing.py`, `comparison/` and `export/`; `batch.py` makes many imports in one
run.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from off_platform.asset_checks import check_results
from off_platform.imports import checks, importing, previews
from off_platform.imports.comparison import making as comparison
from off_platform.imports.export import making as export
from off_platform.imports.export.options import ExportOptions
from off_platform.imports.specification.tables import (
    PRODUCTS_ACCEPTED,
    PRODUCTS_COMPARED,
    PRODUCTS_EXPORT,
    PRODUCTS_IMPORTED,
    PRODUCTS_QUARANTINED,
    STAGED,
)
from off_platform.quality import Finding, Table
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.progress import LogDisplay
from off_platform.table_assets import Evaluated


@dataclass(frozen=True)
class ImportStep:
    """The step of an import, or of what is made of the newest records of all imports.

    Attributes:
        lake: with the originals and tables.
        connect: opens DuckDB over the lake.
        settings: of the platform.
        key: of the import; empty for all.
        display: shows progress.
    """

    lake: Lake
    connect: importing.Connect
    settings: Settings
    key: str
    display: LogDisplay

    def store(self, path: str | None) -> "dg.MaterializeResult[Any]":
        """Stores the file in the lake, unless it is already there."""
        taken = importing.store_import(self.lake, self.connect, self.settings, self.key, path)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(previews.version_of(taken)),
            metadata=previews.facts_of_import(taken, self.lake),
        )

    def validate(self) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetObservation]":
        """Checks every record; an older import of which records were settled is observed."""
        done = importing.import_stored(self.lake, self.connect, self.key, self.display)
        yield dg.MaterializeResult(asset_key="import_report", metadata=done.report)
        for table, _ in reversed(STAGED):
            findings = done.findings if table is PRODUCTS_ACCEPTED else {}
            yield _made(table, done.tables[table.name], findings)
        for older, metadata in done.older:
            yield dg.AssetObservation(PRODUCTS_QUARANTINED.name, partition=older, metadata=metadata)

    def newest(self) -> "dg.MaterializeResult[Any]":
        """Takes the record of the newest import of each product, and counts its photos."""
        return _made(PRODUCTS_IMPORTED, *importing.newest_products(self.lake, self.connect))

    def compare(self) -> "dg.MaterializeResult[Any]":
        """Compares each record with the configured dump; without one, only says so."""
        metadata, found = comparison.make_products_compared(
            self.lake, self.connect, self.settings, self.display
        )
        return _made(PRODUCTS_COMPARED, metadata, found)

    def export(self, options: ExportOptions) -> "dg.MaterializeResult[Any]":
        """Writes the newest accepted records as files, and reads them back."""
        metadata, found, _ = export.export_to_lake(self.lake, self.connect, options)
        return _made(PRODUCTS_EXPORT, metadata, found)

    def stored(self, assets: Collection[str]) -> Evaluated:
        """The findings on assets, in what is stored."""
        for table in (PRODUCTS_ACCEPTED, PRODUCTS_IMPORTED, PRODUCTS_COMPARED, PRODUCTS_EXPORT):
            if table.name in assets:
                yield table, table.name, self._findings(table)

    def _findings(self, table: Table) -> Mapping[str, Finding]:
        if table is PRODUCTS_ACCEPTED:
            return importing.stored_findings(self.lake, self.connect, self.key)
        if table is PRODUCTS_COMPARED:
            return comparison.stored_findings(self.lake, self.connect, self.settings)
        if table is PRODUCTS_EXPORT:
            return export.stored_findings(self.lake, self.connect)
        with self.connect() as connection:
            return checks.of_imported(connection, self.lake.rows_of(PRODUCTS_IMPORTED.name))


def _made(
    table: Table, metadata: Mapping[str, Any], findings: Mapping[str, Finding]
) -> "dg.MaterializeResult[Any]":
    results = check_results(table, table.name, findings)
    return dg.MaterializeResult(asset_key=table.name, metadata=metadata, check_results=results)
