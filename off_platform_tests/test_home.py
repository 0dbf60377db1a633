"""A new home of Dagster's that many processes open at once is made once, and opens afterwards."""

import logging
import os
import shutil
import sqlite3
import traceback
from itertools import count
from multiprocessing.synchronize import Barrier
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.auto_run_reexecution.event_log_consumer import (
    DAGSTER_EVENT_TYPES,
    _fetch_persisted_cursors,
)
from sqlalchemy import Engine, event

from off_platform.automation import runs
from off_platform.settings import Settings
from off_platform.storage.locks import FolderInUseError, locked
from off_platform_tests.interruptions import forks
from off_platform_tests.waiting import PATIENCE_SECONDS

PROJECT = Path(__file__).resolve().parents[1]
AT_ONCE = 6
DIED = 9
# Opening a new home takes 173 statements in three files: these are among or after their tables, and
# before their revision is known.
STATEMENTS = (2, 24, 37, 50, 96, 104, 120, 146, 161)


def open_home(folder: Path, how: str, begins: Barrier) -> None:
    """What a process does: opens a home, at the same moment as others; says why it could not."""
    os.chdir(folder)
    if how == "dagster":
        os.environ["DAGSTER_HOME"] = str(folder)
    begins.wait(PATIENCE_SECONDS)
    try:
        opened = dg.DagsterInstance.get() if how == "dagster" else runs.opened_home(Settings())
        with opened as instance:
            instance.all_instigator_state()
    except BaseException:
        (folder / f"{os.getpid()}.failed").write_text(traceback.format_exc())
        raise


def opened_at_once(folder: Path, how: str) -> list[str]:
    """What is said by each of the processes that failed to open a home at the same moment."""
    context = forks()
    begins = context.Barrier(AT_ONCE)
    started = [
        context.Process(target=open_home, args=(folder, how, begins)) for _ in range(AT_ONCE)
    ]
    for each in started:
        each.start()
    for each in started:
        each.join(PATIENCE_SECONDS)
    said = [path.read_text() for path in folder.glob("*.failed")]
    assert len(said) == sum(each.exitcode != 0 for each in started)
    return said


def revisions(folder: Path) -> list[int]:
    """How many revisions each SQLite file of a home has."""
    found = []
    for path in folder.rglob("*.db"):
        with sqlite3.connect(path) as connection:
            found.append(connection.execute("SELECT count(*) FROM alembic_version").fetchone()[0])
    return found


@pytest.mark.slow
def test_daemon_and_webserver_may_start_in_a_home_that_nobody_has_made(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "dagster.yaml", tmp_path)
    assert not opened_at_once(tmp_path, "dagster")
    assert revisions(tmp_path) == [1, 1, 1]


@pytest.mark.slow
def test_first_commands_may_start_concurrently(tmp_path: Path) -> None:
    assert not opened_at_once(tmp_path, "ours")
    assert revisions(tmp_path) == [1, 1, 1]


@pytest.mark.slow
def test_a_home_is_prepared_where_its_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = runs.prepared_home(Settings())
    assert (home / "dagster.yaml").exists()
    assert (home / "storage" / "history" / "runs.db").exists()
    assert revisions(home) == [1, 1, 1]


@pytest.mark.slow
def test_a_prepared_home_remembers_the_examined_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else Dagster's daemon warns at its first start, and leaves out what failed before that."""
    monkeypatch.chdir(tmp_path)
    home = runs.prepared_home(Settings())
    log = logging.getLogger("of the daemon")
    for _ in range(2):
        with dg.DagsterInstance.from_config(str(home)) as instance:
            found = _fetch_persisted_cursors(instance, DAGSTER_EVENT_TYPES, log)
            assert set(found.values()) == {0}
            instance.report_engine_event("something", run_id="one", job_name="imports")
        runs.prepared_home(Settings())


def die_at(folder: Path, statement: int) -> None:
    """What a process does: opens a home, and dies before one of its statements on a database."""
    os.chdir(folder)
    seen = count()

    def die(*_: object) -> None:
        if next(seen) == statement:
            os._exit(DIED)

    event.listen(Engine, "before_cursor_execute", die)
    with runs.opened_home(Settings()):
        pass


@pytest.mark.slow
def test_a_home_whose_maker_dies_at_any_statement_opens_afterwards(tmp_path: Path) -> None:
    context, died = forks(), 0
    for statement in STATEMENTS:
        home = tmp_path / str(statement)
        home.mkdir()
        process = context.Process(target=die_at, args=(home, statement))
        process.start()
        process.join(PATIENCE_SECONDS)
        died += process.exitcode == DIED
        # As an import does first of all; it looks for the table without creating it.
        code = context.Process(target=add_partition_in, args=(home,))
        code.start()
        code.join(PATIENCE_SECONDS)
        assert code.exitcode == 0, f"the home is broken by a death at statement {statement}"
        assert revisions(home) == [1, 1, 1]
    assert died == len(STATEMENTS)


def add_partition_in(folder: Path) -> None:
    """What a process does: opens a home and adds a partition to it."""
    os.chdir(folder)
    with runs.opened_home(Settings()) as instance:
        instance.add_dynamic_partitions("imports", ["one"])
        assert instance.get_dynamic_partitions("imports") == ["one"]
        assert not instance.all_instigator_state()
        assert not instance.get_runs()


def test_who_waits_has_a_folder_after_who_holds_it(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(FolderInUseError), locked(tmp_path):
        pass
    with locked(tmp_path, wait=True):
        pass
