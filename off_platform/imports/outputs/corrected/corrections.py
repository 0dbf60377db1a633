"""The certain proposals of an import, row by row, and what a corrected copy says of itself."""

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
    """There can be no corrected copy; the message says why."""


@dataclass(slots=True)
class Places:
    """Cells of a kind: how many there are, and the first of them by name."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, place: str) -> None:
        """Takes in a cell."""
        self.count += 1
        if self.count <= MOST_NAMED:
            self.first.append(place)

    def __str__(self) -> str:
        """How many there are and where, such as `2 cells (Products!C2, Products!C3)`."""
        more = ", ..." if self.count > len(self.first) else ""
        return f"{counted(self.count, 'cell')} ({', '.join(self.first)}{more})"


@dataclass(slots=True)
class Copy:
    """What a corrected copy says of itself.

    Attributes:
        corrected: cells that were corrected.
        formulas: of XLSX, cells with a certain proposal that keep their formula.
        neutralised: of CSV, texts that a spreadsheet would compute; they have a quote in front.
        rewritten: what else is different in the whole file; empty for nothing.
    """

    corrected: int = 0
    formulas: Places = field(default_factory=Places)
    neutralised: Places = field(default_factory=Places)
    rewritten: str = ""

    def notes(self) -> list[str]:
        """What a person should know of the copy, a sentence each."""
        said = [self.rewritten] if self.rewritten else []
        if self.formulas.count:
            said.append(f"Not corrected, as they hold formulas: {self.formulas}. Correct these.")
        if self.neutralised.count:
            said.append(
                "With a quote in front, as a spreadsheet would compute them: "
                f"{self.neutralised}. It is taken away when the copy is imported."
            )
        return said


class Certain:
    """The certain proposals of an import, row by row as its file is read once more."""

    def __init__(self, folder: Path) -> None:
        """For a folder that the import was validated into."""
        self._rows = groupby(_proposals(folder), itemgetter(0))
        self._next = next(self._rows, None)
        self.any = self._next is not None

    def of(self, row: int) -> Corrections:
        """What is to be corrected in a row: column -> text; rows must be asked for in order."""
        while self._next is not None and self._next[0] < row:
            self._next = next(self._rows, None)
        if self._next is None or self._next[0] != row:
            return {}
        corrections = {column: proposal for _, column, proposal in self._next[1]}
        self._next = next(self._rows, None)
        return corrections


def noted(before: object, corrections: Corrections) -> str:
    """What was corrected in a row, for its column; what stood there from before stays."""
    return "; ".join(
        [
            *([str(before)] if before else []),
            *(f"{column} -> {text or 'nothing'}" for column, text in corrections.items()),
        ]
    )


def trimmed_names(folder: Path) -> dict[str, str]:
    """Names of columns that have white space around them: as they are, and as they should be."""
    with connected(folder) as connection:
        found = connection.execute(
            f"SELECT value, proposal FROM {findings_in(folder)} WHERE rule = 'header_trimmed'"
        )
        return dict(found.fetchall())


def _proposals(folder: Path) -> Iterator[tuple[int, str, str]]:
    with connected(folder) as connection:
        found = connection.execute(
            f'SELECT row, "column", proposal FROM {findings_in(folder)} '
            "WHERE certain AND rule <> 'header_trimmed' AND proposal IS NOT NULL "
            'AND "column" IS NOT NULL AND row IS NOT NULL ORDER BY row'
        )
        while rows := found.fetchmany(_BATCH_ROWS):
            yield from rows
