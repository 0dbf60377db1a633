"""Generates a lake of many months, imports and sets: `python -m benchmarks.status_lake FOLDER`.

Months are made by the platform from small key lists. The tables of imports and the manifests of
sets are written as they are, with few rows each: their number is what takes time.
"""

import gzip
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.image_sets.manifest import manifest_table
from off_platform.images.keys import KEY_LIST, key
from off_platform.images.monthly import compare_month, index_month
from off_platform.images.months import file_month
from off_platform.images.sync import Bounds, SyncRequest, sync_month
from off_platform.imports.products_imported import make_products_imported
from off_platform.imports.specification.tables import (
    IMPORT,
    IMPORTS,
    PRODUCTS_ACCEPTED,
    PRODUCTS_QUARANTINED,
)
from off_platform.quality import Table
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import IMAGE_SETS, MANIFEST
from off_platform.storage.objects import Source

MONTHS, IMPORTS_MADE, SETS = 24, 2_000, 5
PRODUCTS_A_MONTH, SET_OBJECTS, RECORDS = 200, 10_000, 3
# Of every so many imports, one has a record in quarantine.
QUARANTINED_EVERY = 10
_UNPACKED_MOST = 2**30


def make(folder: Path) -> None:
    """Makes the lake, up to the current month."""
    lake = Lake(str(folder))
    _make_months(lake, folder.parent / "bucket")
    for number in range(IMPORTS_MADE):
        _make_import(lake, number)
    with lake.connect() as connection:
        make_products_imported(lake, connection)
    for number in range(SETS):
        _make_set(folder / IMAGE_SETS / f"set_{number}")


def _make_months(lake: Lake, bucket: Path) -> None:
    today = datetime.now(UTC).date()
    last = today.year * 12 + today.month - 1
    with lake.connect() as connection:
        for number, at in enumerate(range(last - MONTHS + 1, last + 1), 1):
            month = date(at // 12, at % 12 + 1, 1).isoformat()
            lines = sorted(
                key(f"{3_000_000_000_000 + product}", 1, kind).encode()
                for product in range(number * PRODUCTS_A_MONTH)
                for kind in ("raw", "400", "ocr")
            )
            path = bucket / KEY_LIST
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(b"\n".join(lines), 1))
            asked = SyncRequest(month, today=date.fromisoformat(month))
            sync_month(lake, Source(str(bucket)), asked, connection, Bounds(_UNPACKED_MOST, 1, 1))
            index_month(lake, month, connection, _UNPACKED_MOST)
            compare_month(lake, month, connection)
            file_month(lake, month, connection)


def _make_import(lake: Lake, number: int) -> None:
    name = f"{number}.csv@{number:08x}"
    at = datetime.now(UTC) - timedelta(hours=IMPORTS_MADE - number)
    record = [
        {"row": row, "product": f"{4_000_000_000_000 + number * RECORDS + row}"}
        for row in range(RECORDS)
    ]
    refused = {
        "row": RECORDS,
        "product": "x",
        "normal_form": f"{5_000_000_000_000 + number}",
        "rules": ["barcode_check_digit"],
        "record": [("code", "x")],
    }
    quarantined = [refused] if number % QUARANTINED_EVERY == 0 else []
    _put(lake, PRODUCTS_ACCEPTED, name, record)
    _put(lake, PRODUCTS_QUARANTINED, name, quarantined)
    _put(lake, IMPORTS, name, [{"name": f"{number}.csv", "imported_at": at, "format": "csv"}])


def _put(lake: Lake, table: Table, partition: str, rows: list[dict[str, Any]]) -> None:
    """Writes a table without its view, as the views would be compared each time."""
    path = Path(lake.root.address(f"tables/{table.name}/{IMPORT}={partition}/part.parquet"))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, table.arrow), path)


def _make_set(folder: Path) -> None:
    folder.mkdir(parents=True)
    row = {"image_set": folder.name, "kind": "raw", "status": "fetched", "decoded": False}
    rows = [{**row, "position": number, "key": str(number)} for number in range(SET_OBJECTS)]
    pq.write_table(pa.Table.from_pylist(rows, manifest_table().arrow), folder / MANIFEST)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
