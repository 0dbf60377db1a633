"""Which partitions of each check are red or green, kept in memory between the looks of the UI.

Dagster computes it at each look from all partitions, and adds one after the other to sets that it
copies each time: with 26 checks of 20,000 imports, a page took minutes. Here a look reads what has
changed since the one before, and the first look reads all checks of an asset in one query. The
rules are Dagster's own (`asset_check_state.py`, 1.13). Used by both of `state_storage.py`.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg
from dagster._core.asset_graph_view.serializable_entity_subset import SerializableEntitySubset
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionResolvedStatus,
)
from dagster._core.storage.asset_check_state import AssetCheckState
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import (
    AssetKeyTable,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster_shared.record import copy
from sqlalchemy import func, or_, select

# Rows; each takes half a kilobyte.
READ_AT_ONCE = 10_000
_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION.value
_CHECKED = [
    dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
]
_PLANNED = AssetCheckExecutionRecordStatus.PLANNED.value
_SETTLED = {
    AssetCheckExecutionRecordStatus.SUCCEEDED.value: AssetCheckExecutionResolvedStatus.SUCCEEDED,
    AssetCheckExecutionRecordStatus.FAILED.value: AssetCheckExecutionResolvedStatus.FAILED,
}
# A check, and what its partitions are.
Partitioned = tuple[dg.AssetCheckKey, dg.PartitionsDefinition[str]]
# Status of a result, and the run that is to give it -> partitions.
Results = Mapping[tuple[str, str | None], list[str]]


class CheckStates(SqlEventLogStorage):
    """An event log that remembers the states of partitioned checks; to be mixed into another."""

    # More partitions, or runs, are not looked up one by one.
    most_changed = 500
    # Events before the newest that a look reads again. Postgres can show an event before one with a
    # smaller id, and Dagster stores the result of a check after its event.
    late_events = 1000
    # After that, nothing is late any more: without a new event, a look reads nothing. Reading again
    # took 0.4 s with 26 checks of 20,000 partitions, for which Dagster has no index.
    late_seconds = 60.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Takes the arguments of the other."""
        # Check -> the newest event that its state has, when it was read, and the state.
        self._states: dict[Partitioned, tuple[int, float, AssetCheckState]] = {}
        # The newest event, and since when it is.
        self._newest = (-1, 0.0)
        # The partitions that there are; each name once, however many checks have it.
        self._partitions: dict[dg.PartitionsDefinition[str], dict[str, str]] = {}
        # Asset -> when it was wiped last.
        self._wiped: dict[str, datetime | None] = {}
        self._states_lock = threading.Lock()
        super().__init__(*arguments, **named)  # type: ignore[no-untyped-call]

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        """As Dagster's own; called in the process that answers the UI, which alone has GraphQL."""
        from off_platform.automation.ui_answers import complete_names_at_once  # noqa: PLC0415

        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)
        complete_names_at_once()

    def get_asset_check_state(
        self, keys: Sequence[tuple[dg.AssetCheckKey, dg.PartitionsDefinition[str] | None]]
    ) -> Mapping[dg.AssetCheckKey, AssetCheckState]:
        """The states of checks, as Dagster's own method computes them."""
        partitioned = [(key, of) for key, of in keys if of is not None]
        others = [(key, of) for key, of in keys if of is None]
        with self._states_lock:
            newest = self.get_maximum_record_id() or 0
            if newest != self._newest[0]:
                self._newest = (newest, time.monotonic())
            self._look(partitioned, newest)
            found = {each[0]: self._states[each][2] for each in partitioned}
        return {**found, **super().get_asset_check_state(others)} if others else found

    def _look(self, checks: Collection[Partitioned], newest: int) -> None:
        """Brings the states of checks up to an event."""
        together: dict[tuple[dg.AssetKey, Any, int], list[Partitioned]] = defaultdict(list)
        for of in {of for _, of in checks}:
            self._forget_if_deleted(of)
        self._forget_if_wiped({check.asset_key.to_string() for check, _ in checks})
        for each in checks:
            if not self._is_settled(each):
                seen = self._states[each][0] if each in self._states else -1
                together[each[0].asset_key, each[1], seen].append(each)
        for (_, _, seen), of_asset in together.items():
            # Events were deleted with the state that they had, too, if there is an older one now.
            is_known = 0 <= seen <= newest
            changed = self._changed(of_asset, seen - self.late_events) if is_known else None
            self._read(of_asset, newest, changed)

    def _is_settled(self, check: Partitioned) -> bool:
        """Whether a state has all that there is, and waits for no run."""
        if check not in self._states:
            return False
        seen, read, state = self._states[check]
        newest, since = self._newest
        return seen == newest and read >= since + self.late_seconds and not state.in_progress_runs

    def _forget_if_deleted(self, of: dg.PartitionsDefinition[str]) -> None:
        """States have the partitions that were deleted since, which is not an event."""
        there = of.get_partition_keys(dynamic_partitions_store=self._instance)
        if self._partitions.get(of, {}).keys() - set(there):
            self._states = {each: state for each, state in self._states.items() if each[1] != of}
        self._partitions[of] = dict(zip(there, there, strict=True))

    def _forget_if_wiped(self, assets: Collection[str]) -> None:
        """Results of an asset that is wiped are deleted; SQLite has no such event in its index."""
        of = AssetKeyTable.c
        query = select(of.asset_key, of.wipe_timestamp).where(of.asset_key.in_(sorted(assets)))
        with self.index_connection() as connection:
            wiped = {each.asset_key: each.wipe_timestamp for each in connection.execute(query)}
        gone = {asset for asset in wiped if wiped[asset] != self._wiped.get(asset)}
        self._wiped.update(wiped)
        self._states = {
            each: state
            for each, state in self._states.items()
            if each[0].asset_key.to_string() not in gone
        }

    def _changed(self, checks: Sequence[Partitioned], seen: int) -> set[str] | None:
        """The partitions of an asset that have changed since an event; None if all may have."""
        asset = checks[0][0].asset_key.to_string()
        partitions, runs = self._since(asset, seen)
        runs.update(*(self._states[each][2].in_progress_runs for each in checks))
        if len(runs) <= self.most_changed:
            partitions |= self._of_runs(asset, runs)
        is_too_much = None in partitions or max(len(runs), len(partitions)) > self.most_changed
        return None if is_too_much else {each for each in partitions if each}

    def _since(self, asset: str, seen: int) -> tuple[set[str | None], set[str]]:
        """Partitions of an asset made since an event, and runs with checks.

        Dagster stores the partition of a check with its result, not with its event. None among the
        partitions is the asset as a whole.
        """
        of = SqlEventLogStorageTable.c
        is_made = (of.dagster_event_type == _MADE) & (of.asset_key == asset)
        query = select(of.partition, of.run_id, of.dagster_event_type).where(
            of.id > seen, or_(of.dagster_event_type.in_(_CHECKED), is_made)
        )
        with self.index_connection() as connection:
            found = connection.execute(query.distinct()).all()
        partitions = {partition for partition, _, event_type in found if event_type not in _CHECKED}
        return partitions, {run for _, run, event_type in found if event_type in _CHECKED}

    def _of_runs(self, asset: str, runs: Collection[str]) -> set[str]:
        """The partitions of which runs have a result of the asset's checks, or will have."""
        of = AssetCheckExecutionsTable.c
        query = select(of.partition).where(
            of.asset_key == asset, of.run_id.in_(sorted(runs)), of.partition.is_not(None)
        )
        with self.index_connection() as connection:
            return set(connection.execute(query.distinct()).scalars()) if runs else set()

    def _read(
        self, checks: Sequence[Partitioned], newest: int, partitions: Collection[str] | None
    ) -> None:
        """Reads the states of partitions of an asset, all of them or some, and stores them."""
        began = time.monotonic()
        results: dict[str, Results] = {}
        if partitions is None or partitions:
            results = self._results(checks, partitions)
        ended = self._ended({run for each in results.values() for _, run in each if run})
        for check, of in checks:
            state = _state(check, of, results.get(check.name, {}), ended)
            if partitions is not None:
                state = _merged(self._states[check, of][2], state, partitions, of)
            self._states[check, of] = (newest, began, state)

    def _results(
        self, checks: Sequence[Partitioned], partitions: Collection[str] | None
    ) -> dict[str, Results]:
        """Check -> its newest results, without those of what was made anew since.

        As `SqlEventLogStorage.get_asset_check_partition_info`, but all checks in one pass over the
        rows: 20,000 partitions of 26 checks took SQLite's joins and groups four times as long.
        """
        of = AssetCheckExecutionsTable.c
        target = of.materialization_event_storage_id
        query = select(of.partition, of.check_name, of.execution_status, of.run_id, target).where(
            of.asset_key == checks[0][0].asset_key.to_string(),
            of.check_name.in_([key.name for key, _ in checks]),
            # Planned ones that old versions of Dagster stored have none.
            of.evaluation_event_storage_id.is_not(None),
        )
        if partitions is not None:
            query = query.where(of.partition.in_(sorted(partitions)))
        there, made = self._partitions[checks[0][1]], self._made(checks[0][0].asset_key, partitions)
        newest: dict[str, dict[str, tuple[str, str | None]]] = defaultdict(dict)
        with self.index_connection() as connection:
            for rows in connection.execute(query.order_by(of.id)).partitions(READ_AT_ONCE):
                for partition, check, status, run, of_event in rows:
                    if partition not in there:
                        continue
                    if status == _PLANNED:
                        newest[check][there[partition]] = (status, run)
                    elif made.get(partition, made[None]) in (None, of_event):
                        newest[check][there[partition]] = (status, None)
                    else:
                        newest[check].pop(partition, None)
        return {check: _by_result(of_check) for check, of_check in newest.items()}

    def _made(
        self, asset: dg.AssetKey, partitions: Collection[str] | None
    ) -> Mapping[str | None, int | None]:
        """Partition -> the event by which it was made last; None -> the asset as a whole."""
        of = SqlEventLogStorageTable.c
        query = select(of.partition, func.max(of.id).label("event")).where(
            of.asset_key == asset.to_string(), of.dagster_event_type == _MADE
        )
        if partitions is not None:
            query = query.where(or_(of.partition.in_(sorted(partitions)), of.partition.is_(None)))
        with self.index_connection() as connection:
            found = connection.execute(query.group_by(of.partition)).all()
        made = {each.partition: each.event for each in found}
        whole = made.get(None)
        return {None: whole} | {each: max(made[each], whole or 0) for each in made if each}

    def _ended(self, runs: Collection[str]) -> dict[str, dg.DagsterRunStatus]:
        """Those of some runs that have ended -> how."""
        if not runs:
            return {}
        ended = dg.RunsFilter(run_ids=sorted(runs), statuses=FINISHED_STATUSES)
        return {run.run_id: run.status for run in self._instance.get_runs(ended)}


