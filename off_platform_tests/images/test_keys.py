"""Keys: the document's sentences about directories and names, and the layout of today."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.barcodes.text import normal_form
from off_platform.images import keys

CODES = st.from_regex(r"[0-9]{1,24}", fullmatch=True).filter(lambda code: code.strip("0"))
KINDS = st.sampled_from(["raw", "400", "ocr"])
IDS = st.integers(0, 999_999_999)
Parts = tuple[str, int, keys.Kind]


def parts_of(codes: st.SearchStrategy[str]) -> st.SearchStrategy[list[Parts]]:
    return st.lists(st.tuples(codes, IDS, KINDS), min_size=1, max_size=20)


def test_the_documents_own_example() -> None:
    assert keys.key("4012359114303", 1, "raw") == "data/401/235/911/4303/1.jpg"
    assert keys.key("4012359114303", 1, "400") == "data/401/235/911/4303/1.400.jpg"
    assert keys.key("4012359114303", 1, "ocr") == "data/401/235/911/4303/1.json.gz"
    assert keys.file_name("data/376/005/047/0099/1.jpg") == "376_005_047_0099_1.jpg"


@pytest.mark.parametrize(
    ("barcode", "current", "document"),
    [
        ("20065034", "data/000/002/006/5034/", "data/20065034/"),
        ("03017620422003", "data/301/762/042/2003/", "data/301/762/042/2003/"),
        ("990530101113758685", "data/990/530/101/113758685/", "data/990/530/101/113758685/"),
        ("036000291452", "data/003/600/029/1452/", "data/036000291452/"),
    ],
)
def test_both_layouts(barcode: str, current: str, document: str) -> None:
    assert keys.directory(barcode) == current
    assert keys.directory(barcode, "document") == document


@pytest.mark.parametrize("image_id", [400, 1400])
def test_image_ids_that_look_like_the_small_copy_are_raw(image_id: int) -> None:
    assert keys.parse(f"data/401/235/911/4303/{image_id}.jpg").kind == "raw"
    assert keys.parse(f"data/401/235/911/4303/{image_id}.400.jpg").kind == "400"


@given(CODES, IDS, KINDS, st.sampled_from(["current", "document"]))
def test_a_key_leads_back_to_its_parts(
    barcode: str, image_id: int, kind: keys.Kind, layout: keys.Layout
) -> None:
    parsed = keys.parse(keys.key(barcode, image_id, kind, layout))
    assert (parsed.barcode, parsed.image_id, parsed.kind) == (normal_form(barcode), image_id, kind)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


@given(
    st.tuples(st.just("current"), parts_of(CODES.map(normal_form)))
    | st.tuples(st.just("document"), parts_of(CODES.map(lambda code: f"1{code[:11]}")))
)
def test_both_layouts_are_written_alike_in_sql_match_the_pattern_and_are_parsed(
    connection: duckdb.DuckDBPyConnection, listed: tuple[keys.Layout, list[Parts]]
) -> None:
    layout, parts = listed
    written = [keys.key(*each, layout) for each in parts]
    directory = keys.UNSPLIT if layout == "document" else keys.SPLIT
    columns = "unnest($1) AS code, unnest($2) AS id, unnest($3) AS kind"
    query = f"SELECT {keys.key_sql('code', 'id', 'kind', directory)} FROM (SELECT {columns})"
    in_sql = connection.execute(query, [*map(list, zip(*parts, strict=True))]).fetchall()
    assert in_sql == [(text,) for text in written]
    assert all(re.fullmatch(keys.KEY, text) for text in written)
    assert [keys.parse(text) for text in written] == [
        keys.Key(normal_form(code), image_id, kind, layout) for code, image_id, kind in parts
    ]


def parses(text: str) -> bool:
    try:
        keys.parse(text)
    except keys.NotAKeyError:
        return False
    return True


@given(st.from_regex(r"data/[0-9/]{1,30}/[0-9]{1,11}(\.400)?\.(jpg|json\.gz|json)", fullmatch=True))
def test_the_pattern_of_the_table_is_the_rule_of_the_parser(text: str) -> None:
    zeros = re.fullmatch("data/[0/]+", text[: text.rindex("/")])
    assert parses(text) == (bool(re.fullmatch(keys.KEY, text)) and not zeros)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "an empty line"),
        ("data/data_keys.gz", "the key list itself"),
        ("/etc/passwd", "does not start with data/"),
        ("data/../../1.jpg", "leaves its"),
        ("data/401/235/911/../1.jpg", "leaves its"),
        ("data/401/235/911/43O3/1.jpg", "not a barcode"),
        ("data/401/235/9114303/1.jpg", "not a barcode"),
        ("data/401/235/911/4303/front_fr.4.400.jpg", "not an image id"),
        ("data/401/235/911/4303/1.json", "not an image id"),
        ("data/401/235/911/4303/.jpg", "not an image id"),
        ("data/401/235/911/4303/1.JPG", "not an image id"),
        ("data/401/235/911/4303/1.jpg\r", "has a carriage return"),
        ("data/401/235/911/4303/1.jpg\rdata/", "has a carriage return"),
        ("\0d\0a\0t\0a\0/", "has NUL bytes"),
        ("data/401/235/911/4303/1.jpg\t", "begins or ends with white space"),
        (" data/401/235/911/4303/1.jpg", "begins or ends with white space"),
        ("data/401/235/911/4303/12345678901.jpg", "not an image id"),
        ("data/000/000/000/0000/1.jpg", "all zeros"),
        ("data/0/1.jpg", "all zeros"),
    ],
)
def test_a_text_that_is_not_a_key_says_why(text: str, reason: str) -> None:
    with pytest.raises(keys.NotAKeyError, match=reason):
        keys.parse(text)
    with pytest.raises(keys.NotAKeyError):
        keys.file_name(text)


@given(st.text(max_size=60))
def test_no_text_becomes_a_path(text: str) -> None:
    try:
        name = keys.file_name(text)
    except keys.NotAKeyError:
        return
    assert "/" not in name
    assert Path(name).name == name


def test_keys_quoted_in_public_documents(real_data: Callable[[str], Path]) -> None:
    quoted = real_data("off/image_keys/literal_keys_seen_in_public_code.txt").read_text().split()
    assert len(quoted) == 11
    for text in quoted:
        parsed = keys.parse(text)
        assert keys.key(parsed.barcode, parsed.image_id, parsed.kind) == text
