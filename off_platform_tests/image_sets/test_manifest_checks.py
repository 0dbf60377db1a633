"""What is found in broken manifests, against the same rules written plainly over Python's rows."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.image_sets import manifest_checks
from off_platform.image_sets.manifest import COLUMNS, STATUSES, manifest_table
from off_platform.image_sets.manifest_checks import check_manifest
from off_platform.pandera_checks import frames, validate
from off_platform.quality import Finding, Rule

TABLE = manifest_table()
MD5S = [f"{number:032x}" for number in range(4)]
ETAGS = [*(f'"{md5}"' for md5 in MD5S), MD5S[0], '"x-2"', None]
Row = dict[str, Any]


def rows() -> st.SearchStrategy[list[Row]]:
    """Manifests in which few values are shared by many rows, and much is wrong."""
    values = {
        "sample": st.sampled_from(["a", "b", "c", "d"]),
        "key": st.sampled_from(["k1", "k2", "k3", "k4", "k5"]) | st.none(),
        "kind": st.sampled_from(["raw", "ocr"]),
        "status": st.sampled_from([*STATUSES, *["fetched"] * 5, "lost"]),
        "reason": st.none() | st.just("why"),
        "md5": st.sampled_from([*MD5S, "", None]),
        "etag": st.sampled_from(ETAGS),
        "width": st.sampled_from([None, 0, 4]),
        "height": st.sampled_from([3, 0]),
        "decoded": st.booleans(),
        "ocr_status": st.sampled_from(["text", "error", None]),
        "path": st.sampled_from(["1.tar", "2.tar", None]),
        "offset": st.sampled_from([0, 512, None]),
        "licence": st.sampled_from(["CC", None]),
        "image_set": st.just("set"),
        "url": st.just("https://host"),
        "attribution": st.just("them"),
    }
    nothing: Row = dict.fromkeys(column.name for column in COLUMNS)
    one = st.fixed_dictionaries(values).map(lambda row: nothing | row)
    return st.lists(one, max_size=25).map(
        lambda found: [{**row, "position": place} for place, row in enumerate(found)]
    )


def plainly(manifest: list[Row], samples: int | None) -> dict[str, tuple[int, int]]:
    """How many rows break each rule, and of how many."""
    fetched = [row for row in manifest if row["status"] == "fetched"]
    photos = [row for row in fetched if row["kind"] == "raw"]
    texts = [row for row in fetched if row["kind"] == "ocr"]
    compared = [row for row in fetched if re.fullmatch('"?[0-9a-f]{32}"?', row["etag"] or "")]
    equal = [row["etag"].strip('"') == row["md5"] for row in compared]
    paths = Counter((row["path"], row["offset"]) for row in fetched)
    md5s = Counter(row["md5"] for row in photos)

    def count(among: list[Row], broken: Callable[[Row], Any]) -> tuple[int, int]:
        return sum(map(bool, map(broken, among))), len(among)

    named = len({row["sample"] for row in manifest})
    keys = len({row["key"] for row in manifest} - {None})
    wanted = named if samples is None else samples
    return {
        "few_missing": count(manifest, lambda row: row["status"] in {"missing", "refused"}),
        "none_corrupt": count(
            [row for row in manifest if row["status"] in {"fetched", "corrupt"}],
            lambda row: row["status"] == "corrupt",
        ),
        "none_failed": count(
            manifest,
            lambda row: row["status"] == "failed" or (row in fetched and row["reason"]),
        ),
        "md5_recorded": count(fetched, lambda row: not row["md5"]),
        "md5_matches_etag": count(
            compared,
            lambda row: (
                any(equal) and row["md5"] is not None and row["etag"].strip('"') != row["md5"]
            ),
        ),
        "photo_sizes_read": count(photos, lambda row: not (row["width"] and row["height"])),
        "paths_unique": count(
            fetched, lambda row: not row["path"] or paths[row["path"], row["offset"]] > 1
        ),
        "photos_unique": count(photos, lambda row: md5s[row["md5"]] > 1),
        "ocr_succeeded": count(texts, lambda row: row["ocr_status"] == "error"),
        "exactly_n_chosen": (abs(wanted - named) + len(manifest) - keys, wanted),
    }


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [10, 2_000_000])
@settings(max_examples=15)
@given(manifest=rows(), samples=st.none() | st.integers(0, 5))
def test_what_is_found_is_what_is_broken(
    tmp_path_factory: pytest.TempPathFactory,
    at_once: int,
    manifest: list[Row],
    samples: int | None,
) -> None:
    path = tmp_path_factory.mktemp("manifest") / "manifest.parquet"
    pq.write_table(pa.Table.from_pylist(manifest, TABLE.arrow), path)
    # A few rows at a time, or all at once.
    with pytest.MonkeyPatch.context() as patched, duckdb.connect() as connection:
        patched.setattr(manifest_checks, "HASHED_ROWS", at_once)
        findings = check_manifest(connection, TABLE, str(path), samples=samples, decoded_share=0.5)
        # Pandera looks at the bounds of all rows.
        bounds = validate(TABLE, frames(pq.ParquetFile(path).iter_batches()))
    assert findings.keys() == {rule.id for rule in TABLE.rules}
    for rule, numbers in plainly(manifest, samples).items():
        assert (findings[rule].broken, findings[rule].of) == numbers, rule
    for rule, expected in bounds.items():
        found = findings[rule]
        assert (found.broken, found.of) == (expected.broken, expected.of), rule
        # Pandera names them column by column.
        assert len(found.examples) == len(expected.examples)


def test_examples_are_the_first_of_many(tmp_path: Path) -> None:
    path, many = tmp_path / "manifest.parquet", 5000
    nothing: Row = dict.fromkeys(column.name for column in COLUMNS)
    made = [
        {**nothing, "position": n, "key": f"k{n:04d}", "status": "fetched", "kind": "raw"}
        for n in range(many)
    ]
    pq.write_table(pa.Table.from_pylist(made, TABLE.arrow), path)
    with duckdb.connect() as connection:
        found = check_manifest(connection, TABLE, str(path), samples=None, decoded_share=0)
    rules = {rule.id: rule for rule in TABLE.rules}
    for rule in ("photos_unique", "paths_unique", "md5_recorded", "photo_sizes_read"):
        finding: Finding = found[rule]
        assert finding.broken == finding.of == many
        assert finding.examples == [f"k000{n}" for n in range(5)]
        assert not finding.passed(Rule(rule, rules[rule].sentence))
