"""What is measured of the platform: each step as a process would do it, through its own functions.

`python -m benchmarks.ours STEP ...`; figures that only the process itself can tell go to standard
output. Measuring is `measuring.py`, against what `index.py`, `choice.py` and the others.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Generator, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

    from off_platform.storage.fleet import Fleet
    from off_platform.storage.lake import Lake
    from off_platform.storage.objects import Source

UNPACKED_MOST = 8 * 2**30
# Under which generated key lists are copied and indexed.
MONTH = "2026-11-01"
WARM_ROUNDS = 5


# Each step loads what it needs and no more: what a process loads is part of its time.
def _lake(path: str) -> "Lake":
    from off_platform.storage.lake import Lake  # noqa: PLC0415 - the key index needs none

    return Lake(path)


def _source(url: str, endpoint: str | None = None) -> "Source":
    from off_platform.storage.objects import Access, Source  # noqa: PLC0415 - the same

    return Source(url, Access(endpoint=endpoint))


def index(key_list: str, made: str) -> None:
    """The key index of a key list, and the lines that are no keys beside it."""
    from off_platform.images.key_index import write_key_index  # noqa: PLC0415 - only this step

    write_key_index(Path(key_list), Path(made), Path(f"{made}.oddities"), UNPACKED_MOST)


def month_made(lake: str, bucket: str, month: str = MONTH) -> None:
    """A lake with a month's key list copied and indexed, as if this were that month."""
    from off_platform.images.monthly import index_month  # noqa: PLC0415 - only this step
    from off_platform.images.sync import (  # noqa: PLC0415 - only this step
        Bounds,
        SyncRequest,
        sync_month,
    )

    into = _lake(lake)
    asked = SyncRequest(month, today=date.fromisoformat(month))
    with into.connect() as connection:
        sync_month(into, _source(bucket), asked, connection, Bounds(UNPACKED_MOST, 3, 3))
        index_month(into, month, connection, UNPACKED_MOST)


def choice(lake: str, photos: str) -> None:
    """Chooses photos from the index and prints their keys."""
    into = _lake(lake)
    with into.connect() as connection:
        sys.stdout.write("\n".join(_chosen(into, connection, int(photos))))


def choice_again(lake: str, photos: str) -> None:
    """Says how long choosing takes once everything is loaded."""
    into = _lake(lake)
    with into.connect() as connection:
        _chosen(into, connection, int(photos))
        taken = []
        for _ in range(WARM_ROUNDS):
            started, cpu_started = time.perf_counter(), time.process_time()
            _chosen(into, connection, int(photos))
            taken.append((time.perf_counter() - started, time.process_time() - cpu_started))
    seconds, cpu_seconds = (median(values) for values in zip(*taken, strict=True))
    sys.stdout.write(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds}))


def _chosen(lake: "Lake", connection: "duckdb.DuckDBPyConnection", photos: int) -> list[str]:
    from off_platform.images.choice import Choice, choose  # noqa: PLC0415 - only these steps

    rows, index = (lake.rows_of(table, ("month", MONTH)) for table in ("photos", "key_index"))
    wanted = choose(connection, Choice(n=photos), rows, index)
    keys = connection.execute(f"SELECT key FROM ({wanted})").fetchall()
    if len(keys) != photos:
        raise ValueError(f"{len(keys)} keys were chosen where {photos} were wanted")
    return [key for (key,) in keys]


def image_set(lake: str, url: str, folder: str, layout: str, photos: str, gallery: str) -> None:
    """A whole image set of a bucket, every object compared with length and MD5 and looked at."""
    from off_platform.images.choice import Choice, MonthOptions  # noqa: PLC0415 - only this step
    from off_platform.images.image_set import Request, make_image_set  # noqa: PLC0415 - the same
    from off_platform.storage.fetch import Limits  # noqa: PLC0415 - the same
    from off_platform.storage.local_folder import LocalFolder  # noqa: PLC0415 - the same

    into = _lake(lake)
    source = _source("s3://bucket", url)
    request = Request(
        "benchmark",
        Choice.model_validate(
            {"kind": "400", "n": None, "layout": layout, "gallery_samples": int(gallery)}
        ),
        "A set of the benchmarks.",
        Limits(),
        MonthOptions(),
    )
    with into.connect() as connection:
        made = make_image_set(into, source, request, LocalFolder(Path(folder)), connection)
    if made.contents.by_status["fetched"] != int(photos):
        raise ValueError(f"not all were fetched: {made.contents.by_status}")


