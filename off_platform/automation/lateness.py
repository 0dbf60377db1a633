"""Which assets are late, and since when: the findings of Dagster's freshness daemon, in words.

The policy of scheduled assets is here; other assets declare theirs.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from off_platform.automation.jobs import monthly
from off_platform.automation.schedules import MONTHLY_SCHEDULE, month_of
from off_platform.automation.ticks import month_due
from off_platform.partitions import MONTHS, RUNS

# A month is built on its 4th day: the next is at most 31 days later, plus some days of grace.
MONTHLY = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(days=37), warn_window=timedelta(days=33)
)


def with_monthly_freshness(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, of which the scheduled ones have a freshness policy."""

    def expected(spec: dg.AssetSpec) -> dg.AssetSpec:
        return dg.apply_freshness_policy(spec, MONTHLY) if _is_scheduled(spec.tags) else spec

    return [each.map_asset_specs(expected) for each in assets]


def _is_scheduled(tags: Mapping[str, str]) -> bool:
    return bool(tags.get(RUNS) == monthly.name)


def late_assets(
    repository: dg.RepositoryDefinition, instance: dg.DagsterInstance, now: datetime
) -> Mapping[str, str]:
    """The assets that are older than their freshness policies allow.

    A scheduled asset that was never built is late once that time has passed; Dagster only reports
    its freshness as unknown. A missing month is late even if an older one was rebuilt, which
    Dagster considers fresh. An asset that depends on people, such as an import, is not late before
    the first one.

    Args:
        repository: with the assets.
        instance: where the freshness daemon stores its findings.
        now: the time.

    Returns:
        Name -> when it was last built, how long ago that was, and how old it may be; or which month
        is missing.
    """
    nodes = {node.key: node for node in repository.asset_graph.asset_nodes}
    allowed = {key: window for key, node in nodes.items() if (window := _window(node))}
    cron = repository.get_schedule_def(MONTHLY_SCHEDULE).cron_schedule
    late, due = {}, month_due(str(cron), now)
    for key, record in instance.get_freshness_state_records(list(allowed)).items():
        state, is_scheduled = record.freshness_state.name, _is_scheduled(nodes[key].tags)
        made = instance.get_latest_materialization_event(key)
        most = f"may be {allowed[key].days} days old"
        name = key.to_user_string()
        if state == "FAIL" and made:
            ago = _ago(datetime.fromtimestamp(made.timestamp, UTC), now)
            late[name] = f"last made {ago}; {most}"
        elif state == "UNKNOWN" and is_scheduled and now - record.updated_at > allowed[key]:
            late[name] = f"never built, expected since {_ago(record.updated_at, now)}; {most}"
        elif made and due and nodes[key].partitions_def == MONTHS:
            month = month_of(due)
            if month not in instance.get_materialized_partitions(key):
                late[name] = f"{month[:7]} was not built; it was scheduled for {_ago(due, now)}"
    return late


def _window(node: Any) -> timedelta | None:
    """How old an asset may be; Dagster does not publish the policy's class."""
    window = getattr(node.freshness_policy, "fail_window", None)
    return window.to_timedelta() if window else None


def _ago(moment: datetime, now: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC, {(now - moment).days} days ago"
