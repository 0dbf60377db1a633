"""The schemas as the gate behind the readers: what breaks the specification fails on the table."""

from pathlib import Path

import pytest

from off_platform.imports.checks import enforced, of_accepted
from off_platform.imports.specification.rules import BY_ID
from off_platform.imports.specification.tables import ACCEPTED
from off_platform.imports.whole_file.staging import connected, findings_in
from off_platform_tests.imports.conftest import Validate

GOOD = """barcode,code,product_name,lc,languages,image_url,fat_g,carbohydrates_g,energy_kj
3017620422003,3017620422003,Nutella,fr,"fr, en",https://example.org/a.jpg,30.9,57.5,2252
96385074,,Small,,,,,,
036000291452,,American,,,,0,0,0
"""
# What a record is changed to that the readers let pass, and the rule that it then breaks.
PLANTED = {
    "barcode_not_digits": "barcode = '301762042200X'",
    "barcode_length": "barcode = '30176204'||'2200'||'31234567'",
    "barcode_all_zeros": "barcode = '0000000000000'",
    "barcode_check_digit": "code = '3017620422004'",
    "identifier_missing": "product = ''",
    "product_name_missing": "product_name = NULL",
    "negative": "fat_g = -0.1",
    "above_range": "energy_kj = 4000.5",
    "macronutrients_above_100": "fat_g = 60, carbohydrates_g = 41",
    "language_unknown": "languages = ['fr', 'zz']",
    "not_a_url": "image_url = 'javascript:alert(1)'",
    "duplicate_product": "product = '96385074'",
}


@pytest.fixture
def accepted(validate: Validate, tmp_path: Path) -> Path:
    assert len(validate(GOOD).accepted) == 3
    return tmp_path / "x.csv.tables"


def test_sound_records_break_nothing(accepted: Path) -> None:
    with connected(accepted) as connection:
        assert enforced(connection, f"read_parquet('{accepted / ACCEPTED}')") == {}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_record_that_was_accepted_by_mistake_fails_its_check(accepted: Path, rule: str) -> None:
    with connected(accepted) as connection:
        connection.execute(f"CREATE TABLE planted AS FROM read_parquet('{accepted / ACCEPTED}')")
        connection.execute(f"UPDATE planted SET {PLANTED[rule]} WHERE row = 2")
        found = enforced(connection, "planted")
    assert set(found) == {BY_ID[rule].check}
    assert found[BY_ID[rule].check].broken == 1


def test_every_check_of_values_has_a_plant() -> None:
    of_values = {
        *("barcode_format", "barcode_check_digit", "duplicates", "product_name", "identifier"),
        *("ranges", "macronutrients", "languages", "urls"),
    }
    assert {BY_ID[rule].check for rule in PLANTED} == of_values
    assert all(BY_ID[rule].level == "error" for rule in PLANTED)


def test_the_asset_check_fails_and_says_that_it_is_ours(validate: Validate, tmp_path: Path) -> None:
    verdict, folder = validate(GOOD).verdict, tmp_path / "x.csv.tables"
    with connected(folder) as connection:
        connection.execute(f"CREATE TABLE planted AS FROM read_parquet('{folder / ACCEPTED}')")
        connection.execute("UPDATE planted SET fat_g = -1 WHERE row = 2")
        found = of_accepted(connection, "planted", findings_in(folder), verdict)
    assert found["ranges"].level == "error"
    assert found["ranges"].broken == 1
    assert "row 2 (negative)" in found["ranges"].note
    assert not found["urls"].broken
