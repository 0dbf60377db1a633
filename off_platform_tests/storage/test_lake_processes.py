"""The lake between processes: writers that are killed, readers that look on, a full disk."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from off_platform.storage.lake import Lake
from off_platform_tests.storage.lake_contents import files, scratch_of, shown
from off_platform_tests.waiting import PATIENCE_SECONDS, end_with_the_tests

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = pa.schema([("code", pa.string())])
# Of a reader, while another process writes.
LOOKS = 20
NOVEMBER = ("month", "2026-11-01")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(str(tmp_path / "lake"))


def put(lake: Lake, partition: tuple[str, str] | None, code: str) -> None:
    """Replaces a partition of the table `products`."""
    table = pa.Table.from_pylist([{"code": code}], COLUMNS)
    lake.replace("products", partition, COLUMNS, lambda path: pq.write_table(table, path))


START = """
import json, sys, time
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq
from off_platform.storage.lake import Lake
lake, arguments = Lake(sys.argv[1]), json.loads(sys.argv[2])
"""


def python(lake: Lake, program: str, *arguments: str) -> "subprocess.Popen[str]":
    """A program that finds the lake as `lake`, in a process of its own."""
    command = [sys.executable, "-c", START + program, lake.url, json.dumps(arguments)]
    return subprocess.Popen(  # noqa: S603 - our own program
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_the_tests,  # noqa: PLW1509 - before any thread is started there
    )


WRITE_HALF = """
def write(path):
    path.write_bytes(b"PAR1 half")
    print("half", flush=True)
    time.sleep(3600)
lake.replace("products", ("month", "2026-11-01"), pa.schema([]), write)
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_the_old_file_and_no_table(lake: Lake) -> None:
    put(lake, NOVEMBER, "old")
    before = files(lake)
    with python(lake, WRITE_HALF) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    assert len(scratch_of(lake)) == 1
    assert files(lake) == before
    assert lake.root.folders() == ["tables"]
    assert shown(lake, "SELECT code FROM products") == [("old",)]
    put(lake, NOVEMBER, "new")
    assert shown(lake, "SELECT code FROM products") == [("new",)]


REPLACE_FOR_EVER = """
version = 0
while True:
    version += 1
    table = pa.table({"version": pa.array([version] * 3000, pa.int32())})
    month = ("month", "2026-1%d-01" % (version % 3))
    lake.replace("versions", month, table.schema, lambda path: pq.write_table(table, path))
    # A table that comes and goes makes the views anew each time.
    if version % 2:
        lake.replace("now and then", None, table.schema, lambda path: pq.write_table(table, path))
    else:
        lake.root.remove("tables/now and then")
    print(version, flush=True)
"""


@pytest.mark.slow
def test_readers_in_another_process_never_see_half_a_table(lake: Lake) -> None:
    """Nor does a writer that is killed at any moment leave one."""
    with python(lake, REPLACE_FOR_EVER) as process:
        assert process.stdout is not None
        seen = set()
        for _ in range(LOOKS):
            # There is a newer version than at the look before, however slow the writer is.
            process.stdout.readline()
            found = shown(
                lake, "SELECT month, count(*), min(version), max(version) FROM versions GROUP BY 1"
            )
            assert found
            for _, count, least, most in found:
                assert (count, least) == (3000, most)
                seen.add(most)
        process.send_signal(signal.SIGKILL)
    assert len(seen) > LOOKS // 4
    for name, data in files(lake).items():
        table = pq.read_table(pa.BufferReader(data))
        assert table.num_rows == 3000, name


WRITE_SEVERAL = """
own, first = arguments
for month in range(1, 5):
    table = pa.table({"owner": [own] * 10})
    write = lambda path: pq.write_table(table, path)
    lake.replace("shared", ("month", f"{first}-0{month}-01"), table.schema, write)
    lake.replace(own, None, table.schema, write)
"""


@pytest.mark.slow
def test_writers_of_different_partitions_do_not_lose_each_others(lake: Lake) -> None:
    owners = {"one": "2024", "two": "2025", "three": "2026"}
    writers = [python(lake, WRITE_SEVERAL, own, year) for own, year in owners.items()]
    for writer in writers:
        with writer:
            assert writer.wait(PATIENCE_SECONDS) == 0
    assert len(lake.partitions("shared")) == 12
    counted = "SELECT owner, count(*) FROM shared GROUP BY 1 ORDER BY 1"
    assert shown(lake, counted) == [("one", 40), ("three", 40), ("two", 40)]
    for own in owners:
        assert shown(lake, f"SELECT count(*) FROM {own}") == [(10,)]


LITTLE_ROOM = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
columns = pa.schema([("text", pa.string())])
with lake.connect() as connection:
    query = "SELECT uuid()::VARCHAR AS text FROM range(100000)"
    try:
        lake.replace_from_query("products", None, columns, connection, query)
    except OSError as error:
        print(error, flush=True)
"""


@pytest.mark.slow
def test_a_full_disk_is_reported_and_leaves_the_old_file_alone(lake: Lake) -> None:
    put(lake, None, "old")
    before = files(lake)
    with python(lake, LITTLE_ROOM) as process:
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert "part.parquet" in said
    assert "File too large" in said
    assert said.count("\n") == 1
    assert files(lake) == before
    assert scratch_of(lake) == []
