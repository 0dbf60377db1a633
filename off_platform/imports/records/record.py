"""A batch of records: rules on several cells of a record, and rows of the tables.

`cells.py` interprets cells, `identity.py` determines the product.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.readers.batches import Batch
from off_platform.imports.records.cells import Cell, read_cells
from off_platform.imports.records.columns import Columns
from off_platform.imports.records.findings import BatchFindings
from off_platform.imports.records.given_otherwise import check_how_given
from off_platform.imports.records.identity import identify
from off_platform.imports.records.nutrition import check_numbers
from off_platform.imports.records.typed_columns import names_where, positions_of, present, text_maps
from off_platform.imports.specification.fields import BY_NAME
from off_platform.imports.specification.rules import MOST_SHOWN, message_of
from off_platform.imports.specification.tables import PRODUCTS_ACCEPTED
from off_platform.imports.values.explanation import Explanation
from off_platform.imports.values.placeholders import names_a_product
from off_platform.imports.values.quantities import amounts
from off_platform.imports.values.whole_columns import Distinct

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(slots=True)
class Records:
    """A batch, interpreted.

    Attributes:
        table: one row per record, as in `products_accepted`; those in `findings.broken` are not
            accepted.
        findings: findings of the batch.
    """

    table: pa.Table
    findings: BatchFindings


def read_records(batch: Batch, columns: Columns, explanation: Explanation) -> Records:
    """Interprets a batch and checks every rule on single records.

    Args:
        batch: as read.
        columns: the file's columns; includes those of the batch.
        explanation: the checks of the texts.
    """
    findings = BatchFindings(batch.rows, batch.lines)
    cells = read_cells(batch, columns, explanation, findings)
    product, other = identify(batch, columns, cells, findings)
    _demand_names(batch, columns, findings)
    values = _merged(cells, findings)
    derived = check_numbers(batch, cells, values, columns, findings)
    check_how_given(batch, columns, derived, findings)
    _check_timestamps(batch, values, columns, findings)
    table = _table(batch, values, product, other, _by_language(columns, cells), derived)
    return Records(table, findings)


def _demand_names(batch: Batch, columns: Columns, findings: BatchFindings) -> None:
    """Reports `product_name_missing`: "a product name", in any language."""
    name = BY_NAME["product_name"].name
    there = pa.repeat(False, len(batch.rows))  # noqa: FBT003 - a value
    for column, place in columns.places.items():
        if place.field.name == name and column in batch.columns:
            texts = batch.columns[column]
            named = pc.fill_null(names_a_product(texts), fill_value=False)
            there = pc.or_(there, pc.and_(present(texts), named))
    column = next(iter(columns.of(name)), name)
    nameless = positions_of(pc.invert(there))
    texts = batch.columns.get(column)
    written = pa.nulls(len(nameless), pa.string()) if texts is None else texts.take(nameless)
    written = pc.if_else(present(written), written, None)
    shown = pc.utf8_slice_codeunits(written, 0, MOST_SHOWN)
    says = pc.binary_join_element_wise("'", shown, "' is not the name of a product.", "")
    rule = "product_name_missing"
    findings.add(
        rule,
        nameless,
        column=column,
        field=name,
        value=written,
        message=pc.coalesce(says, message_of(rule)),
    )


def _merged(cells: dict[str, Cell], findings: BatchFindings) -> dict[str, pa.Array]:
    """Every field's values; two columns of one field must agree."""
    values: dict[str, pa.Array] = {}
    first: dict[str, str] = {}
    for column, cell in cells.items():
        name = cell.place.field.name
        if cell.place.language:
            continue
        if name not in values:
            values[name], first[name] = cell.values, column
            continue
        mine, others = _comparable(cell), _comparable(cells[first[name]])
        both = pc.and_(mine.is_valid(), others.is_valid())
        positions = positions_of(pc.and_(both, pc.not_equal(mine, others)))
        taken = pa.array(positions)
        findings.add(
            "aliases_disagree",
            positions,
            column=column,
            field=name,
            value=cell.texts.take(taken),
            message=pc.binary_join_element_wise(
                f"'{column}' says '",
                cell.texts.take(taken),
                f"', but '{first[name]}' says '",
                cells[first[name]].texts.take(taken),
                "'; both are one field.",
                "",
            ),
        )
        positions = positions_of(pc.and_(both, pc.equal(mine, others)))
        findings.add(
            "aliases_merged",
            positions,
            column=column,
            field=name,
            value=cell.texts.take(pa.array(positions)),
            message=f"'{column}' and '{first[name]}' are one field and have the same value.",
        )
        values[name] = pc.coalesce(values[name], cell.values)
    return values


def _comparable(cell: Cell) -> pa.Array:
    """The meaning by which two columns of one field are compared."""
    match cell.place.field.type:
        case "number":
            return cell.values
        case "list":
            return pc.binary_join(cell.values, ", ")
        case _:
            return cell.texts


def _check_timestamps(
    batch: Batch, values: dict[str, pa.Array], columns: Columns, findings: BatchFindings
) -> None:
    """Reports `created_after_modified`."""
    created, modified = "created_t", "last_modified_t"
    if created not in values or modified not in values:
        return
    positions = positions_of(pc.greater(values[created], values[modified]))
    column = columns.of(created)[0]
    findings.add(
        "created_after_modified",
        positions,
        column=column,
        field=created,
        value=batch.columns[column].take(pa.array(positions)),
    )


def _by_language(columns: Columns, cells: dict[str, Cell]) -> dict[str, pa.StringArray]:
    """The texts of the columns whose name ends in a language."""
    return {
        f"{place.field.name}_{place.language}": cells[column].texts
        for column, place in columns.places.items()
        if place.language and column in cells
    }


def _table(
    batch: Batch,
    values: dict[str, pa.Array],
    product: pa.StringArray,
    other: pa.StringArray,
    by_language: dict[str, pa.StringArray],
    derived: "dict[str, npt.NDArray[np.bool_]]",
) -> pa.Table:
    """The records as rows of `products_accepted`."""
    rows = len(batch.rows)
    schema = PRODUCTS_ACCEPTED.arrow
    amount, unit = _amounts(values["quantity"]) if "quantity" in values else (None, None)
    made = {
        **values,
        "row": pa.array(batch.rows),
        "product": product,
        "other_reading": other,
        "amount": amount,
        "amount_unit": unit,
        "by_language": text_maps(by_language, rows),
        "derived": names_where(derived, rows),
    }
    columns = [
        made[field.name] if made.get(field.name) is not None else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _amounts(quantities: pa.StringArray) -> tuple[pa.Array, pa.Array]:
    """`amounts` of a column with repeating texts."""
    distinct = Distinct.of(quantities)
    amount, unit = amounts(distinct.texts)
    return distinct.spread(amount), distinct.spread(unit)
