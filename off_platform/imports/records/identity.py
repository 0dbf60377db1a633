"""The product of a record: its identifiers in normal form, and whether they agree.

`values/barcodes/` decides whether a barcode is sound.
"""

import pyarrow as pa
import pyarrow.compute as pc

from off_platform.barcodes import columns as barcode_columns
from off_platform.barcodes.text import EAN_8, UPC_E_SHORT
from off_platform.imports.readers.batches import Batch
from off_platform.imports.records.cells import Cell
from off_platform.imports.records.columns import Columns
from off_platform.imports.records.findings import BatchFindings
from off_platform.imports.records.typed_columns import cut, positions_of, present
from off_platform.imports.specification.fields import BARCODES, BY_NAME

OWN_ID = "id:"
# Excel leaves at least 7 digits of an EAN-8 or longer barcode with leading zeros.
_CODE = "^[0-9]{7,14}$"
# Length of an identifier that names a record to users.
MOST_NAMED = 500


def given_identifiers(batch: Batch, columns: Columns) -> pa.StringArray:
    """Names of a batch's records for users: the first identifier of each."""
    there = [batch.columns[name] for name in columns.identifiers if name in batch.columns]
    if not there:
        return pa.nulls(len(batch.rows), pa.string())
    return cut(pc.coalesce(*there), MOST_NAMED)


def identifier_columns(batch: Batch, columns: Columns) -> pa.StringArray:
    """The columns from which `given_identifiers` takes the identifiers."""
    named = [
        pc.if_else(batch.columns[name].is_valid(), name, pa.scalar(None, pa.string()))
        for name in columns.identifiers
        if name in batch.columns
    ]
    return pc.coalesce(*named) if named else pa.nulls(len(batch.rows), pa.string())


def identify(
    batch: Batch, columns: Columns, cells: dict[str, Cell], findings: BatchFindings
) -> tuple[pa.StringArray, pa.StringArray]:
    """The product of each record.

    Args:
        batch: as read.
        columns: the field of each column.
        cells: the interpreted columns.
        findings: receives the findings.

    Returns:
        The product: its barcode in normal form, or `id:` and the producer's own id; null if there
        is neither. And the other reading of 8 digits, as UPC-E; null if there is none.
    """
    _report_missing(batch, columns, findings)
    product = pa.nulls(len(batch.rows), pa.string())
    other = product
    for column in [name for field in BARCODES for name in columns.of(field) if name in cells]:
        form, second = normal_forms(cells[column].texts), other_readings(cells[column].texts)
        same = pc.fill_null(pc.equal(form, product), fill_value=False)
        for one, another in ((form, other), (second, product)):
            same = pc.or_(same, pc.fill_null(pc.equal(one, another), fill_value=False))
        differ = pc.and_(pc.and_(form.is_valid(), product.is_valid()), pc.invert(same))
        positions = positions_of(differ)
        findings.add(
            "identifiers_disagree",
            positions,
            column=column,
            field=cells[column].place.field.name,
            value=cells[column].texts.take(pa.array(positions)),
        )
        product, other = pc.coalesce(product, form), pc.coalesce(other, second)
    return _with_own_ids(product, batch, columns, cells, findings), other


def normal_forms(codes: pa.StringArray) -> pa.StringArray:
    """The normal form of sound barcodes; UPC-E of 6 digits is expanded first."""
    short = _of_length(codes, UPC_E_SHORT)
    return barcode_columns.normal_forms(pc.coalesce(barcode_columns.expanded_upc_e(short), codes))


def known_forms(
    product: pa.ChunkedArray, identifiers: pa.StringArray, certain: pa.StringArray
) -> pa.StringArray:
    """The product of each record, including those with an invalid barcode.

    Args:
        product: from `identify`.
        identifiers: the identifiers, unchanged.
        certain: the certain meaning of the barcodes; null if unknown.

    Returns:
        Null if the identifier is too short for a barcode, or not one.
    """
    return pc.coalesce(product.combine_chunks(), _form_of(certain), _form_of(identifiers))


def _form_of(texts: pa.StringArray) -> pa.StringArray:
    """The normal forms of codes, valid or not; null for other texts and for zeros alone."""
    inner = pc.utf8_trim_whitespace(texts)
    forms = normal_forms(pc.if_else(pc.match_substring_regex(inner, _CODE), inner, None))
    return pc.if_else(pc.equal(forms, "0" * EAN_8), None, forms)


def other_readings(codes: pa.StringArray) -> pa.StringArray:
    """The normal form of 8 digits read as UPC-E; null if they are not one.

    "EAN-8 and UPC-E cannot be told apart": both candidates are kept.
    """
    eight = _of_length(codes, EAN_8)
    return barcode_columns.normal_forms(barcode_columns.expanded_upc_e(eight))


def _of_length(codes: pa.StringArray, length: int) -> pa.StringArray:
    return pc.if_else(pc.equal(pc.binary_length(codes), length), codes, None)


def _report_missing(batch: Batch, columns: Columns, findings: BatchFindings) -> None:
    """Reports `identifier_missing`: "at least one identifier required"."""
    there = pa.repeat(False, len(batch.rows))  # noqa: FBT003 - a value
    for name in columns.identifiers:
        if name in batch.columns:
            there = pc.or_(there, present(batch.columns[name]))
    column = next(iter(columns.identifiers), None)
    findings.add("identifier_missing", positions_of(pc.invert(there)), column=column, field=column)


def _with_own_ids(
    product: pa.StringArray,
    batch: Batch,
    columns: Columns,
    cells: dict[str, Cell],
    findings: BatchFindings,
) -> pa.StringArray:
    """Records without a barcode are identified by the producer's own id."""
    own = BY_NAME["product_id"].name
    column = next((name for name in columns.of(own) if name in cells), None)
    if column is None:
        return product
    alone = cells[column].texts.is_valid()
    for name in (name for field in BARCODES for name in columns.of(field)):
        if name in batch.columns:
            alone = pc.and_(alone, pc.invert(present(batch.columns[name])))
    positions = positions_of(alone)
    ids = cells[column].texts
    findings.add(
        "product_id_only", positions, column=column, field=own, value=ids.take(pa.array(positions))
    )
    return pc.if_else(alone, pc.binary_join_element_wise(OWN_ID, ids, ""), product)
