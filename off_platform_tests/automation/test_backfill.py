"""A backfill of all months while the inbox fills: nothing is lost, nothing done twice.

Under Dagster's own daemon and webserver, on SQLite, with the limits of the project's own settings.
"""

import gzip
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from off_platform.images.keys import KEY_LIST
from off_platform.partitions import MONTHS
from off_platform.sandbox.make import Sandbox
from off_platform.storage.objects import Source
from off_platform_tests.automation.platform import Platform, running_platform
from off_platform_tests.images_desk import desk_at, write_list

ASSETS = ("bucket_sync", "key_index", "key_index_oddities", "photos", "key_changes", "months")
VERDICT = "import_report"
FILES, ROWS = 6, 20
# Dagster's own, of runs that belong to no job.
ASSET_JOB = "__ASSET_JOB"

pytestmark = pytest.mark.soak


def months() -> list[str]:
    """The newest five months that there are, the current one last."""
    return list(MONTHS.get_partition_keys())[-5:]


@pytest.fixture(scope="module")
def lines(sandbox: Sandbox) -> list[bytes]:
    """The key list of the current month."""
    return gzip.decompress((sandbox.images.folder / KEY_LIST).read_bytes()).split(b"\n")


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, lines: list[bytes]
) -> Iterator[Platform]:
    """A platform whose past months have been copied in their time, each a key more."""
    root = tmp_path_factory.mktemp("backfill")
    bucket = Path(shutil.copytree(sandbox.images.folder, root / "bucket"))
    *past, _ = months()
    with desk_at(root / "lake", Source(str(bucket))) as desk:
        for number, month in enumerate(past):
            write_list(bucket, lines[len(past) - number :])
            desk.sync(month)
    write_list(bucket, lines)
    half_a_day_off = datetime.now(UTC) + timedelta(hours=12)
    cron = f"{half_a_day_off.minute} {half_a_day_off.hour} * * *"
    with running_platform(root, bucket, sandbox.bins.folder, monthly_cron=lambda: cron) as running:
        yield running


def launched(platform: Platform, partitions: list[str]) -> str:
    """Launches a backfill as the UI does; gives its id."""
    answer = platform.ask(
        """mutation($asked: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $asked)
            { __typename ... on LaunchBackfillSuccess { backfillId } } }""",
        asked={
            "assetSelection": [{"path": [asset]} for asset in ASSETS],
            "partitionNames": partitions,
        },
    )
    return str(answer["launchPartitionBackfill"]["backfillId"])


def status(platform: Platform, backfill: str) -> str:
    answer = platform.ask(
        """query($id: String!) { partitionBackfillOrError(backfillId: $id)
            { ... on PartitionBackfill { status } } }""",
        id=backfill,
    )
    return str(answer["partitionBackfillOrError"]["status"])


def made(platform: Platform, assets: tuple[str, ...] = ASSETS) -> dict[str, list[str]]:
    """The partitions that were made of each asset, one for each time."""
    answer: dict[str, Any] = platform.ask(
        """query($keys: [AssetKeyInput!]) { assetNodes(assetKeys: $keys) { assetKey { path }
            assetMaterializations { partition } } }""",
        keys=[{"path": [asset]} for asset in assets],
    )
    return {
        node["assetKey"]["path"][0]: sorted(
            each["partition"] for each in node["assetMaterializations"]
        )
        for node in answer["assetNodes"]
    }


def imported(platform: Platform) -> list[str]:
    """The partitions of all imports, one for each time; one run takes what waits."""
    return made(platform, (VERDICT,))[VERDICT]


def test_a_backfill_of_all_months_while_the_inbox_fills(platform: Platform) -> None:
    asked = months()
    backfill = launched(platform, asked)
    keys = []
    for number in range(FILES):
        rows = "".join(f"P{number}-{row},Name,1\n" for row in range(ROWS))
        keys.append(platform.hand_in(f"{number}.csv", f"product_id,product_name,fat_g\n{rows}"))
        time.sleep(0.2)
    platform.wait("the imports", lambda: len(imported(platform)) >= FILES)
    platform.wait("the backfill", lambda: status(platform, backfill).startswith("COMP"))
    assert status(platform, backfill) == "COMPLETED_SUCCESS"
    # What the conditions would ask for besides has had its time.
    platform.wait_for_looks("key_list_sensor")
    platform.wait_for_looks("inbox_sensor")
    assert sorted(platform.runs(ASSET_JOB)) == [(month, "SUCCESS") for month in asked]
    assert imported(platform) == sorted(keys)
    runs = platform.runs("imports") + platform.runs("import_batch")
    assert {status for _, status in runs} == {"SUCCESS"}
    assert made(platform) == dict.fromkeys(ASSETS, asked)
    assert platform.rows("SELECT count(*), count(DISTINCT product) FROM products_imported") == [
        (FILES * ROWS, FILES * ROWS)
    ]
    assert platform.rows("SELECT count(*) FROM imports") == [(FILES,)]


def test_the_tables_of_every_month_are_whole(platform: Platform, lines: list[bytes]) -> None:
    asked = months()
    in_lists = [(month, len(lines) + 1 + n - len(asked)) for n, month in enumerate(asked)]
    assert platform.rows("SELECT month::VARCHAR, keys FROM snapshots ORDER BY 1") == in_lists
    assert (
        platform.rows("""
            SELECT month::VARCHAR, count(*) FROM (
                SELECT month FROM key_index UNION ALL SELECT month FROM key_index_oddities
            ) GROUP BY 1 ORDER BY 1""")
        == in_lists
    )
    # Each month has one key more than the one before, and is compared with that.
    assert platform.rows("""
        SELECT month::VARCHAR, change, sum(objects)::INT, since FROM key_changes
        GROUP BY ALL ORDER BY 1""") == [
        (month, "added", 1, since) for since, month in pairwise(asked)
    ]


def test_no_log_reports_a_locked_database(platform: Platform) -> None:
    logs = [path for path in platform.root.rglob("*") if path.suffix in {".log", ".err", ".out"}]
    assert {"daemon.log", "webserver.log"} <= {path.name for path in logs}
    assert [path.name for path in logs if b"database is locked" in path.read_bytes()] == []
