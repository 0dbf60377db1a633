"""The output of readers: batches of text with row numbers, facts about the file, findings.

The formats are read in the other modules; `values/` interprets the texts.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt


# With this many findings a batch ends early.
MOST_WAITING = 5_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records of a file, every cell as text; none, if there are only findings.

    Attributes:
        rows: the row number of each record: in tables the header is row 1; in JSON the position in
            the list, from 1; in JSON Lines the line.
        columns: trimmed header -> the texts unchanged; null if the cell is missing or empty.
        not_text: of XLSX and JSON: column -> whether cells were numbers, dates or booleans; only
            columns with such cells.
        lines: of text formats: the line on which each record begins, from 1.
    """

    rows: "npt.NDArray[np.int64]"
    columns: dict[str, pa.StringArray]
    not_text: dict[str, pa.BooleanArray]
    lines: "npt.NDArray[np.int64] | None" = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """Facts about a file, known before its batches are read.

    Attributes:
        name: the file's name without its folder.
        format: `csv`, `tsv`, `json`, `json_lines` or `xlsx`; `folder` for several files.
        bytes: its size.
        sha256: of its bytes, in hexadecimal; empty if not requested.
        encoding: of text formats.
        byte_order_mark: whether the text begins with one.
        delimiter: of CSV and TSV.
        sheet: of XLSX, the sheet that is read.
        sheets: of XLSX, all sheets.
        header: the columns' names; empty for JSON, whose columns are only known while it is read.
    """

    name: str
    format: str
    bytes: int
    sha256: str
    encoding: str | None = None
    byte_order_mark: bool = False
    delimiter: str | None = None
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    header: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One finding; its level and fix are in `rules.py`.

    Attributes:
        row: as in `Batch.rows`; None for the whole file.
        column: its name in the file.
        rule: the id of the broken rule.
        value: the text in the file.
        message: what is wrong, in one sentence.
        proposal: the proposed text; empty to clear the cell, None when there is none.
        certain: whether the proposal can be applied without review.
        line: of text formats, the line on which the row begins; for records, the batch has it.
        cell: of XLSX, such as `F8`, if it does not follow from `column`.
    """

    row: int | None
    column: str | None
    rule: str
    value: str | None
    message: str
    proposal: str | None = None
    certain: bool = False
    line: int | None = None
    cell: str | None = None

    @classmethod
    def of_file(cls, rule: str, message: str, value: str | None = None) -> "Found":
        """A finding on the whole file."""
        return cls(None, None, rule, value, message)


class UnreadableError(ValueError):
    """The file cannot be read as an import; the message is that of the finding."""

    def __init__(
        self,
        found: Found,
        others: "Sequence[Found]" = (),
        file: "Path | None" = None,
        source: SourceFile | None = None,
    ) -> None:
        """Takes the finding that says why.

        Args:
            found: the finding.
            others: other findings so far.
            file: in a folder, the unreadable file.
            source: facts about the file.
        """
        super().__init__(found.message)
        self.found, self.others = found, tuple(others)
        self.file, self.source = file, source


class Reader(ABC):
    """An open file; one subclass per format.

    Findings are collected until they are taken, which should happen with each batch.

    Attributes:
        source: facts about the file.
        header_row: row with the column names; None if there is none, as in JSON.
        header_line: of text formats, the line on which that row begins.
    """

    source: SourceFile
    header_row: int | None = None
    header_line: int | None = None

    def __init__(self, source: SourceFile) -> None:
        """Takes a recognised file."""
        self.source = source
        self._found: list[Found] = []

    def take_found(self) -> list[Found]:
        """The findings since the last call, in the order of the file."""
        found, self._found = self._found, []
        return found

    def names_of_rows(self, rows: pa.Array) -> pa.Array:
        """Names of rows for users, such as `row 7`."""
        return pc.binary_join_element_wise("row", rows.cast(pa.string()), " ")

    def put_places(self, findings: "Path") -> None:  # noqa: B027 - most rows are where they are
        """Replaces record numbers in findings by file and row, in a joined import.

        Args:
            findings: the file of the table `import_findings`, which is replaced.
        """

    @abstractmethod
    def batches(self, rows: int) -> "Iterator[Batch]":
        """The records of the file, from its beginning.

        Args:
            rows: maximum per batch.

        Raises:
            UnreadableError: the rest of the file cannot be read; nothing of it is imported.
        """


def batch_of(
    rows: "Sequence[int]",
    columns: "Mapping[str, Sequence[str | None]]",
    not_text: "Mapping[str, Sequence[bool]] | None" = None,
    lines: "Sequence[int] | None" = None,
) -> Batch:
    """A batch from Python values; empty texts become null."""
    nothing = pa.scalar(None, pa.string())
    texts = {}
    for name, values in columns.items():
        column = pa.array(values, pa.string())
        texts[name] = pc.if_else(pc.equal(column, ""), nothing, column)
    flags = {
        name: pa.array(values, pa.bool_())
        for name, values in (not_text or {}).items()
        if any(values)
    }
    begins = None if lines is None else np.array(lines, dtype=np.int64)
    return Batch(np.array(rows, dtype=np.int64), texts, flags, begins)
