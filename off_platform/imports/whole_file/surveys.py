"""What only all records of a file together tell: spoilt identifiers, and mixed ways of yes and no.

How each is recognised is in `damage.py` and `booleans.py`.
"""

from dataclasses import dataclass, field

from off_platform.imports.readers.batches import Batch, Found
from off_platform.imports.records.columns import Columns
from off_platform.imports.specification.fields import BARCODES
from off_platform.imports.values.barcodes.damaged import Damage
from off_platform.imports.whole_file.booleans import BooleanSurvey, mixed_booleans
from off_platform.imports.whole_file.damage import IdentifierSurvey


@dataclass(slots=True)
class Surveys:
    """What the columns of a file look like, gathered batch by batch."""

    identifiers: dict[str, IdentifierSurvey] = field(default_factory=dict)
    booleans: dict[str, BooleanSurvey] = field(default_factory=dict)

    def add(self, batch: Batch, columns: Columns) -> None:
        """Takes in a batch whose columns were met."""
        for field_name in BARCODES:
            for name in columns.of(field_name):
                if name in batch.columns:
                    fresh = IdentifierSurvey(name, gtin=field_name == "gtin")
                    self.identifiers.setdefault(name, fresh).add(batch.columns[name])
        for name in columns.unknown:
            if name in batch.columns:
                self.booleans.setdefault(name, BooleanSurvey(name)).add(batch.columns[name])

    def damaged(self, columns: Columns) -> dict[str, Damage]:
        """The fields of which no code may be taken as it stands, and what was done to them."""
        return {
            columns.places[name].field.name: damage
            for name, survey in self.identifiers.items()
            if (damage := survey.damage)
        }

    def found(self) -> list[Found]:
        """What is to be said of the whole file."""
        spoilt = [found for survey in self.identifiers.values() for found in survey.found()]
        return [*spoilt, *mixed_booleans(self.booleans.values())]
