"""Records whose product appears twice: reported with both rows, however many there are."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from off_platform.imports import validation
from off_platform.imports.readers.batches import Batch, Reader, SourceFile, batch_of
from off_platform.imports.records.columns import Columns
from off_platform.imports.whole_file import staging
from off_platform.imports.whole_file.duplicates import duplicates
from off_platform_tests.imports.conftest import Validate

HEADER = "product_id,product_name\n"


class SyncRequest(Reader):
    """One column of ids, and how many rows each question for their names is about."""

    def __init__(self, ids: list[str]) -> None:
        """For a file of these records, the first in row 2."""
        super().__init__(SourceFile("x.csv", "csv", 0, "", header=("product_id",)))
        self.ids, self.asked = ids, list[int]()

    def batches(self, rows: int) -> Iterator[Batch]:
        """See `Reader.batches`."""
        for at in range(0, len(self.ids), rows):
            part = self.ids[at : at + rows]
            yield batch_of(range(2 + at, 2 + at + len(part)), {"product_id": part})
            yield batch_of([], {"product_id": []})

    def names_of_rows(self, rows: pa.Array) -> pa.Array:
        """See `Reader.names_of_rows`."""
        self.asked.append(len(rows))
        return super().names_of_rows(rows)


def table(rows: list[int]) -> pa.Table:
    """Rows that say what the row 2 does."""
    return pa.table(
        {"row": pa.array(rows, pa.int64()), "product": pa.array(["id:P"] * len(rows)),
         "first_row": pa.array(np.full(len(rows), 2))}
    )  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_parts_and_batches_may_differ(size: int) -> None:
    reader = SyncRequest(["P"] * 40)
    columns = Columns()
    columns.meet(reader.source.header)
    rows = [3, 4, 5, 6, 7, 8, 20, 40, 41]
    parts = (table(rows[at : at + size]) for at in range(0, len(rows), size))

    made = list(duplicates(reader, reader.batches(6), columns, parts))

    quarantined = pa.concat_tables(each for each, _ in made)
    findings = pa.concat_tables(each for _, each in made)
    assert quarantined["row"].to_pylist() == findings["row"].to_pylist() == rows
    assert findings["message"].to_pylist() == [
        f"The product id:P is in row 2 already, and again in row {row}." for row in rows
    ]
    # Of a folder, each question looks through all records.
    assert reader.asked == [2 * len(rows[at : at + size]) for at in range(0, len(rows), size)]


def test_those_that_were_quarantined_before_keep_their_rules(
    validate: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "BATCH_ROWS", 4)
    monkeypatch.setattr(staging, "_PART_ROWS", 3)
    records = [("A", "a"), ("A", ""), ("B", ""), *[("C", "c")] * 9, ("", "d"), ("A", "e")]

    found = validate(HEADER + "".join(f"{one},{name}\n" for one, name in records) + "F\n")

    rules = {each["row"]: each["rules"] for each in found.quarantined}
    twice, nameless = "duplicate_product", "product_name_missing"
    assert rules == {
        3: [twice, nameless], 4: [nameless], **{row: [twice] for row in range(6, 14)},
        14: ["identifier_missing"], 15: [twice], 16: ["ragged_row"],
    }  # fmt: skip
    assert list(rules) == sorted(rules)
    assert [each["row"] for each in found.accepted] == [2, 5]
    assert dict(found.quarantined[0]["record"]) == {"product_id": "A"}
    assert (found.verdict.accepted, found.verdict.quarantined) == (2, len(rules))
    assert found.verdict.counts[twice] == found.rules.count(twice) == 10
