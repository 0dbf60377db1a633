"""The files stored with an import in the lake: report, findings as files, corrected copy.

They are written by `report.py`, `findings_files.py`, `findings_sheet.py` and `corrected/`.
"""

from pathlib import Path

from off_platform.imports.intake.originals import of_import
from off_platform.imports.outputs.corrected.copy import NoCopyError, ending_of, write_corrected
from off_platform.imports.outputs.findings_files import write_findings_csv
from off_platform.imports.outputs.findings_sheet import write_findings_xlsx
from off_platform.imports.outputs.report import write_report
from off_platform.imports.whole_file.verdict import Verdict
from off_platform.storage.lake import Lake

REPORT = "report.html"
CORRECTED = "corrected"
FINDINGS_CSV = "findings.csv"
FINDINGS_XLSX = "findings.xlsx"


def write_files(
    lake: Lake, key: str, path: Path, folder: Path, verdict: Verdict
) -> tuple[list[str], list[str]]:
    """Writes all of them, each atomically.

    Args:
        lake: the destination.
        key: of the import.
        path: its original file.
        folder: the output folder of its validation, which also receives the new files.
        verdict: its verdict.

    Returns:
        The names of the files, and notes on the corrected copy.
    """
    made = {
        FINDINGS_CSV: folder / FINDINGS_CSV,
        FINDINGS_XLSX: folder / FINDINGS_XLSX,
        REPORT: folder / REPORT,
    }
    write_findings_csv(folder, made[FINDINGS_CSV])
    write_findings_xlsx(folder, made[FINDINGS_XLSX])
    copy, notes = _corrected(path, folder, verdict)
    write_report(folder, verdict, made[REPORT], notes)
    if copy:
        made[copy.name] = copy
    into = of_import(lake, key)
    for name in into.names():
        if name.startswith(f"{CORRECTED}.") and name not in made:
            into.remove(name)
    for name, file in made.items():
        into.place(file, name)
    return list(made), notes


def _corrected(path: Path, folder: Path, verdict: Verdict) -> tuple[Path | None, list[str]]:
    try:
        file = folder / f"{CORRECTED}{ending_of(verdict)}"
        copy = write_corrected(path, folder, verdict, file)
    except NoCopyError:
        # The verdict says why; a file without corrections has no copy either.
        return None, []
    return (file if copy.corrected else None), copy.notes()
