"""Alerts: what is worth one, and how it reads."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from off_platform.automation.alert_delivery import deliver
from off_platform.automation.alert_sensors import alert_sensors
from off_platform.automation.alerts import MOST_TEXT, Failed, Message, RunEnded, message_of
from off_platform.definitions import definitions
from off_platform.imports.intake.originals import key_of
from off_platform.partitions import MONTHS
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.objects import Source
from off_platform_tests.automation.listeners import Listener, listening
from off_platform_tests.images_desk import desk_at

MESSAGE = Message("2 checks failed: imports, x.csv", "error, a <b>: row 2", "http://ui/runs/1", "k")


def failed(check: str = "numbers", *, is_error: bool = True, share: float = 0.5) -> Failed:
    return Failed("products_accepted", check, is_error, "Broken by 1 of 2.", share, ["row 2: 'x'"])


def ended(*checks: Failed, reason: str | None = None, key: str = "x.csv@01234567") -> RunEnded:
    return RunEnded("imports", "run-1", key, reason, checks)


def message_for(run: RunEnded) -> Message | None:
    return message_of(run, warning_share=0.2, ui="http://ui/")


def test_a_successful_run_gives_no_message() -> None:
    assert message_for(ended()) is None


def test_only_a_frequent_warning_gives_a_message() -> None:
    assert message_for(ended(failed(is_error=False, share=0.1))) is None
    message = message_for(ended(failed(is_error=False, share=0.3)))
    assert message is not None
    assert message.title == "Warnings: imports, x.csv@01234567"


def test_a_message_says_what_where_how_many_examples_and_what_to_do() -> None:
    message = message_for(ended(failed()))
    assert message is not None
    assert message.title == "1 check failed: imports, x.csv@01234567"
    assert "error, products_accepted: numbers: Broken by 1 of 2." in message.text
    assert "    row 2: 'x'" in message.text
    assert "imports/x.csv@01234567/report.html" in message.text
    assert message.link == "http://ui/runs/run-1"


def test_a_failed_run_says_why() -> None:
    message = message_for(RunEnded("monthly", "r", "2026-11-01", "bucket_sync: not there.", ()))
    assert message is not None
    assert message.title == "Failed: monthly, 2026-11-01"
    assert "The run failed: bucket_sync: not there." in message.text


def test_a_message_is_bounded() -> None:
    many = [failed(f"check{n}" + "x" * 5000) for n in range(50)]
    message = message_for(ended(*many))
    assert message is not None
    assert len(message.text) <= MOST_TEXT + 4


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (ended(failed()), True),
        # Two producers may use one name.
        (ended(failed(), key="x.csv@76543210"), False),
        (ended(failed(), key="y.csv@01234567"), False),
        (ended(failed("ranges")), False),
        (ended(failed(), reason="it died"), False),
    ],
)
def test_which_messages_are_repeats(other: RunEnded, same: bool) -> None:  # noqa: FBT001
    first, second = message_for(ended(failed())), message_for(other)
    assert first is not None
    assert second is not None
    assert (first.same_as == second.same_as) is same


HEADER = "barcode,product_name,fat_g\n"


def import_of(
    settings: Settings, instance: dg.DagsterInstance, text: str, folder: Path
) -> dg.ExecuteInProcessResult:
    path = folder / "x.csv"
    path.write_text(text)
    key = key_of(path)
    instance.add_dynamic_partitions("imports", [key])
    job = definitions(of=settings).resolve_job_def("imports")
    config = {"ops": {"import_file": {"config": {"path": str(path)}}}}
    return job.execute_in_process(
        partition_key=key, instance=instance, run_config=config, raise_on_error=False
    )


def tick(
    settings: Settings, result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance
) -> None:
    name = "alert_on_checks" if result.success else "alert_on_failure"
    sensor = next(each for each in alert_sensors(settings, running=True) if each.name == name)
    wanted = "PIPELINE_SUCCESS" if result.success else "PIPELINE_FAILURE"
    event = next(each for each in result.all_events if each.event_type_value == wanted)
    context = dg.build_run_status_sensor_context(
        sensor_name=name,
        dagster_event=event,
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    )
    context.log.setLevel(logging.CRITICAL)
    # A reason to skip would end Dagster's tick before the runs that ended after this one.
    assert sensor(context) is None


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path / "instance")) as made:
        yield made


@pytest.mark.slow
def test_a_bad_import_is_reported_once_and_a_good_one_is_not(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    (tmp_path / "instance").mkdir(exist_ok=True)
    bad = f"{HEADER}3017620422003,A,lots\n"
    with listening() as server:
        settings = Settings(
            _env_file=None,
            lake=str(tmp_path / "lake"),
            import_folders=str(tmp_path),
            alerts=server.url,
        )
        # A file of the same name with other bytes is another one.
        for text in (bad, f"{bad}\n", "<html>Sorry</html>"):
            result = import_of(settings, instance, text, tmp_path)
            already = len(server.bodies)
            tick(settings, result, instance)
            tick(settings, result, instance)
            (body,) = server.bodies[already:]
            assert "x.csv" in body["title"]
            assert "report.html" in body["text"]
            assert ("line 2 (fat_g): 'lots'" in body["text"]) is result.success
        good = import_of(settings, instance, f"{HEADER}3017620422003,A,1\n", tmp_path)
        tick(settings, good, instance)
    assert len(server.bodies) == 3


@dataclass
class Months:
    """A bucket whose key list is copied month after month."""

    settings: Settings
    instance: dg.DagsterInstance
    server: Listener

    def copied(self, month: str) -> dg.ExecuteInProcessResult:
        """A month's copy, as the automation condition runs it: an asset picked, no job of ours."""
        job = definitions(of=self.settings).resolve_implicit_global_asset_job_def()
        picked = [dg.AssetKey("bucket_sync")]
        result = job.execute_in_process(
            asset_selection=picked, partition_key=month, instance=self.instance
        )
        tick(self.settings, result, self.instance)
        return result


