"""What happened to a whole file: programs that spoilt all its identifiers in one way.

Single records are judged in `identity.py` and `codes.py`; here is only what a share of them tells.
Real ones: a German Excel that made 368 of 397 barcodes `7,6223E+12`; 5,037 of 9,541 GTINs that
lost a zero; 10,661 products whose codes all got a trailing 0.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from off_platform.barcodes import MOST_DIGITS
from off_platform.imports.readers.batches import Found

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

# "Over 5 % of a file's identifiers so"; a few are a coincidence.
DAMAGED_SHARE = 0.05
LEAST_DAMAGED = 3
# Of codes that are made up at random, one in ten is sound by chance.
REPAIR_HOLDS_SHARE = 0.5
NEARLY_ALL = 0.9

_SCIENTIFIC = r"^\s*[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}\s*$"
_DIGITS = r"^[0-9]{2,24}$"
# A UPC-A or EAN-13 without its leading zeros, an EAN-8 without its one.
_SHORTENED = (7, 9, 10, 11)


@dataclass(slots=True)
class IdentifierSurvey:
    """Counts what all identifiers of a column look like.

    Attributes:
        column: as it is named in the file.
        identifiers: texts that are there.
        scientific: those like `7,6223E+12`.
        shortened: those with a length that codes have when their zeros are lost.
        repairable: of these, those whose check digit holds with the zeros back in front.
        unsound: those whose check digit does not hold.
        extra: of these, those whose check digit holds without the last digit, by that digit.
    """

    column: str
    identifiers: int = 0
    scientific: int = 0
    shortened: int = 0
    repairable: int = 0
    unsound: int = 0
    extra: Counter[str] = field(default_factory=Counter)

    def add(self, texts: "pa.StringArray") -> None:
        """Takes in the identifiers of a batch."""
        import pyarrow as pa  # noqa: PLC0415 - 0.2 s, once used
        import pyarrow.compute as pc  # noqa: PLC0415 - the same

        there = texts.drop_null()
        self.identifiers += len(there)
        self.scientific += pc.sum(pc.match_substring_regex(there, _SCIENTIFIC)).as_py() or 0
        digits = there.filter(pc.match_substring_regex(there, _DIGITS))
        holds = check_digits_hold(digits)
        short = pc.is_in(pc.binary_length(digits), pa.array(_SHORTENED, pa.int32()))
        self.shortened += int(pc.sum(short).as_py() or 0)
        self.repairable += int(pc.sum(pc.and_(short, pa.array(holds))).as_py() or 0)
        unsound = digits.filter(pa.array(~holds))
        self.unsound += len(unsound)
        dropped = pc.utf8_slice_codeunits(unsound, 0, -1)
        spurious = unsound.filter(pa.array(check_digits_hold(dropped)))
        last = pc.utf8_slice_codeunits(spurious, -1)
        for counted in pc.value_counts(last).to_pylist():
            self.extra[counted["values"]] += counted["counts"]

    def found(self) -> list[Found]:
        """At most one finding for the whole file: the cause, its share, and the repair."""
        if self._many(self.scientific):
            return [self._scientific()]
        if self._many(self.repairable) and self.repairable >= REPAIR_HOLDS_SHARE * self.shortened:
            return [self._lost_zeros()]
        digit, count = next(iter(self.extra.most_common(1)), ("", 0))
        if self._many(count) and count >= NEARLY_ALL * self.identifiers:
            return [self._extra_digit(digit, count)]
        return []

    def _many(self, count: int) -> bool:
        return count >= LEAST_DAMAGED and count > DAMAGED_SHARE * self.identifiers

    def _share(self, count: int) -> str:
        return f"{count:,} of {self.identifiers:,} ({count / self.identifiers:.0%})"

    def _scientific(self) -> Found:
        return Found(
            None, self.column, "damage_scientific", None,
            f"A spreadsheet turned {self._share(self.scientific)} barcodes in '{self.column}' into "
            "numbers like 7,6223E+12; their digits are lost and cannot be brought back. Export "
            "again, and format the column as text before the file is opened or saved.",
        )  # fmt: skip

    def _lost_zeros(self) -> Found:
        return Found(
            None, self.column, "damage_lost_zeros", None,
            f"{self._share(self.shortened)} barcodes in '{self.column}' lost their leading zeros, "
            "as when a program reads them as numbers; with the zeros back in front the check "
            f"digits of {self.repairable:,} hold.",
            "the zeros put back in front", certain=True,
        )  # fmt: skip

    def _extra_digit(self, digit: str, count: int) -> Found:
        return Found(
            None, self.column, "damage_extra_digit", None,
            f"A digit {digit} was appended to {self._share(count)} barcodes in '{self.column}'; "
            "without it their check digits hold.",
            f"the last {digit} removed", certain=True,
        )  # fmt: skip


def repair_query(found: Iterable[Found]) -> str:
    """What findings propose once the damage of the whole file is known.

    A zero put in front of a single code may make its check digit hold by chance; where most codes
    of a file lost theirs, it is what happened.

    Args:
        found: of the whole file.

    Returns:
        SQL for `proposal` and `certain` of `import_findings`; empty where nothing changes.
    """
    rules = {each.rule for each in found}
    if "damage_lost_zeros" in rules:
        return "certain OR (rule = 'barcode_lost_zero' AND proposal IS NOT NULL) AS certain"
    if "damage_extra_digit" in rules:
        spoilt = "rule IN ('barcode_check_digit', 'barcode_length', 'barcode_lost_zero')"
        return (
            f"CASE WHEN {spoilt} THEN value[:-2] ELSE proposal END AS proposal, "
            f"certain OR {spoilt} AS certain"
        )
    return ""


def check_digits_hold(codes: "pa.StringArray") -> "npt.NDArray[np.bool_]":
    """Whether the last digit of each is the GS1 check digit of those before it.

    Args:
        codes: of up to 24 digits; leading zeros count for nothing.
    """
    import numpy as np  # noqa: PLC0415 - 0.1 s, once used
    import pyarrow.compute as pc  # noqa: PLC0415 - 0.2 s, once used

    if not len(codes):
        return np.zeros(0, dtype=bool)
    padded = pc.ascii_lpad(codes, MOST_DIGITS, "0")
    digits = np.frombuffer(padded.buffers()[2], dtype=np.uint8, count=len(padded) * MOST_DIGITS)
    weights = np.where(np.arange(MOST_DIGITS)[::-1] % 2, 3, 1)
    sums = (digits.reshape(-1, MOST_DIGITS) - ord("0")) @ weights
    return np.asarray(sums % 10 == 0)
