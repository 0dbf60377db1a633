"""The options of an export: of the asset's configuration and of `off-platform export`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

NutrientColumns = Literal["input_sets", "values"]
NUTRIENT_COLUMNS: tuple[NutrientColumns, ...] = get_args(NutrientColumns)
_LANGUAGE = re.compile("[a-z]{2}")
DESCRIBED: Mapping[str, str] = {
    "nutrients": "Columns of nutrients: `input_sets` as Open Food Facts has them since 2026, "
    "`values` (fat_value, fat_unit) as before.",
    "language": "Language of records that name none, as a code of two letters such as fr.",
    "rows": "Maximum number of records in a file.",
    "only_import": "Export the newest records of this import alone; by default those of all.",
}


class NotAnOptionError(ValueError):
    """An option of an export is not valid; the message says which and why."""


@dataclass(frozen=True)
class ExportOptions:
    """How records are exported; see `DESCRIBED` for its attributes."""

    nutrients: NutrientColumns = "input_sets"
    language: str = "en"
    rows: int = 10_000
    only_import: str | None = None

    def __post_init__(self) -> None:
        """Checks the options.

        Raises:
            NotAnOptionError: one is not valid.
        """
        if self.nutrients not in NUTRIENT_COLUMNS:
            names = " or ".join(NUTRIENT_COLUMNS)
            raise NotAnOptionError(f"nutrients must be {names}, not {self.nutrients!r}.")
        if not _LANGUAGE.fullmatch(self.language):
            raise NotAnOptionError(
                f"The language must be a code of two letters such as fr, not {self.language!r}."
            )
        if self.rows < 1:
            raise NotAnOptionError(f"A file must have at least 1 record, not {self.rows}.")
