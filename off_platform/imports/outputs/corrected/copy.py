"""The corrected copy of an import: certain proposals applied and marked, nothing else changed.

It has the format of the file, unpacked if that was compressed; everything else is identical, byte
for byte. Corrections are listed in an additional column, `corrections_made`. The formats are in
`delimited.py`, `json.py` and `xlsx.py`.
"""

from pathlib import Path

from off_platform.imports.outputs.corrected.corrections import Certain, Copy, NoCopyError
from off_platform.imports.outputs.corrected.delimited import copy_delimited
from off_platform.imports.outputs.corrected.json import copy_json
from off_platform.imports.outputs.corrected.xlsx import copy_xlsx
from off_platform.imports.readers.batches import SourceFile
from off_platform.imports.readers.recognition.unpacking import unpacked
from off_platform.imports.whole_file.verdict import Verdict

__all__ = ["Copy", "NoCopyError", "ending_of", "write_corrected"]

ENDINGS = {"csv": ".csv", "tsv": ".tsv", "json": ".json", "json_lines": ".jsonl", "xlsx": ".xlsx"}
# Rows that cannot be read as records would be lost; with another delimiter, silently.
_LOST_BY = ("quote_misplaced", "rows_in_quotes", "json_duplicate_key")


def ending_of(verdict: Verdict) -> str:
    """The extension of the corrected copy.

    Raises:
        NoCopyError: a copy is not possible.
    """
    return ENDINGS[_source(verdict).format]


def _source(verdict: Verdict) -> SourceFile:
    if verdict.refused or verdict.source is None:
        raise NoCopyError("There is no corrected copy, as the file could not be read.")
    if lost := next((rule for rule in _LOST_BY if verdict.counts[rule]), None):
        raise NoCopyError(f"There is no corrected copy, as rows were lost because of {lost}.")
    if verdict.source.format not in ENDINGS:
        raise NoCopyError("There is no corrected copy for imports of several files.")
    return verdict.source


def write_corrected(path: Path, folder: Path, verdict: Verdict, to: Path) -> Copy:
    """Writes the copy.

    Args:
        path: the original file.
        folder: the output folder of its validation.
        verdict: its verdict.
        to: the file to write.

    Returns:
        Number of corrected cells, and notes on the copy.

    Raises:
        NoCopyError: a copy is not possible.
    """
    source, certain = _source(verdict), Certain(folder)
    table = unpacked(path, folder)
    match source.format:
        case "xlsx":
            return copy_xlsx(table, source, certain, to, is_ragged=verdict.counts["ragged_row"] > 0)
        case "csv" | "tsv":
            return copy_delimited(table, source, certain, to)
        case _:
            return copy_json(table, source, certain, to)