def _by_result(partitions: Mapping[str, tuple[str, str | None]]) -> Results:
    found: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for partition, result in partitions.items():
        found[result].append(partition)
    return found


def _state(
    check: dg.AssetCheckKey,
    of: dg.PartitionsDefinition[str],
    found: Results,
    ended: Mapping[str, dg.DagsterRunStatus],
) -> AssetCheckState:
    """The state of partitions with these results."""
    partitions: dict[AssetCheckExecutionResolvedStatus, list[str]] = defaultdict(list)
    waiting: dict[str, list[str]] = {}
    for (status, run), names in found.items():
        if run and run not in ended:
            waiting[run] = names
        partitions[_resolved(status, run, ended)] += names
    return AssetCheckState(
        latest_storage_id=0,
        subsets={
            status: SerializableEntitySubset.from_coercible_value(check, partitions[status], of)
            for status in AssetCheckExecutionResolvedStatus
        },
        in_progress_runs={
            run: SerializableEntitySubset.from_coercible_value(check, names, of)
            for run, names in waiting.items()
        },
    )


def _resolved(
    status: str, run: str | None, ended: Mapping[str, dg.DagsterRunStatus]
) -> AssetCheckExecutionResolvedStatus:
    """What a result says; one that a run has not given when it ends says how it has ended."""
    if run is None:
        return _SETTLED[status]
    if run not in ended:
        return AssetCheckExecutionResolvedStatus.IN_PROGRESS
    if ended[run] == dg.DagsterRunStatus.FAILURE:
        return AssetCheckExecutionResolvedStatus.EXECUTION_FAILED
    return AssetCheckExecutionResolvedStatus.SKIPPED


def _merged(
    old: AssetCheckState,
    new: AssetCheckState,
    partitions: Collection[str],
    of: dg.PartitionsDefinition[str],
) -> AssetCheckState:
    """A state with some partitions as another has them."""
    if all(
        _has(each, partitions) == _has(new.subsets[at], partitions)
        for at, each in old.subsets.items()
    ):
        return copy(old, in_progress_runs=new.in_progress_runs)
    key = next(iter(old.subsets.values())).key
    gone = SerializableEntitySubset.from_coercible_value(key, sorted(partitions), of)
    return AssetCheckState(
        latest_storage_id=0,
        subsets={
            status: each.compute_difference(gone).compute_union(new.subsets[status])
            for status, each in old.subsets.items()
        },
        # Runs that go on are read anew each time.
        in_progress_runs=new.in_progress_runs,
    )


def _has(
    subset: SerializableEntitySubset[dg.AssetCheckKey], partitions: Collection[str]
) -> set[str]:
    return {each for each in partitions if each in subset.subset_value}
