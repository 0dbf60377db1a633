"""Files made for the tests of imports, and everything that is done with an import, in one go."""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from off_platform.imports.outputs.corrected.copy import NoCopyError, ending_of, write_corrected
from off_platform.imports.outputs.findings_files import write_findings_csv
from off_platform.imports.outputs.findings_sheet import write_findings_xlsx
from off_platform.imports.outputs.report import write_report
from off_platform.imports.readers.batches import Batch, Reader, SourceFile
from off_platform.imports.readers.opening import open_import
from off_platform.imports.specification.tables import ACCEPTED, FINDINGS, QUARANTINED
from off_platform.imports.validation import validate_import
from off_platform.imports.whole_file.verdict import Verdict

# June 2025, whatever the clock says.
NOW = 1_750_000_000
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


@dataclass(frozen=True)
class Examined:
    """An import after all that can be done with it was done.

    Attributes:
        verdict: of it.
        folder: with the tables, `report.html`, `findings.csv` and `findings.xlsx`.
        copy: the corrected copy; None when there can be none.
    """

    verdict: Verdict
    folder: Path
    copy: Path | None

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of one of its tables."""
        rows: list[dict[str, Any]] = pq.read_table(self.folder / name).to_pylist()
        return rows

    @property
    def findings(self) -> list[dict[str, Any]]:
        """All findings."""
        return self.rows(FINDINGS)

    @property
    def certain(self) -> list[dict[str, Any]]:
        """The findings of records and columns that a corrected copy fixes."""
        return [each for each in self.findings if each["certain"] and each["row"] is not None]

    @property
    def report(self) -> str:
        """The page for a person."""
        return (self.folder / "report.html").read_text(encoding="utf-8")


def examine(path: Path, folder: Path, *, reports: bool = True) -> Examined:
    """Validates a file, and writes all that is handed out about it.

    Args:
        path: the file.
        folder: to be made.
        reports: whether to write more than the corrected copy.
    """
    folder.mkdir()
    verdict = validate_import(path, folder, now=NOW)
    if reports:
        write_report(folder, verdict, folder / "report.html")
        write_findings_csv(folder, folder / "findings.csv")
        write_findings_xlsx(folder, folder / "findings.xlsx")
    try:
        copy = folder / f"corrected{ending_of(verdict)}"
    except NoCopyError:
        return Examined(verdict, folder, None)
    write_corrected(path, folder, verdict, copy)
    return Examined(verdict, folder, copy)


def demand_consistent(examined: Examined) -> None:
    """The verdict says what the tables hold, and every record in quarantine has its reasons."""
    verdict, findings = examined.verdict, examined.findings
    accepted = [record["row"] for record in examined.rows(ACCEPTED)]
    quarantined = {record["row"]: record["rules"] for record in examined.rows(QUARANTINED)}
    assert verdict.counts == Counter(finding["rule"] for finding in findings)
    assert (verdict.accepted, verdict.quarantined) == (len(accepted), len(quarantined))
    assert len(set(accepted)) == len(accepted)
    assert not quarantined.keys() & set(accepted)
    if verdict.refused:
        assert (accepted, quarantined) == ([], {})
        assert verdict.refused.message.endswith((".", "?"))
        return
    assert verdict.records
    blamed: dict[int, set[str]] = {}
    for finding in findings:
        if finding["level"] == "error" and finding["row"] is not None:
            blamed.setdefault(finding["row"], set()).add(finding["rule"])
    assert {row: set(rules) for row, rules in quarantined.items()} == blamed


def read_all(path: Path, rows: int = 1_000) -> tuple[SourceFile, list[Batch], Reader]:
    """What the reader of a file gives: its facts and all batches."""
    reader = open_import(path)
    return reader.source, list(reader.batches(rows)), reader


def csv_of(*rows: Sequence[str]) -> str:
    """CSV of rows, whatever their cells hold."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def workbook_of(
    sheet: str, shared: str = "", others: Mapping[str, str] | None = None, *, prologue: str = ""
) -> bytes:
    """An XLSX file, part by part, as no library would write it.

    Args:
        sheet: XML of the only sheet's rows.
        shared: XML of the shared texts.
        others: further parts.
        prologue: text before the root of the sheet and of the shared texts.
    """
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="xml" ContentType="application/xml"/><Default '
        'Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-'
        'officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/'
        'sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.'
        'worksheet+xml"/><Override PartName="/xl/sharedStrings.xml" ContentType="application/'
        'vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}"><sheets><sheet '
        'name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" '
        f'Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" '
        f'Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'{prologue}<worksheet xmlns="{SHEET}"><sheetData>{sheet}'
        "</sheetData></worksheet>",
        "xl/sharedStrings.xml": f'{prologue}<sst xmlns="{SHEET}">{shared}</sst>',
        **(others or {}),
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


def rows_of(*rows: tuple[str, ...]) -> str:
    """XML of rows of texts."""
    return "".join(f"<row>{''.join(map(text_cell, row))}</row>" for row in rows)


def text_cell(text: str, place: str = "") -> str:
    """XML of a cell with a text, which must be escaped already."""
    at = f' r="{place}"' if place else ""
    return f'<c t="inlineStr"{at}><is><t>{text}</t></is></c>'


def packed(files: dict[str, str]) -> bytes:
    """A ZIP archive of these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


def changed(data: bytes, offsets: tuple[int, int], value: int) -> bytes:
    """A ZIP archive of one file with a byte of its local and of its central header changed."""
    made, central = bytearray(data), data.rindex(b"PK\x01\x02")
    made[offsets[0]] = made[central + offsets[1]] = value
    return bytes(made)
