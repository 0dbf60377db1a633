"""The automation conditions: what asks for the month, for its tables, and what does not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from off_platform.automation.sensors import key_list_sensor
from off_platform.definitions import definitions
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings

TABLES = {"key_index", "key_index_oddities", "photos", "key_changes", "months"}
WHOLE = {"bucket_sync", *TABLES}
MONTH, NEXT = "2026-11-01", "2026-12-01"


@dataclass
class Conditions:
    """Dagster's ticks over the conditions: it remembers the last, as the daemon does."""

    instance: dg.DagsterInstance
    settings: Settings = field(default_factory=lambda: Settings(_env_file=None))
    cursor: Any = None

    @cached_property
    def defs(self) -> dg.Definitions:
        """The code location, loaded once."""
        return definitions(of=self.settings)

    def asked(self, month: str = MONTH, hours: float = 0) -> set[tuple[str, str | None]]:
        """A tick so long after a month's 15th: assets and partitions that it asks for."""
        middle = datetime.combine(
            date.fromisoformat(month) + timedelta(days=14), datetime.min.time()
        ) + timedelta(hours=hours)
        # As in the daemon, in a thread: in the main one, asyncio renders all conditions as text.
        with ThreadPoolExecutor(1) as thread:
            result = thread.submit(
                dg.evaluate_automation_conditions,
                self.defs,
                self.instance,
                asset_selection=key_list_sensor(running=True).asset_selection,
                cursor=self.cursor,
                evaluation_time=middle.replace(tzinfo=UTC),
            ).result()
        self.cursor = result.cursor
        return {
            (key.to_user_string(), partition)
            for key in self.defs.resolve_asset_graph().get_all_asset_keys()
            for partition in result.get_requested_partitions(key)
        }

    def started(self, *assets: str, month: str = MONTH) -> dg.DagsterRun:
        """A run of some assets is under way."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        picked = frozenset(map(dg.AssetKey, assets))
        return self.instance.create_run_for_job(
            job.get_subset(asset_selection=picked),
            status=dg.DagsterRunStatus.STARTED,
            tags={"dagster/partition": month},
            asset_selection=picked,
        )

    def observed(self, etag: str) -> None:
        """The key list was looked at, and had this ETag."""
        self.instance.report_runless_asset_event(
            dg.AssetObservation("data_keys", tags={"dagster/data_version": etag})
        )

    def made(self, *assets: str, month: str = MONTH) -> None:
        """Assets were made for a month."""
        for asset in assets:
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(asset, partition=month)
            )


def of(assets: set[str], month: str = MONTH) -> set[tuple[str, str | None]]:
    return {(asset, month) for asset in assets}


@pytest.fixture
def conditions(tmp_path: Path) -> Iterator[Conditions]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        found = Conditions(instance)
        assert found.asked() == set()
        yield found


def test_a_new_list_asks_for_the_month_and_its_tables_once(conditions: Conditions) -> None:
    conditions.observed('"a"')
    assert conditions.asked() == of(WHOLE)
    assert conditions.asked() == set()
    # The daily look finds the same list.
    conditions.observed('"a"')
    assert conditions.asked() == set()


def test_a_month_requested_in_vain_is_requested_by_the_next_list(
    conditions: Conditions,
) -> None:
    conditions.observed('"a"')
    conditions.asked()
    conditions.observed('"a"')
    assert conditions.asked() == set()
    conditions.observed('"b"')
    assert conditions.asked() == of(WHOLE)


@pytest.mark.slow
def test_a_failed_month_is_requested_again_once_a_day(conditions: Conditions) -> None:
    for day in (0, 24):
        conditions.instance.report_run_failed(conditions.started("bucket_sync"))
        assert conditions.asked(hours=day + 4.9) == set()
        assert conditions.asked(hours=day + 5.1) == of(WHOLE)
        assert conditions.asked(hours=day + 5.2) == set()
    conditions.instance.report_run_failed(conditions.started(*WHOLE))
    assert conditions.asked(hours=53.1) == of(WHOLE)
    conditions.made(*WHOLE)
    assert conditions.asked(hours=54) == set()
    assert conditions.asked(hours=77.1) == set()


def test_a_month_that_was_not_run_yet_waits_for_its_schedule(conditions: Conditions) -> None:
    assert conditions.asked(hours=5.1) == set()
    assert conditions.asked(hours=29.1) == set()


def test_a_failed_month_is_not_requested_while_it_runs_or_after_it_is_over(
    conditions: Conditions,
) -> None:
    conditions.instance.report_run_failed(conditions.started("bucket_sync"))
    again = conditions.started("bucket_sync")
    assert conditions.asked(hours=5.1) == set()
    conditions.instance.report_run_failed(again)
    assert conditions.asked(NEXT, hours=5.1) == set()


@pytest.mark.slow
def test_a_month_with_a_snapshot_keeps_it_though_a_later_run_failed(conditions: Conditions) -> None:
    conditions.made(*WHOLE)
    conditions.asked()
    conditions.instance.report_run_failed(conditions.started("bucket_sync"))
    assert conditions.asked(hours=5.1) == set()


@pytest.mark.slow
def test_a_month_that_has_a_snapshot_keeps_it(conditions: Conditions) -> None:
    conditions.made(*WHOLE)
    assert conditions.asked() == set()
    conditions.observed('"a"')
    assert conditions.asked() == set()
    conditions.observed('"b"')
    assert conditions.asked() == set()


def test_a_list_that_arrives_during_a_run_is_remembered(conditions: Conditions) -> None:
    run = conditions.started("bucket_sync")
    conditions.observed('"a"')
    assert conditions.asked() == set()
    conditions.instance.report_run_failed(run)
    assert conditions.asked() == of(WHOLE)


def test_no_past_month_is_requested(conditions: Conditions) -> None:
    conditions.made(*WHOLE, month="2026-08-01")
    conditions.observed('"a"')
    assert {month for _, month in conditions.asked()} == {MONTH}


@pytest.mark.slow
def test_a_new_month_waits_for_its_list(conditions: Conditions) -> None:
    conditions.observed('"a"')
    conditions.asked()
    conditions.made(*WHOLE)
    assert conditions.asked(NEXT) == set()
    # November's list is not new in December.
    conditions.observed('"a"')
    assert conditions.asked(NEXT) == set()
    conditions.observed('"b"')
    assert conditions.asked(NEXT) == of(WHOLE, NEXT)


def test_each_table_follows_its_sources(conditions: Conditions) -> None:
    conditions.made("bucket_sync")
    assert conditions.asked() == of(TABLES)
    conditions.made("key_index", "key_index_oddities", "photos")
    # Requested with the index already.
    assert conditions.asked() == set()
    conditions.made("key_changes", "months")
    assert conditions.asked() == set()


def test_an_index_built_by_hand_updates_the_changes(conditions: Conditions) -> None:
    conditions.made(*WHOLE)
    conditions.asked()
    conditions.made("key_index", "key_index_oddities", "photos")
    assert conditions.asked() == of({"key_changes", "months"})


@pytest.mark.slow
def test_a_complete_run_leaves_nothing_to_request(tmp_path: Path, sandbox: Sandbox) -> None:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        settings = Settings(
            _env_file=None, lake=str(tmp_path / "lake"), images_bucket=str(sandbox.images.folder)
        )
        conditions = Conditions(instance, settings)
        month = f"{datetime.now(UTC):%Y-%m-01}"
        conditions.asked(month)
        job = conditions.defs.resolve_implicit_global_asset_job_def()
        look = job.get_subset(asset_selection={dg.AssetKey("data_keys")})
        assert look.execute_in_process(instance=instance).success
        asked = conditions.asked(month)
        assert asked == of(WHOLE, month)
        picked = job.get_subset(asset_selection={dg.AssetKey(asset) for asset, _ in asked})
        assert picked.execute_in_process(instance=instance, partition_key=month).success
        assert conditions.asked(month) == set()
        assert look.execute_in_process(instance=instance).success
        assert conditions.asked(month) == set()
        # Nor do checks that run alone ask for what they look at.
        alone = conditions.defs.resolve_job_def("check_months")
        assert alone.execute_in_process(instance=instance, partition_key=month).success
        assert conditions.asked(month) == set()
