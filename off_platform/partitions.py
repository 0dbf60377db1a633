"""The partitions of the platform's assets: months, image sets, imports; the tag of their jobs."""

from pathlib import Path

import dagster as dg

from off_platform.image_sets.declared import declared_sets

# The tag that names the job which runs an asset; assets of one job have the same partitions.
RUNS = "off_platform/runs"
MONTH = "month"
# Before that nothing was copied, and nothing can be made up.
FIRST_MONTH = "2026-01-01"

# `end_offset=1`: upstream keeps only the current list, so the month that runs is the one to copy. A
# plain monthly partition would ask for the month that is over.
MONTHS = dg.MonthlyPartitionsDefinition(start_date=FIRST_MONTH, end_offset=1)


# An import is `name@first 8 digits of its SHA-256`; whoever hands it in adds its partition.
IMPORT_FILES = dg.DynamicPartitionsDefinition(name="imports")


def image_sets(path: Path, wing: str) -> dg.StaticPartitionsDefinition:
    """A partition an image set that is declared for a wing.

    Raises:
        off_platform.image_sets.declared.WrongDeclarationError: the file is wrong.
    """
    return dg.StaticPartitionsDefinition(sorted(declared_sets(path, wing)))
