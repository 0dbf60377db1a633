"""Maps the columns of a file to fields, and reports findings on the columns. Pure.

`cells.py` reads their content.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from off_platform.imports.readers.batches import Found, Reader, UnreadableError
from off_platform.imports.readers.headers import is_named
from off_platform.imports.specification.column_names import (
    ColumnField,
    field_of,
    language_suffix,
    nearest_name,
    qualifier_of,
)
from off_platform.imports.specification.fields import BARCODES, CORRECTIONS, IDENTIFIERS, NESTED

MOST_NAMED = 20


@dataclass(slots=True)
class Columns:
    """The columns of a file as they appear; those of JSON are only known while it is read.

    Attributes:
        places: the field of every column that is one.
        unknown: other columns; they are not in the tables.
        found: findings on the columns, once each.
        header_row: row with their names; None if there is none.
        header_line: of text formats, the line on which that row begins.
    """

    places: dict[str, ColumnField] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    header_row: int | None = None
    header_line: int | None = None

    def meet(self, names: Iterable[str]) -> None:
        """Adds columns; known ones are skipped."""
        for name in names:
            if name in self.places or name in self.unknown or name == CORRECTIONS:
                continue
            place = field_of(name)
            if not place or (place.language and place in self.places.values()):
                self.unknown.append(name)
                self._say(_of_unknown(name))
                continue
            self.places[name] = place
            if place.language and not name.endswith(place.language):
                self._say(_in_capitals(name, place.language))

    def as_met(self) -> "Columns":
        """A snapshot without columns that are added later."""
        return replace(self, places=dict(self.places), unknown=list(self.unknown))

    def _say(self, found: Found) -> None:
        self.found.append(self.placed(found))

    def placed(self, found: Found) -> Found:
        """A finding on the columns, with the location of the header."""
        return replace(found, row=self.header_row, line=self.header_line)

    def of(self, field_name: str) -> list[str]:
        """The columns of a field without a language, in the file's order."""
        return [
            column
            for column, place in self.places.items()
            if place.field.name == field_name and place.language is None
        ]

    @property
    def identifiers(self) -> list[str]:
        """The columns that identify products, by precedence."""
        return [column for name in IDENTIFIERS for column in self.of(name)]

    def meant_as_identifier(self) -> str | None:
        """The unknown column that is probably the barcode."""
        return next((name for name in self.unknown if nearest_name(name) in BARCODES), None)

    def shared(self) -> Iterator[tuple[ColumnField, list[str]]]:
        """Fields with more than one column, and these columns."""
        by_place: dict[ColumnField, list[str]] = {}
        for column, place in self.places.items():
            by_place.setdefault(place, []).append(column)
        return ((place, columns) for place, columns in by_place.items() if len(columns) > 1)


def columns_of(reader: Reader) -> Columns:
    """The columns of a file before it is read."""
    columns = Columns(header_row=reader.header_row, header_line=reader.header_line)
    columns.meet(reader.source.header)
    return columns


def demand_identifier(columns: Columns, others: Sequence[Found] = ()) -> None:
    """Ensures that a file has a column that identifies products.

    Args:
        columns: those of the file.
        others: other findings on the file so far.

    Raises:
        UnreadableError: `no_identifier_column`.
    """
    if not columns.identifiers:
        raise UnreadableError(no_identifier(columns), others)


def no_identifier(columns: Columns) -> Found:
    """The finding of a file without a column that identifies products."""
    meant = columns.meant_as_identifier()
    there = [*columns.places, *columns.unknown]
    named = ", ".join(f"'{name[:40]}'" for name in there[:MOST_NAMED])
    more = f" and {len(there) - MOST_NAMED:,} more" if len(there) > MOST_NAMED else ""
    proposal = nearest_name(meant) if meant else None
    hint = f" Rename '{meant[:80]}' to '{proposal}' if it has the barcodes." if meant else ""
    known = f"; there are {named}{more}" if there else ", and no other is named"
    message = f"No column identifies the products{known}.{hint}"
    return columns.placed(Found(None, meant, "no_identifier_column", meant, message, proposal))


def _in_capitals(name: str, language: str) -> Found:
    proposal = name[: -len(language)] + language
    return Found(
        None,
        name,
        "language_upper_case",
        name,
        f"The column '{name}' was read as '{proposal}'.",
        proposal,
        certain=True,
    )


def _of_unknown(name: str) -> Found:
    shown = name[:80]
    if field_of(name):
        return Found(
            None,
            name,
            "unknown_language_suffix",
            name,
            f"The column '{shown}' is not imported: another has the same field and language.",
        )
    if suffix := language_suffix(name.removeprefix(NESTED)):
        return Found(
            None,
            name,
            "unknown_language_suffix",
            name,
            f"The column '{shown}' is not imported: '{suffix}' is not a two-letter language code.",
        )
    nearest = nearest_name(name)
    hint = f" and was ignored. Did you mean '{nearest}'?" if nearest else " and was ignored."
    if qualifier := qualifier_of(name):
        hint = f". {qualifier.assumed}; records in which it says otherwise are quarantined."
    return Found(
        None,
        name,
        "unknown_column",
        name if is_named(name) else None,
        f"The column '{shown}' is not in the specification{hint}",
        nearest,
    )
