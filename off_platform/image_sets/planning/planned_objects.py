"""The planned objects of a set: how many of each kind, what is there already, and a sample."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from off_platform.image_sets.construction.plans import PLAN, groups_left
from off_platform.image_sets.manifest import TEXT_KINDS
from off_platform.storage.engine import copy_query
from off_platform.storage.folder import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal, literal

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Counted:
    """The objects of one kind.

    Attributes:
        kind: its name.
        objects: planned.
        done: in groups that an interrupted run has finished.
        in_lake: with bytes that the lake has; they are not requested.
        in_set: in the set already; they are requested, but sent again only if they changed.
        new: all others.
        bytes_new: their size, as far as it is known without a request.
        sized_new: how many of them have a known size.
        bytes_there: size of those in the lake, as far as it is known, and in the set as stored.
    """

    kind: str
    objects: int
    done: int
    in_lake: int
    in_set: int
    new: int
    bytes_new: int
    sized_new: int
    bytes_there: int

    @property
    def requested(self) -> int:
        """Requests to the source."""
        return self.in_set + self.new


class PlannedObjects:
    """The planned objects, in a file of the scratch folder.

    Args:
        connection: DuckDB that can read the folder.
        objects: SQL of them, see `construction/plans.py`.
        sizes: SQL of their sizes, if they are known: key, bytes.
        folder: the set's.
        begun: whether an interrupted run of the same plan goes on.
        scratch: a folder for the file.
    """

    def __init__(
        self,
        connection: "duckdb.DuckDBPyConnection",
        objects: str,
        sizes: str | None,
        folder: Folder,
        *,
        begun: bool,
        scratch: Path,
    ) -> None:
        """See the class."""
        self._connection = connection
        path = scratch / "planned.parquet"
        copy_query(connection, self._marked(objects, sizes, folder, begun=begun), path)
        self.rows = f"read_parquet({file_literal(path)})"

    def _marked(self, objects: str, sizes: str | None, folder: Folder, *, begun: bool) -> str:
        """Each object with its state, and its size as far as it is known."""
        done, group = "false", ""
        if begun:
            left = groups_left(folder, self._connection)
            objects = f"FROM read_parquet({file_literal(folder.address(PLAN))})"
            done, group = f'"group" NOT IN (SELECT unnest({left}::BIGINT[]))', ', "group"'
        described = self._connection.execute(f"DESCRIBE {objects}").fetchall()
        is_known = "known_md5" in {name for name, *_ in described}
        in_lake = "known_md5 IS NOT NULL" if is_known else "false"
        known = ", known_md5" if is_known else ""
        return f"""
            SELECT sample, key, kind, b.bytes AS bytes, h.stored_bytes AS stored_bytes,
                CASE WHEN {done} THEN 'done' WHEN {in_lake} THEN 'in_lake'
                    WHEN h.key IS NOT NULL THEN 'in_set' ELSE 'new' END AS state
            FROM (SELECT sample, key, kind{known}{group} FROM ({objects}))
            LEFT JOIN ({_in_set(folder)}) AS h USING (key, kind)
            LEFT JOIN ({sizes or _NO_SIZES}) AS b USING (key)"""

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self._ask(f"SELECT count(DISTINCT sample) FROM {self.rows}")[0][0])

    def by_kind(self) -> list[Counted]:
        """The objects of each kind, photos first."""
        states = ", ".join(
            f"count_if(state = {literal(state)})" for state in ("done", "in_lake", "in_set", "new")
        )
        found = self._ask(f"""
            SELECT kind, count(*), {states},
                coalesce(sum(bytes) FILTER (state = 'new'), 0)::BIGINT,
                count(bytes) FILTER (state = 'new'),
                coalesce(sum(bytes) FILTER (state = 'in_lake'), 0)::BIGINT
                    + coalesce(sum(stored_bytes) FILTER (state = 'in_set'), 0)::BIGINT
            FROM {self.rows} GROUP BY kind ORDER BY kind IN {TEXT_KINDS}, kind""")
        return [Counted(*row) for row in found]

    def sampled_keys(self, kind: str, most: int, seed: int) -> list[str]:
        """Keys of a random sample of the objects of a kind that are new or done.

        The same for the same seed: they are ordered by a hash.
        """
        found = self._ask(f"""
            SELECT key FROM {self.rows} WHERE kind = {literal(kind)} AND state IN ('new', 'done')
            ORDER BY md5(concat({int(seed)}, ' ', kind, ' ', key)), key LIMIT {most}""")
        return [key for (key,) in found]

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(query).fetchall())


_NO_SIZES = "SELECT NULL::VARCHAR AS key, NULL::BIGINT AS bytes WHERE false"


def _in_set(folder: Folder) -> str:
    if not folder.exists(MANIFEST):
        return "SELECT NULL::VARCHAR AS key, NULL::VARCHAR AS kind, 0 AS stored_bytes WHERE false"
    manifest = file_literal(folder.address(MANIFEST))
    return f"SELECT key, kind, stored_bytes FROM read_parquet({manifest}) WHERE status = 'fetched'"
