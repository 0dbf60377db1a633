"""What readers give: batches of text with row numbers, what the file is, and what they found.

How each format is read is in the modules beside; what the texts mean is in `values/`.
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


# As many findings do not wait for a batch to be full.
MOST_WAITING = 5_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records of a file, every cell as text; none where only findings are to be taken.

    Attributes:
        rows: a number a record, as a person counts them: in tables the header is row 1; in JSON
            the place in the list, from 1; in JSON Lines the line.
        columns: header as it is written, trimmed -> the texts as they stand; null where the cell is
            absent or empty.
        not_text: of XLSX and JSON: column -> which cells were numbers, dates or booleans; only
            columns that have such a cell.
        lines: of texts: the line of the file that each record begins on, from 1.
    """

    rows: "npt.NDArray[np.int64]"
    columns: dict[str, pa.StringArray]
    not_text: dict[str, pa.BooleanArray]
    lines: "npt.NDArray[np.int64] | None" = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """What a file is, known before its batches are read.

    Attributes:
        name: the file's name without its folder.
        format: `csv`, `tsv`, `json`, `json_lines` or `xlsx`; `folder` for several files.
        bytes: its size.
        sha256: of its bytes, as hexadecimal digits; empty where nobody has asked for it.
        encoding: of text formats.
        byte_order_mark: whether the text begins with one.
        delimiter: of CSV and TSV.
        sheet: of XLSX, the one that is read.
        sheets: of XLSX, all.
        header: the columns' names; empty for JSON, whose columns show only while it is read.
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
    """One finding, whoever made it; its level and its remedy stand in `rules.py`.

    Attributes:
        row: as `Batch.rows`; None when it is the whole file's.
        column: as it is named in the file.
        rule: the id of the rule that is broken.
        value: what stands in the file.
        message: what is wrong, one sentence for a person.
        proposal: what could stand there instead; empty for nothing, None when there is none.
        certain: whether the proposal may be applied without asking.
        line: of texts, the line that the row begins on; records of a batch have theirs there.
        cell: of XLSX, such as `F8`, where `column` does not name it.
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


class UnreadableError(ValueError):
    """The file cannot be read as an import; the message is the finding's."""

    def __init__(
        self,
        found: Found,
        beside: "Sequence[Found]" = (),
        file: "Path | None" = None,
        source: SourceFile | None = None,
    ) -> None:
        """For a finding that says why.

        Args:
            found: the finding.
            beside: what else was found until then.
            file: of a folder, the file that cannot be read.
            source: what is known of the file.
        """
        super().__init__(found.message)
        self.found, self.beside = found, tuple(beside)
        self.file, self.source = file, source


class Reader(ABC):
    """A file that is being read; each format has its own.

    What is found while reading waits until it is taken; with each batch it should be.

    Attributes:
        source: what the file is.
        header_row: row that names the columns; None where none does, as in JSON.
        header_line: of texts, the line that row begins on.
    """

    source: SourceFile
    header_row: int | None = None
    header_line: int | None = None

    def __init__(self, source: SourceFile) -> None:
        """For a file that was recognised."""
        self.source = source
        self._found: list[Found] = []

    def take_found(self) -> list[Found]:
        """What was found since it was last taken, in the order of the file."""
        found, self._found = self._found, []
        return found

    def names_of_rows(self, rows: pa.Array) -> pa.Array:
        """What a person calls rows, such as `row 7`."""
        return pc.binary_join_element_wise("row", rows.cast(pa.string()), " ")

    def put_places(self, findings: "Path") -> None:  # noqa: B027 - most rows are where they are
        """Puts file and row of a finding in where the import's records have numbers of their own.

        Args:
            findings: the file of the table `import_findings`, which is replaced.
        """

    @abstractmethod
    def batches(self, rows: int) -> "Iterator[Batch]":
        """The records of the file, from its beginning.

        Args:
            rows: of a batch, at most.

        Raises:
            UnreadableError: the file cannot be read on; nothing of it is an import.
        """


def batch_of(
    rows: "Sequence[int]",
    columns: "Mapping[str, Sequence[str | None]]",
    not_text: "Mapping[str, Sequence[bool]] | None" = None,
    lines: "Sequence[int] | None" = None,
) -> Batch:
    """A batch from Python's values; empty texts become null."""
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
