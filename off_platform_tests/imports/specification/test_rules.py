"""Every rule of an import finds the file or record that breaks it, and nothing else."""

import csv
import io

import pytest

from off_platform.imports.specification.rules import BY_ID, CHECKS, RULES
from off_platform_tests.imports.broken_records import BROKEN, GOOD, Broken, table
from off_platform_tests.imports.conftest import Judged, Validate

# They look at folders of files; see test_joining.py and test_pictures.py.
OF_FOLDERS = ("files_disagree", "file_not_read", "image_without_record", "image_unreadable")
BLOCKING = {check.id for check in CHECKS if check.blocking}
EXAMPLES = [pytest.param(broken, id=broken.rule) for broken in BROKEN]


@pytest.mark.parametrize("broken", EXAMPLES)
def test_a_rule_finds_exactly_what_breaks_it(broken: Broken, validate: Validate) -> None:
    judged = validate(broken.content, broken.name)

    assert sorted(judged.rules) == sorted([broken.rule, *broken.also])
    assert judged.verdict.counts == {rule: judged.rules.count(rule) for rule in judged.rules}
    found = next(each for each in judged.findings if each["rule"] == broken.rule)
    expected = {
        name: getattr(broken, name) for name in ("row", "column", "value", "proposal", "certain")
    }
    assert {name: found[name] for name in expected} == expected
    assert (found["file"], found["level"]) == (broken.name, BY_ID[broken.rule].level)
    assert found["message"].endswith((".", "?"))
    _demand_consequence(broken, judged)


def _demand_consequence(broken: Broken, judged: Judged) -> None:
    """A file that cannot be read has no records; one with an error goes into quarantine."""
    accepted = [record["row"] for record in judged.accepted]
    quarantined = {record["row"]: record["rules"] for record in judged.quarantined}
    if BY_ID[broken.rule].check in BLOCKING:
        assert judged.verdict.refused is not None
        assert (accepted, quarantined) == ([], {})
        return
    assert judged.verdict.refused is None
    assert (judged.verdict.accepted, judged.verdict.quarantined) == (
        len(accepted),
        len(quarantined),
    )
    errors = {rule for rule in judged.rules if BY_ID[rule].level == "error"}
    # What is an error of the whole file only, no record can be blamed for.
    blamed = {each["rule"] for each in judged.findings if each["row"] is not None} & errors
    assert {rule for rules in quarantined.values() for rule in rules} == blamed
    assert not quarantined.keys() & set(accepted)
    if broken.row is not None and BY_ID[broken.rule].level == "error":
        assert broken.rule in quarantined[broken.row]
    if not blamed:
        assert accepted


PROPOSALS = [
    pytest.param(broken, id=broken.rule)
    for broken in BROKEN
    if isinstance(broken.content, str) and None not in (broken.row, broken.proposal)
    # Its proposal is that of one code; the others of the column stay damaged.
    if broken.name == "x.csv" and broken.rule != "barcode_damaged"
]


@pytest.mark.parametrize("broken", PROPOSALS)
def test_proposals_break_no_rule(broken: Broken, validate: Validate) -> None:
    judged = validate(_with_proposal(broken))

    assert judged.findings == []
    assert len(judged.accepted) == 1


def _with_proposal(broken: Broken) -> str:
    """The file with the proposal in the place that the finding names."""
    rows = list(csv.reader(io.StringIO(str(broken.content))))
    place = [name.strip() for name in rows[0]].index(str(broken.column))
    rows[(broken.row or 1) - 1][place] = str(broken.proposal)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def test_every_rule_has_a_file_that_breaks_it() -> None:
    shown = {broken.rule for broken in BROKEN}

    assert {rule.id for rule in RULES} - shown == set(OF_FOLDERS)


def test_only_whole_file_damage_causes_other_errors() -> None:
    for broken in BROKEN:
        levels = {BY_ID[rule].level for rule in broken.also}
        if BY_ID[broken.rule].check != "whole_file_damage":
            assert "error" not in levels, broken.rule


def test_a_sound_record_breaks_no_rule(validate: Validate) -> None:
    text = (
        "barcode,gtin,product_name,brand,quantity,countries,lc,fat,created_t,url\n"
        "3017620422003,03017620422003,Nutella,Ferrero,6 x 125 g,FR;DE,fr,30.9,1642521600,"
        "https://example.org/1\n"
    )

    judged = validate(text)

    assert judged.findings == []
    assert judged.accepted[0]["product"] == "3017620422003"
    assert judged.accepted[0]["amount"] == 750


WITHIN = [
    {"energy_kj": "368", "energy_kcal": "100"},
    {"energy_kj": "472", "energy_kcal": "100"},
    {"energy": "2252", "energy_kcal": "539", "energy_kj": "2252"},
    {"fat": "33.4", "carbohydrates": "33.4", "proteins": "33.3"},
    {"fat": "50", "carbohydrates": "30", "proteins": "20", "fiber": "30", "salt": "5"},
    {"salt": "2.6", "sodium": "1"},
    {"saturated_fat": "10.9", "fat": "10.9", "sugars": "0.0", "carbohydrates": "0"},
    {"allergens": "none", "traces": "None"},
    {"countries": "World; European Union, GB", "languages": "en, fr"},
    {"created_t": "1642521600", "last_modified_t": "1642521600"},
    {"ingredients_text": "<b>Sugar</b>, palm oil"},
]


@pytest.mark.parametrize("cells", WITHIN, ids=" ".join)
def test_values_within_the_bounds_break_no_rule(cells: dict[str, str], validate: Validate) -> None:
    assert validate(table({**GOOD, **cells})).findings == []


def test_one_broken_record_leaves_the_others_accepted(validate: Validate) -> None:
    text = "barcode,product_name\n3017620422004,Nutella\n7622210449283,Oreo\n"

    judged = validate(text)

    assert [record["row"] for record in judged.accepted] == [3]
    assert [record["row"] for record in judged.quarantined] == [2]


def test_whole_file_damage_makes_repairs_certain(validate: Validate) -> None:
    text = "barcode,product_name\n12345678905,A\n36000291452,B\n41196010459,C\n"

    judged = validate(text)

    repairs = [each for each in judged.findings if each["rule"] == "barcode_lost_zero"]
    proposals = [(each["proposal"], each["certain"]) for each in repairs]
    assert proposals == [("012345678905", True), ("036000291452", True), ("041196010459", True)]


def test_both_values_of_one_cell_are_reported(validate: Validate) -> None:
    judged = validate("barcode,product_name,energy_kj\n3017620422003,Nutella,852KJ/ 203Kcal\n")

    assert "852 kJ is for energy_kj, 203 kcal for energy_kcal" in judged.findings[0]["message"]


def test_computed_salt_and_energy_are_reported(validate: Validate) -> None:
    text = "barcode,product_name,sodium,energy,fat,carbohydrates,proteins\n"

    judged = validate(f"{text}3017620422003,Nutella,0.043,539,30.9,57.5,6.3\n")

    record = judged.accepted[0]
    assert (record["salt_g"], record["energy_kcal"]) == (0.1075, 539)
    assert sorted(record["derived"]) == ["energy_kcal", "salt_g"]
    assert judged.rules == ["energy_unit_detected", "salt_derived"]
