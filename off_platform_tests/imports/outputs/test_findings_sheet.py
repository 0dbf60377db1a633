"""The findings as a workbook: every text as it is, and never more than a sheet can hold."""

import re
import tempfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.imports.outputs import findings_files as files
from off_platform.imports.outputs import findings_sheet as module
from off_platform.imports.outputs.findings_files import MOST_BYTES as MOST_PORTION
from off_platform.imports.outputs.findings_files import portions
from off_platform.imports.outputs.findings_sheet import write_findings_xlsx
from off_platform.imports.readers.batches import Found
from off_platform.imports.records.findings import as_rows
from off_platform.imports.specification.tables import FINDINGS

COLUMNS = ["file", "row", "line", "sheet", "cell", "column", "field", "rule", "level", "value",
           "message", "proposal", "certain", "product"]  # fmt: skip
VALUE, PROPOSAL = COLUMNS.index("value"), COLUMNS.index("proposal")
# Of a cell, as Excel documents it.
MOST = 32_767


def sheet_of(folder: Path, *found: Found) -> tuple[int, list[tuple[Any, ...]]]:
    """What is said to be written of findings, and the rows of the sheet."""
    pq.write_table(as_rows("a.csv", found), folder / FINDINGS)
    written = write_findings_xlsx(folder, folder / "findings.xlsx")
    book = openpyxl.load_workbook(folder / "findings.xlsx")
    assert book.sheetnames == ["findings"]
    streamed = openpyxl.load_workbook(folder / "findings.xlsx", read_only=True)
    rows = list(book["findings"].values)
    assert list(streamed["findings"].values) == rows
    streamed.close()
    return written, rows


def finding(row: int | None, **texts: str | None) -> Found:
    return Found(row, texts.get("column"), "text_trimmed", texts.get("value"), "It is so.",
                 texts.get("proposal"), certain=row == 2)  # fmt: skip


def test_each_finding_is_one_row(tmp_path: Path) -> None:
    written, rows = sheet_of(
        tmp_path, finding(None), finding(2, column="fat", value=" x", proposal="x")
    )

    assert written == 2
    assert rows == [
        tuple(COLUMNS),
        ("a.csv", *[None] * 6, "text_trimmed", "info", None, "It is so.", None, "no", None),
        (
            "a.csv",
            2,
            None,
            None,
            None,
            "fat",
            None,
            "text_trimmed",
            "info",
            " x",
            "It is so.",
            "x",
            "yes",
            None,
        ),
    ]


def test_it_can_be_filtered_and_its_header_stays_in_sight(tmp_path: Path) -> None:
    sheet_of(tmp_path, finding(2), finding(3))

    sheet = openpyxl.load_workbook(tmp_path / "findings.xlsx")["findings"]
    assert (sheet.dimensions, sheet.auto_filter.ref, sheet.freeze_panes) == (
        "A1:N3", "A1:N3", "A2",
    )  # fmt: skip
    assert sheet["A1"].font.b
    assert all(cell.alignment.wrap_text for cell in sheet[2] if cell.value is not None)


def test_no_findings_give_only_a_header(tmp_path: Path) -> None:
    assert sheet_of(tmp_path) == (0, [tuple(COLUMNS)])


@given(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            ("<r></broken></r>", "<r><t>x</t></r>", "=1+1", "]]>", "&lt;", "_x0041_", "\x07", "\r",
             "_x0041_x0042_", "_x0041\x07", "https://example.org", "{=1}",
             "1e5", "@x", "\ufffe", " x ", "\U0001f36b", '"\'', "</sheetData>")
        ),
    ).filter(bool)
)  # fmt: skip
def test_any_text_is_unchanged(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    if not text:
        return
    with tempfile.TemporaryDirectory() as folder:
        _, rows = sheet_of(Path(folder), finding(2, column="a", value=text))

    assert re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), rows[1][VALUE]) == text


@pytest.mark.parametrize("character", ["a", "\U0001f36b", "&"])
def test_a_text_is_cut_to_the_size_of_a_cell(tmp_path: Path, character: str) -> None:
    _, rows = sheet_of(tmp_path, finding(2, proposal=character * 40_000))

    length = len(rows[1][PROPOSAL].encode("utf-16-le")) // 2
    assert MOST - 1 <= length <= MOST
    assert set(rows[1][PROPOSAL]) == {character}


@pytest.mark.parametrize(("findings", "written"), [(4, 4), (5, 5), (6, 5), (9, 5)])
def test_a_sheet_with_some_of_the_findings_says_so_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, findings: int, written: int
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 5)
    monkeypatch.setattr(files, "MOST_ROWS", 2)

    found, rows = sheet_of(tmp_path, *(finding(2 + at) for at in range(findings)))

    note = f"These are the first 5 of {findings} findings; findings.csv contains all."
    above = [] if written == findings else [(note, *[None] * (len(COLUMNS) - 1))]
    assert found == written
    assert rows[: len(above) + 1] == [*above, tuple(COLUMNS)]
    assert [row[1] for row in rows[len(above) + 1 :]] == list(range(2, 2 + written))
    sheet = openpyxl.load_workbook(tmp_path / "findings.xlsx")["findings"]
    assert sheet.freeze_panes == f"A{len(above) + 2}"
    assert sheet.auto_filter.ref == f"A{len(above) + 1}:N{len(rows)}"


def test_a_sheet_of_long_findings_has_fewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1 << 20)
    long = "a" * 2_000

    written, rows = sheet_of(tmp_path, *(finding(2 + at, value=long) for at in range(3_000)))

    assert 0 < written < 3_000
    assert rows[0][0] == (
        f"These are the first {written:,} of 3,000 findings; findings.csv contains all."
    )
    assert [row[1] for row in rows[2:]] == list(range(2, 2 + written))


@pytest.mark.slow
def test_long_findings_are_written_a_few_at_a_time(tmp_path: Path) -> None:
    long = "a" * 30_000
    sheet_of(tmp_path, *(finding(2 + at, proposal=long) for at in range(900)))

    with pq.ParquetFile(tmp_path / FINDINGS) as file:
        parts = list(portions(file))
        assert max(part.nbytes for part in parts) <= MOST_PORTION
        assert pa.Table.from_batches(parts).equals(file.read())
