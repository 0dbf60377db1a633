"""What the steps of the wing's tables do, and what the UI shows of it.

The work is in `sync.py`, `monthly.py`, `months.py` and `products.py`, the rules in
`stored_findings.py`.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from off_platform.asset_checks import check_results
from off_platform.images import checks, previews, stored_findings, story, story_charts
from off_platform.images.monthly import compare_month, index_month
from off_platform.images.months import all_months, by_country, file_month, months_to_file
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.images.products import make_products
from off_platform.images.schemas import KEY_CHANGES, KEY_INDEX, MONTH_FIGURES, SNAPSHOTS
from off_platform.images.snapshots import snapshot_of
from off_platform.images.stored_findings import NO_DUMP, SYNC
from off_platform.images.sync import SyncRequest, bounds_from, sync_month
from off_platform.previews import VERDICT, table_preview
from off_platform.storage.objects import Source
from off_platform.table_assets import Evaluated, Step

Result = dg.MaterializeResult[Any]


class TableStep(Step):
    """The step of tables of this wing; its partition, if it has one, is the month."""

    def stored(self, assets: Collection[str]) -> Evaluated:
        """The findings on assets, in what is stored."""
        return stored_findings.of_assets(
            self.lake, self.connection, self.settings, assets, self.partition
        )

    def sync(self, source: Source, *, replace: bool) -> Result:
        """Copies the month's key list into the lake, once."""
        synced = sync_month(
            self.lake,
            source,
            SyncRequest(self.partition, replace),
            self.connection,
            bounds_from(self.settings, self.lake),
            self.log,
            self.display,
        )
        self.log(synced.sentence)
        findings = stored_findings.of_snapshot(
            self.lake, self.partition, self.connection, self.settings
        )
        snapshot = synced.snapshot
        return dg.MaterializeResult(
            data_version=dg.DataVersion(snapshot.md5),
            metadata={
                VERDICT: synced.sentence,
                "missed": findings["no_month_missing"].note,
                "preview": table_preview(self.connection, f"FROM {self.rows_of(SNAPSHOTS)}"),
                "copied": synced.copied,
                "keys": snapshot.keys,
                "bytes": snapshot.bytes,
                "etag": snapshot.etag,
                "md5": snapshot.md5,
                "last_modified": dg.MetadataValue.timestamp(snapshot.last_modified),
                "copied_at": dg.MetadataValue.timestamp(snapshot.copied_at),
                "path": dg.MetadataValue.path(self.lake.root.address(snapshot.file)),
                "dagster/partition_row_count": 1,
            },
            check_results=check_results(SNAPSHOTS, SYNC, findings),
        )

    def index(self, source: Source) -> Iterator[Result]:
        """Parses every line of the month's key list."""
        month, connection = self.partition, self.connection
        bounds = bounds_from(self.settings, self.lake)
        facts = index_month(self.lake, month, connection, bounds.unpacked_most, self.display)
        snapshot = snapshot_of(self.lake, month, connection)
        shown = {
            KEY_INDEX.name: {
                **{f"objects_{kind}": count for kind, count in facts.by_kind.items()},
                "preview": previews.index_preview(connection, self.rows_of(KEY_INDEX), source),
            }
        }
        version = dg.DataVersion(snapshot.md5 if snapshot else "")
        for table, found in stored_findings.of_month(
            self.lake, month, connection, self.settings, facts
        ):
            made = self.made(table, found, shown.get(table.name, {}))
            yield made._replace(data_version=version) if table is KEY_INDEX else made

    def compare(self) -> Iterator[Result]:
        """Compares the month's key index with the previous one, and describes the month."""
        lake, month, connection = self.lake, self.partition, self.connection
        facts = compare_month(lake, month, connection)
        for each in (*months_to_file(lake, month), month):
            file_month(lake, each, connection)
        until, countries = all_months(lake, connection, month), by_country(lake, month, connection)
        text = story.month_story(until[-1], until[-2] if until[1:] else None, countries)
        changes = self.rows_of(KEY_CHANGES)
        yield self.made(
            KEY_CHANGES,
            checks.of_changes(connection, changes, facts),
            {
                "story": dg.MetadataValue.md(text),
                "countries": story_charts.countries_chart(countries),
                "ocr_coverage": story_charts.coverage_chart(until),
                "since": facts["since"]
                or "This is the first snapshot; there is none to compare with.",
                "added": facts["added"],
                "removed": facts["removed"],
                "chart": previews.changes_chart(connection, changes),
                "preview": table_preview(
                    connection, f"FROM {changes} ORDER BY objects DESC, barcode"
                ),
            },
        )
        yield self.made(
            MONTH_FIGURES,
            checks.of_months(connection, self.rows_of(MONTH_FIGURES), until),
            {
                "chart": story_charts.months_chart(until),
                "preview": dg.MetadataValue.md(story.months_table(until)),
            },
        )

    def read_dump(self) -> Iterator[Result]:
        """Reads the configured dump of products; without one, only says so."""
        dump, connection = self.settings.products_dump, self.connection
        if dump is None:
            self.log(NO_DUMP)
            for table in (PRODUCTS, PRODUCT_PHOTOS):
                nothing = checks.nothing_to_check(table, NO_DUMP)
                yield dg.MaterializeResult(
                    asset_key=table.name,
                    metadata={"what": NO_DUMP},
                    check_results=check_results(table, table.name, nothing),
                )
            return
        facts = make_products(self.lake, dump, self.settings, connection, self.display)
        rows, photos = self.rows_of(PRODUCTS), self.rows_of(PRODUCT_PHOTOS)
        yield self.made(
            PRODUCTS,
            checks.of_products(connection, rows, facts, datetime.now(UTC)),
            {
                "dump": dump,
                "lacks": ", ".join(facts.lacking) or "nothing",
                "rows_left_out": facts.rejected,
                "facets": previews.facets_preview(connection, rows, photos),
            },
        )
        found = checks.of_product_photos(connection, photos, rows)
        yield self.made(PRODUCT_PHOTOS, found, {"dump": dump})
