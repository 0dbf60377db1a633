"""Damage of whole columns of codes, on generated ones: every damaged one is found, no sound one."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from off_platform.barcodes.text import with_check_digit
from off_platform.imports.specification.rules import BY_ID
from off_platform.imports.values.barcodes.damaged import repaired_code
from off_platform.imports.whole_file.damage import IdentifierSurvey
from off_platform_tests.imports.conftest import Validate

LENGTHS = {"EAN-13": 13, "EAN-8": 8, "UPC-A": 12, "GTIN-14": 14}
KINDS = (*LENGTHS, "mixed")
Digits = npt.NDArray[np.int64]


def codes(kind: str, count: int, chance: np.random.Generator) -> list[str]:
    """Sound codes, with check digits computed without the project's own code."""
    if kind == "mixed":
        each = [codes(one, count, chance) for one in LENGTHS]
        return [each[which][at] for at, which in enumerate(chance.integers(len(each), size=count))]
    body: Digits = chance.integers(10, size=(count, LENGTHS[kind] - 1))
    # An EAN-8 that begins with 0 or 1 may be a UPC-E; a code of zeros alone is none.
    body[:, 0] = chance.integers(2 if kind == "EAN-8" else 0, 10, size=count)
    weights = np.where(np.arange(body.shape[1])[::-1] % 2, 1, 3)
    check = -(body @ weights) % 10
    return ["".join(map(str, row)) for row in np.column_stack([body, check])]


def _appended(code: str, chance: np.random.Generator) -> str:
    return f"{code}{chance.integers(10)}"


def _prefixed(code: str, chance: np.random.Generator) -> str:
    return f"{chance.integers(1, 10)}{code}"


DAMAGES: dict[str, tuple[str, Callable[[str, np.random.Generator], str]]] = {
    "a zero behind": ("damage_extra_digit", lambda code, _: f"{code}0"),
    "a seven behind": ("damage_extra_digit", lambda code, _: f"{code}7"),
    "any digit behind": ("damage_extra_digit", _appended),
    "a digit in front": ("damage_extra_digit", _prefixed),
    "the last digit lost": ("damage_lost_check_digit", lambda code, _: code[:-1]),
    "a fraction": ("damage_fraction", lambda code, _: f"{code}.0"),
    "scientific": ("damage_scientific", lambda code, _: f"{int(code):.4E}".replace(".", ",")),
}


