"""What the sets of a lake lack, from their manifests: objects, and whether a build was interrupted.

`finish.py` writes into the manifest's file what it was built with (`SetFacts`). Sets of earlier
versions have none: from which month they were chosen is then unknown.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from off_platform.image_sets.construction.plans import IDENTITY
from off_platform.image_sets.manifest import STATUSES
from off_platform.storage.engine import facts_in
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    import duckdb

# The key in the metadata of the manifest's Parquet file.
FACTS = "off_platform"


@dataclass(frozen=True)
class SetFacts:
    """What a set was built with.

    Attributes:
        choice: its options.
        month: of the key index it was chosen from; None if its wing has no months.
        key_list: MD5 of that month's key list.
    """

    choice: dict[str, Any] = field(default_factory=dict)
    month: str | None = None
    key_list: str | None = None

    @property
    def in_file(self) -> dict[str, str]:
        """As metadata of a Parquet file."""
        return {FACTS: json.dumps(asdict(self), sort_keys=True)}


@dataclass(frozen=True)
class SetState:
    """A set in the lake.

    Attributes:
        name: of the set.
        facts: what it was built with; None if it has no manifest, or one of an earlier version.
        objects: number of objects by status; empty without a manifest.
        is_unfinished: whether a build has begun and not ended; it may be running.
    """

    name: str
    facts: SetFacts | None
    objects: dict[str, int]
    is_unfinished: bool

    @property
    def lacking(self) -> int:
        """Objects that were not fetched, if they are more than its options allow."""
        lacking = sum(count for status, count in self.objects.items() if status != STATUSES[0])
        most = self.facts.choice.get("missing_share_most", 0) if self.facts else 0
        return lacking if lacking > most * sum(self.objects.values()) else 0


def set_facts(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> SetFacts | None:
    """What a set was built with; None if its manifest does not say."""
    found = facts_in(connection, folder.address(MANIFEST), FACTS)
    return SetFacts(**json.loads(found)) if found else None


def set_states(
    lake: Lake, connection: "duckdb.DuckDBPyConnection", wing_folder: str
) -> list[SetState]:
    """The sets in a folder of the lake, by name.

    Args:
        lake: with the sets.
        connection: DuckDB that can read it.
        wing_folder: `image_sets` or `bin_image_sets`.
    """
    return [
        _state(name, lake.root.below(f"{wing_folder}/{name}"), connection)
        for name in lake.root.folders(wing_folder)
    ]


def _state(name: str, folder: Folder, connection: "duckdb.DuckDBPyConnection") -> SetState:
    is_unfinished = folder.exists(IDENTITY)
    if not folder.exists(MANIFEST):
        # Its run ended before it wrote anything.
        return SetState(name, None, {}, is_unfinished=True)
    rows = f"read_parquet({file_literal(folder.address(MANIFEST))})"
    objects = connection.execute(
        f"SELECT status, count(*) FROM {rows} GROUP BY status ORDER BY status"
    ).fetchall()
    return SetState(name, set_facts(folder, connection), dict(objects), is_unfinished)
