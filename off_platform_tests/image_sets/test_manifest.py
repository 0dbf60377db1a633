"""The manifest's rules: a failing example of each, found by its own rule; good ones pass all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from off_platform.asset_checks import check_results
from off_platform.image_sets.manifest import (
    COLUMNS,
    NEAR_DUPLICATES,
    SHARES,
    STATUSES,
    UNITS,
    manifest_table,
)
from off_platform.image_sets.manifest_checks import check_manifest
from off_platform.quality import SHAPE, Finding
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import MANIFEST
from off_platform_tests.images_desk import Desk

TABLE = manifest_table(0.1)
Row = dict[str, Any]


def md5(number: int) -> str:
    """Another one for each number, and none of zeros."""
    return f"{number + 1:032x}"


def photo(number: int, **changes: Any) -> Row:
    """A row of a photo that was fetched, or changed so."""
    return {
        **dict.fromkeys(column.name for column in COLUMNS),
        "position": number,
        "image_set": "tryout",
        "sample": f"sample_{number}",
        "key": f"data/17/{number}.jpg",
        "barcode": "00000017",
        "image_id": number,
        "kind": "raw",
        "status": "fetched",
        "bytes": 10,
        "md5": md5(number),
        "etag": f'"{md5(number)}"',
        "width": 4,
        "height": 3,
        "decoded": number % 4 == 0,
        "path": "00000.tar",
        "offset": 512 + 1024 * number,
        "stored_bytes": 10,
        "url": f"https://host/data/17/{number}.jpg",
        "licence": "CC BY-SA 3.0",
        "attribution": "contributors",
        **changes,
    }


def not_had(number: int, status: str) -> Row:
    """The row of a missing object."""
    nothing = dict.fromkeys(
        ("bytes", "md5", "etag", "width", "height", "path", "offset", "stored_bytes")
    )
    return photo(number, status=status, reason="for a reason", decoded=False, **nothing)


def ocr(number: int, **changes: Any) -> Row:
    """A row of an OCR result that was fetched."""
    facts = {"width": None, "height": None, "decoded": False, "ocr_status": "text"}
    return photo(number, kind="ocr", **{**facts, **changes})


PHOTOS = [photo(number) for number in range(20)]


def with_row(row: Row) -> list[Row]:
    """The photos with one of them changed."""
    return [*PHOTOS[: row["position"]], row, *PHOTOS[row["position"] + 1 :]]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with Lake(str(tmp_path_factory.mktemp("lake"))).connect() as made:
        yield made


def check(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    rows: list[Row],
    samples: int | None = None,
    decoded_share: float = 0.25,
    shares: dict[str, float] | None = None,
) -> dict[str, Finding]:
    """What is found in a manifest of these rows."""
    path = folder / MANIFEST
    pq.write_table(pa.Table.from_pylist(rows, TABLE.arrow), path)
    asked = {"samples": samples, "decoded_share": decoded_share, "shares": shares}
    return check_manifest(connection, TABLE, str(path), **asked)


def failed(findings: dict[str, Finding]) -> set[str]:
    results = check_results(TABLE, "image_set", findings)
    assert [result.check_name for result in results] == [rule.id for rule in TABLE.rules]
    return {str(result.check_name) for result in results if not result.passed}


def in_splits(**changed: Any) -> list[Row]:
    """The photos, each a unit of its own, half of them to train with; one of them changed."""
    rows = [
        {**row, "unit": str(number), "split": "test" if number % 2 else "train"}
        for number, row in enumerate(PHOTOS)
    ]
    return [{**rows[0], **changed}, *rows[1:]]


HALVES = {"shares": {"train": 0.5, "test": 0.5}}
# Rule, the rows that break it, what was asked for.
EXAMPLES: list[tuple[str, list[Row], dict[str, Any]]] = [
    (SHAPE, with_row(photo(3, licence=None)), {}),
    (SHAPE, with_row(photo(3, sample=None)), {"samples": 19}),
    (SHAPE, [{**PHOTOS[0], "position": -1}, *PHOTOS[1:]], {}),
    ("exactly_n_chosen", PHOTOS, {"samples": 21}),
    ("exactly_n_chosen", PHOTOS, {"samples": 19}),
    ("exactly_n_chosen", with_row(photo(3, key="data/17/4.jpg")), {"samples": 20}),
    ("every_object_accounted_for", with_row(photo(3, status="lost")), {}),
    ("few_missing", [*PHOTOS, *(not_had(20 + n, "missing") for n in range(3))], {}),
    ("few_missing", [*PHOTOS, *(not_had(20 + n, "refused") for n in range(3))], {}),
    ("none_corrupt", [*PHOTOS, *(not_had(20 + n, "corrupt") for n in range(3))], {}),
    ("none_failed", [*PHOTOS, not_had(20, "failed")], {}),
    ("none_failed", with_row(photo(3, reason="the copy of an earlier run is kept: cut")), {}),
    ("md5_recorded", with_row(photo(3, md5=None)), {}),
    ("md5_recorded", with_row(photo(3, md5="", etag='"x-2"')), {}),
    ("md5_matches_etag", with_row(photo(3, etag='"' + "0" * 32 + '"')), {}),
    ("md5_matches_etag", with_row(photo(3, etag="0" * 32)), {}),
    ("photo_sizes_read", with_row(photo(3, width=None)), {}),
    ("photo_sizes_read", with_row(photo(3, height=0)), {}),
    ("sample_decoded", [{**row, "decoded": False} for row in PHOTOS], {}),
    ("sample_decoded", PHOTOS, {"decoded_share": 1.0}),
    ("paths_unique", with_row(photo(3, offset=photo(4)["offset"])), {}),
    ("paths_unique", with_row(photo(3, path=None)), {}),
    ("photos_unique", with_row(photo(3, md5=md5(4), etag=md5(4))), {}),
    (UNITS, in_splits(unit="1"), HALVES),
    (
        NEAR_DUPLICATES,
        [
            {**row, "duplicate_group": row["sample"] if n > 1 else "0"}
            for n, row in enumerate(in_splits())
        ],
        HALVES,
    ),
    (SHARES, in_splits(), {"shares": {"train": 0.02, "test": 0.98}}),
    ("ocr_succeeded", [ocr(n, ocr_status="error" if n < 2 else "text") for n in range(50)], {}),
]
GOOD: list[tuple[list[Row], dict[str, Any]]] = [
    (PHOTOS, {}),
    (PHOTOS, {"samples": 20}),
    ([], {}),
    ([*PHOTOS, not_had(20, "missing"), not_had(21, "refused")], {}),
    ([*PHOTOS, not_had(20, "corrupt"), not_had(21, "corrupt")], {}),
    (with_row(photo(3, etag='"0123-8"')), {}),
    (with_row(photo(3, etag=None)), {}),
    (with_row(photo(3, path="00001.tar", offset=photo(4)["offset"])), {}),
    # Loose files have no offset.
    ([{**row, "path": f"00000/{row['position']}.jpg", "offset": None} for row in PHOTOS], {}),
    ([ocr(number) for number in range(5)], {}),
    ([ocr(n, ocr_status="error" if n < 1 else "empty") for n in range(50)], {}),
    ([not_had(0, "missing")], {"samples": 1, "few": True}),
    (PHOTOS, {"decoded_share": 0.0}),
    (in_splits(), HALVES),
    (in_splits(split="excluded", unit="1"), HALVES),
]


@pytest.mark.parametrize(("rule", "rows", "asked"), EXAMPLES)
def test_a_failing_example_is_found_by_its_own_rule(
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    rule: str,
    rows: list[Row],
    asked: dict[str, Any],
) -> None:
    assert failed(check(connection, tmp_path, rows, **asked)) == {rule}


@pytest.mark.parametrize(("rows", "asked"), GOOD)
def test_good_manifests_pass_every_rule(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, rows: list[Row], asked: dict[str, Any]
) -> None:
    allowed = {"few_missing"} if asked.pop("few", False) else set()
    assert failed(check(connection, tmp_path, rows, **asked)) == allowed


def test_every_rule_has_a_failing_example() -> None:
    assert {rule for rule, *_ in EXAMPLES} == {rule.id for rule in TABLE.rules}


def test_examples_name_the_objects_and_are_few(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [*PHOTOS, *(not_had(20 + number, "failed") for number in range(30))]
    finding = check(connection, tmp_path, rows)["none_failed"]
    assert (finding.broken, finding.of) == (30, 50)
    assert len(finding.examples) == 5
    assert finding.examples[0] == "data/17/20.jpg: for a reason"


def test_too_few_is_reported_in_a_sentence(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    found = check(connection, tmp_path, PHOTOS, samples=1000)["exactly_n_chosen"]
    assert found.note == "1,000 samples were requested, but there are only 20."
    found = check(connection, tmp_path, PHOTOS)["sample_decoded"]
    assert found.note == "5 of 20 photos were decoded in full."


def test_the_share_of_missing_objects_is_a_setting(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [*PHOTOS, not_had(20, "missing")]
    finding = check(connection, tmp_path, rows)["few_missing"]
    for share, passed in ((0.0, False), (0.04, False), (0.05, True)):
        rules = {rule.id: rule for rule in manifest_table(share).rules}
        assert finding.passed(rules["few_missing"]) is passed


def test_every_column_and_rule_is_described() -> None:
    assert {rule.id for rule in TABLE.rules if rule.blocking} == {SHAPE}
    for column in COLUMNS:
        assert column.description.endswith(".")
    for status in STATUSES:
        assert status in next(c.description for c in COLUMNS if c.name == "status")


def test_a_real_set_passes(month_desk: Desk) -> None:
    made = month_desk.make(kind="raw+ocr", n=15, decoded_share=0.5)
    findings = check_manifest(
        month_desk.connection,
        manifest_table(0.5),
        made.folder.address(MANIFEST),
        samples=15,
        decoded_share=0.5,
    )
    results = check_results(manifest_table(0.5), "image_set", findings)
    # One of the sandbox's OCR results is Cloud Vision's own failure.
    assert {str(each.check_name) for each in results if not each.passed} <= {"ocr_succeeded"}


@pytest.mark.parametrize("kind", ["ocr", "400", "raw"])
def test_sets_of_one_kind_can_be_checked(month_desk: Desk, kind: str) -> None:
    made = month_desk.make(kind=kind, n=10)
    findings = check_manifest(
        month_desk.connection, TABLE, made.folder.address(MANIFEST), samples=10, decoded_share=0.01
    )
    assert findings["exactly_n_chosen"].broken == 0
    assert findings["sample_decoded"].broken == 0
