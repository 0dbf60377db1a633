"""The findings of a batch, collected as columns; the rules are in `rules.py`."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.readers.batches import Found, SourceFile
from off_platform.imports.readers.cell_addresses import cells_of
from off_platform.imports.records.typed_columns import cut
from off_platform.imports.specification.rules import BY_ID, MOST_SHOWN, message_of
from off_platform.imports.specification.tables import IMPORT_FINDINGS

if TYPE_CHECKING:
    import numpy.typing as npt

MOST_QUOTED = 500
MOST_MESSAGE = 2_000
# Longer texts are not proposed, as they do not fit a cell of a spreadsheet.
MOST_PROPOSED = 32_767
# Where the value stands while the rest of a message is made; no text of a rule has it.
_HERE = "\0"
_TEXTS = ("column", "field", "value", "message", "proposal", "cell")


class BatchFindings:
    """The findings of a batch; rows are positions in it until they are written."""

    def __init__(
        self, rows: "npt.NDArray[np.int64]", lines: "npt.NDArray[np.int64] | None" = None
    ) -> None:
        """Takes the rows of the batch's records in the file, and the lines on which they begin."""
        self._rows, self._lines = rows, lines
        self._parts: list[pa.Table] = []
        self.broken: npt.NDArray[np.bool_] = np.zeros(len(rows), dtype=bool)

    def add(
        self,
        rule: str,
        positions: "npt.NDArray[np.int64]",
        *,
        certain: bool | pa.Array = False,
        **texts: str | pa.Array | None,
    ) -> None:
        """Adds a finding of one rule per position.

        Args:
            rule: its id.
            positions: in the batch; may be empty.
            certain: whether the proposals can be applied without review.
            texts: `column`, `field`, `value`, `message` and `proposal`, the same for all or one per
                position, and `cell` if it is not the column's; by default the message says that the
                rule is broken.
        """
        if not len(positions):
            return
        level = BY_ID[rule].level
        if level == "error":
            self.broken[positions] = True
        texts.setdefault("message", message_of(rule))
        length = len(positions)
        part = {name: _as_column(texts.get(name), length) for name in _TEXTS}
        self._parts.append(
            pa.table(
                {
                    "position": pa.array(positions, pa.int64()),
                    "rule": _as_column(rule, length),
                    "level": _as_column(level, length),
                    **part,
                    "certain": pa.repeat(certain, length) if isinstance(certain, bool) else certain,
                }
            )
        )

    def adopt(self, found: Sequence[Found]) -> list[Found]:
        """Adds the reader's findings on records of the batch; returns the others."""
        others = []
        for each in found:
            at = np.flatnonzero(self._rows == (each.row or 0))[:1].astype(np.int64)
            if not len(at):
                others.append(each)
                continue
            self.add(
                each.rule,
                at,
                certain=each.certain,
                column=each.column,
                value=each.value,
                message=each.message,
                proposal=each.proposal,
                cell=each.cell,
            )
        return others

    def certain(self, fields: Collection[str]) -> pa.StringArray:
        """The certain proposal of each record for any of some fields; null for none."""
        proposed = np.full(len(self._rows), None, dtype=object)
        for part in self._parts:
            wanted = pc.and_(part["certain"], pc.is_in(part["field"], pa.array(fields)))
            found = part.filter(pc.and_(wanted, pc.is_valid(part["proposal"])))
            proposed[found["position"].to_numpy()] = found["proposal"].to_numpy()
        return pa.array(proposed, pa.string())

    def table(self, source: SourceFile, products: pa.StringArray) -> pa.Table:
        """All findings, in the order of the file, as rows of `import_findings`.

        Args:
            source: of the file.
            products: the identifiers of the batch's records, unchanged.
        """
        if not self._parts:
            return IMPORT_FINDINGS.arrow.empty_table()
        found = pa.concat_tables(self._parts).sort_by("position")
        positions = found["position"].combine_chunks()
        # A few long cells are harmless; thousands would fill the memory for sorting.
        fitting = pc.less_equal(pc.binary_length(found["proposal"]), MOST_PROPOSED)
        rows = pa.array(self._rows).take(positions)
        cells = cells_of(source, found["column"].combine_chunks(), rows)
        made = {
            "file": pa.repeat(source.name, len(found)),
            "row": rows,
            "line": _numbers(self._lines, len(self._rows)).take(positions),
            "sheet": _as_column(source.sheet, len(found)),
            "cell": pc.coalesce(found["cell"], cells),
            "product": products.take(positions),
            "value": cut(found["value"], MOST_QUOTED),
            "message": cut(found["message"], MOST_MESSAGE),
            "proposal": pc.if_else(fitting, found["proposal"], pa.scalar(None, pa.string())),
            "certain": pc.and_(found["certain"], pc.fill_null(fitting, fill_value=True)),
        }
        return pa.table(
            [
                made.get(name, found[name] if name in found.column_names else None)
                for name in IMPORT_FINDINGS.arrow.names
            ],
            schema=IMPORT_FINDINGS.arrow,
        )

    def rules_broken(self) -> pa.ListArray:
        """The rules of error level that each broken record breaks, in order."""
        if not self.broken.any():
            return pa.array([], pa.list_(pa.string()))
        found = pa.concat_tables(part.select(["position", "rule", "level"]) for part in self._parts)
        errors = found.filter(pc.equal(found["level"], "error"))
        once = (
            errors.group_by(["position", "rule"])
            .aggregate([])
            .sort_by([("position", "ascending"), ("rule", "ascending")])
        )
        positions = once["position"].to_numpy()
        starts = np.flatnonzero(np.diff(positions, prepend=-1))
        offsets = np.append(starts, len(positions)).astype(np.int32)
        return pa.ListArray.from_arrays(offsets, once["rule"].combine_chunks())


