"""Assets that are late: found by Dagster's own freshness daemon, reported once and in words."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.loader import LoadingContextForTest
from dagster._core.test_utils import freeze_time
from dagster._daemon.freshness import FreshnessDaemon

from off_platform.automation.lateness import late_assets
from off_platform.automation.sending import NotSentError
from off_platform.definitions import definitions
from off_platform.settings import Settings
from off_platform_tests.automation.listeners import Listener, listening

NOW = datetime.now(UTC)
MONTH = "2026-10-01"
THIS_MONTH = f"{NOW:%Y-%m-01}"


@dataclass
class Watched:
    """A platform whose assets are watched: where its alerts go, and what Dagster remembers."""

    webhook: Listener
    settings: Settings
    instance: dg.DagsterInstance

    @cached_property
    def repository(self) -> dg.RepositoryDefinition:
        """What is defined, loaded once as by a code server."""
        return definitions(of=self.settings).get_repository_def()

    def made(self, asset: str, days: float, partition: str | None = None) -> datetime:
        """Records that an asset was built some days ago; returns the time."""
        moment = NOW - timedelta(days=days)
        with freeze_time(moment):
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(asset, partition=partition)
            )
        return moment

    def look(self, days: float = 0) -> dict[str, str]:
        """Lets Dagster's daemon evaluate all assets as some days ago; returns their states."""
        graph = self.repository.asset_graph
        with freeze_time(NOW - timedelta(days=days)):
            for node in graph.asset_nodes:
                context = LoadingContextForTest(self.instance)
                asyncio.run(FreshnessDaemon()._evaluate_asset(context, node))
        keys = [node.key for node in graph.asset_nodes if node.freshness_policy]
        records = self.instance.get_freshness_state_records(keys)
        return {
            key.to_user_string(): record.freshness_state.name for key, record in records.items()
        }

    def tick(self, name: str = "alert_on_late") -> Any:
        """A tick of a sensor."""
        context = dg.build_sensor_context(self.instance, repository_def=self.repository)
        context.log.setLevel(logging.CRITICAL)
        return self.repository.get_sensor_def(name)(context)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with (
        listening() as webhook,
        dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance,
    ):
        settings = Settings(_env_file=None, alerts=webhook.url, alert_ui="http://ui")
        yield Watched(webhook, settings, instance)


def test_a_late_asset_is_reported_once_with_its_age_and_what_to_do(watched: Watched) -> None:
    watched.made("products_imported", 10)
    watched.made("bucket_sync", 80, "2026-09-01")
    moment = watched.made("bucket_sync", 48.5, MONTH)
    states = watched.look()
    assert (states["bucket_sync"], states["products_imported"]) == ("FAIL", "PASS")
    watched.tick()
    (body,) = watched.webhook.bodies
    assert body["title"] == "Late: bucket_sync"
    line = f"- bucket_sync: last made {moment:%Y-%m-%d %H:%M} UTC, 48 days ago; may be 37 days old"
    assert line in body["text"]
    assert "What to do: check that daemon, schedules and sensors are running" in body["text"]
    assert body["link"] == "http://ui/assets"
    assert watched.tick().skip_message == "Sent before: Late: bucket_sync"
    assert watched.webhook.bodies == [body]


@pytest.mark.slow
def test_an_asset_that_becomes_late_later_is_reported_then(watched: Watched) -> None:
    watched.made("bucket_sync", 48, MONTH)
    watched.look()
    watched.tick()
    watched.made("products_imported", 181)
    watched.look()
    watched.tick()
    titles = [body["title"] for body in watched.webhook.bodies]
    assert titles == ["Late: bucket_sync", "Late: bucket_sync, products_imported"]
    assert "last made" in watched.webhook.bodies[1]["text"].splitlines()[1]


@pytest.mark.slow
@pytest.mark.parametrize(("days", "state"), [(1, "PASS"), (34, "WARN"), (36.9, "WARN")])
def test_a_fresh_asset_is_not_reported(watched: Watched, days: float, state: str) -> None:
    watched.made("bucket_sync", days, THIS_MONTH)
    assert watched.look()["bucket_sync"] == state
    assert watched.tick().skip_message == "Nothing is late."
    assert watched.webhook.bodies == []


