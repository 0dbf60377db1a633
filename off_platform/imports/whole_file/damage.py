"""Damage to a whole file: programs changed all its identifiers in the same way.

A column is damaged if one repair makes nearly all of its codes valid while unchanged they are valid
no more often than by chance. Then none of its codes is accepted unchanged, not even one with a
valid check digit. `identity.py` and `values/barcodes/` check single records.

Real ones: a German Excel that made 368 of 397 barcodes `7,6223E+12`; 5,037 of 9,541 GTINs that
lost a zero; 10,661 products whose codes all got a trailing 0.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.barcodes.columns import check_digits_hold, expanded_upc_e, least_padded
from off_platform.barcodes.text import EAN_8, EAN_13, MOST_DIGITS, UPC_A, UPC_E_SHORT
from off_platform.imports.readers.batches import Found
from off_platform.imports.values.barcodes.damaged import WHOLE, Damage

if TYPE_CHECKING:
    import numpy.typing as npt

# "Over 5 % of a file's identifiers"; a single one is a coincidence.
DAMAGED_SHARE = 0.05
LEAST_DAMAGED = 2
# One in ten random codes is valid by chance.
REPAIR_HOLDS_SHARE = 0.5
NEARLY_ALL = 0.9
# Of 20 valid codes with an appended 0, 4 are still valid; 16 are once in 100 million columns.
MOST_SOUND_BY_CHANCE = 0.8
# Below it a missing check digit cannot be distinguished from wrong codes.
MOST_SOUND_UNFINISHED = 0.5
LEAST_UNFINISHED = 10

# Excel makes the second from the first if the column is shown as a number again.
_ROUNDED = "000000"
_SCIENTIFIC = rf"^\s*[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{{1,3}}\s*$|^[1-9][0-9]{{2,6}}0*{_ROUNDED}$"
_ALL_DIGITS = r"^\s*(?P<first>[0-9])[.,](?P<rest>[0-9]+)[eE]\+?(?P<power>[0-9]{1,2})\s*$"
_FRACTION = rf"^\s*[0-9]{{5,{MOST_DIGITS}}}[.,]0+\s*$"
_DIGITS = rf"^[0-9]{{2,{MOST_DIGITS}}}$"
# A UPC-A or EAN-13 without its leading zeros, an EAN-8 without its single one.
_SHORTENED = (7, 9, 10, 11)
# Each kind of code without its last digit; 13 digits are a complete code except in `gtin`.
_UNFINISHED = tuple(length - 1 for length in (EAN_8, UPC_A, EAN_13))


@dataclass(slots=True)
class IdentifierSurvey:
    """Counts forms of all identifiers of a column.

    Attributes:
        column: its name in the file.
        gtin: whether the field takes 14 digits.
        identifiers: texts that are not missing.
        scientific: those like `7,6223E+12`.
        written_out: of these, those with all digits of a code and a valid check digit.
        fraction: those like `3017620422003.0`.
        sound: those with the length and a check digit of a code.
        shortened: those with the length of a code without its leading zeros.
        repairable: of these, those with a valid check digit after restoring the zeros.
        of_upc_e: those with the length of a UPC-E.
        of_ean_8: of these, those that are an EAN-8 after restoring two zeros.
        unfinished: those with the length of a code without its last digit.
        repaired: those that are valid without the last digit, the first digit, or the leading
            zeros.
        extra: the last and first digits of those.
    """

    column: str
    gtin: bool = False
    identifiers: int = 0
    scientific: int = 0
    written_out: int = 0
    fraction: int = 0
    sound: int = 0
    shortened: int = 0
    repairable: int = 0
    of_upc_e: int = 0
    of_ean_8: int = 0
    unfinished: int = 0
    repaired: Counter[Damage] = field(default_factory=Counter)
    extra: Counter[tuple[Damage, str]] = field(default_factory=Counter)

    def add(self, texts: pa.StringArray) -> None:
        """Adds the identifiers of a batch."""
        there = texts.drop_null()
        there = there.filter(pc.greater(pc.binary_length(there), 0))
        self.identifiers += len(there)
        are_digits = pc.match_substring_regex(there, _DIGITS)
        digits, others = there.filter(are_digits), there.filter(pc.invert(are_digits))
        # A regular expression takes longer than all else; of digits, few can be one of these.
        rounded = digits.filter(pc.ends_with(digits, _ROUNDED))
        maybe = pa.concat_arrays([others, rounded])
        scientific = maybe.filter(pc.match_substring_regex(maybe, _SCIENTIFIC))
        self.scientific += len(scientific)
        self.written_out += int(self._sound(_written_out(scientific)).sum())
        self.fraction += _count(pc.match_substring_regex(others, _FRACTION))
        lengths, holds = pc.binary_length(digits), check_digits_hold(digits)
        self.sound += int(self._sound(digits, holds).sum())
        short = pc.is_in(lengths, pa.array(_SHORTENED, pa.int32()))
        self.shortened += _count(short)
        self.repairable += _count(pc.and_(short, pa.array(holds)))
        of_upc_e = pc.equal(lengths, UPC_E_SHORT)
        self.of_upc_e += _count(of_upc_e)
        self.of_ean_8 += _count(pc.and_(of_upc_e, pa.array(holds)))
        unfinished = (*_UNFINISHED, EAN_13) if self.gtin else _UNFINISHED
        self.unfinished += _count(pc.is_in(lengths, pa.array(unfinished, pa.int32())))
        self._add_repaired(digits)

    def _add_repaired(self, digits: pa.StringArray) -> None:
        length = pc.binary_length(digits)
        pairs: tuple[tuple[Damage, pa.StringArray, pa.StringArray], ...] = (
            (
                "appended",
                pc.utf8_slice_codeunits(digits, 0, -1),
                pc.utf8_slice_codeunits(digits, -1),
            ),
            ("prefixed", pc.utf8_slice_codeunits(digits, 1), pc.utf8_slice_codeunits(digits, 0, 1)),
        )
        for damage, rest, digit in pairs:
            holds = pa.array(self._sound(rest, anywhere=True))
            self.repaired[damage] += _count(holds)
            for counted in pc.value_counts(digit.filter(holds)).to_pylist():
                self.extra[damage, counted["values"]] += counted["counts"]
        bare = least_padded(digits)
        holds = pc.and_(
            pa.array(self._sound(bare, anywhere=True)), pc.less(pc.binary_length(bare), length)
        )
        self.repaired["padded"] += _count(holds)

    def _sound(
        self,
        codes: pa.StringArray,
        holds: "npt.NDArray[np.bool_] | None" = None,
        *,
        anywhere: bool = False,
    ) -> "npt.NDArray[np.bool_]":
        """Which are valid codes by length and check digit; also as `gtin` if `anywhere`.

        `holds` is their `check_digits_hold`, if it is known.
        """
        if not len(codes):
            return np.zeros(0, dtype=bool)
        lengths = WHOLE if self.gtin or anywhere else WHOLE[:-1]
        whole = pc.is_in(pc.binary_length(codes), pa.array(lengths, pa.int32()))
        upc_e = expanded_upc_e(codes).is_valid().to_numpy(zero_copy_only=False)
        sound: npt.NDArray[np.bool_] = whole.to_numpy(zero_copy_only=False) & (
            (check_digits_hold(codes) if holds is None else holds) | upc_e
        )
        return sound

    @property
    def damage(self) -> Damage | None:
        """The damage of the column; None if its codes are intact.

        In `scientific` and `shortened` columns only some codes are treated differently.
        """
        if self._many(self.scientific):
            return "scientific"
        found, count = max(self.repaired.items(), key=lambda each: each[1], default=(None, 0))
        if self._many(count) and count >= NEARLY_ALL * self.identifiers:
            # Leading zeros are also an extra first digit; the zeros are reported.
            found = "padded" if self.repaired["padded"] >= NEARLY_ALL * self.identifiers else found
            if self.sound <= MOST_SOUND_BY_CHANCE * self.identifiers:
                return found
        if self._many(self.fraction) and self.fraction >= NEARLY_ALL * self.identifiers:
            return "fraction"
        if self._zeros_are_lost() and self.of_ean_8 > REPAIR_HOLDS_SHARE * self.of_upc_e:
            return "shortened"
        return "unfinished" if self._is_unfinished() else None

    def found(self) -> list[Found]:
        """At most one finding on the whole file: cause, share and repair."""
        if damage := self.damage:
            return [self._of_damage(damage)]
        if self._zeros_are_lost():
            return [self._lost_zeros()]
        if self._many(self.fraction):
            return [self._fraction()]
        return []

    def _zeros_are_lost(self) -> bool:
        return self._many(self.repairable) and (
            self.repairable >= REPAIR_HOLDS_SHARE * self.shortened
        )

    def _is_unfinished(self) -> bool:
        return (
            self.unfinished >= max(LEAST_UNFINISHED, NEARLY_ALL * self.identifiers)
            and self.sound <= MOST_SOUND_UNFINISHED * self.identifiers
            and not self._zeros_are_lost()
        )

    def _of_damage(self, damage: Damage) -> Found:
        match damage:
            case "scientific":
                return self._scientific()
            case "shortened":
                return self._lost_zeros()
            case "padded":
                return self._padded()
            case "fraction":
                return self._fraction()
            case "unfinished":
                return self._unfinished()
            case _:
                return self._extra_digit(damage)

    def _many(self, count: int) -> bool:
        return count >= LEAST_DAMAGED and count > DAMAGED_SHARE * self.identifiers

    def _share(self, count: int) -> str:
        return f"{count:,} of {self.identifiers:,} ({count / self.identifiers:.0%})"

    def _scientific(self) -> Found:
        return Found(
            None,
            self.column,
            "damage_scientific",
            None,
            f"A spreadsheet turned {self._share(self.scientific)} barcodes in '{self.column}' into "
            f"numbers like 7,6223E+12; {self._digits_left()}. Export again, and format the column "
            "as text before you open or save the file.",
        )

    def _digits_left(self) -> str:
        """The remaining digits of the codes, as proposed for single codes."""
        if not self.written_out:
            return "their digits are lost and cannot be recovered"
        if self.written_out == self.scientific:
            return "all digits are present and proposed; compare them with the packages"
        return (
            f"{self.written_out:,} of these still have all their digits, which are proposed; those "
            "of the others are lost and cannot be recovered"
        )

    def _lost_zeros(self) -> Found:
        return Found(
            None,
            self.column,
            "damage_lost_zeros",
            None,
            f"{self._share(self.shortened)} barcodes in '{self.column}' lost their leading zeros, "
            "as when a program reads them as numbers; with the zeros restored, the check "
            f"digits of {self.repairable:,} are valid.",
            "the zeros restored",
            certain=True,
        )

    def _extra_digit(self, damage: Damage) -> Found:
        count = self.repaired[damage]
        digits = Counter({digit: n for (kind, digit), n in self.extra.items() if kind == damage})
        digit, same = next(iter(digits.most_common(1)))
        which = f"digit {digit}" if same >= NEARLY_ALL * count else "digit"
        place, end = ("appended to", "last") if damage == "appended" else ("put before", "first")
        return Found(
            None,
            self.column,
            "damage_extra_digit",
            None,
            f"A {which} was {place} {self._share(count)} barcodes in '{self.column}'; "
            f"without it their check digits are valid, with it only {self.sound:,} are.",
            f"the {end} {which} removed",
            certain=True,
        )

    def _padded(self) -> Found:
        count = self.repaired["padded"]
        return Found(
            None,
            self.column,
            "damage_extra_digit",
            None,
            f"Zeros were added in front of {self._share(count)} barcodes in '{self.column}'; "
            "without them they have the length of a barcode and valid check digits.",
            "the zeros in front removed",
            certain=True,
        )

    def _fraction(self) -> Found:
        return Found(
            None,
            self.column,
            "damage_fraction",
            None,
            f"A program read {self._share(self.fraction)} barcodes in '{self.column}' as numbers "
            "and wrote them with a decimal point and a zero.",
            "the decimal point and the zero removed",
            certain=True,
        )

    def _unfinished(self) -> Found:
        return Found(
            None,
            self.column,
            "damage_lost_check_digit",
            None,
            f"{self._share(self.unfinished)} barcodes in '{self.column}' are one digit short and "
            f"only {self.sound:,} check digits are valid, as when the last digit, the check "
            "digit, was cut off.",
            "the check digit appended",
        )


def repair_query(found: Iterable[Found]) -> str:
    """Updates proposals once the damage of the whole file is known.

    A leading zero may make the check digit of a single code valid by chance; if most codes of a
    file lost theirs, it is certain.

    Args:
        found: the finding on the whole file.

    Returns:
        SQL for `proposal` and `certain` of `import_findings`; empty if nothing changes.
    """
    if "damage_lost_zeros" in {each.rule for each in found}:
        return "certain OR (rule = 'barcode_lost_zero' AND proposal IS NOT NULL) AS certain"
    return ""


def _written_out(scientific: pa.StringArray) -> pa.StringArray:
    """The codes with all digits, as proposed by `values/barcodes/`."""
    parts = pc.drop_null(pc.extract_regex(scientific, _ALL_DIGITS))
    digits = pc.binary_join_element_wise(
        pc.struct_field(parts, "first"), pc.struct_field(parts, "rest"), ""
    )
    power = pc.struct_field(parts, "power").cast("int32")
    return digits.filter(pc.equal(pc.binary_length(digits), pc.add(power, 1)))


def _count(flags: pa.BooleanArray) -> int:
    return int(pc.sum(flags).as_py() or 0)