def messages_of(rule: str, values: pa.StringArray, detail: str = "") -> pa.StringArray:
    """The messages of findings of one rule on several values; see `message_of`."""
    before, after = message_of(rule, _HERE, detail).split(_HERE)
    more = pc.if_else(pc.greater(pc.utf8_length(values), MOST_SHOWN), "...", "")
    shown = pc.utf8_slice_codeunits(values, 0, MOST_SHOWN)
    return pc.binary_join_element_wise(before, shown, more, after, "")


def as_rows(file: str, found: Sequence[Found], source: SourceFile | None = None) -> pa.Table:
    """Converts single findings, such as those on the whole file, to rows.

    Args:
        file: name of the file.
        found: the findings.
        source: facts about the file, if known.
    """
    cells = cells_of(
        source,
        pa.array([each.column for each in found], pa.string()),
        pa.array([each.row for each in found], pa.int64()),
    )
    rows: list[dict[str, Any]] = [
        {
            "file": file,
            "row": each.row,
            "line": each.line,
            "sheet": source.sheet if source and each.row is not None else None,
            "cell": each.cell or cell,
            "column": each.column,
            "field": None,
            "rule": each.rule,
            "level": BY_ID[each.rule].level,
            "value": None if each.value is None else each.value[:MOST_QUOTED],
            "message": each.message[:MOST_MESSAGE],
            "proposal": each.proposal,
            "certain": each.certain,
            "product": None,
        }
        for each, cell in zip(found, cells.to_pylist(), strict=True)
    ]
    return pa.Table.from_pylist(rows, IMPORT_FINDINGS.arrow)


def _numbers(numbers: "npt.NDArray[np.int64] | None", length: int) -> pa.Array:
    return pa.nulls(length, pa.int64()) if numbers is None else pa.array(numbers)


def _as_column(text: str | pa.Array | None, length: int) -> pa.Array:
    if text is None:
        return pa.nulls(length, pa.string())
    return pa.repeat(text, length) if isinstance(text, str) else text