def fleet_set(lake: str, url: str, folder: str, photos: str, places: str) -> None:
    """A set by workers of Ray, or in this process if there are no places; says what it took."""
    from off_platform.images.choice import Choice, MonthOptions  # noqa: PLC0415 - the same
    from off_platform.images.image_set import Request, make_image_set  # noqa: PLC0415 - the same
    from off_platform.storage.fetch import Limits  # noqa: PLC0415 - the same
    from off_platform.storage.fleet import Fleet, Here, RayFleet  # noqa: PLC0415 - the same
    from off_platform.storage.local_folder import LocalFolder  # noqa: PLC0415 - the same

    fleet: Fleet = RayFleet(places=int(places)) if int(places) else Here()
    # Ray starts, and its workers load what they need: not measured.
    list(fleet.map(_warmed, range(2 * fleet.places)))
    timed = _Timed(fleet)
    into = _lake(lake)
    choice = Choice.model_validate({"kind": "400", "n": None, "gallery_samples": 0})
    of_set = ("benchmark", choice, "A set of the benchmarks.", Limits(), MonthOptions(), {}, timed)
    began = time.monotonic()
    with into.connect() as connection:
        source = _source("s3://bucket", url)
        made = make_image_set(into, source, Request(*of_set), LocalFolder(Path(folder)), connection)
    if made.contents.by_status["fetched"] != int(photos):
        raise ValueError(f"not all were fetched: {made.contents.by_status}")
    took = {"seconds": time.monotonic() - began, "driver": timed.cpu_seconds}
    sys.stdout.write(json.dumps(took))


class _Timed:
    """A fleet, and the CPU time of this process while it is at work."""

    def __init__(self, fleet: "Fleet") -> None:
        self._fleet = fleet
        self.cpu_seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fleet, name)

    def map(self, work: Callable[[Any], Any], parts: Iterable[Any]) -> Generator[Any]:
        began = time.process_time()
        yield from self._fleet.map(work, parts)
        self.cpu_seconds += time.process_time() - began


def _warmed(part: int) -> int:
    """What a worker loads."""
    from off_platform.image_sets.fetching import part as parts  # noqa: PLC0415 - in a worker

    return part if parts else -1


def products_made(lake: str, bucket: str) -> None:
    """The tables of a dump that names the products of a key list, with labels."""
    import gzip  # noqa: PLC0415 - only this step

    from off_platform.images.keys import parse  # noqa: PLC0415 - only this step
    from off_platform.images.products import make_products  # noqa: PLC0415 - the same
    from off_platform.settings import Settings  # noqa: PLC0415 - the same

    keys = gzip.decompress((Path(bucket) / "data/data_keys.gz").read_bytes()).decode().split()
    codes = sorted({parsed.barcode for key in keys if (parsed := parse(key))})
    dump = Path(lake).with_name("products.jsonl")
    with dump.open("w", encoding="utf-8") as lines:
        for number, code in enumerate(codes):
            product = {
                "code": code,
                "product_name": f"Product {number}",
                "lang": "en",
                "brands_tags": [f"brand-{number % 97}"],
                "categories_tags": ["en:foods", f"en:category-{number % 23}"],
                "countries_tags": ["en:france"],
                "nutriscore_grade": "abcde"[number % 5],
                "images": {"front_en": {"imgid": "1"}},
            }
            lines.write(json.dumps(product) + "\n")
    into = _lake(lake)
    with into.connect() as connection:
        make_products(into, str(dump), Settings(), connection)


