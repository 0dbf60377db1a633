"""The partitions of the assets: months, image sets, imports; and the tag of their jobs."""

from pathlib import Path

import dagster as dg

from off_platform.image_sets.declaration.declared import declared_sets

# The tag with the job that runs an asset; assets of one job have the same partitions.
RUNS = "off_platform/runs"
# Nothing was copied before, and it cannot be recovered.
FIRST_MONTH = "2026-01-01"

# `end_offset=1`: upstream keeps only the current list, so the current month is copied. A plain
# monthly partition would be that of the last month.
MONTHS = dg.MonthlyPartitionsDefinition(start_date=FIRST_MONTH, end_offset=1)


# An import is `name@first 8 digits of its SHA-256`; its partition is added when it is imported.
IMPORT_FILES = dg.DynamicPartitionsDefinition(name="imports")


def image_sets(path: Path, wing: str) -> dg.StaticPartitionsDefinition:
    """One partition per image set that is declared for a wing.

    Raises:
        off_platform.image_sets.declaration.declared.WrongDeclarationError: the file is invalid.
    """
    return dg.StaticPartitionsDefinition(sorted(declared_sets(path, wing)))
