"""The steps of `scale.py`, each as a process would do it: key lists, and sets without a network.

`python -m benchmarks.scale_steps STEP LAKE ...`. An object's outcome is made up, everything else
is done by the platform's own functions.
"""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.ours import MONTH

if TYPE_CHECKING:
    import duckdb

    from off_platform.image_sets.request import Chosen, Request
    from off_platform.storage.lake import Lake

# More than any of these lists has.
UNPACKED_MOST = 64 * 2**30
BEFORE = "2026-10-01"
SET = "scale"
SHARD_SAMPLES = 1000


def indexed(lake: str, bucket: str) -> None:
    """A month's key list, copied and indexed."""
    from off_platform.images.monthly import (  # noqa: PLC0415 - what a process loads is measured
        index_month,
    )
    from off_platform.images.sync import (  # noqa: PLC0415 - what a process loads is measured
        Bounds,
        SyncRequest,
        sync_month,
    )
    from off_platform.storage.objects import Source  # noqa: PLC0415 - the same

    into, asked = _lake(lake), SyncRequest(MONTH, today=date.fromisoformat(MONTH))
    with into.connect() as connection:
        sync_month(into, Source(bucket), asked, connection, Bounds(UNPACKED_MOST, 3, 3))
        index_month(into, MONTH, connection, UNPACKED_MOST)


def chosen(lake: str, photos: str) -> None:
    """Some photos of the index, or all; says how many."""
    into = _lake(lake)
    with into.connect() as connection:
        objects = _request_and_chosen(into, connection, photos)[1].objects
        ((found,),) = connection.execute(f"SELECT count(*) FROM ({objects})").fetchall()
        sys.stdout.write(str(found))


def planned(lake: str, photos: str) -> None:
    """The plan of a set of some photos, or all."""
    from off_platform.image_sets.construction.plans import begin  # noqa: PLC0415 - as above

    into = _lake(lake)
    with into.connect() as connection:
        request, of_set = _request_and_chosen(into, connection, photos)
        begin(_folder(into), _plan(into, request, of_set), connection)


def changes(lake: str) -> None:
    """What changed between two months, of which the earlier one lacks each hundredth product."""
    from off_platform.images.key_changes import changes_query  # noqa: PLC0415 - as above

    into = _lake(lake)
    with into.connect() as connection, into.root.scratch() as scratch:
        now = into.rows_of("key_index", ("month", MONTH))
        # The checksum digit of a product is as good as random.
        before = f"(FROM {now} WHERE NOT (barcode LIKE '%7' AND barcode[-2] = '3'))"
        query = changes_query(now, before, f"'{BEFORE}'")
        target = scratch / "changes.parquet"
        connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")


def filled(lake: str) -> None:
    """The outcomes of all objects of a plan, made up: not measured."""
    from off_platform.image_sets.construction.containers import Container  # noqa: PLC0415 - as above
    from off_platform.image_sets.construction.plans import (  # noqa: PLC0415 - as above
        IDENTITY,
        PLAN,
        rows_name,
    )
    from off_platform.storage.sql import literal  # noqa: PLC0415 - the same

    into = _lake(lake)
    folder = _folder(into)
    with into.connect() as connection:
        plan = f"read_parquet({literal(folder.address(PLAN))})"
        rows = connection.sql(
            f'SELECT position, "group", md5(key) AS md5 FROM {plan} ORDER BY position'
        ).to_arrow_reader(100_000)
        root = Path(folder.address())
        digest = json.loads(folder.read(IDENTITY))["digest"]
        for group, lines in _by_group(rows):
            # The checksum of a shard is taken when it is placed; its size is not what is measured.
            shard = Container(f"{group:05d}.tar", group, f"{group:05d}.tar", 0, "0" * 64)
            rows = [*lines, f"{json.dumps(shard.line)}\n"]
            (root / rows_name(group, digest)).write_text("".join(rows))
            (root / shard.place).touch()


def _by_group(batches: Any) -> Iterator[tuple[int, list[str]]]:
    group, lines = 0, list[str]()
    for batch in batches:
        for position, number, md5 in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            if number != group:
                yield group, lines
                group, lines = number, []
            lines.append(_line(position, number, md5))
    yield group, lines


