"""Which partitions of each check are red or green, kept in memory between the looks of the UI.

Dagster computes it at each look from all partitions, and adds one after the other to sets that it
copies each time: with 26 checks of 20,000 imports, a page took minutes. Here a look reads what has
changed since the one before. The rules are Dagster's own (`asset_check_state.py`, 1.13).
"""

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.asset_graph_view.serializable_entity_subset import SerializableEntitySubset
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionResolvedStatus,
    AssetCheckPartitionInfo,
)
from dagster._core.storage.asset_check_state import AssetCheckState
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import SqlEventLogStorage, SqlEventLogStorageTable
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster_shared.record import copy
from sqlalchemy import select

# More are not looked up one by one.
MOST_CHANGED = 500
_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION.value
_CHECKED = [
    dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
]
_SETTLED = {
    AssetCheckExecutionRecordStatus.SUCCEEDED: AssetCheckExecutionResolvedStatus.SUCCEEDED,
    AssetCheckExecutionRecordStatus.FAILED: AssetCheckExecutionResolvedStatus.FAILED,
}
# A check, and what its partitions are.
Partitioned = tuple[dg.AssetCheckKey, dg.PartitionsDefinition[str]]


class CheckStates(SqlEventLogStorage):
    """An event log that remembers the states of partitioned checks; to be mixed into another."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """See the other."""
        self._states: dict[Partitioned, tuple[int, AssetCheckState]] = {}
        self._partitions: dict[dg.PartitionsDefinition[str], set[str]] = {}
        self._states_lock = threading.Lock()
        super().__init__(*arguments, **named)  # type: ignore[no-untyped-call]

    def get_asset_check_state(
        self, keys: Sequence[tuple[dg.AssetCheckKey, dg.PartitionsDefinition[str] | None]]
    ) -> Mapping[dg.AssetCheckKey, AssetCheckState]:
        """See Dagster's own."""
        partitioned = [(key, of) for key, of in keys if of is not None]
        others = [(key, of) for key, of in keys if of is None]
        with self._states_lock:
            newest = self.get_maximum_record_id() or 0
            self._look(partitioned, newest)
            found = {each[0]: self._states[each][1] for each in partitioned}
        return {**found, **super().get_asset_check_state(others)} if others else found

    def _look(self, checks: Sequence[Partitioned], newest: int) -> None:
        """Brings the states of checks up to an event."""
        for of in {of for _, of in checks}:
            self._forget_if_deleted(of)
        since: dict[int, list[Partitioned]] = defaultdict(list)
        for each in checks:
            since[self._states[each][0] if each in self._states else 0].append(each)
        for seen, of_one in since.items():
            # Events were deleted with the state that they had, too, if there is an older one now.
            if seen and seen <= newest:
                self._update(of_one, seen, newest)
            else:
                self._read(of_one, newest)

    def _forget_if_deleted(self, of: dg.PartitionsDefinition[str]) -> None:
        """States have the partitions that were deleted since, which is not an event."""
        there = set(of.get_partition_keys(dynamic_partitions_store=self._instance))
        if self._partitions.get(of, set()) - there:
            self._states = {each: state for each, state in self._states.items() if each[1] != of}
        self._partitions[of] = there

    def _read(self, checks: Iterable[Partitioned], newest: int) -> None:
        """Reads the states of all partitions."""
        for check, of in checks:
            there = self._partitions[of]
            infos = [
                info
                for info in self.get_asset_check_partition_info([check])
                if info.partition_key in there
            ]
            self._put((check, of), _settled(check, of, infos), _planned(infos), newest)

    def _update(self, checks: Sequence[Partitioned], seen: int, newest: int) -> None:
        """Reads the states of the partitions that have changed since an event."""
        made, runs = self._since(seen, newest)
        if len(runs) > MOST_CHANGED:
            self._read(checks, newest)
            return
        for check, of in checks:
            state = self._states[check, of][1]
            # Dagster stores an event first and the result after it: a look may come in between.
            again = self._of_runs(check, {*runs, *state.in_progress_runs})
            partitions = made.get(check.asset_key.to_string(), set()) | again
            if len(partitions) > MOST_CHANGED:
                self._read([(check, of)], newest)
                continue
            infos: Sequence[AssetCheckPartitionInfo] = []
            if partitions:
                infos = self.get_asset_check_partition_info(
                    [check], partition_keys=sorted(partitions)
                )
                state = _without(state, check, of, infos)
            self._put((check, of), state, infos, newest)

    def _since(self, seen: int, newest: int) -> tuple[dict[str, set[str]], set[str]]:
        """Asset -> partitions made since one event and up to another, and runs with checks.

        Dagster stores the partition of a check with its result, not with its event.
        """
        if seen == newest:
            return {}, set()
        of = SqlEventLogStorageTable.c
        query = select(of.asset_key, of.partition, of.run_id).where(
            of.id > seen, of.id <= newest, of.dagster_event_type.in_([_MADE, *_CHECKED])
        )
        made: dict[str, set[str]] = defaultdict(set)
        runs = set()
        with self.index_connection() as connection:
            for asset, partition, run in connection.execute(query.distinct()):
                if partition:
                    made[asset].add(partition)
                if not asset:
                    runs.add(run)
        return made, runs

    def _of_runs(self, check: dg.AssetCheckKey, runs: Collection[str]) -> set[str]:
        """The partitions of which runs have a result of a check, or will have."""
        of = AssetCheckExecutionsTable.c
        of_check = (of.asset_key == check.asset_key.to_string()) & (of.check_name == check.name)
        query = select(of.partition).where(
            of_check, of.run_id.in_(sorted(runs)), of.partition.is_not(None)
        )
        with self.index_connection() as connection:
            return set(connection.execute(query).scalars()) if runs else set()

    def _put(
        self,
        check: Partitioned,
        state: AssetCheckState,
        infos: Sequence[AssetCheckPartitionInfo],
        newest: int,
    ) -> None:
        """Stores a state with some more partitions, and the ends of the runs that it waits for."""
        waits = {info.latest_planned_run_id for info in _planned(infos)} | {*state.in_progress_runs}
        statuses = {}
        if waits:
            ended = dg.RunsFilter(run_ids=sorted(waits), statuses=FINISHED_STATUSES)
            statuses = {run.run_id: run.status for run in self._instance.get_runs(ended)}
        if infos or statuses:
            state = state.with_updates(*check, infos, statuses)
        self._states[check] = (newest, state)