@pytest.fixture
def months(tmp_path: Path, instance: dg.DagsterInstance, sandbox: Sandbox) -> Iterator[Months]:
    images = str(sandbox.images.folder)
    with listening() as server:
        settings = Settings(
            _env_file=None,
            lake=str(tmp_path / "lake"),
            images_bucket=images,
            alerts=server.url,
        )
        yield Months(settings, instance, server)


def missed_in(result: dg.ExecuteInProcessResult) -> str:
    (made,) = result.asset_materializations_for_node("bucket_sync")
    return str(made.metadata["missed"].value)


@pytest.mark.slow
def test_missed_months_are_reported_once_in_the_month_after(months: Months) -> None:
    *_, since, first, last, month = MONTHS.get_partition_keys()
    with desk_at(months.settings.lake, Source(months.settings.images_bucket)) as desk:
        desk.sync(since)
    result = months.copied(month)
    months.copied(month)
    (body,) = months.server.bodies
    assert body["title"] == f"Warnings: bucket_sync, {month}"
    missed = f"no_month_missing: {first[:7]} to {last[:7]} were missed: the bucket keeps only its"
    assert f"warning, bucket_sync: {missed}" in body["text"]
    assert f"    {first[:7]}\n    {last[:7]}\n" in body["text"]
    assert missed_in(result).startswith(f"{first[:7]} to {last[:7]} were missed: ")


def test_a_month_after_a_month_is_not_reported(months: Months) -> None:
    *_, since, month = MONTHS.get_partition_keys()
    with desk_at(months.settings.lake, Source(months.settings.images_bucket)) as desk:
        desk.sync(since)
    result = months.copied(month)
    assert months.server.bodies == []
    sentence = f"No month is missing: the previous snapshot is {since[:7]}'s."
    assert missed_in(result) == sentence


def test_without_a_sender_it_says_so() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        answer = deliver(Settings(_env_file=None), instance, MESSAGE)
    assert answer == f"No alert sender is set. {MESSAGE.title}\n{MESSAGE.text}"


def test_an_import_that_died_before_its_checks_has_no_report_to_send() -> None:
    key = "x.csv@01234567"
    died = message_of(
        RunEnded("imports", "1", key, "the disk is full.", []), warning_share=0.2, ui=""
    )
    assert died
    assert "report.html" not in died.text
    assert "What to do: open the run" in died.text
