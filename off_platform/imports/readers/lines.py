"""On which line of the file a row begins, where the two differ: cells may hold line ends."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]


class RowLines:
    """Lines by row, from 1.

    Only rows are kept from which on the two differ by another count than before, 16 bytes each.
    """

    def __init__(self) -> None:
        """For a file of which no row is known; each is the line of its own number."""
        self._parts: list[tuple[Numbers, Numbers]] = []
        self._last = 0
        self._singles: tuple[list[int], list[int]] = ([], [])

    def note(self, row: int, line: int) -> None:
        """Notes where a row begins; rows come in order."""
        if line - row != self._last:
            self._last = line - row
            self._singles[0].append(row)
            self._singles[1].append(line - row)

    def note_all(self, rows: "Numbers", lines: "Numbers") -> None:
        """Notes where rows begin; all of them follow those noted before."""
        import numpy as np  # noqa: PLC0415 - 0.1 s, once used

        ahead = lines - rows
        changes = np.flatnonzero(np.diff(ahead, prepend=self._last))
        if len(changes):
            self._put_singles()
            self._parts.append((rows[changes], ahead[changes]))
            self._last = int(ahead[-1])

    def of(self, rows: "Numbers") -> "Numbers":
        """The lines that rows begin on."""
        import numpy as np  # noqa: PLC0415 - 0.1 s, once used

        self._put_singles()
        if not self._parts:
            return rows
        starts, ahead = (np.concatenate(each) for each in zip(*self._parts, strict=True))
        self._parts = [(starts, ahead)]
        at = np.searchsorted(starts, rows, "right") - 1
        return rows + np.where(at < 0, 0, ahead[np.maximum(at, 0)])

    def _put_singles(self) -> None:
        import numpy as np  # noqa: PLC0415 - 0.1 s, once used

        if self._singles[0]:
            rows, ahead = self._singles
            self._parts.append((np.array(rows, np.int64), np.array(ahead, np.int64)))
            self._singles = ([], [])
