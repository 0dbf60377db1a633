"""Rules on all records of a file: damaged identifiers, and mixed styles of yes and no.

`damage.py` recognises damaged identifiers. Yes and no must be "consistent within a dataset" in
columns that are not in the specification; `texts.py` recognises their styles.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from off_platform.imports.readers.batches import Batch, Found
from off_platform.imports.records.columns import Columns
from off_platform.imports.specification.fields import BARCODES
from off_platform.imports.values.barcodes.damaged import Damage
from off_platform.imports.values.texts import BOOLEAN_STYLES
from off_platform.imports.whole_file.damage import IdentifierSurvey

_NUMBERS = "1/0"


@dataclass(slots=True)
class BooleanSurvey:
    """The styles of yes and no in one column.

    Attributes:
        column: its name in the file.
        texts: the distinct texts, in lower case, while all of them may be yes or no.
        is_boolean: whether all are.
    """

    column: str
    texts: set[str] = field(default_factory=set)
    is_boolean: bool = True

    def add(self, texts: pa.StringArray) -> None:
        """Adds the texts of a batch."""
        if not self.is_boolean:
            return
        written = pc.utf8_lower(pc.utf8_trim_whitespace(texts.drop_null()))
        words = pa.array([word for style in BOOLEAN_STYLES.values() for word in style])
        self.is_boolean = pc.all(pc.is_in(written, words), min_count=0).as_py()
        self.texts = self.texts | set(pc.unique(written).to_pylist()) if self.is_boolean else set()

    @property
    def styles(self) -> list[str]:
        """The styles in use; a column of only `1` may be numbers, and has none."""
        if not self.is_boolean:
            return []
        used = [name for name, words in BOOLEAN_STYLES.items() if self.texts & set(words)]
        return [] if used == [_NUMBERS] and len(self.texts) == 1 else used


def mixed_booleans(surveys: Iterable[BooleanSurvey]) -> list[Found]:
    """One finding, on the first column whose style differs from earlier ones."""
    seen: dict[str, str] = {}
    for survey in surveys:
        for style in survey.styles:
            seen.setdefault(style, survey.column)
    if len(seen) < 2:  # noqa: PLR2004 - one way is right
        return []
    ways = ", ".join(f"{style} ('{column[:80]}')" for style, column in seen.items())
    column = list(seen.values())[1]
    return [Found(None, column, "boolean_mixed", None, f"Yes and no are written as {ways}.")]


@dataclass(slots=True)
class Surveys:
    """Surveys of a file's columns, collected in batches."""

    identifiers: dict[str, IdentifierSurvey] = field(default_factory=dict)
    booleans: dict[str, BooleanSurvey] = field(default_factory=dict)

    def add(self, batch: Batch, columns: Columns) -> None:
        """Adds a batch."""
        for field_name in BARCODES:
            for name in columns.of(field_name):
                if name in batch.columns:
                    fresh = IdentifierSurvey(name, gtin=field_name == "gtin")
                    self.identifiers.setdefault(name, fresh).add(batch.columns[name])
        for name in columns.unknown:
            if name in batch.columns:
                self.booleans.setdefault(name, BooleanSurvey(name)).add(batch.columns[name])

    def damaged(self, columns: Columns) -> dict[str, Damage]:
        """The barcode fields that are damaged as a whole, and their damage."""
        return {
            columns.places[name].field.name: damage
            for name, survey in self.identifiers.items()
            if (damage := survey.damage)
        }

    def found(self) -> list[Found]:
        """The findings on the whole file."""
        spoilt = [found for survey in self.identifiers.values() for found in survey.found()]
        return [*spoilt, *mixed_booleans(self.booleans.values())]
