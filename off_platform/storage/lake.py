"""The lake: tables as Parquet, one file per partition, replaced as a whole; DuckDB reads them.

`off_platform.duckdb` at the lake's root contains only views, one per table, and is replaced as a
whole, so that other programs can read it during runs.
"""

import errno
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb

from off_platform.storage import views
from off_platform.storage.damage import damage_behind
from off_platform.storage.damaged_file import DamagedFileError
from off_platform.storage.engine import bound, bounded, copy_query
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import BIN_IMAGE_SETS, IMAGE_SETS, MANIFEST, PART, TABLES
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.locks import FolderInUseError
from off_platform.storage.objects import Access, is_local, local_folder
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    import pyarrow as pa

# The index of a month takes half a minute, and the copy of its list a few.
PATIENCE_SECONDS = 15 * 60
LOOK_SECONDS = 0.5
READ_ONLY = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class WrongColumnsError(ValueError):
    """The columns of a new table differ from its schema."""


class NoSuchTableError(LookupError):
    """A table or partition is not in the lake; the message says how to create it."""


class Lake:
    """Tables and image sets below one folder or bucket prefix."""

    def __init__(
        self,
        url: str,
        access: Access | None = None,
        derived: views.Derived | None = None,
        run: str = "",
    ) -> None:
        """Opens the lake; a missing folder is created with the first table.

        Args:
            url: a folder or `s3://bucket/prefix`.
            access: options of a lake on S3.
            derived: the views over several tables, by name.
            run: the id of the Dagster run that uses it; other runs read it where they are refused.

        Raises:
            off_platform.storage.objects.UnusableLocationError: the URL cannot be opened.
        """
        self.url = url
        self._views_later = False
        self._derived = derived or {}
        self._access = access or Access(signed=True, retries=5)
        self._let_read: Callable[[duckdb.DuckDBPyConnection], object] = lambda _: None
        if is_local(url):
            self.root: Folder = LocalFolder(local_folder(url))
        else:
            from off_platform.storage.lake_in_bucket import folder_of, let_read

            self.root = folder_of(url, self._access, run)
            self._let_read = partial(let_read, url=url, access=self._access)

    def __reduce__(self) -> tuple[Any, ...]:
        """As another process uses it: to read tables, not to make views."""
        return Lake, (self.url, self._access)

    def replace(
        self,
        table: str,
        partition: tuple[str, str] | None,
        columns: "pa.Schema",
        write: Callable[[Path], object],
    ) -> int:
        """Writes a partition of a table to scratch and places it in one step.

        Args:
            table: its name, also that of its view.
            partition: the partition column's name and value, such as `("month", "2026-11-01")`.
            columns: required names and types, in any order.
            write: writes the Parquet file to the given path.

        Returns:
            The number of rows.

        Raises:
            WrongColumnsError: the file has other columns; the old one is kept.
        """
        import pyarrow.parquet as pq

        with self.root.scratch() as scratch:
            made = scratch / PART
            write(made)
            _demand_columns(table, pq.read_schema(made), columns)
            rows = int(pq.read_metadata(made).num_rows)
            self.root.replace(made, _name(table, partition))
        if not self._views_later:
            self._refresh_views_quietly()
        return rows

    def _refresh_views_quietly(self) -> None:
        with suppress(DamagedFileError):
            # An error of another table; each run reports it once.
            self.refresh_views()

    @contextmanager
    def views_at_end(self) -> Iterator[None]:
        """Refreshes the views once, after the `with` block, and not for each table in it."""
        self._views_later = True
        try:
            yield
        finally:
            self._views_later = False
            self._refresh_views_quietly()

    def replace_from_query(
        self,
        table: str,
        partition: tuple[str, str] | None,
        columns: "pa.Schema",
        connection: duckdb.DuckDBPyConnection,
        query: str,
        facts: Mapping[str, str] | None = None,
    ) -> int:
        """`replace` with the rows of a DuckDB query, and facts for `facts_in`; see there."""

        def write(path: Path) -> None:
            copy_query(connection, query, path, facts=facts)

        return self.replace(table, partition, columns, write)

    def partitions(self, table: str) -> list[str]:
        """The values of the partition column that have a file, sorted."""
        # A run killed between creating a folder and moving the file into it leaves the folder
        # empty.
        return [
            value
            for folder in self.root.folders(f"{TABLES}/{table}")
            for column, _, value in [folder.partition("=")]
            if self.has(table, (column, value))
        ]

    def has(self, table: str, partition: tuple[str, str] | None = None) -> bool:
        """Whether the table, or its partition, exists."""
        return self.root.exists(_name(table, partition))

    def address(self, table: str, partition: tuple[str, str] | None = None) -> str:
        """The location of the table's file, or of its partition's.

        Raises:
            NoSuchTableError: it does not exist.
        """
        if not self.has(table, partition):
            of = f" for {partition[0]} {partition[1]}" if partition else ""
            raise NoSuchTableError(
                f"There is no table {table}{of} in the lake {self.url}; materialise it first."
            )
        return self.root.address(_name(table, partition))

    @contextmanager
    def locked(
        self, table: str, partition: tuple[str, str], patience: float | None = None
    ) -> Iterator[None]:
        """Locks a partition of a table for one run during the `with` block.

        Tables that are made of it or with it are the caller's to know.

        Args:
            table: its name.
            partition: the partition column's name and value.
            patience: seconds to wait until another run has made it, by default 15 minutes.

        Raises:
            off_platform.storage.locks.FolderInUseError: another run still makes it.
        """
        folder = self.root.below(_name(table, partition).removesuffix(f"/{PART}"))
        end = time.monotonic() + (PATIENCE_SECONDS if patience is None else patience)
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(folder.locked())
                    break
                except FolderInUseError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(LOOK_SECONDS)
            yield

    def rows_of(self, table: str, partition: tuple[str, str] | None = None) -> str:
        """SQL for the rows of a table's file, to use after FROM; raises as `address` does."""
        return f"read_parquet({file_literal(self.address(table, partition))})"

    @contextmanager
    def connect(
        self, memory: str = "512MB", threads: int = 2
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """DuckDB in memory that can read this lake; see `spill`."""
        with self.spill() as spill, bounded(spill, memory, threads) as connection:
            self._let_read(connection)
            yield connection

    @contextmanager
    def spill(self) -> Iterator[Path]:
        """A folder for what a query does not hold in memory: scratch, if the lake can be written.

        A lake that may only be read, as by monitoring, uses the folder of temporary files.
        """
        with ExitStack() as stack:
            try:
                place = stack.enter_context(self.root.scratch())
            except OSError as error:
                if error.errno not in READ_ONLY:
                    raise
                place = Path(stack.enter_context(TemporaryDirectory(prefix="off-platform-")))
            yield place

    def prepare(
        self, connection: duckdb.DuckDBPyConnection, memory: str, threads: int, spill: Path
    ) -> None:
        """Sets limits of a DuckDB connection and lets it read this lake, on disk or S3."""
        bound(connection, memory, threads, spill)
        self._let_read(connection)

    def refresh_views(self) -> None:
        """Rebuilds `off_platform.duckdb` if tables were added or removed.

        Every run calls it, as a killed one may have placed a table without its view. The columns of
        a view are those of its files.

        Raises:
            DamagedFileError: a table has a damaged file; all others get their views.
        """
        views.refresh(self.root, self._patterns, self._derived, self.prepare)

    def views_problem(self) -> str | None:
        """Refreshes the views; returns the error's message if that fails.

        A step that needs the lake reports its own error, and a step that replaces a damaged table
        must not fail.
        """
        try:
            self.refresh_views()
        except (OSError, duckdb.Error) as error:
            return str(error)
        return None

    def view_of(self, table: str) -> str:
        """SQL for the content of a table's view, to use after FROM.

        Raises:
            NoSuchTableError: the table is not in the lake.
        """
        patterns = self._patterns()
        if table not in patterns:
            raise NoSuchTableError(
                f"There is no table {table} in the lake {self.url}; materialise it first."
            )
        return f"({views.query_of(self.root, patterns, self._derived, table)})"

    def all_rows_of(self, table: str) -> str | None:
        """SQL for the rows of all partitions of a table, to use after FROM; None without any.

        As its view, but without what a view derives from other tables, and without a listing of the
        lake's files, which takes as long as reading some thousand small ones.
        """
        if not any(map(self.root.names, self._folders_of(table))):
            return None
        return views.rows(self.root, f"{TABLES}/{table}/**/{PART}")

    def _folders_of(self, table: str) -> list[str]:
        """The folders of a table's partitions, the newest name first."""
        return [f"{TABLES}/{table}/{name}" for name in self.root.folders(f"{TABLES}/{table}")[::-1]]

    def damage_behind(self, error: Exception) -> DamagedFileError | None:
        """The damaged file of a table or manifest that caused an error of DuckDB or Arrow."""
        with self.connect() as connection:
            return damage_behind(error, self.root, self._files(), connection)

    def _files(self) -> list[str]:
        manifests = (
            f"{folder}/{name}/{MANIFEST}"
            for folder in (IMAGE_SETS, BIN_IMAGE_SETS)
            for name in self.root.folders(folder)
        )
        return [*self.root.names(TABLES), *filter(self.root.exists, manifests)]

    def _patterns(self) -> dict[str, str]:
        """The name and file pattern of each view."""
        parts = (name for name in self.root.names(TABLES) if name.endswith(f"/{PART}"))
        tables = sorted({part.split("/")[1] for part in parts})
        # Two stars match the folder of a partition, or none.
        found = {table: f"{TABLES}/{table}/**/{PART}" for table in tables}
        for folder, view in ((IMAGE_SETS, "manifest"), (BIN_IMAGE_SETS, "bin_manifest")):
            sets = self.root.folders(folder)
            if any(self.root.exists(f"{folder}/{name}/{MANIFEST}") for name in sets):
                found[view] = f"{folder}/*/{MANIFEST}"
        return found


def _name(table: str, partition: tuple[str, str] | None) -> str:
    return f"{TABLES}/{table}/" + (f"{partition[0]}={partition[1]}/" if partition else "") + PART


def _demand_columns(table: str, found: "pa.Schema", wanted: "pa.Schema") -> None:
    has = {field.name: field.type for field in found}
    should = {field.name: field.type for field in wanted}
    wrong = sorted(
        f"{name} is {has.get(name, 'not there')} but should be {should.get(name, 'left out')}"
        for name in has.keys() | should.keys()
        if has.get(name) != should.get(name)
    )
    if wrong:
        raise WrongColumnsError(f"{table} was not replaced: {'; '.join(wrong)}.")
