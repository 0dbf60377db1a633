"""The content of an image set: counts from its manifest, and the bytes of its rows.

`set_pages.py` makes pages from it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from off_platform.image_sets.construction.containers import Places
from off_platform.image_sets.construction.plans import PLAN
from off_platform.image_sets.files.stored_objects import StoredObjects
from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.image_sets.pages.card import (
    PROBLEMS_NAMED,
    CardPhotoSizes,
    CardProblem,
    CardTally,
    CardVerification,
    Spread,
)
from off_platform.image_sets.pages.card_statistics import CardStatistics
from off_platform.image_sets.pages.manifest_statistics import count_statistics
from off_platform.storage.checksums import PARTS_ETAG
from off_platform.storage.folder import Folder
from off_platform.storage.sql import file_literal, literal

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class InSet:
    """The content of a finished set: samples, objects by kind and status, first missing ones.

    Attributes:
        samples: their number.
        tallies: objects and bytes by kind and status.
        problems: the first missing objects.
        earlier: number of objects that are copies from an earlier run, as no fresh ones were
            available.
    """

    samples: int
    tallies: tuple[CardTally, ...]
    problems: tuple[CardProblem, ...]
    earlier: int

    @cached_property
    def by_status(self) -> Counter[str]:
        """Objects by status."""
        return _by_status(self.tallies)

    @property
    def size(self) -> int:
        """Total bytes of the objects in the set."""
        return sum(tally.size for tally in self.tallies)


class Contents:
    """The content of a set, read from its manifest, and its bytes.

    Args:
        folder: the set's.
        manifest: address of the manifest.
        connection: DuckDB that can read it.
        objects: reads the folder.
        places: where the files are.
    """

    def __init__(
        self,
        folder: Folder,
        manifest: str,
        connection: "duckdb.DuckDBPyConnection",
        objects: StoredObjects,
        places: Places,
    ) -> None:
        """See the class."""
        self._folder, self._connection, self._objects = folder, connection, objects
        self._places = places
        self.rows = f"read_parquet({file_literal(manifest)})"

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(query).fetchall())

    @cached_property
    def tallies(self) -> tuple[CardTally, ...]:
        """Objects and bytes by kind and status."""
        found = self._ask(f"""SELECT kind, status, count(*), coalesce(sum(bytes), 0)::BIGINT
            FROM {self.rows} GROUP BY kind, status
            ORDER BY kind IN {TEXT_KINDS}, kind, status <> 'fetched', status""")
        return tuple(
            CardTally(kind=kind, status=status, objects=objects, size=size)
            for kind, status, objects, size in found
        )

    @cached_property
    def in_set(self) -> InSet:
        """The figures reported after the build."""
        return InSet(self.samples, self.tallies, self.problems(PROBLEMS_NAMED), self.earlier)

    def statistics(self, class_label: str | None) -> CardStatistics:
        """See `count_statistics`."""
        return count_statistics(self._connection, self.rows, class_label)

    @cached_property
    def samples(self) -> int:
        """Number of samples."""
        return int(self._ask(f"SELECT count(DISTINCT sample) FROM {self.rows}")[0][0])

    @cached_property
    def shards(self) -> int:
        """Number of shards; 0 for loose files."""
        return self._count("DISTINCT path", "path LIKE '%.tar' AND path NOT LIKE '%incomplete.tar'")

    @cached_property
    def aside(self) -> int:
        """Number of samples in a separate file (`files/shard_order.py`)."""
        return self._count("DISTINCT sample", "path LIKE '%incomplete.tar'")

    def _count(self, what: str, where: str) -> int:
        return int(self._ask(f"SELECT count({what}) FROM {self.rows} WHERE {where}")[0][0])

    @cached_property
    def splits(self) -> set[str]:
        """The splits that have objects, and `excluded`."""
        where = "path IS NOT NULL AND split IS NOT NULL"
        return {
            str(split)
            for (split,) in self._ask(f"SELECT DISTINCT split FROM {self.rows} WHERE {where}")
        }

    @cached_property
    def is_image_folder(self) -> bool:
        """Whether these are loose files with photos among them."""
        photos = any(
            tally.status == "fetched" and tally.kind not in TEXT_KINDS for tally in self.tallies
        )
        return photos and not self.shards and not self._count("*", "path LIKE '%.parquet'")

    @cached_property
    def earlier(self) -> int:
        """Number of copies from an earlier run, where current objects could not be fetched."""
        query = f"FROM {self.rows} WHERE status = 'fetched' AND reason IS NOT NULL"
        return int(self._ask(f"SELECT count(*) {query}")[0][0])

    @cached_property
    def copies(self) -> int:
        """Number of photos with the same bytes as an earlier one in the set."""
        photos = f"status = 'fetched' AND kind NOT IN {TEXT_KINDS}"
        return self._count("md5", photos) - self._count("DISTINCT md5", photos)

    def problems(self, most: int) -> tuple[CardProblem, ...]:
        """The first missing objects."""
        found = self._ask(f"""SELECT key, status, reason FROM {self.rows}
            WHERE status <> 'fetched' ORDER BY position LIMIT {most}""")
        return tuple(
            CardProblem(key=key, status=status, reason=reason) for key, status, reason in found
        )

    @cached_property
    def photo_sizes(self) -> tuple[CardPhotoSizes, ...]:
        """Minimum, median and maximum width and height by kind of photo."""
        found = self._ask(f"""SELECT kind, count(*),
            min(shown_width), median(shown_width), max(shown_width),
            min(shown_height), median(shown_height), max(shown_height)
            FROM {self.rows} WHERE width IS NOT NULL GROUP BY kind ORDER BY kind""")
        return tuple(
            CardPhotoSizes(
                kind=kind,
                photos=photos,
                width=Spread(smallest=sizes[0], median=sizes[1], largest=sizes[2]),
                height=Spread(smallest=sizes[3], median=sizes[4], largest=sizes[5]),
            )
            for kind, photos, *sizes in found
        )

    @cached_property
    def verification(self) -> CardVerification:
        """Numbers of objects that passed each test."""
        parts = f"regexp_full_match(etag, {literal(PARTS_ETAG.pattern)})"
        equal, in_parts, fetched, whole, decoded = self._ask(f"""
            SELECT count(*) FILTER (trim(etag, '"') = md5), count(*) FILTER ({parts}),
                count(*), count(width), count(*) FILTER (decoded)
            FROM {self.rows} WHERE status = 'fetched'""")[0]
        return CardVerification(
            md5_equal=equal,
            in_parts=in_parts,
            md5_not_comparable=fetched - equal - in_parts,
            length_equal=fetched,
            photos_whole=whole,
            photos_decoded=decoded,
        )

    def rows_by_sample(self, samples: int) -> Iterator[list[dict[str, Any]]]:
        """The manifest's rows of the first samples, one list per sample, each with its group.

        Without timestamps: Arrow converts these with pandas, which takes 0.2 s and 50 MB to load.
        """
        plan = f"read_parquet({file_literal(self._folder.address(PLAN))})"
        if not self._folder.exists(PLAN):
            plan = f"""(SELECT position, 0 AS "group" FROM {self.rows})"""
        # A separate cursor: a caller that stops reading half-way must not block other queries.
        reader = (
            self._connection.cursor()
            .sql(f"""SELECT m.* EXCLUDE (last_modified), p."group" AS "group"
                FROM {self.rows} AS m JOIN {plan} AS p USING (position)
                WHERE position < {samples * 4} ORDER BY position""")
            .to_arrow_reader(1000)
        )
        rows = (row for batch in reader for row in batch.to_pylist())
        grouped = (list(group) for _, group in groupby(rows, lambda row: row["sample"]))
        return islice(grouped, samples)

    def bytes_of(self, row: dict[str, Any]) -> bytes | None:
        """An object as stored; None when it was not fetched."""
        if row["path"] is None:
            return None
        place = self._places.of(row["path"], row["group"])
        try:
            return self._objects.read(row["kind"], place, row["offset"], row["stored_bytes"])
        except FileNotFoundError:
            return None


def _by_status(tallies: tuple[CardTally, ...]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for tally in tallies:
        counts[tally.status] += tally.objects
    return counts
