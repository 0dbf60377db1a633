"""Which assets are late, and since when: what Dagster's freshness daemon found, in words.

How old what the schedule makes may be is said here; other assets have a policy of their own.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from off_platform.automation.jobs import RUNS, monthly

# The month is made on its 4th day, and is missed on the 10th of the month after.
MONTHLY = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(days=37), warn_window=timedelta(days=33)
)


def with_monthly_freshness(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets; what the schedule makes has a freshness policy."""

    def expected(spec: dg.AssetSpec) -> dg.AssetSpec:
        return dg.apply_freshness_policy(spec, MONTHLY) if _is_scheduled(spec.tags) else spec

    return [each.map_asset_specs(expected) for each in assets]


def _is_scheduled(tags: Mapping[str, str]) -> bool:
    return bool(tags.get(RUNS) == monthly.name)


def late_assets(
    repository: dg.RepositoryDefinition, instance: dg.DagsterInstance, now: datetime
) -> Mapping[str, str]:
    """The assets that are older than their freshness policies allow.

    What the schedule makes is late as well when it was not made once in that time: of assets that
    were never made, Dagster only says that their freshness is unknown. What waits for people, such
    as an import, is not late before there was one.

    Args:
        repository: which has the assets.
        instance: where the freshness daemon keeps what it found.
        now: the time.

    Returns:
        Name -> when it was made last, how long ago that is, and how old it may be.
    """
    nodes = {node.key: node for node in repository.asset_graph.asset_nodes}
    allowed = {key: window for key, node in nodes.items() if (window := _window(node))}
    late = {}
    for key, record in instance.get_freshness_state_records(list(allowed)).items():
        state, is_scheduled = record.freshness_state.name, _is_scheduled(nodes[key].tags)
        made = instance.get_latest_materialization_event(key)
        if state == "FAIL" and made:
            said = f"last made {_told(datetime.fromtimestamp(made.timestamp, UTC), now)}"
        elif state == "UNKNOWN" and is_scheduled and now - record.updated_at > allowed[key]:
            said = f"never made, and looked for since {_told(record.updated_at, now)}"
        else:
            continue
        late[key.to_user_string()] = f"{said}; may be {allowed[key].days} days old"
    return late


def _window(node: Any) -> timedelta | None:
    """How old an asset may be; Dagster does not publish the class of policies that have it."""
    window = getattr(node.freshness_policy, "fail_window", None)
    return window.to_timedelta() if window else None


def _told(moment: datetime, now: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC, {(now - moment).days} days ago"
