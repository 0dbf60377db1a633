"""The key index agrees with `keys.parse`, line by line, whatever the lines are."""

import gzip
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from off_platform.images import key_list, keys
from off_platform.images.key_index import KeyIndexFacts, write_key_index
from off_platform.images.schemas import KEY_INDEX, KEY_INDEX_ODDITIES
from off_platform_tests.images_desk import write_list

MOST = 2**24
IMAGE_IDS = st.one_of(st.integers(0, 20), st.sampled_from([400, 1400, 999_999_999]))
KINDS = st.sampled_from(["raw", "400", "ocr"])
CODES = st.one_of(
    st.from_regex(r"[1-9][0-9]{12}", fullmatch=True),
    st.from_regex(r"0{0,8}[1-9][0-9]{0,15}", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{13,23}", fullmatch=True),
)
VALID = st.builds(keys.key, CODES, IMAGE_IDS, KINDS, st.sampled_from(["current", "document"]))
# Few directories, so that they come several times in a row as they do in a real list.
SHELF = st.builds(
    keys.key,
    st.sampled_from(["3017620422003", "20065034", "17", "03017620422003"]),
    IMAGE_IDS,
    KINDS,
)
# Split directories of any digits: needless zeros, all zeros, too long.
SPLIT = st.builds(
    lambda code, name: f"data/{code[:3]}/{code[3:6]}/{code[6:9]}/{code[9:]}/{name}",
    st.from_regex(r"0{0,6}[0-9]{9,20}", fullmatch=True),
    st.from_regex(r"[0-9]{0,11}(\.400\.jpg|\.jpg|\.json\.gz|\.json|\.400)", fullmatch=True),
)
HOSTILE = st.sampled_from(
    [
        "",
        "\r",
        "data/data_keys.gz",
        "data/../../etc/passwd",
        "/etc/passwd",
        "data/301/762/042/../1.jpg",
        "data/301/762/042/2003/../1.jpg",
        "data/301/762/042/2003//1.jpg",
        "data/301/762/042/2003/1.jpg\r",
        "data/301/762/042/2003/1.jpg\x01",
        "data/301/762/042/2003/\x00.jpg",
        "data/301/762/042/2003/1.jpg ",
        "data/301/762/042/2003/01.jpg",
        "data/301/762/042/2003/00.400.jpg",
        "data/301/762/042/2003/0.jpg",
        "data/301/762/042/2003/1.JPG",
        "data/301/762/042/2003/1,400.jpg",
        "data/301/762/042/2003/9999999999.jpg",
        "data/301/762/042/2003/",
        "data/301/762/042/2003",
        "data/301/762/042/200\N{ARABIC-INDIC DIGIT THREE}/1.jpg",
        "data/000/000/000/0000/1.jpg",
        "data/0/1.jpg",
        "data/99999/1.jpg",
        'data/"301"/762/042/2003/1.jpg',
        "data/" + "1" * 700,
    ]
)
LINE = st.one_of(
    SHELF.map(str.encode),
    VALID.map(str.encode),
    SPLIT.map(str.encode),
    HOSTILE.map(str.encode),
    st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")),
    st.builds(
        lambda key, place, byte: key[: place % len(key)] + bytes([byte]) + key[place % len(key) :],
        VALID.map(str.encode),
        st.integers(0, 60),
        st.integers(0, 255).filter(lambda byte: byte != ord("\n")),
    ),
)
# An empty last line cannot be distinguished from a newline at the end, and is none.
LISTS = st.lists(LINE, min_size=1, max_size=25).filter(lambda lines: lines[-1].strip(b"\r"))

Rows = list[dict[str, Any]]


def index_of(
    folder: Path, lines: list[bytes], *, newline: bool = False, block: int | None = None
) -> tuple[KeyIndexFacts, Rows, Rows]:
    """What is made of a list: facts, rows, oddities."""
    snapshot = write_list(folder, lines, newline=newline)
    made, odd = folder / "index.parquet", folder / "oddities.parquet"
    with pytest.MonkeyPatch.context() as patch:
        if block:
            patch.setattr(key_list, "BLOCK_BYTES", block)
        facts = write_key_index(snapshot, made, odd, MOST)
    return facts, pq.read_table(made).to_pylist(), pq.read_table(odd).to_pylist()


def expected_of(lines: list[bytes]) -> tuple[Rows, Rows]:
    """Rows and oddities as `keys.parse` has them, one line at a time."""
    rows, oddities = [], []
    for number, line in enumerate(lines, 1):
        text = line.decode("utf-8", "backslashreplace")
        try:
            key = keys.parse(text)
        except keys.NotAKeyError:
            reason = keys.reason_against(text)
            oddities.append({"line": number, "text": text[:500], "reason": reason})
        else:
            rows.append(
                {
                    "key": text,
                    "barcode": key.barcode,
                    "image_id": key.image_id,
                    "kind": key.kind,
                    "layout": key.layout,
                }
            )
    return rows, oddities


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("index")


@pytest.mark.slow
@given(
    lines=LISTS,
    newline=st.booleans(),
    in_order=st.booleans(),
    block=st.sampled_from([None, 64, 1000]),
)
@example(lines=[b"data/301/762/042/2003/01.jpg"], newline=False, in_order=False, block=None)
@example(lines=[b"data/301/762/042/2003/1.jpg\r"], newline=False, in_order=False, block=None)
@example(lines=[b"junk", b"junk"], newline=True, in_order=False, block=1)
def test_every_line_is_a_row_or_an_oddity_as_the_rule_for_one_says(
    folder: Path, lines: list[bytes], *, newline: bool, in_order: bool, block: int | None
) -> None:
    # A carriage return before a newline belongs to the line end, not to the line.
    lines = [line.rstrip(b"\r") for line in lines]
    if in_order:
        lines = [line for line in sorted(lines) if line] or [b"x"]
    facts, rows, oddities = index_of(folder, lines, newline=newline, block=block)
    expected_rows, expected_oddities = expected_of(lines)
    assert rows == expected_rows
    assert oddities == expected_oddities
    assert facts.lines == len(lines)
    assert facts.rows == len(rows)
    assert facts.rows + facts.oddities.total() == facts.lines
    assert +facts.by_kind == Counter(row["kind"] for row in rows)
    assert facts.oddities == Counter(oddity["reason"] for oddity in oddities)


@pytest.mark.slow
@given(
    st.lists(st.sampled_from([b"a", b"b", b"c", b"data/17/1.jpg"]), min_size=1, max_size=30),
    st.sampled_from([1, 7, 20, None]),
)
def test_order_and_repeats_are_counted_across_blocks(
    folder: Path, lines: list[bytes], block: int | None
) -> None:
    facts, _, _ = index_of(folder, lines, block=block)
    assert facts.repeated == sum(before == after for before, after in pairwise(lines))
    assert facts.out_of_order == sum(before > after for before, after in pairwise(lines))
    assert facts.sorted_and_unique == (sorted(set(lines)) == lines)


def test_bytes_decide_about_the_order(folder: Path) -> None:
    # As text, `10.jpg` sorts before `2.jpg`.
    names = [b"1.400.jpg", b"1.jpg", b"10.jpg", b"2.jpg"]
    facts, _, _ = index_of(folder, [b"data/301/762/042/2003/" + name for name in names])
    assert facts.sorted_and_unique


def test_a_very_long_line_is_an_oddity_like_others(folder: Path) -> None:
    lines = [
        b"data/17/1.jpg",
        b"x" * 60_000,
        b"data/17/" + b"2" * 60_000 + b".jpg",
        b"data/17/3.jpg",
    ]
    facts, rows, oddities = index_of(folder, lines)
    assert (rows, oddities) == expected_of(lines)
    assert (facts.rows, [oddity["line"] for oddity in oddities]) == (2, [2, 3])
    assert all(len(oddity["text"]) == 500 for oddity in oddities)


def test_the_tables_are_as_described(folder: Path) -> None:
    index_of(folder, [b"data/17/1.jpg", b"junk"])
    for name, table in (("index", KEY_INDEX), ("oddities", KEY_INDEX_ODDITIES)):
        found = pq.read_schema(folder / f"{name}.parquet")
        assert {field.name: field.type for field in found} == {
            field.name: field.type for field in table.arrow
        }


def test_a_list_without_a_key(folder: Path) -> None:
    facts, rows, oddities = index_of(folder, [b"junk", b"more junk"])
    assert (facts.rows, rows, len(oddities)) == (0, [], 2)


def test_a_list_without_an_oddity(folder: Path) -> None:
    facts, rows, oddities = index_of(folder, [b"data/301/762/042/2003/1.jpg"])
    assert (facts.oddities.total(), len(rows), oddities) == (0, 1, [])


def test_the_same_list_gives_the_same_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_list, "BLOCK_BYTES", 500)
    lines = [f"data/301/762/042/{code:04d}/{n}.jpg" for code in range(30) for n in (1, 2)]
    snapshot = write_list(folder, [line.encode() for line in [*lines, "junk"]])
    contents = set()
    for run in range(3):
        made, odd = folder / f"index-{run}.parquet", folder / f"oddities-{run}.parquet"
        write_key_index(snapshot, made, odd, MOST)
        contents.add(made.read_bytes() + odd.read_bytes())
    assert len(contents) == 1


