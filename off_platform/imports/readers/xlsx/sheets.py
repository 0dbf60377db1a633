"""Finds the sheet of a workbook with the products, and its row with the column names.

Cover sheets, instructions and glossaries name columns, too, so the rows below count.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from off_platform.imports.readers.headers import plain_name
from off_platform.imports.readers.xlsx.parts.package import Package, Sheet
from off_platform.imports.readers.xlsx.parts.rows import Texts, rows_of
from off_platform.imports.specification.column_names import field_of
from off_platform.imports.specification.fields import BARCODES, IDENTIFIERS, NAMES

# How far the header may be below a title and notes, and how many rows are examined in total.
MOST_ABOVE_HEADER = 100
_LEAST_KNOWN = 3
_NAME = "product_name"


class Likelihood(NamedTuple):
    """How likely a row is the header of products; greater is more likely.

    Attributes:
        rank: 2 with an identifier, 1 with a few other names, otherwise 0.
        has_name: whether there is a product name.
        known: number of names from the specification.
    """

    rank: int
    has_name: bool
    known: int


class Header(NamedTuple):
    """The location of the column names.

    Attributes:
        sheet: the sheet.
        row: its header row.
        values: values of that row.
        first: the first row of the sheet that is not empty.
        likelihood: of that row.
        records: 2 if a row below may have a code, 1 if there is a row, 0 for none.
    """

    sheet: Sheet
    row: int
    values: Texts
    first: int
    likelihood: Likelihood
    records: int

    @property
    def preference(self) -> tuple[int, Likelihood, int]:
        """The sheet with the greatest value is read; of equal ones the first."""
        return (self.records if self.likelihood.rank else 0, self.likelihood, self.records)


def header_of(package: Package, sheet: Sheet) -> Header | None:
    """The header row of a sheet; None if all cells are blank."""
    best: Header | None = None
    for number, values in islice(_filled(package, sheet), MOST_ABOVE_HEADER):
        likelihood = _likelihood(values)
        if best is None:
            best = Header(sheet, number, values, number, likelihood, 0)
        elif _is_surer(likelihood, best.likelihood):
            best = Header(sheet, number, values, best.first, likelihood, 0)
        elif _has_code(best.values, values):
            # The rows below are a table, which extends to the end.
            return best._replace(records=2)
        else:
            best = best._replace(records=1)
    return best


def _filled(package: Package, sheet: Sheet) -> Iterator[tuple[int, Texts]]:
    return ((row.number, texts) for row in rows_of(package, sheet) if _says(texts := row.texts))


def _likelihood(values: Texts) -> Likelihood:
    names = {plain_name(value) for value in values if value}
    places = [place for name in names if (place := field_of(name))]
    rank = int(len(names.intersection(NAMES)) >= _LEAST_KNOWN)
    if not names.isdisjoint(IDENTIFIERS):
        rank = 2
    return Likelihood(rank, any(place.field.name == _NAME for place in places), len(places))


def _is_surer(likelihood: Likelihood, than: Likelihood) -> bool:
    """Whether a lower row is more likely the header; a few names may be values of a product."""
    return bool(likelihood.rank) and likelihood > than


def _has_code(header: Texts, values: Texts) -> bool:
    """Whether a row has a possible code, even damaged, below the name of an identifier."""
    return any(
        _may_be_code(name, text)
        for named, value in zip(header, values, strict=False)
        if named and (name := plain_name(named)) in IDENTIFIERS
        if (text := (value or "").strip())
    )


def _may_be_code(name: str, text: str) -> bool:
    """Descriptions of a barcode have more letters than digits; internal numbers have no spaces."""
    if name in BARCODES:
        return sum(map(str.isdigit, text)) > sum(map(str.isalpha, text))
    return len(text.split()) == 1 and text not in NAMES


def _says(values: Texts) -> bool:
    return any(value and value.strip() for value in values)
