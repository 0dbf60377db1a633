"""The schemas as the gate behind the readers: what breaks the specification fails on the table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from off_platform.imports import checks
from off_platform.imports.checks import enforced, enforced_in, of_accepted
from off_platform.imports.specification.rules import BY_ID, RULES, rules_of
from off_platform.imports.specification.schemas import failures
from off_platform.imports.specification.tables import ACCEPTED
from off_platform.imports.validation import validate_import
from off_platform.imports.whole_file.staging import connected, findings_in
from off_platform.imports.whole_file.verdict import Verdict
from off_platform_tests.imports.conftest import NOW

GOOD = """barcode,code,product_name,lc,languages,image_url,fat_g,carbohydrates_g,energy_kj,created_t
3017620422003,3017620422003,Nutella,fr,"fr, en",https://example.org/a.jpg,30.9,57.5,2252,1642521600
96385074,,Small,,,,,,,
036000291452,,American,,,,0,0,0,
01234565,012345000065,Both readings,,,,,,,
"""
# What a record is changed to that the readers let pass, and the rule that it then breaks.
PLANTED = {
    "barcode_not_digits": "barcode = '301762042200X'",
    "barcode_length": "barcode = '30176204'||'2200'||'31234567'",
    "barcode_all_zeros": "barcode = '0000000000000'",
    "barcode_check_digit": "code = '3017620422004'",
    "identifier_missing": "product = '', barcode = NULL, code = NULL",
    "identifiers_disagree": "code = '96385074'",
    "product_name_missing": "product_name = NULL",
    "negative": "fat_g = -0.1",
    "number_not_finite": "vitamin_c = 'inf'",
    "above_range": "energy_kj = 4000.5",
    "macronutrients_above_100": "fat_g = 60, carbohydrates_g = 41",
    "language_unknown": "languages = ['fr', 'zz']",
    "timestamp_milliseconds": "created_t = epoch_ms(1642521600000000)",
    "not_a_url": "image_url = 'javascript:alert(1)'",
    "duplicate_product": "product = '96385074', barcode = '96385074', code = NULL",
}
# The table's types hold these: a text that is not a number or a moment has no place in it.
HELD_BY_TYPE = {rule.id for rule in rules_of("numbers")} | {"not_a_timestamp"}
# A record does not show these: they are about the file, several records, or how a value is written.
# A damaged barcode that is accepted breaks the rules for digits, length or check digit.
OF_THE_FILE = {"readable", "header", "file_format", "rows", "whole_file_damage", "aliases"}
AS_WRITTEN = {"barcode_not_text", "barcode_lost_zero", "barcode_scientific", "files_disagree"}


@pytest.fixture(scope="module")
def verdict(folder: Path) -> Verdict:
    (folder / "x.csv").write_text(GOOD)
    verdict = validate_import(folder / "x.csv", folder, now=NOW)
    assert verdict.accepted == 4
    return verdict


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("validated")


@pytest.fixture
def connection(folder: Path, verdict: Verdict) -> Iterator[duckdb.DuckDBPyConnection]:
    """Over the accepted records, which it calls `planted`, where they can be changed."""
    assert verdict
    with connected(folder) as made:
        made.execute(f"CREATE TABLE planted AS FROM read_parquet('{folder / ACCEPTED}')")
        yield made


def test_sound_records_break_no_rule(connection: duckdb.DuckDBPyConnection) -> None:
    assert enforced(connection, "planted") == {}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_wrongly_accepted_record_fails_its_check(
    connection: duckdb.DuckDBPyConnection, rule: str
) -> None:
    connection.execute(f"UPDATE planted SET {PLANTED[rule]} WHERE row = 2")
    found = enforced(connection, "planted")
    # Another barcode than the record's product breaks a second rule.
    assert BY_ID[rule].check in found
    assert set(found) <= {BY_ID[rule].check, "identifier"}
    assert found[BY_ID[rule].check].broken == 1


@pytest.mark.parametrize(("batch_rows", "at_once"), [(1, False), (50_000, True)])
def test_imports_that_are_examined_together_have_their_own_findings(
    connection: duckdb.DuckDBPyConnection,
    monkeypatch: pytest.MonkeyPatch,
    batch_rows: int,
    *,
    at_once: bool,
) -> None:
    connection.execute("CREATE TABLE other AS FROM planted")
    connection.execute("UPDATE planted SET fat_g = -1, product = 'same' WHERE row = 2")
    connection.execute("INSERT INTO planted SELECT * REPLACE (9 AS row) FROM planted WHERE row = 2")
    apart = [enforced(connection, name) for name in ("planted", "other")]
    assert apart[0]["ranges"].broken == 2
    assert not apart[1]
    monkeypatch.setattr(checks, "BATCH_ROWS", batch_rows)
    seen: list[int] = []

    def counted(schema: Any, frame: Any) -> Any:
        seen.append(len(frame))
        return failures(schema, frame)

    monkeypatch.setattr(checks, "failures", counted)
    assert enforced_in(connection, ["other", "planted", "other"]) == [{}, apart[0], {}]
    # One pass of each of the three schemas.
    assert (len(seen) == 3) is at_once


def test_every_rule_of_level_error_has_a_plant_or_cannot_be_planted() -> None:
    errors = {rule.id for rule in RULES if rule.level == "error"}
    of_the_file = {rule.id for check in OF_THE_FILE for rule in rules_of(check)} | AS_WRITTEN
    assert set(PLANTED) <= errors
    assert errors - set(PLANTED) <= HELD_BY_TYPE | of_the_file
    assert not set(PLANTED) & of_the_file


@pytest.mark.parametrize("column", ["fat_g", "created_t"])
def test_a_table_has_no_place_for_a_text_that_is_not_a_value(
    connection: duckdb.DuckDBPyConnection, column: str
) -> None:
    with pytest.raises(duckdb.ConversionException):
        connection.execute(f"UPDATE planted SET {column} = '20,5 g'")


def test_the_asset_check_fails_and_asks_for_a_bug_report(
    connection: duckdb.DuckDBPyConnection, folder: Path, verdict: Verdict
) -> None:
    connection.execute("UPDATE planted SET fat_g = -1 WHERE row = 2")
    found = of_accepted(connection, "planted", findings_in(folder), verdict)
    assert found["ranges"].level == "error"
    assert found["ranges"].broken == 1
    assert "row 2 (negative)" in found["ranges"].note
    assert not found["urls"].broken