def test_a_barcode_stands_once_in_its_row_groups_dictionary(folder: Path) -> None:
    # One product in several places and layouts, and lines between that are not keys.
    directories = ["3/017/620/422/003", "301/762/042/2003", "junk", "20065034", "002/006/503/4"]
    lines = [f"data/{each}/{name}.jpg".encode() for name in (1, 2) for each in directories]
    path = folder / "repeated.parquet"
    write_key_index(write_list(folder, lines), path, folder / "odd.parquet", MOST)
    with pq.ParquetFile(path) as file:
        column = file.metadata.row_group(0).column(file.schema_arrow.names.index("barcode"))
    # Arrow writes repeated texts as plain ones, and before them memory that it never filled.
    assert "RLE_DICTIONARY" in column.encodings


def test_a_refused_list_gives_no_index(folder: Path) -> None:
    packed = gzip.compress(b"data/17/1.jpg\n" * 1000)
    cut = folder / "cut.gz"
    cut.write_bytes(packed[:-8])
    with pytest.raises(key_list.RefusedKeyListError):
        write_key_index(cut, folder / "no-index.parquet", folder / "no-oddities.parquet", MOST)


@pytest.mark.parametrize("block", [None, 10_000])
def test_the_derived_list(
    folder: Path, real_data: Callable[[str], Path], block: int | None
) -> None:
    packed = real_data("off/image_keys/derived_data_keys.gz").read_bytes()
    lines = gzip.decompress(packed).rstrip(b"\n").split(b"\n")
    facts, rows, oddities = index_of(folder, lines, block=block)
    assert (rows, oddities) == expected_of(lines)
    # Counted without the wing's own rules.
    products = {line.rsplit(b"/", 1)[0] for line in lines if line.endswith((b".jpg", b".json.gz"))}
    assert len({row["barcode"] for row in rows}) == len(products) > 100
    assert facts.by_kind["400"] == sum(line.endswith(b".400.jpg") for line in lines)
    assert facts.by_kind["ocr"] == sum(line.endswith(b".json.gz") for line in lines)
    assert facts.by_kind["raw"] == (
        sum(line.endswith(b".jpg") for line in lines) - facts.by_kind["400"]
    )


def test_the_keys_quoted_in_public_documents(
    folder: Path, real_data: Callable[[str], Path]
) -> None:
    path = real_data("off/image_keys/literal_keys_seen_in_public_code.txt")
    lines = path.read_bytes().split()
    facts, rows, oddities = index_of(folder, lines)
    assert (rows, oddities) == expected_of(lines)
    assert facts.rows == len(lines) == 11
    joined = {line.removeprefix(b"data/").rsplit(b"/", 1)[0].replace(b"/", b"") for line in lines}
    assert {row["barcode"].zfill(13).encode() for row in rows} == joined
