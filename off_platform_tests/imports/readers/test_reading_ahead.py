"""Reading ahead: the same batches in the same order, errors and an early end included."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from off_platform.imports.readers.batches import Batch, Found, Reader, SourceFile, UnreadableError
from off_platform.imports.readers.reading_ahead import read_ahead


class Counting(Reader):
    """Batches of one row each; what is found in a row comes with it."""

    def __init__(self, count: int, *, broken: bool = False) -> None:
        """So many batches, and then an error or none."""
        super().__init__(SourceFile("x.csv", "csv", 0, ""))
        self.count, self.broken, self.read = count, broken, 0

    def batches(self, rows: int) -> Iterator[Batch]:  # noqa: ARG002 - as readers have it
        """See `Reader.batches`."""
        for number in range(self.count):
            self._found.append(Found(number, None, "ragged_row", None, ""))
            self.read += 1
            yield Batch(np.array([number]), {}, {})
        self._found.append(Found(self.count, None, "ragged_row", None, ""))
        if self.broken:
            raise UnreadableError(Found(None, None, "nul_bytes", None, "Broken."))


def test_batches_are_in_order_with_the_findings_before_them() -> None:
    parts = [
        (None if batch is None else batch.rows.tolist(), [each.row for each in found])
        for batch, found in read_ahead(Counting(5), 1)
    ]
    assert parts == [([number], [number]) for number in range(5)] + [(None, [5])]


def test_an_error_is_raised_after_the_batches_before_it() -> None:
    seen = []
    with pytest.raises(UnreadableError, match="Broken"):
        seen += [batch.rows[0] for batch, _ in read_ahead(Counting(3, broken=True), 1) if batch]
    assert len(seen) <= 3


def test_a_consumer_that_stops_early_leaves_no_thread() -> None:
    reader, before = Counting(1000), threading.active_count()
    parts = read_ahead(reader, 1)
    next(parts)
    parts.close()
    assert threading.active_count() == before
    assert reader.read < 10