def _settled(
    check: dg.AssetCheckKey,
    of: dg.PartitionsDefinition[str],
    infos: Sequence[AssetCheckPartitionInfo],
) -> AssetCheckState:
    """The state of partitions with a result that is not older than what it is about."""
    partitions: dict[AssetCheckExecutionResolvedStatus, list[str]] = defaultdict(list)
    for info in infos:
        status = _SETTLED.get(info.latest_execution_status)
        if status and info.is_current and info.partition_key:
            partitions[status].append(info.partition_key)
    subsets = {
        status: SerializableEntitySubset.from_coercible_value(check, partitions[status], of)
        for status in AssetCheckExecutionResolvedStatus
    }
    return AssetCheckState(latest_storage_id=0, subsets=subsets, in_progress_runs={})


def _without(
    state: AssetCheckState,
    check: dg.AssetCheckKey,
    of: dg.PartitionsDefinition[str],
    infos: Sequence[AssetCheckPartitionInfo],
) -> AssetCheckState:
    """A state without some partitions, which Dagster would leave red when they become green."""
    partitions = [info.partition_key for info in infos if info.partition_key]
    gone = SerializableEntitySubset.from_coercible_value(check, partitions, of)
    return copy(
        state,
        subsets={status: each.compute_difference(gone) for status, each in state.subsets.items()},
        in_progress_runs={
            run: each.compute_difference(gone) for run, each in state.in_progress_runs.items()
        },
    )


def _planned(infos: Iterable[AssetCheckPartitionInfo]) -> list[AssetCheckPartitionInfo]:
    planned = AssetCheckExecutionRecordStatus.PLANNED
    return [info for info in infos if info.latest_execution_status == planned]
