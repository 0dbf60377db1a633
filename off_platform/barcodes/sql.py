"""DuckDB SQL for columns of barcodes: the functions of `text.py` in a query.

Every argument is an SQL expression of type VARCHAR, usually a column name; never outside text.
"""

from off_platform.barcodes.prefixes import IN_STORES, UNASSIGNED, names
from off_platform.barcodes.text import EAN_8, EAN_13, GTIN_14, MOST_DIGITS


def fault(column: str) -> str:
    """Why `text.digits_of` refuses a code, in a few words; null if it does not."""
    return f"""CASE
    WHEN coalesce({column}, '') = '' THEN 'the code is empty'
    WHEN NOT regexp_full_match({column}, '[0-9]+') THEN 'the code holds more than digits'
    WHEN length({column}) > {MOST_DIGITS} THEN 'the code has more than {MOST_DIGITS} digits'
    WHEN ltrim({column}, '0') = '' THEN 'the code is all zeros' END"""


def normal_form(column: str) -> str:
    """`text.normal_form`; null if that raises."""
    digits = f"ltrim({column}, '0')"
    return f"""CASE
    WHEN ({fault(column)}) IS NOT NULL THEN NULL
    WHEN length({digits}) <= {EAN_8} THEN lpad({digits}, {EAN_8}, '0')
    WHEN length({digits}) < {EAN_13} THEN lpad({digits}, {EAN_13}, '0')
    ELSE {digits} END"""


def country(column: str) -> str:
    """The name of the country whose GS1 organisation issued a code, or what its prefix is for.

    Codes of 8 digits that begin with 0 or 2 are used in stores (GS1 General Specifications, 1.4.3);
    a UPC-E among them is not recognised. A code of 14 digits begins with an indicator.

    Args:
        column: of codes in normal form.
    """
    quoted = (name.replace("'", "''") for name in names())
    listed = ", ".join(f"'{name}'" for name in quoted)
    return f"""coalesce(CASE
        WHEN length({column}) = {EAN_8} AND {column}[1] IN ('0', '2') THEN '{IN_STORES}'
        WHEN length({column}) IN ({EAN_8}, {EAN_13}) THEN [{listed}][{column}[:3]::INT + 1]
        WHEN length({column}) = {GTIN_14} THEN [{listed}][{column}[2:4]::INT + 1]
        END, '{UNASSIGNED}')"""
