"""CSV and TSV as they are read: rows, cells, what is said about the form, what is refused."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.imports.readers.batches import MOST_WAITING, UnreadableError
from off_platform.imports.readers.delimited.opening import likely_encoding
from off_platform.imports.readers.delimited.rows import MOST_CELL_CHARACTERS
from off_platform.imports.readers.opening import open_import
from off_platform_tests.imports.made_files import csv_of, read_all

HEADER = "barcode,product_name\n"


def written(folder: Path, content: str | bytes, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_cells_are_texts_with_row_numbers(tmp_path: Path) -> None:
    text = '\nbarcode, product_name \n007,"a, ""b""\nc"\n\n,\n'

    source, (batch,), reader = read_all(written(tmp_path, text))

    assert source.header == ("barcode", "product_name")
    assert batch.rows.tolist() == [3]
    columns = {name: column.to_pylist() for name, column in batch.columns.items()}
    assert columns == {"barcode": ["007"], "product_name": ['a, "b"\nc']}
    assert batch.not_text == {}
    assert {(each.rule, each.row) for each in reader.take_found()} == {
        ("header_trimmed", 2),
        ("empty_line", 4),
    }
    assert reader.take_found() == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_delimiter_is_detected_from_the_header(
    delimiter: str, ending: str, tmp_path: Path
) -> None:
    text = ending.join(
        (f"barcode{delimiter}fat", f"1{delimiter}0,5" if delimiter != "," else '1,"0,5"')
    )

    source, (batch,), reader = read_all(written(tmp_path, text))

    assert (source.delimiter, batch.columns["fat"].to_pylist()) == (delimiter, ["0,5"])
    rules = [each.rule for each in reader.take_found()]
    assert rules == ([] if delimiter == "," else ["wrong_delimiter"])


@pytest.mark.parametrize(("name", "form"), [("x.tsv", "tsv"), ("x.TXT", "tsv"), ("x.csv", "csv")])
def test_tabs_are_tsv_if_the_name_ends_in_tsv(name: str, form: str, tmp_path: Path) -> None:
    source, _, reader = read_all(written(tmp_path, "barcode\tfat\n1\t2\n", name))

    assert source.format == form
    assert bool(reader.take_found()) == (form == "csv")


@pytest.mark.parametrize("name", ["x.csv", "x.tsv"])
def test_one_column_has_no_wrong_delimiter(name: str, tmp_path: Path) -> None:
    _, (batch,), reader = read_all(written(tmp_path, "barcode\n1\n", name))

    assert batch.columns["barcode"].to_pylist() == ["1"]
    assert reader.take_found() == []


def test_a_hint_that_contradicts_the_header_is_not_followed(tmp_path: Path) -> None:
    source, (batch,), reader = read_all(written(tmp_path, "sep=;\nbarcode,fat\n1,2\n"))

    assert (source.delimiter, batch.columns["fat"].to_pylist()) == (",", ["2"])
    assert [each.rule for each in reader.take_found()] == ["separator_hint"]


def test_a_hint_decides_for_a_header_with_several_delimiters(tmp_path: Path) -> None:
    source, (batch,), _ = read_all(written(tmp_path, "sep=;\nbarcode;fat,g,kg,mg\n1;2\n"))

    assert (source.delimiter, batch.columns["barcode"].to_pylist()) == (";", ["1"])


def test_a_byte_order_mark_is_skipped_and_reported(tmp_path: Path) -> None:
    source, (batch,), reader = read_all(written(tmp_path, "\ufeffbarcode,fat\n1,2\n"))

    assert (source.byte_order_mark, list(batch.columns)) == (True, ["barcode", "fat"])
    assert [each.rule for each in reader.take_found()] == ["byte_order_mark"]


def test_rows_with_wrong_cells_are_reported_and_skipped(tmp_path: Path) -> None:
    text = f'{HEADER}1,a\n2\n3,c,d\n4,"x"y\n5,e\n'

    _, (batch,), reader = read_all(written(tmp_path, text))

    assert batch.rows.tolist() == [2, 6]
    found = [(each.row, each.rule) for each in reader.take_found()]
    assert found == [(3, "ragged_row"), (4, "ragged_row"), (5, "quote_misplaced")]


def test_rows_with_wrong_cells_do_not_wait_for_a_right_one(tmp_path: Path) -> None:
    count = 2 * MOST_WAITING + 7
    path = written(tmp_path, HEADER + "1\n" * count + "1,a\n" + "2\n" * count)

    reader = open_import(path)
    taken = [(batch.rows.tolist(), len(reader.take_found())) for batch in reader.batches(1_000)]

    assert max(found for _, found in taken) <= MOST_WAITING
    assert [row for rows, _ in taken for row in rows] == [count + 2]
    assert sum(found for _, found in taken) + len(reader.take_found()) == 2 * count
    # If findings are not taken, the number of batches is the same.
    untaken = list(open_import(path).batches(1_000))
    assert [len(batch.rows) for batch in untaken] == [len(rows) for rows, _ in taken]
    assert all(list(batch.columns) == ["barcode", "product_name"] for batch in untaken)


def test_batches_have_the_requested_rows_and_the_rest(tmp_path: Path) -> None:
    text = HEADER + "".join(f"{n},x\n" for n in range(10))

    _, batches, _ = read_all(written(tmp_path, text), rows=4)

    assert [len(batch.rows) for batch in batches] == [4, 4, 2]
    assert [row for batch in batches for row in batch.rows.tolist()] == list(range(2, 12))


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "1 empty lines were ignored: rows 2."),
     (5, "5 empty lines were ignored: rows 2, 3, 4, 5, 6."),
     (900, "900 empty lines were ignored: rows 2, 3, 4, 5, 6 and others.")],
)  # fmt: skip
def test_empty_lines_are_counted_and_the_first_named(tmp_path: Path, count: int, text: str) -> None:
    _, _, reader = read_all(written(tmp_path, HEADER + "\n" * count + "1,a\n"))

    (found,) = reader.take_found()
    assert (found.row, found.message) == (2, text)


def test_wide_rows_make_small_batches(tmp_path: Path) -> None:
    columns, rows = 1_900, 5_000
    names = ",".join(f"c{n}" for n in range(columns))
    text = f"{names}\n" + f"1{',' * (columns - 1)}\n" * rows

    _, batches, _ = read_all(written(tmp_path, text), rows=100_000)

    assert sum(len(batch.rows) for batch in batches) == rows
    assert max(len(batch.rows) for batch in batches) * columns < 10 << 20


def test_invalid_utf8_is_reported_with_line_and_byte(tmp_path: Path) -> None:
    text = f"{HEADER}1,é\n2,Crème\n".encode()
    content = text.replace("Crème".encode(), "Crème".encode("cp1252"))

    with pytest.raises(UnreadableError) as refused:
        read_all(written(tmp_path, content))

    at = content.index(b"\xe8")
    assert refused.value.found.value == "0xe8"
    assert str(refused.value) == (
        f"Line 3 is not UTF-8: byte {at} of the file is 0xe8; it is probably cp1252."
    )


ENCODED = {
    "cp1252": "Größe, Müller, Käse",
    "cp1250": "Jabłko, mleko świeże, ogórki kiszone, ser żółty",
    "cp1251": "Сыр российский, молоко",
    "cp1253": "Σοκολάτα γάλακτος, ζάχαρη",
    "shift_jis": "チョコレート ミルク",
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_the_likely_encoding_is_that_of_the_lines_that_are_wrong(
    encoding: str, tmp_path: Path
) -> None:
    plain = f"{HEADER}{'1,Pâte à tartiner' * 10}\n" * 4_000
    wrong = f"2,{ENCODED[encoding]}\n" * 3

    path = written(tmp_path, plain.encode() + wrong.encode(encoding) + plain.encode())

    assert likely_encoding(path) == encoding


def test_a_text_without_a_matching_encoding_is_reported(tmp_path: Path) -> None:
    noise = b"1,\x81\x8d\x8f\x90\x9d\xff\xfe\x00".replace(b"\x00", b"") * 3

    with pytest.raises(UnreadableError) as refused:
        read_all(written(tmp_path, HEADER.encode() + noise + b"\n"))

    assert refused.value.found.rule == "not_utf8"


REFUSED = {
    "values instead of names": ("no_header", "3017620422003,Nutella\n1,2\n"),
    "a name twice": ("doubled_header", "barcode, barcode\n1,2\n"),
    "nothing below": ("no_records", HEADER),
    "an open quote": ("quote_not_closed", f'{HEADER}1,"a\n'),
    "a carriage return alone": ("line_ending", f"{HEADER}1,a\rb\n"),
    "a NUL byte": ("nul_bytes", f"{HEADER}1,a\0\n"),
    "a long cell": (
        "cell_too_long",
        f"{HEADER}1,{'x' * (MOST_CELL_CHARACTERS + 1)}\n",
    ),
    "a long row": ("line_too_long", HEADER + ('"' + "x" * 1_000_000 + '\n",') * 18),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unreadable_files_say_why(name: str, tmp_path: Path) -> None:
    rule, content = REFUSED[name]

    with pytest.raises(UnreadableError) as refused:
        read_all(written(tmp_path, content))

    assert refused.value.found.rule == rule


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(derandomize=True)
@given(
    # Rows of white space alone are empty lines.
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS.map("x{}".format)), min_size=1, max_size=6),
    size=st.integers(1, 3),
)
def test_files_of_pythons_writer_are_read_back(
    rows: list[tuple[str, str, str]], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.mktemp("csv"), csv_of(("barcode", "fat", "x"), *rows))

    _, batches, _ = read_all(path, size)

    read = [
        row
        for batch in batches
        for row in zip(*(column.to_pylist() for column in batch.columns.values()), strict=True)
    ]
    assert read == [tuple(cell or None for cell in row) for row in rows]


@settings(derandomize=True)
@given(text=st.text(st.sampled_from('ab,"\n\r \u00e9'), max_size=40), size=st.integers(1, 3))
def test_texts_are_read_as_pythons_strict_reader_reads_them(
    text: str, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = f"barcode,fat\n{text}".encode()
    path = written(tmp_path_factory.mktemp("csv"), content)

    expected = pythons(content)

    if not expected:
        with pytest.raises(UnreadableError):
            read_all(path, size)
        return
    _, batches, _ = read_all(path, size)
    read = [
        [cell or "" for cell in row]
        for batch in batches
        for row in zip(*(column.to_pylist() for column in batch.columns.values()), strict=True)
    ]
    assert read == [row for row in expected if len(row) == 2]


def pythons(content: bytes) -> list[list[str]]:
    """The rows below the header that are not empty; none where the file cannot be read on."""
    reader = csv.reader((line.decode() for line in io.BytesIO(content)), strict=True)
    rows: list[list[str]] = []
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return rows[1:]
        except csv.Error as error:
            if "expected after" not in str(error):
                return []
            row = ["not two cells"]
        if any(map(str.strip, row)):
            rows.append(row)