def survey(texts: list[str]) -> IdentifierSurvey:
    """Of a column that takes 14 digits, in two batches."""
    made = IdentifierSurvey("gtin", gtin=True)
    made.add(pa.array(texts[: len(texts) // 3]))
    made.add(pa.array(texts[len(texts) // 3 :]))
    return made


def rules(texts: list[str]) -> list[str]:
    return [each.rule for each in survey(texts).found()]


def columns(kind: str, rounds: int) -> Iterator[tuple[list[str], np.random.Generator]]:
    """Columns of several sizes; a seed each, so that a failing one can be made again."""
    for size in (20, 80, 1_000):
        for seed in range(max(1, rounds * 20 // size)):
            chance = np.random.default_rng([seed, size])
            yield codes(kind, size, chance), chance


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damaged_column_is_found(kind: str, damage: str) -> None:
    rule, spoil = DAMAGES[damage]
    for column, chance in columns(kind, 8):
        assert rules([spoil(code, chance) for code in column]) == [rule], column


@pytest.mark.parametrize("kind", ["UPC-A", "EAN-8"])
def test_columns_whose_zeros_are_lost_are_found(kind: str) -> None:
    for column, _ in columns(kind, 8):
        zero = ["0" + code[1:-1] for code in column]
        whole = [repaired_code(code, "unfinished", gtin=False).proposal or "" for code in zero]
        assert rules([code.lstrip("0") for code in whole if code]) == ["damage_lost_zeros"]


def test_sound_columns_raise_no_alarm() -> None:
    for kind in KINDS:
        for column, _ in columns(kind, 8):
            assert rules(column) == []


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_two_thousand_columns_without_damage_raise_no_alarm(kind: str) -> None:
    """1,000 sound ones, and 1,000 of which one code in five is wrong."""
    for seed in range(1_000):
        chance = np.random.default_rng(seed)
        column = codes(kind, 20, chance)
        assert rules(column) == [], seed
        some = [f"{code[:-1]}{(int(code[-1]) + 1) % 10}" for code in column[:4]]
        assert rules(some + column[4:]) == [], seed


@pytest.mark.parametrize(
    ("damage", "spoil"),
    [
        ("appended", lambda code: f"{code}0"),
        ("prefixed", lambda code: f"5{code}"),
        ("fraction", lambda code: f"{int(code)}.0"),
    ],
)
def test_no_code_of_a_damaged_column_is_accepted_unchanged(
    damage: str, spoil: Callable[[str], str], validate: Validate
) -> None:
    """A code with a zero behind may hold by chance: of EAN-8 and UPC-A one in five does."""
    column = codes("UPC-A", 80, np.random.default_rng(1))
    spoilt = [spoil(code) for code in column]
    rows = "".join(f"{code},Product {place}\n" for place, code in enumerate(spoilt))

    judged = validate(f"barcode,product_name\n{rows}")

    assert judged.accepted == [], damage
    assert len(judged.quarantined) == len(column)
    proposals = {each["value"]: each["proposal"] for each in judged.findings if each["row"]}
    assert [proposals[code] for code in spoilt] == column
    assert all(each["certain"] for each in judged.findings)


def test_a_missing_check_digit_is_proposed_and_not_certain(validate: Validate) -> None:
    """Every code can be given a check digit, so that it holds proves nothing."""
    column = codes("EAN-13", 20, np.random.default_rng(2))
    rows = "".join(f"{code[:-1]},Product\n" for code in column)

    judged = validate(f"barcode,product_name\n{rows}")

    assert judged.accepted == []
    found = [each for each in judged.findings if each["rule"] == "barcode_damaged"]
    assert [each["proposal"] for each in found] == column
    assert not any(each["certain"] for each in found)


def test_no_code_written_out_by_a_spreadsheet_is_accepted(validate: Validate) -> None:
    """`3092460000000` was `3.09246E+12`; one in ten of them has a check digit that holds."""
    column = codes("EAN-13", 80, np.random.default_rng(3))
    spoilt = [f"{int(code) // 10**7}0000000" for code in column if code[0] != "0"]
    assert survey(spoilt).sound > 0
    sound = codes("EAN-13", 40, np.random.default_rng(4))
    rows = "".join(f"{code},Product\n" for code in spoilt + sound)

    judged = validate(f"barcode,product_name\n{rows}")

    assert {each["barcode"] for each in judged.accepted} == set(sound)
    assert judged.verdict.counts["damage_scientific"] == 1


def test_an_ean_8_that_lost_two_zeros_is_not_taken_for_a_upc_e(validate: Validate) -> None:
    chance = np.random.default_rng(5)
    found = codes("EAN-8", 4_000, chance)
    one = [f"0{code[1:-1]}" for code in found if code[1] != "0"][:20]
    two = [f"00{code[2:-1]}" for code in found if code[2] not in "01"][:20]
    whole = [repaired_code(code, "unfinished", gtin=False).proposal or "" for code in one + two]
    whole = [code for code in whole if code]
    rows = "".join(f"{code.lstrip('0')},Product\n" for code in whole)

    judged = validate(f"barcode,product_name\n{rows}")

    assert len(whole) > 30
    assert judged.accepted == []
    assert {each["proposal"] for each in judged.findings if each["row"]} == set(whole)


def _scientific(codes: list[str], lost: int) -> str:
    """CSV of codes as numbers; of the first ones a spreadsheet kept six digits."""
    texts = [f"{int(code):.5E}" for code in codes[:lost]]
    texts += [f"{code[0]}.{code[1:]}E+12" for code in codes[lost:]]
    return "barcode,product_name\n" + "".join(f"{text},Bar\n" for text in texts)


@pytest.mark.parametrize(("lost", "said"), [
    (20, "; their digits are lost and cannot be recovered. Export again"),
    (0, "; all digits are present and proposed; compare them with the packages. Export"),
    (5, "; 15 of these still have all their digits, which are proposed; those of the others are"),
])  # fmt: skip
def test_advice_on_numbers_matches_the_proposals(lost: int, said: str, validate: Validate) -> None:
    found = [with_check_digit(f"30176204{number:04}") for number in range(20)]

    judged = validate(_scientific(found, lost))

    of_file, *of_rows = judged.findings
    assert said in of_file["message"]
    assert [each["proposal"] for each in of_rows] == [None] * lost + found[lost:]
    assert judged.accepted == []


def test_advice_does_not_call_proposed_digits_lost() -> None:
    may_propose = ("damage_scientific", "barcode_scientific", "barcode_damaged")
    assert not [rule for rule in may_propose if "lost" in BY_ID[rule].fix]