def test_a_rebuilt_asset_is_no_longer_late(watched: Watched) -> None:
    watched.made("bucket_sync", 48, MONTH)
    assert watched.look()["bucket_sync"] == "FAIL"
    watched.made("bucket_sync", 0, THIS_MONTH)
    assert watched.look()["bucket_sync"] == "PASS"
    assert watched.tick().skip_message == "Nothing is late."


@pytest.mark.slow
def test_what_could_not_be_sent_fails_the_tick_and_waits(watched: Watched) -> None:
    watched.made("bucket_sync", 48, MONTH)
    watched.look()
    watched.webhook.answers = [404]
    with pytest.raises(NotSentError, match="not sent by json: it answered 404"):
        watched.tick()
    assert watched.webhook.bodies == []
    assert watched.tick().skip_message == "Waits to be sent: Late: bucket_sync"
    watched.tick("unsent_alerts")
    assert [body["title"] for body in watched.webhook.bodies] == ["Late: bucket_sync"]
    assert watched.tick().skip_message == "Sent before: Late: bucket_sync"


@pytest.mark.slow
def test_a_month_never_built_is_late_but_an_import_never_made_is_not(
    watched: Watched,
) -> None:
    states = watched.look(days=400)
    assert set(states.values()) == {"UNKNOWN"}
    scheduled = set(states) - {"products_imported"}
    assert {"bucket_sync", "key_index", "key_changes", "bins", "bin_splits"} < scheduled
    since = NOW - timedelta(days=400)
    day = timedelta(days=1)
    for days, late in ((36.9, False), (37.1, True)):
        found = late_assets(watched.repository, watched.instance, since + days * day)
        assert set(found) == (scheduled if late else set())
    watched.look()
    watched.tick()
    (body,) = watched.webhook.bodies
    assert body["title"] == "Late: bin_items, bin_metadata, bin_objects and 13 more"
    line = f"bucket_sync: never built, expected since {since:%Y-%m-%d %H:%M} UTC, 400 days ago"
    assert f"{line}; may be 37" in body["text"]


def test_nothing_is_late_before_the_daemon_has_run(watched: Watched) -> None:
    watched.made("bucket_sync", 48, MONTH)
    assert watched.tick().skip_message == "Nothing is late."


@pytest.mark.parametrize(
    ("day", "made", "late"),
    [
        ("2026-11-10 02:59", ["2026-10-01"], False),
        ("2026-11-10 03:01", ["2026-10-01"], True),
        ("2026-11-30 23:59", ["2026-10-01", "2026-03-01"], True),
        ("2026-11-30 23:59", ["2026-11-01", "2026-03-01"], False),
        ("2026-12-03 12:00", ["2026-11-01"], False),
    ],
)
def test_a_missing_month_is_late_even_if_an_older_one_was_rebuilt(
    watched: Watched,
    day: str,
    made: list[str],
    late: bool,  # noqa: FBT001
) -> None:
    for month in made:
        watched.made("bucket_sync", 0, month)
    assert watched.look()["bucket_sync"] == "PASS"
    moment = datetime.fromisoformat(f"{day}+00:00")
    found = late_assets(watched.repository, watched.instance, moment)
    days = (moment - datetime(2026, 11, 4, 3, tzinfo=UTC)).days
    line = f"2026-11 was not built; it was scheduled for 2026-11-04 03:00 UTC, {days} days ago"
    assert found == ({"bucket_sync": line} if late else {})


def test_a_month_is_due_as_its_schedule_is_set(watched: Watched) -> None:
    watched = replace(watched, settings=Settings(_env_file=None, monthly_cron="0 3 20 * *"))
    watched.made("bucket_sync", 0, MONTH)
    watched.look()
    for day, late in ((25, set()), (27, {"bucket_sync"})):
        moment = datetime(2026, 11, day, tzinfo=UTC)
        assert set(late_assets(watched.repository, watched.instance, moment)) == late