def trainable_set(lake: str, url: str, folder: str, photos: str, options: str) -> None:
    """A whole image set in shards with further options, as JSON."""
    from off_platform.images.choice import Choice, MonthOptions  # noqa: PLC0415 - only this step
    from off_platform.images.image_set import Request, make_image_set  # noqa: PLC0415 - the same
    from off_platform.storage.fetch import Limits  # noqa: PLC0415 - the same
    from off_platform.storage.local_folder import LocalFolder  # noqa: PLC0415 - the same

    into = _lake(lake)
    given = {"kind": "400", "n": None, "gallery_samples": 0, "labels": ["none"]}
    choice = Choice.model_validate(given | json.loads(options))
    request = Request("benchmark", choice, "A set of the benchmarks.", Limits(), MonthOptions())
    with into.connect() as connection:
        source, place = _source("s3://bucket", url), LocalFolder(Path(folder))
        made = make_image_set(into, source, request, place, connection)
    if made.contents.by_status["fetched"] != int(photos):
        raise ValueError(f"not all were fetched: {made.contents.by_status}")


def month(lake: str, bucket: str) -> None:
    """The job `monthly` with all its checks, as Dagster runs it; says how many checks passed."""
    from off_platform.sandbox.bins_bucket import make_bins_bucket  # noqa: PLC0415 - only this step

    bins = make_bins_bucket(Path(lake).with_name("bins")).folder
    os.environ |= {
        "OFF_PLATFORM_LAKE": lake,
        "OFF_PLATFORM_IMAGES_BUCKET": bucket,
        "OFF_PLATFORM_BINS_BUCKET": str(bins),
    }
    from off_platform.definitions import defs  # noqa: PLC0415 - reads the settings above

    result = defs.resolve_job_def("monthly").execute_in_process(
        run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        partition_key=f"{datetime.now(UTC):%Y-%m-01}",
    )
    checks = result.get_asset_check_evaluations()
    sys.stdout.write(f"{sum(check.passed for check in checks)} of {len(checks)} checks passed")


def bins(lake: str, url: str) -> None:
    """All tables of the bins, with all their checks."""
    from off_platform.bins import (  # noqa: PLC0415 - only this step
        checks,
        collect,
        listing,
        schemas,
        tables,
    )
    from off_platform.bins.splits import SplitShares  # noqa: PLC0415 - the same
    from off_platform.storage.transfer import Limits  # noqa: PLC0415 - the same

    into, shares = _lake(lake), SplitShares()
    source = _source("s3://bucket", url)
    with into.connect() as connection:
        listing.list_objects(into, source, connection, Limits())
        collect.collect_metadata(into, source, connection, Limits())
        tables.make_all(into, connection, shares)
        findings = (
            (schemas.BIN_OBJECTS, checks.of_objects(into, connection)),
            (schemas.BIN_METADATA, checks.of_metadata(into, connection)),
            (schemas.BIN_ODDITIES, checks.of_oddities(into, connection)),
            (schemas.BINS, checks.of_bins(into, connection)),
            (schemas.BIN_ITEMS, checks.of_table(into, connection, schemas.BIN_ITEMS)),
            (schemas.ITEMS, checks.of_table(into, connection, schemas.ITEMS)),
            (schemas.BIN_VISITS, checks.of_visits(into, connection)),
            (schemas.BIN_SPLITS, checks.of_splits(into, connection, shares)),
        )
    broken = [
        f"{table.name}: {rule.id}: {found[rule.id]}"
        for table, found in findings
        for rule in table.rules
        # Generated bins are as many as the genuine ones, but not the same.
        if rule.level == "error"
        and rule.id != "published_figures"
        and not found[rule.id].passed(rule)
    ]
    if broken:
        raise ValueError("; ".join(broken))


def validate(path: str, into: str) -> None:
    """A product import with every rule, into its tables."""
    from off_platform.imports.validation import validate_import  # noqa: PLC0415 - only this step

    verdict = validate_import(Path(path), Path(into))
    sys.stdout.write(f"{verdict.accepted} accepted, {verdict.quarantined} in quarantine")


STEPS: dict[str, Callable[..., None]] = {
    step.__name__: step
    for step in (
        *(index, month_made, choice, choice_again, image_set, month, bins, validate),
        *(products_made, trainable_set, fleet_set),
    )
}

if __name__ == "__main__":
    STEPS[sys.argv[1]](*sys.argv[2:])
