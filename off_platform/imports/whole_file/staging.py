"""The tables of an import under construction: written in batches, then completed by DuckDB.

Duplicates are only known at the end; they are then moved from the accepted records to the
quarantine.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from off_platform.imports.readers.batches import Found
from off_platform.imports.records.typed_columns import short_names
from off_platform.imports.specification.tables import (
    ACCEPTED,
    FINDINGS,
    IMPORT_FINDINGS,
    PRODUCTS_ACCEPTED,
    PRODUCTS_QUARANTINED,
    QUARANTINED,
)
from off_platform.storage.engine import bounded, copy_query
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    import duckdb

MEMORY = "192MB"
_PART_ROWS = 50_000
# DuckDB holds a group until it is full; larger groups of these wide rows would spill, which takes
# ten times as long.
_GROUP_ROWS = 25_000
_GROUP_BYTES = 32 << 20
# Maximum number of distinct texts of a column in a row group for dictionary encoding; above it,
# plain encoding takes two thirds of the time and no more bytes.
_DICTIONARY_BYTES = 64 << 10
_FIRST = "first_"
_OF_FILE = "of_file.parquet"
_PRODUCTS = "products.parquet"
_DUPLICATES = "duplicates.parquet"
_MOVED = "moved.parquet"
_MOVED_FINDINGS = "moved_findings.parquet"


def connected(folder: Path) -> AbstractContextManager["duckdb.DuckDBPyConnection"]:
    """DuckDB with limits for the tables of one import in a folder, where it also spills."""
    return bounded(folder / "spill", MEMORY)


def findings_in(folder: Path) -> str:
    """SQL for the findings of an import that was validated into a folder, to use after FROM."""
    return f"read_parquet({file_literal(folder / FINDINGS)})"


class Staging:
    """Writes the tables of one import into a folder; used within a `with` block."""

    def __init__(self, folder: Path, others: Sequence[Found] = ()) -> None:
        """Takes an existing folder; files of an earlier attempt are overwritten.

        Args:
            folder: the destination.
            others: earlier findings on the whole import.
        """
        self.folder, self.others = folder, others
        self._products = pa.schema([("row", pa.int64()), ("product", pa.string())])
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        """Opens nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes DuckDB if it was opened."""
        self._opened.close()

    @cached_property
    def _connection(self) -> "duckdb.DuckDBPyConnection":
        """Bounded DuckDB; opening it takes as long as checking a small file."""
        return self._opened.enter_context(connected(self.folder))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Opens the files; batches are written within the `with` block."""
        schemas = {
            _FIRST + ACCEPTED: PRODUCTS_ACCEPTED.arrow,
            _FIRST + QUARANTINED: PRODUCTS_QUARANTINED.arrow,
            _FIRST + FINDINGS: IMPORT_FINDINGS.arrow,
            _PRODUCTS: self._products,
        }
        for name, schema in schemas.items():
            self._writers[name] = pq.ParquetWriter(
                self.folder / name,
                schema,
                compression="zstd",
                compression_level=1,
                dictionary_pagesize_limit=_DICTIONARY_BYTES,
            )
        try:
            yield
        finally:
            for writer in self._writers.values():
                writer.close()
            self._writers.clear()

    def write(self, accepted: pa.Table, quarantined: pa.Table, findings: pa.Table) -> None:
        """Writes a batch."""
        for name, table in (
            (ACCEPTED, accepted),
            (QUARANTINED, quarantined),
            (FINDINGS, findings),
        ):
            if len(table):
                self._writers[_FIRST + name].write_table(table)

    def write_products(self, records: pa.Table) -> None:
        """Writes row and product of each record of a batch, valid or not."""
        known = records.filter(pc.is_valid(records["product"]))
        known = known.set_column(1, "product", short_names(known["product"].combine_chunks()))
        self._writers[_PRODUCTS].write_table(known)

    def duplicates(self) -> int:
        """Finds records whose product appeared before; returns their number."""
        if self._is_each_once():
            return 0
        products = self._rows(_PRODUCTS)
        copy_query(
            self._connection,
            f"""
            SELECT row, product, first_row FROM {products} JOIN (
                SELECT product, min(row) AS first_row FROM {products}
                GROUP BY product HAVING count(*) > 1
            ) USING (product) WHERE row > first_row ORDER BY row""",
            self.folder / _DUPLICATES,
        )
        return self._count(_DUPLICATES)

    def _is_each_once(self) -> bool:
        """Whether no product appears twice; False also where there are too many to look at once."""
        if self._count(_PRODUCTS) > _PART_ROWS:
            return False
        products = pq.read_table(self.folder / _PRODUCTS, columns=["product"])["product"]
        return bool(pc.count_distinct(products).as_py() == len(products))

    def twice(self) -> Iterator[pa.Table]:
        """The result of `duplicates`: `row`, `product`, `first_row`, by row, in parts."""
        with pq.ParquetFile(self.folder / _DUPLICATES) as file:
            for batch in file.iter_batches(_PART_ROWS):
                yield pa.Table.from_batches([batch])

    def move(self, records: Iterable[tuple[pa.Table, pa.Table]]) -> None:
        """Writes rejected duplicates: rows of the quarantine, and findings."""
        with (
            pq.ParquetWriter(self.folder / _MOVED, PRODUCTS_QUARANTINED.arrow) as quarantine,
            pq.ParquetWriter(self.folder / _MOVED_FINDINGS, IMPORT_FINDINGS.arrow) as findings,
        ):
            for quarantined, found in records:
                quarantine.write_table(quarantined)
                findings.write_table(found)

    def known(self, products: set[str]) -> set[str]:
        """Those of the products that occur in the import."""
        found = self._connection.execute(
            f"SELECT DISTINCT product FROM {self._rows(_PRODUCTS)} "
            "WHERE product IN (SELECT unnest(?))",
            [list(products)],
        ).fetchall()
        return {product for (product,) in found}

    def settle(self, of_file: pa.Table, repaired: str, *, moved: bool) -> None:
        """Completes the three tables.

        Args:
            of_file: findings on the whole file, which come first, followed by those of duplicates.
            repaired: SQL that updates `proposal` and `certain` of the findings if the damage of the
                whole file makes a repair certain; empty for none.
            moved: whether duplicates were moved from the accepted records.
        """
        if not (repaired or moved):
            self._put_first(of_file)
            for name in (ACCEPTED, QUARANTINED):
                (self.folder / (_FIRST + name)).replace(self.folder / name)
            return
        pq.write_table(of_file, self.folder / _OF_FILE)
        found = self._rows(_FIRST + FINDINGS)
        late = f"UNION ALL SELECT * FROM {self._rows(_MOVED_FINDINGS)}" if moved else ""
        replaced = f"* REPLACE ({repaired})" if repaired else "*"
        copy_query(
            self._connection,
            f"SELECT * FROM {self._rows(_OF_FILE)} {late} UNION ALL SELECT {replaced} FROM {found}",
            self.folder / FINDINGS,
            self._group_rows(_FIRST + FINDINGS),
        )
        if not moved:
            for name in (ACCEPTED, QUARANTINED):
                (self.folder / (_FIRST + name)).replace(self.folder / name)
            return
        self._leave_duplicates_out()
        copy_query(
            self._connection,
            self._all_quarantined(),
            self.folder / QUARANTINED,
            self._group_rows(_MOVED),
        )

    def _put_first(self, of_file: pa.Table) -> None:
        """Writes the findings of records after those on the whole file."""
        first = self.folder / (_FIRST + FINDINGS)
        if not len(of_file):
            first.replace(self.folder / FINDINGS)
            return
        with (
            pq.ParquetFile(first) as file,
            pq.ParquetWriter(
                self.folder / FINDINGS, file.schema_arrow, compression="zstd", compression_level=1
            ) as to,
        ):
            to.write_table(of_file)
            for batch in file.iter_batches(self._group_rows(_FIRST + FINDINGS)):
                to.write_table(pa.Table.from_batches([batch]))

    def _leave_duplicates_out(self) -> None:
        """Writes the accepted records without duplicates.

        Not with DuckDB, which holds 2,048 records at a time, whatever the length of their texts.
        """
        twice = pq.read_table(self.folder / _DUPLICATES, columns=["row"])["row"]
        rows, first = self._group_rows(_FIRST + ACCEPTED), self.folder / (_FIRST + ACCEPTED)
        with (
            pq.ParquetFile(first) as file,
            pq.ParquetWriter(
                self.folder / ACCEPTED, file.schema_arrow, compression="zstd", compression_level=1
            ) as to,
        ):
            for batch in file.iter_batches(rows):
                once = pc.invert(pc.is_in(batch["row"], twice))
                if kept := batch.filter(once):
                    to.write_table(pa.Table.from_batches([kept]))

    def _group_rows(self, name: str) -> int:
        """Number of rows of a table to hold at once: fewer if they are long."""
        with pq.ParquetFile(self.folder / name) as file:
            groups = [file.metadata.row_group(at) for at in range(file.num_row_groups)]
            longest = max((each.total_byte_size / each.num_rows for each in groups), default=1)
        return max(min(_GROUP_ROWS, int(_GROUP_BYTES / max(longest, 1))), 1)

    def sizes(self) -> tuple[int, int]:
        """Numbers of accepted and quarantined records."""
        return self._count(ACCEPTED), self._count(QUARANTINED)

    def _count(self, name: str) -> int:
        return int(pq.read_metadata(self.folder / name).num_rows)

    def _all_quarantined(self) -> str:
        """SQL for the quarantine; records that are already in it may also be duplicates.

        Grouping would hold all of them in memory, with their texts.
        """
        before, twice = self._rows(_FIRST + QUARANTINED), self._rows(_DUPLICATES)
        return f"""
            SELECT row, moved.product, moved.normal_form,
                list_sort(list_distinct(moved.rules || coalesce(broken.rules, []))) AS rules,
                moved.record
            FROM {self._rows(_MOVED)} AS moved LEFT JOIN (
                SELECT row, rules FROM {before} WHERE row IN (SELECT row FROM {twice})
            ) AS broken USING (row)
            UNION ALL SELECT * FROM {before} WHERE row NOT IN (SELECT row FROM {twice})
            ORDER BY row"""

    def _rows(self, name: str) -> str:
        return f"read_parquet({file_literal(self.folder / name)})"
