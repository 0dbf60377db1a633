"""An import whose run was killed is tried again until it has a verdict; a failed check is one."""

import time
from pathlib import Path

import dagster as dg
import pytest

from off_platform.arrivals import BATCH, batch_config
from off_platform.automation import unfinished
from off_platform.automation.unfinished import (
    ATTEMPT,
    LONGEST_WAIT_SECONDS,
    due_again,
    wait_seconds,
)
from off_platform.imports.intake.inbox import look
from off_platform.storage.objects import Source

KEY = "x.csv@01234567"
HOUR = 3600


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    monkeypatch.setattr(unfinished, "FIRST_WAIT_SECONDS", 0)
    return dg.DagsterInstance.ephemeral()


def ran(instance: dg.DagsterInstance, error: Exception) -> None:
    """A run whose step ended with an error."""

    @dg.op(name="import_file", config_schema={"path": str})
    def raises() -> None:
        raise error

    dg.GraphDefinition("imports", node_defs=[raises]).to_job().execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags={"dagster/partition": KEY},
        run_config={
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            "ops": {"import_file": {"config": {"path": "/in/x.csv"}}},
        },
    )


def killed(instance: dg.DagsterInstance, attempt: int = 1) -> None:
    """A run whose process was gone, as run monitoring ends it."""
    instance.run_storage.add_run(
        dg.DagsterRun(
            "imports",
            run_config={"ops": {"import_file": {"config": {"path": "/in/x.csv"}}}},
            status=dg.DagsterRunStatus.FAILURE,
            tags={"dagster/partition": KEY, ATTEMPT: str(attempt)},
        )
    )


def test_a_run_that_was_killed_is_due_and_each_attempt_is_counted(
    instance: dg.DagsterInstance,
) -> None:
    assert due_again(instance, set()) == {}
    for attempt in range(1, 6):
        killed(instance, attempt)
        assert due_again(instance, set()) == {"/in/x.csv": attempt}


def test_what_has_its_report_is_not_due(instance: dg.DagsterInstance) -> None:
    killed(instance)
    assert due_again(instance, {KEY}) == {}


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
def test_what_is_tried_already_is_not_due(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    killed(instance)
    instance.run_storage.add_run(
        dg.DagsterRun("imports", status=status, tags={"dagster/partition": KEY})
    )
    assert due_again(instance, set()) == {}


OTHER = "y.csv@01234567"
BOTH = {KEY: "/in/x.csv", OTHER: "/in/y.csv"}


def ran_together(
    instance: dg.DagsterInstance, files: dict[str, str], status: dg.DagsterRunStatus
) -> None:
    instance.run_storage.add_run(
        dg.DagsterRun(BATCH, run_config=batch_config(files), status=status, tags={ATTEMPT: "1"})
    )


def test_of_a_killed_run_of_several_files_those_without_a_report_are_due(
    instance: dg.DagsterInstance,
) -> None:
    ran_together(instance, BOTH, dg.DagsterRunStatus.FAILURE)
    assert due_again(instance, set()) == {"/in/x.csv": 1, "/in/y.csv": 1}
    assert due_again(instance, {KEY}) == {"/in/y.csv": 1}
    assert due_again(instance, {KEY, OTHER}) == {}


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.SUCCESS])
def test_a_file_that_is_in_a_newer_run_of_either_kind_is_not_due(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    ran_together(instance, BOTH, dg.DagsterRunStatus.FAILURE)
    instance.run_storage.add_run(
        dg.DagsterRun("imports", status=status, tags={"dagster/partition": KEY})
    )
    assert due_again(instance, set()) == {"/in/y.csv": 1}
    ran_together(instance, {OTHER: "/in/y.csv"}, status)
    assert due_again(instance, set()) == {}


def test_a_file_that_died_alone_is_not_due_while_it_is_tried_with_others(
    instance: dg.DagsterInstance,
) -> None:
    killed(instance)
    ran_together(instance, BOTH, dg.DagsterRunStatus.STARTED)
    assert due_again(instance, set()) == {}


def test_each_attempt_waits_twice_as_long_and_at_most_a_day() -> None:
    waits = [wait_seconds(attempt) for attempt in range(1, 100)]
    assert waits[:4] == [60, 120, 240, 480]
    assert waits[-1] == LONGEST_WAIT_SECONDS
    assert waits == sorted(waits)


def test_an_attempt_of_just_now_is_not_due(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(instance)
    monkeypatch.setattr(unfinished, "FIRST_WAIT_SECONDS", HOUR)
    assert due_again(instance, set()) == {}
    later = time.time() + HOUR
    monkeypatch.setattr(time, "time", lambda: later)
    assert due_again(instance, set()) == {"/in/x.csv": 1}


def test_after_a_clock_is_set_back_a_file_does_not_wait_until_its_time(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    with pytest.MonkeyPatch.context() as patch:
        right = time.time
        patch.setattr(time, "time", lambda: right() + 365 * 24 * HOUR)
        ran(instance, OSError("The disk is full."))
    assert due_again(instance, set()) == {"/in/x.csv": 1}


def test_a_due_file_arrives_again_only_while_it_exists(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("code,product_name\n1,Name\n")
    place, inbox = str(tmp_path / "x.csv"), Source(str(tmp_path))
    first = look(inbox, None)
    second = look(inbox, first.cursor)
    assert [each.place for each in second.arrived] == [place]
    assert look(inbox, second.cursor).arrived == []
    again = look(inbox, second.cursor, {place})
    assert again.arrived == second.arrived
    assert look(inbox, again.cursor).arrived == []
    (tmp_path / "x.csv").unlink()
    assert look(inbox, again.cursor, {place}).arrived == []


def test_a_fault_of_the_machine_is_not_a_verdict(instance: dg.DagsterInstance) -> None:
    ran(instance, OSError("no space left on device"))
    assert due_again(instance, set()) == {"/in/x.csv": 1}


@pytest.mark.parametrize("cause", [None, ValueError("of it")])
def test_what_was_failed_on_purpose_is_not_tried_again(
    instance: dg.DagsterInstance, cause: Exception | None
) -> None:
    failure = dg.Failure("The file has no header.")
    failure.__cause__ = cause
    ran(instance, failure)
    assert due_again(instance, set()) == {}
