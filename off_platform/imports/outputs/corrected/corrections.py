"""The certain proposals of an import by row, and notes on a corrected copy."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from off_platform.imports.whole_file.staging import connected, findings_in
from off_platform.words import counted

MOST_NAMED = 5
_BATCH_ROWS = 10_000

Corrections = dict[str, str]


class NoCopyError(ValueError):
    """A corrected copy is not possible; the message says why."""


@dataclass(slots=True)
class Places:
    """Cells of a kind: their number, and the names of the first."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, place: str) -> None:
        """Adds a cell."""
        self.count += 1
        if self.count <= MOST_NAMED:
            self.first.append(place)

    def __str__(self) -> str:
        """Their number and names, such as `2 cells (Products!C2, Products!C3)`."""
        more = ", ..." if self.count > len(self.first) else ""
        return f"{counted(self.count, 'cell')} ({', '.join(self.first)}{more})"


@dataclass(slots=True)
class Copy:
    """The facts about a corrected copy.

    Attributes:
        corrected: cells that were corrected.
        formulas: of XLSX, cells with a certain proposal that keep their formula.
        neutralised: of CSV, texts that a spreadsheet would compute, which were prefixed with a
            quote.
        rewritten: another change of the whole file; empty for none.
    """

    corrected: int = 0
    formulas: Places = field(default_factory=Places)
    neutralised: Places = field(default_factory=Places)
    rewritten: str = ""

    def notes(self) -> list[str]:
        """Notes on the copy for users, one sentence each."""
        said = [self.rewritten] if self.rewritten else []
        if self.formulas.count:
            said.append(
                f"Not corrected, as they contain formulas: {self.formulas}. Correct them by hand."
            )
        if self.neutralised.count:
            said.append(
                "Prefixed with a quote, as a spreadsheet would run them as formulas: "
                f"{self.neutralised}. The quote is removed when the copy is imported."
            )
        return said


class Certain:
    """The certain proposals of an import, by row, while its file is read again."""

    def __init__(self, folder: Path) -> None:
        """Takes the output folder of the validation."""
        self._rows = groupby(_proposals(folder), itemgetter(0))
        self._next = next(self._rows, None)
        self.any = self._next is not None

    def of(self, row: int) -> Corrections:
        """The corrections of a row: column -> text; rows must be requested in order."""
        while self._next is not None and self._next[0] < row:
            self._next = next(self._rows, None)
        if self._next is None or self._next[0] != row:
            return {}
        corrections = {column: proposal for _, column, proposal in self._next[1]}
        self._next = next(self._rows, None)
        return corrections


def noted(before: object, corrections: Corrections) -> str:
    """The text of a row's column for corrections; an earlier text is kept."""
    return "; ".join(
        [
            *([str(before)] if before else []),
            *(f"{column} -> {text or 'nothing'}" for column, text in corrections.items()),
        ]
    )


def _proposals(folder: Path) -> Iterator[tuple[int, str, str]]:
    with connected(folder) as connection:
        found = connection.execute(
            f'SELECT row, "column", proposal FROM {findings_in(folder)} '
            "WHERE certain AND rule <> 'header_trimmed' AND proposal IS NOT NULL "
            'AND "column" IS NOT NULL AND row IS NOT NULL ORDER BY row'
        )
        while rows := found.fetchmany(_BATCH_ROWS):
            yield from rows
