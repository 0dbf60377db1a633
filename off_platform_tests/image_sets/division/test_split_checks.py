"""The checks of splits find each kind of leak in a manifest, whoever wrote it."""

from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from off_platform.asset_checks import check_results
from off_platform.image_sets.division import split_checks
from off_platform.image_sets.division.split_checks import (
    NOT_SPLIT,
    split_findings,
)
from off_platform.image_sets.manifest import (
    COLUMNS,
    NEAR_DUPLICATES,
    SHARES,
    UNITS,
    manifest_table,
)
from off_platform.quality import Finding, Table

RULES = tuple(
    rule for rule in manifest_table().rules if rule.id in {UNITS, NEAR_DUPLICATES, SHARES}
)
TABLE = Table("manifest", "", COLUMNS, RULES)
OF = {"train": 0.8, "validation": 0.1, "test": 0.1}
Row = dict[str, Any]


def hash_of(seed: int, changed: Mapping[int, int] | None = None) -> str:
    """A hash; of the whole photo some bits of some words of 16 bits are flipped."""
    words = np.random.default_rng(seed).integers(0, 2**16, (7, 16), dtype=np.uint16)
    for row, bits in (changed or {}).items():
        words[0, row] ^= np.uint16(bits)
    return words.astype(">u2").tobytes().hex()


def split_of(number: int) -> str:
    return {8: "validation", 9: "test"}.get(number % 10, "train")


def rows() -> list[Row]:
    """A manifest of 200 photos with metadata, two a unit, without a leak."""
    return [
        {
            "sample": f"x{number}", "unit": f"u{number // 2}", "split": split_of(number // 2),
            "kind": kind, "status": "fetched", "md5": f"{number}-{kind}",
            "perceptual_hash": hash_of(number) if kind == "photo" else None,
        }
        for number in range(200)
        for kind in ("photo", "metadata")
    ]  # fmt: skip


def found(manifest: list[Row], shares: Mapping[str, float] = OF) -> dict[str, Finding]:
    columns = ("sample", "unit", "split", "kind", "status", "md5", "perceptual_hash",
               "duplicate_group")  # fmt: skip
    schema = pa.schema([(name, pa.string()) for name in columns])
    with duckdb.connect() as connection:
        connection.register("rows", pa.Table.from_pylist(manifest, schema=schema))
        findings = split_findings(connection, "rows", shares)
    assert findings.keys() == {rule.id for rule in RULES}
    assert len(check_results(TABLE, "image_set", findings)) == len(RULES)
    return findings


def photo(manifest: list[Row], number: int) -> Row:
    return manifest[2 * number]


def with_unit(manifest: list[Row]) -> None:
    for row in manifest[2 * 16 : 2 * 17]:
        row["unit"] = "u0"


def with_sample(manifest: list[Row]) -> None:
    manifest[1]["split"] = "test"


def with_md5(manifest: list[Row]) -> None:
    photo(manifest, 16)["md5"] = photo(manifest, 0)["md5"]


def with_group(manifest: list[Row]) -> None:
    photo(manifest, 16)["duplicate_group"] = photo(manifest, 0)["duplicate_group"] = "x0"


def with_hash(manifest: list[Row]) -> None:
    # 8 of the lowest bits, and 24 others.
    changed = {0: 0xFF00, 8: 0xFFFF, 9: 0xFF00}
    photo(manifest, 16)["perceptual_hash"] = hash_of(0, changed)


def with_window(manifest: list[Row]) -> None:
    window = photo(manifest, 16)["perceptual_hash"][3 * 64 : 4 * 64]
    of_first = photo(manifest, 0)["perceptual_hash"]
    photo(manifest, 0)["perceptual_hash"] = window + of_first[64:]


def with_other_shares(manifest: list[Row]) -> None:
    for row in manifest:
        row["split"] = "train"


LEAKS: list[tuple[Callable[[list[Row]], None], str, str]] = [
    (with_unit, UNITS, "u0: train, validation"),
    (with_sample, UNITS, "u0: test, train"),
    (with_md5, NEAR_DUPLICATES, "x0 and x16"),
    (with_group, NEAR_DUPLICATES, "x0 and x16"),
    (with_hash, NEAR_DUPLICATES, "x0 and x16"),
    (with_window, NEAR_DUPLICATES, "x0 and x16"),
    (with_other_shares, SHARES, "train: 200 of 200, 80.0% were requested"),
]


@pytest.mark.parametrize(("leak", "rule", "example"), LEAKS)
def test_each_rule_has_its_failing_example(
    leak: Callable[[list[Row]], None], rule: str, example: str
) -> None:
    manifest = rows()
    assert not any(finding.broken for finding in found(manifest).values())
    leak(manifest)
    findings = found(manifest)
    broken = {name for name, finding in findings.items() if finding.broken}
    # A sample whose rows are in two splits is its own near duplicate, too.
    assert rule in broken
    assert broken <= {rule, NEAR_DUPLICATES}
    assert example in findings[rule].examples


def test_photos_that_differ_in_more_bits_are_no_leak() -> None:
    for changed in (
        {0: 0xFF80, 8: 0xFFFF, 9: 0xFF00},
        {0: 0xFF00, 1: 0x0100},
    ):
        manifest = rows()
        photo(manifest, 16)["perceptual_hash"] = hash_of(0, changed)
        assert not found(manifest)[NEAR_DUPLICATES].broken


def test_excluded_and_missing_samples_are_in_no_split() -> None:
    manifest = rows()
    for row in manifest[2 * 16 : 2 * 17]:
        row["unit"], row["split"] = "u0", "excluded"
    for row in manifest[2 * 18 : 2 * 19]:
        row["unit"], row["status"] = "u0", "missing"
    assert not any(finding.broken for finding in found(manifest).values())


def test_a_large_set_is_compared_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_checks, "COMPARED_MOST", 200 * 7 * 20)
    finding = found(rows())[NEAR_DUPLICATES]
    assert finding.facts["photos_compared"] == 20
    assert "the hashes of 20 photos compared with all" in finding.note


def test_what_a_random_split_would_leak_is_told() -> None:
    """Two photos a unit: a held-out one has its sibling in training with the share of training."""
    finding = found(rows())[UNITS]
    assert finding.facts == {"leak_rate_of_a_random_split": pytest.approx(0.8)}
    assert finding.note == (
        "0 of 100 units are in two splits. With a random split by the same shares, 32 of 40 "
        "held-out samples (80.0%) would have one in training."
    )
    manifest = rows()
    for number in range(16):
        photo(manifest, number)["duplicate_group"] = "x0"
    # Held out is a fifth of the group of 16, of which nearly all have another in training.
    expected = 16 * 0.2 * (1 - 0.2**15) / 40
    assert found(manifest)[NEAR_DUPLICATES].facts["leak_rate_of_a_random_split"] == pytest.approx(
        expected
    )
    folds = {f"fold_{number}": 0.25 for number in range(4)}
    assert found(rows(), folds)[UNITS].facts["leak_rate_of_a_random_split"] == pytest.approx(0.75)


def test_a_split_that_was_not_requested_is_found() -> None:
    assert (
        "test was not requested"
        in found(rows(), {"train": 0.9, "validation": 0.1})[SHARES].examples
    )


def test_a_set_that_is_not_split_has_nothing_to_check() -> None:
    assert all(finding.note == NOT_SPLIT for finding in found(rows(), {}).values())


def test_an_empty_manifest_has_no_findings() -> None:
    assert not any(finding.broken for finding in found([]).values())
