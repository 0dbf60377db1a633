"""A desk for tests of the images wing: a lake, a bucket, DuckDB, and the steps of a month.

Nothing of the wing is done here in another way; the steps only have the settings of tests.
"""

import gzip
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from off_platform.images.choice import Choice, MonthOptions
from off_platform.images.image_set import BuiltSet, Request, make_image_set
from off_platform.images.key_index import KeyIndexFacts
from off_platform.images.keys import KEY_LIST
from off_platform.images.monthly import index_month
from off_platform.images.sync import Bounds, Synced, SyncRequest, sync_month
from off_platform.storage.fleet import Fleet, Here
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import IMAGE_SETS, MANIFEST
from off_platform.storage.objects import Access, Source
from off_platform.storage.progress import Display
from off_platform.storage.transfer import Limits
from off_platform_tests.s3.server import S3Server

BUCKET = "openfoodfacts-images"
REGION = "eu-west-3"
MONTH, NEXT_MONTH = "2026-11-01", "2026-12-01"
UNPACKED_MOST = 2**30

Row = dict[str, Any]


@dataclass
class Desk:
    """A lake, the bucket it is filled from, and a connection that reads it.

    Attributes:
        said: the sentences of all syncs.
        settings: of the wing, that determine a set's content.
        limits: of the transfers.
        fleet: where sets are built.
    """

    lake: Lake
    source: Source
    connection: duckdb.DuckDBPyConnection
    said: list[str] = field(default_factory=list)
    settings: dict[str, object] = field(default_factory=dict)
    limits: Limits = field(default_factory=lambda: Limits(concurrency=8, attempts=3))
    fleet: Fleet = field(default_factory=Here)

    def sync(self, month: str = MONTH, *, replace: bool = False, tries: int = 3) -> Synced:
        """Copies the key list on the first day of the month."""
        asked = SyncRequest(month, replace, today=date.fromisoformat(month))
        bounds = Bounds(UNPACKED_MOST, tries, attempts=3)
        return sync_month(self.lake, self.source, asked, self.connection, bounds, self.said.append)

    def index(self, month: str = MONTH) -> KeyIndexFacts:
        """Makes the month's key index."""
        return index_month(self.lake, month, self.connection, UNPACKED_MOST)

    def month(self, month: str = MONTH) -> KeyIndexFacts:
        """Copies and indexes."""
        self.sync(month)
        return self.index(month)

    def folder(self, name: str = "tryout") -> Folder:
        """Where the set of a name is stored."""
        return self.lake.root.below(f"{IMAGE_SETS}/{name}")

    def make(
        self,
        name: str = "tryout",
        *,
        layout: str = "shards",
        group_samples: int = 5,
        decoded_share: float = 0.01,
        folder: Folder | None = None,
        display: Display | None = None,
        month: str | None = None,
        **options: Any,
    ) -> BuiltSet:
        """Makes an image set of these options; all candidates by default."""
        built = {"layout": layout, "shard_samples": group_samples, "decoded_share": decoded_share}
        given = {"n": None, "gallery_samples": 30, **built, **options}
        choice = Choice.model_validate(given)
        request = Request(
            name,
            choice,
            "A set of the tests.",
            self.limits,
            MonthOptions(month=month),
            self.settings,
            self.fleet,
            part_groups=2,
        )
        into = folder or self.folder(name)
        return make_image_set(self.lake, self.source, request, into, self.connection, display)

    def manifest(self, name: str = "tryout") -> list[Row]:
        """The rows of a set's manifest, in order."""
        return rows_of(self.connection, self.folder(name).address(MANIFEST))


@contextmanager
def desk_at(lake: Path | str, source: Source, access: Access | None = None) -> Iterator[Desk]:
    """A desk over a lake."""
    opened = Lake(str(lake), access)
    with opened.connect() as connection:
        yield Desk(opened, source, connection)


def source_of(server: S3Server, request_seconds: float = 10) -> Source:
    """The images bucket as a server has it."""
    return Source(f"s3://{BUCKET}", Access(REGION, server.url, request_seconds=request_seconds))


def rows_of(connection: duckdb.DuckDBPyConnection, path: Path | str) -> list[Row]:
    """The rows of a Parquet file, in its order."""
    found = connection.cursor().execute("FROM read_parquet(?)", [str(path)])
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def write_list(folder: Path, lines: Iterable[bytes], *, newline: bool = False) -> Path:
    """Writes a bucket's key list as the bucket has it: no newline at the end."""
    path = folder / KEY_LIST
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n" * newline, mtime=0))
    return path


def tree(folder: Path) -> dict[str, str]:
    """Every file of a folder by name, with the digest of its bytes; the scratch is left out."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".scratch" not in path.parts
    }
