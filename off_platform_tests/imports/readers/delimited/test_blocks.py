"""Sound blocks of a CSV are read by Arrow to the very result of the strict reader."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from off_platform.imports.readers.batches import UnreadableError
from off_platform.imports.readers.delimited import blocks
from off_platform.imports.readers.delimited.reader import DelimitedReader
from off_platform.imports.readers.opening import open_import

HEADER = "barcode,product_name,brand"
# Long enough that the first block, which is read strictly, ends in it.
PLAIN = [f"{number:013d},Name {number},Brand" for number in range(3000)]


def everything(reader: Any, rows: int = 1000) -> tuple[list[tuple[Any, ...]], list[Any]]:
    """All records with their rows, and all findings; or what the file is refused for."""
    records: list[tuple[Any, ...]] = []
    found: list[Any] = []
    try:
        for batch in reader.batches(rows):
            columns = [batch.columns[name].to_pylist() for name in reader.source.header]
            records += zip(batch.rows.tolist(), *columns, strict=True)
            found += reader.take_found()
    except UnreadableError as error:
        return records[:0], [error.found]
    return records, found + reader.take_found()


def strictly(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[Any]]:
    with monkeypatch.context() as patched:
        # As if no block were sound.
        patched.setattr(blocks, "_is_sound", lambda *_: False)
        return everything(open_import(path))


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_sound_blocks_are_not_left_to_the_strict_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "x.csv", "\n".join([HEADER, *PLAIN * 10]))
    read = []
    strict = DelimitedReader._strictly

    def watched(self: DelimitedReader, *arguments: Any) -> Any:
        for part in strict(self, *arguments):
            read.append(len(part.rows))
            yield part

    monkeypatch.setattr(DelimitedReader, "_strictly", watched)
    records, _ = everything(open_import(path))
    assert len(records) == 30_000
    assert sum(read) < 3000


ODD = [
    "1,a,b,c",
    "1,a",
    "",
    '1,"a, b",c',
    '1,"a ""quoted"" b",c',
    '1,"two\nlines, and a ""quote""",c',
    '1,"a"b,c',
    '1,a"b,c',
    '1,"",c',
    '1,"""",c',
    '"1","2","3"',
    ",,",
    '1,"open,c',
    "1,a\rb,c",
    '1,"a\rb",c',
    "1,a\0b,c",
    f"1,{'x' * 1_100_000},c",
    f"1,{'é' * 600_000},c",
    "1,\N{LEFT-TO-RIGHT MARK}=1,c",
    "1,null,NaN",
]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("place", [0, 1500, 3000])
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
def test_an_odd_row_is_read_as_strictly_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: str, place: int, ending: str
) -> None:
    rows = [HEADER, *PLAIN * 2]
    rows.insert(1 + 3000 + place, odd)
    path = written(tmp_path / "x.csv", ending.join(rows))
    assert everything(open_import(path)) == strictly(path, monkeypatch)


def test_invalid_utf_8_is_reported_with_line_and_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n".join([HEADER, *PLAIN, "1,caf\N{LATIN SMALL LETTER E WITH ACUTE},x", *PLAIN])
    path = written(tmp_path / "x.csv", text.encode("latin-1"))
    _, (found,) = everything(open_import(path))
    assert found.rule == "not_utf8"
    assert "3,002" in found.message
    assert ([], [found]) == strictly(path, monkeypatch)


CELLS = st.text(st.sampled_from('ab ,"\n\r;\té0'), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=12), raw=CELLS)
def test_any_rows_give_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, ...]], raw: str
) -> None:
    text = io.StringIO()
    text.write("\n".join([HEADER, *PLAIN, ""]))
    csv.writer(text, lineterminator="\n").writerows(rows)
    path = written(tmp_path / "x.csv", text.getvalue() + raw)
    assert everything(open_import(path)) == strictly(path, monkeypatch)
