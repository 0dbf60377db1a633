"""Rejected records as in the file, and records of products that appeared before.

`staging.py` finds the duplicates after all records were read.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.readers.batches import Batch, Reader
from off_platform.imports.records.columns import Columns
from off_platform.imports.records.findings import BatchFindings
from off_platform.imports.records.identity import given_identifiers, identifier_columns
from off_platform.imports.records.typed_columns import cut, text_maps
from off_platform.imports.specification.tables import PRODUCTS_QUARANTINED

RULE = "duplicate_product"
# Length of a cell of a quarantined record; the original has all of it.
MOST_KEPT = 10_000


def quarantine(
    batch: Batch,
    identifiers: pa.StringArray,
    forms: pa.StringArray,
    rules: pa.ListArray,
    broken: pa.BooleanArray,
) -> pa.Table:
    """The rejected records of a batch, as in the file.

    Args:
        batch: as read.
        identifiers: the identifiers of its records, unchanged.
        forms: their products; null if unknown.
        rules: the rules that each broken record breaks.
        broken: which records are broken.
    """
    texts = {name: cut(column.filter(broken), MOST_KEPT) for name, column in batch.columns.items()}
    return pa.table(
        [
            pa.array(batch.rows).filter(broken),
            identifiers.filter(broken),
            forms.filter(broken),
            rules,
            text_maps(texts, len(rules)),
        ],
        schema=PRODUCTS_QUARANTINED.arrow,
    )


def duplicates(
    reader: Reader, batches: Iterable[Batch], columns: Columns, twice: Iterable[pa.Table]
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The records of products that appeared before, from reading the file again.

    Args:
        reader: reader of the file, which names its rows.
        batches: of the file, from its beginning.
        columns: which field each column is.
        twice: `row`, `product` and `first_row` of each, ordered by row, in parts.

    Yields:
        Rows of `products_quarantined`, and of `import_findings`.
    """
    following = _Following(_named(reader, part) for part in twice)
    for batch in batches:
        here = following.up_to(int(batch.rows[-1])) if len(batch.rows) else None
        if here is None:
            continue
        at = pc.index_in(pa.array(batch.rows), here["row"].combine_chunks())
        wanted = at.is_valid()
        if not (count := pc.sum(wanted).as_py()):
            continue
        of_rules = pa.array([[RULE]] * count, pa.list_(pa.string()))
        identifiers = given_identifiers(batch, columns)
        twice_here = here.take(at.drop_null())
        forms = here["product"].combine_chunks().take(at)
        found = _found(batch, columns, twice_here, wanted)
        yield (
            quarantine(batch, identifiers, forms, of_rules, wanted),
            found.table(reader.source, identifiers.filter(wanted)),
        )


class _Following:
    """The rows of a table in parts, in order, held only while needed."""

    def __init__(self, parts: Iterable[pa.Table]) -> None:
        self._parts = iter(parts)
        self._rest: pa.Table | None = None

    def up_to(self, row: int) -> pa.Table | None:
        """The next rows up to a number; None if there are none."""
        given = []
        while (part := self._rest or next(self._parts, None)) is not None:
            count = int(np.searchsorted(part["row"].to_numpy(), row, "right"))
            if count:
                given.append(part.slice(0, count))
            self._rest = part.slice(count) if count < len(part) else None
            if self._rest is not None:
                break
        return pa.concat_tables(given) if given else None


def _named(reader: Reader, twice: pa.Table) -> pa.Table:
    """Adds the names of its rows; requested together, as each request takes time."""
    numbers = pa.concat_arrays([twice[name].combine_chunks() for name in ("row", "first_row")])
    names, count = reader.names_of_rows(numbers), len(twice)
    return twice.append_column("again", names.slice(0, count)).append_column(
        "first", names.slice(count)
    )


def _found(
    batch: Batch, columns: Columns, twice: pa.Table, wanted: pa.BooleanArray
) -> BatchFindings:
    """Findings `duplicate_product` on the later records, with both rows."""
    names = identifier_columns(batch, columns).filter(wanted)
    product, again, first = (twice[name].combine_chunks() for name in ("product", "again", "first"))
    here = wanted.to_numpy(zero_copy_only=False)
    lines = None if batch.lines is None else batch.lines[here]
    found = BatchFindings(batch.rows[here], lines)
    found.add(
        RULE,
        np.arange(len(twice)),
        column=names,
        field=names,
        value=given_identifiers(batch, columns).filter(wanted),
        message=pc.binary_join_element_wise(
            "The product ",
            product,
            " is in ",
            first,
            " already, and again in ",
            again,
            ".",
            "",
        ),
    )
    return found
