"""What a run that has planned its set will do, for Dagster's UI: from the plan alone.

Nothing is requested, so that the bytes of photos are unknown; `off-platform plan` measures them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg

from off_platform.image_sets.construction.plans import PLAN, groups_left, groups_planned
from off_platform.image_sets.planning.effort import seconds_for
from off_platform.image_sets.planning.planner import conditions_from
from off_platform.settings import Settings
from off_platform.storage.folder import Folder
from off_platform.storage.sql import file_literal

if TYPE_CHECKING:
    import duckdb

# Of the connection nothing is known, and without bytes it does not matter.
_BITS = 1e9


def observer(
    context: dg.AssetExecutionContext, settings: Settings, source: str
) -> "Callable[[Folder, duckdb.DuckDBPyConnection], None]":
    """What records an observation of the set's asset once its plan is there.

    Args:
        context: of the run.
        settings: of the platform.
        source: URL of the bucket.
    """

    def observe(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> None:
        metadata = planned_metadata(folder, connection, settings, source)
        event = dg.AssetObservation(
            context.asset_key, partition=context.partition_key, metadata=metadata
        )
        context.log_event(event)

    return observe


def planned_metadata(
    folder: Folder, connection: "duckdb.DuckDBPyConnection", settings: Settings, source: str
) -> dict[str, dg.MetadataValue | str | int | float]:
    """Objects by kind, shards that are left, the least time, and the space that is free.

    Args:
        folder: the set's, with its plan.
        connection: DuckDB that can read it.
        settings: of the platform.
        source: URL of the bucket.
    """
    plan = f"read_parquet({file_literal(folder.address(PLAN))})"
    by_kind = dict(
        connection.execute(
            f"SELECT kind, count(*) FROM {plan} GROUP BY kind ORDER BY kind"
        ).fetchall()
    )
    planned = len(groups_planned(folder, connection))
    left = len(groups_left(folder, connection))
    conditions = conditions_from(settings, _BITS, requests=False)
    # Of the groups that are left, which are of one size but for the last.
    objects = sum(by_kind.values()) * left // max(planned, 1)
    seconds = seconds_for(
        *(objects, None),
        bits=_BITS,
        places=conditions.places,
        of_s3=source.startswith("s3://"),
    )
    return {
        **{f"planned_{kind}": count for kind, count in by_kind.items()},
        "planned_shards": planned,
        "shards_left": left,
        "least_seconds": round(seconds.longest, 1),
        "free_bytes": conditions.free,
        "disk": dg.MetadataValue.path(conditions.disk),
    }