def _line(position: int, group: int, md5: str) -> str:
    """The row of an object that was fetched, as the platform writes it."""
    offset = 512 + (position % SHARD_SAMPLES) * 26_112
    return (
        f'{{"position":{position},"status":"fetched","reason":null,"bytes":25000,"md5":"{md5}",'
        f'"etag":"\\"{md5}\\"","last_modified":"2026-11-01T00:00:00+00:00","width":300,'
        '"height":400,"format":"JPEG","orientation":null,"processing":null,"stored_width":300,'
        f'"stored_height":400,"perceptual_hash":null,"sharpness":null,"decoded":{_decoded(position)}'
        ',"ocr_status":null,"ocr_text":null,"ocr_language":null,"ocr_confidence":null,'
        f'"in_lake":false,"path":"{group:05d}.tar","offset":{offset},"stored_bytes":25000}}\n'
    )


def _decoded(position: int) -> str:
    return "true" if position % 100 == 0 else "false"


def resumed(lake: str) -> None:
    """What is left of a set whose groups are done; says how many groups."""
    from off_platform.image_sets.construction.plans import groups_left  # noqa: PLC0415 - as above

    into = _lake(lake)
    with into.connect() as connection:
        sys.stdout.write(str(len(groups_left(_folder(into), connection))))


def finished(lake: str) -> None:
    """Manifest, card, gallery and the rest of a set, moved into place; says how many samples."""
    from off_platform.image_sets.finish import Finishing, finish  # noqa: PLC0415 - as above

    into = _lake(lake)
    with into.connect() as connection:
        request, _, about = _all_of(into, connection, "1")
        found = finish(_folder(into), about, connection, Finishing(request.how, None))
        sys.stdout.write(str(found.samples))


def checked(lake: str) -> None:
    """The checks of a manifest; says which rules are broken."""
    from off_platform.image_sets.manifest import manifest_table  # noqa: PLC0415 - as above
    from off_platform.image_sets.manifest_checks import check_manifest  # noqa: PLC0415 - the same
    from off_platform.storage.lake_layout import MANIFEST  # noqa: PLC0415 - the same

    into = _lake(lake)
    table = manifest_table()
    with into.connect() as connection:
        path = _folder(into).address(MANIFEST)
        found = check_manifest(connection, table, path, samples=None, decoded_share=0.01)
    broken = [rule.id for rule in table.rules if not found[rule.id].passed(rule)]
    sys.stdout.write(", ".join(broken) or "all hold")


def _lake(path: str) -> "Lake":
    from off_platform.storage.lake import Lake  # noqa: PLC0415 - as above

    return Lake(path)


def _folder(lake: "Lake") -> Any:
    from off_platform.storage.lake_layout import IMAGE_SETS  # noqa: PLC0415 - as above

    return lake.root.below(f"{IMAGE_SETS}/{SET}")


def _plan(lake: "Lake", request: "Request[Any, Any]", of_set: "Chosen") -> Any:
    from off_platform.image_sets.request import plan_for  # noqa: PLC0415 - as above
    from off_platform.storage.objects import Source  # noqa: PLC0415 - the same

    return plan_for(Source("s3://bucket"), request, of_set, _folder(lake))[0]


def _request_and_chosen(
    lake: "Lake", connection: "duckdb.DuckDBPyConnection", photos: str
) -> "tuple[Request[Any, Any], Chosen]":
    request, of_set, _ = _all_of(lake, connection, photos)
    return request, of_set


def _all_of(lake: "Lake", connection: "duckdb.DuckDBPyConnection", photos: str) -> Any:
    from off_platform.images.choice import Choice, MonthOptions  # noqa: PLC0415 - as above
    from off_platform.images.image_set import Request, chosen_for  # noqa: PLC0415 - the same
    from off_platform.storage.fetch import Limits  # noqa: PLC0415 - the same
    from off_platform.storage.objects import Source  # noqa: PLC0415 - the same

    amount = None if photos == "all" else int(photos)
    given = {"kind": "400", "n": amount, "shard_samples": SHARD_SAMPLES, "labels": ["none"]}
    choice = Choice.model_validate(given)
    request = Request(SET, choice, "A set of the benchmarks.", Limits(), MonthOptions())
    return (request, *chosen_for(lake, Source("s3://bucket"), request, connection))


STEPS: dict[str, Callable[..., None]] = {
    step.__name__: step
    for step in (indexed, chosen, planned, changes, filled, resumed, finished, checked)
}

if __name__ == "__main__":
    STEPS[sys.argv[1]](*sys.argv[2:])
