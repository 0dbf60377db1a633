"""Several batches at once: the same tables for any number of threads, and errors as they are."""

import random
from pathlib import Path

import pytest

from off_platform.imports import validation
from off_platform.imports.specification.tables import ACCEPTED, FINDINGS, QUARANTINED
from off_platform.imports.validation import validate_import
from off_platform_tests.imports.conftest import NOW

TABLES = (ACCEPTED, FINDINGS, QUARANTINED)


def _import(rows: int) -> str:
    """Records of which many are odd: wrong codes, the same product twice, numbers with commas."""
    dice = random.Random(5)
    lines = ["barcode,code,product_name,brand,quantity,fat_g,energy,sodium_g,image_url,crisp"]
    for number in range(rows):
        code = dice.choice(("3017620422003", f"{dice.randrange(10**13):013d}", "96385074", "n/a"))
        fat = dice.choice(("30.9", "30,9", "-1", "101", ""))
        name = dice.choice((f"Product {number}", "test", " Nutella", "CafÃ©"))
        url = dice.choice(("https://example.org/a.jpg", "example.org/a b"))
        energy, yes = dice.choice(("2252", "539 kcal", "x")), dice.choice(("yes", "1"))
        lines.append(f'{code},,{name},"A, ,B",400g,"{fat}",{energy},0.4,{url},{yes}')
    return "\n".join(lines)


@pytest.mark.slow
def test_the_tables_are_the_same_bytes_with_one_thread_and_with_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "BATCH_ROWS", 40)
    path = tmp_path / "x.csv"
    path.write_text(_import(600), encoding="utf-8")
    made = {}
    for threads in (1, 2, 4):
        into = tmp_path / str(threads)
        into.mkdir()
        verdict = validate_import(path, into, now=NOW, threads=threads)
        assert verdict.accepted
        assert verdict.quarantined
        assert len(verdict.counts) > 10
        tables = [(into / name).read_bytes() for name in TABLES]
        made[threads] = (verdict.accepted, verdict.quarantined, verdict.counts, tables)
    assert made[1] == made[2] == made[4]


@pytest.mark.slow
def test_late_columns_do_not_affect_earlier_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "BATCH_ROWS", 10)
    path = tmp_path / "x.jsonl"
    lines = [
        f'{{"barcode": "3017620422003", "product_name_{"fr" if at < 100 else "en"}": ""}}'
        for at in range(200)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    made = []
    for threads in (1, 4):
        into = tmp_path / str(threads)
        into.mkdir()
        validate_import(path, into, now=NOW, threads=threads)
        made.append([(into / name).read_bytes() for name in TABLES])
    assert made[0] == made[1]
