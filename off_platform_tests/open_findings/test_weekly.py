"""The asset `open_findings`, and the one alert of a week."""

import logging
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from off_platform.automation.alert_sensors import SCHEDULED, alert_sensors
from off_platform.automation.schedules import WEEKLY_SCHEDULE
from off_platform.definitions import definitions
from off_platform.imports.importing import import_stored, newest_products, store_import
from off_platform.imports.intake.originals import key_of
from off_platform.imports.specification.views import DERIVED
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform_tests.automation.listeners import listening

pytestmark = pytest.mark.slow

BAD = "barcode,product_name,fat_g\n3017620422003,A,lots\n"
GOOD = "barcode,product_name,fat_g\n3017620422003,A,1\n"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "instance").mkdir()
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path / "instance")) as made:
        yield made


def taken_in(settings: Settings, path: Path, text: str) -> str:
    path.write_text(text)
    lake, key = Lake(settings.lake, derived=DERIVED), key_of(path)
    store_import(lake, lake.connect, settings, key, str(path))
    import_stored(lake, lake.connect, key)
    newest_products(lake, lake.connect)
    return key


def week(
    settings: Settings, instance: dg.DagsterInstance, **tags: str
) -> dg.ExecuteInProcessResult:
    """Runs the job, and looks at the run with the sensor of alerts."""
    job = definitions(of=settings).resolve_job_def("weekly")
    result = job.execute_in_process(instance=instance, tags=tags)
    sensor = next(
        each for each in alert_sensors(settings, running=True) if each.name == "alert_on_checks"
    )
    event = next(each for each in result.all_events if each.event_type_value == "PIPELINE_SUCCESS")
    context = dg.build_run_status_sensor_context(
        sensor_name=sensor.name,
        dagster_event=event,
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    )
    context.log.setLevel(logging.CRITICAL)
    sensor(context)
    return result


def test_one_alert_a_week_sums_up_what_is_open(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    with listening() as server:
        # It is due on no day.
        settings = Settings(
            _env_file=None,
            lake=str(tmp_path / "lake"),
            alerts=server.url,
            import_folders=str(tmp_path),
            monthly_cron="0 3 29 2 *",
        )
        key = taken_in(settings, tmp_path / "bad.csv", BAD)
        result = week(settings, instance, **{SCHEDULED: WEEKLY_SCHEDULE})
        (made,) = result.asset_materializations_for_node("open_findings")
        assert made.metadata["verdict"].value == "1 import is open."
        assert "data:image/png;base64," in str(made.metadata["chart"].value)
        failed = [each for each in result.get_asset_check_evaluations() if not each.passed]
        assert [each.check_name for each in failed] == ["imports_settled"]
        (told,) = server.bodies
        assert "Open: 1 import is open" in str(told)
        assert f"{key}, since 20" in str(told)
        lake = Lake(settings.lake)
        with lake.connect() as connection:
            (row,) = connection.execute(
                f"SELECT kind, name, number FROM {lake.view_of('open_findings')}"
            ).fetchall()
        assert row == ("import", key, 1)
        # Somebody looks in between; the next week reports it again; then it is settled.
        week(settings, instance)
        assert len(server.bodies) == 1
        week(settings, instance, **{SCHEDULED: WEEKLY_SCHEDULE})
        assert len(server.bodies) == 2
        taken_in(settings, tmp_path / "good.csv", GOOD)
        week(settings, instance, **{SCHEDULED: WEEKLY_SCHEDULE})
        assert len(server.bodies) == 2


def test_the_schedule_is_a_setting() -> None:
    def crons(**changes: str) -> dict[str, str]:
        defs = definitions(of=Settings(_env_file=None, **changes))
        return {each.name: str(each.cron_schedule) for each in defs.schedules or ()}

    assert crons()[WEEKLY_SCHEDULE] == "0 7 * * 1"
    assert crons(weekly_cron="0 6 * * 5")[WEEKLY_SCHEDULE] == "0 6 * * 5"
    assert WEEKLY_SCHEDULE not in crons(weekly_cron="")
