"""The partitions that are remembered are those that Dagster's own log reads."""

from collections.abc import Iterator

import pytest
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster_postgres import PostgresEventLogStorage
from hypothesis import given
from hypothesis import strategies as st

from off_platform.automation import event_log, postgres_storage

Logs = tuple[SqlEventLogStorage, SqlEventLogStorage]

NAMES = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=3, unique=True)
# Which definition, which partitions, and whether they are added or deleted.
CHANGES = st.lists(
    st.tuples(st.sampled_from(["files", "sets"]), NAMES, st.booleans()), min_size=1, max_size=8
)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.soak)])
def logs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Logs]:
    """The log that remembers, and Dagster's own, which changes the same tables."""
    if request.param == "postgres":
        at = request.getfixturevalue("postgres")
        url = f"postgresql+psycopg2://dagster@127.0.0.1:{at['DAGSTER_PG_PORT']}/dagster"
        made: Logs = postgres_storage.EventLog(url), PostgresEventLogStorage(url)
    else:
        folder = str(tmp_path_factory.mktemp("logs"))
        made = event_log.EventLog(folder), SqliteEventLogStorage(folder)
    yield made
    for each in made:
        each.dispose()


@given(CHANGES)
def test_changes_by_others_are_seen_at_once(
    logs: Logs, changes: list[tuple[str, list[str], bool]]
) -> None:
    log, plain = logs
    for name, partitions, is_added in changes:
        if is_added:
            plain.add_dynamic_partitions(name, partitions)
        else:
            for each in partitions:
                plain.delete_dynamic_partition(name, each)
        for of in ("files", "sets", "none"):
            assert log.get_dynamic_partitions(of) == plain.get_dynamic_partitions(of)


def test_who_changes_a_list_does_not_change_what_is_remembered(logs: Logs) -> None:
    log, _ = logs
    log.add_dynamic_partitions("lists", ["a"])

    for _ in range(2):
        given_list = log.get_dynamic_partitions("lists")
        assert given_list == ["a"]
        assert isinstance(given_list, list)
        given_list.append("b")
