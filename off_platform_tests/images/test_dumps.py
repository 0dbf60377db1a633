"""The database dump as the table of facts: the real samples counted anew, and each rule by hand."""

import csv
import gzip
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.barcodes.text import normal_form
from off_platform.dumps import reading as dumps
from off_platform.dumps.facts import FACTS
from off_platform.dumps.formats import UnknownDumpError
from off_platform.dumps.reading import facts_of, products_query, read_dump
from off_platform_tests.images.dump_reader import Reader, Row

NUTELLA = "3017620422003"
NEWER = "another row of the same product was modified later"
COLUMNS = "the line has too many or too few columns"


# What the samples hold, worked out in plain Python from the files, one row a code.


def moment(seconds: object) -> datetime | None:
    if seconds in {None, ""}:
        return None
    return datetime.fromtimestamp(int(str(seconds)), UTC).replace(tzinfo=None)


def day(seconds: object) -> date | None:
    at = moment(seconds)
    return at.date() if at else None


def sorted_by_code(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["code"])


def split(tags: str) -> list[str]:
    return [tag for tag in tags.split(",") if tag]


def clean(text: str | None) -> str | None:
    plain = re.sub(r"[\x00-\x20\x7f]+", " ", text or "")
    for entity, character in {"&quot;": '"', "&lt;": "<", "&gt;": ">"}.items():
        plain = plain.replace(entity, character)
    return plain.replace("&#39;", "'").replace("&amp;", "&").strip(" ") or None


def brands(text: str | None) -> list[str]:
    return [plain for brand in (text or "").split(",") if (plain := clean(brand))]


def narrowest(tags: Iterable[str]) -> str | None:
    """Tags go from broad to narrow; `en:null` is no category."""
    return next((tag for tag in reversed([*tags]) if tag and not tag.endswith(":null")), None)


def grade(text: str | None) -> str | None:
    return text if text in {*"abcde"} else None


def from_published_csv(row: Mapping[str, str]) -> Row:
    return {
        "code": normal_form(row["code"]),
        "last_editor": row["last_modified_by"] or None,
        "last_modified": moment(row["last_modified_t"]),
        "last_image": day(row["last_image_t"]),
        "photos": None,
        "countries": split(row["countries_tags"]),
        "categories": split(row["categories_tags"]),
        "languages": None,
        "name": clean(row["product_name"]),
        "names": None,
        "brands": brands(row["brands"]),
        "category": narrowest([*split(row["categories_tags"]), row["main_category"]]),
        "product_labels": split(row["labels_tags"]),
        "quantity": clean(row["quantity"]),
        "nutriscore": grade(row["nutriscore_grade"]),
        "nova": int(row["nova_group"]) if row["nova_group"] else None,
        "ingredients_text": clean(row["ingredients_text"]),
    }


def from_published_json(row: Mapping[str, Any]) -> Row:
    return {
        "code": normal_form(row["code"]),
        "last_editor": row["last_editor"] or None,
        "last_modified": moment(row["last_modified_t"]),
        "last_image": day(row.get("last_image_t")),
        "photos": sum(key.isdigit() for key in row.get("images") or {}),
        "countries": row["countries_tags"],
        "categories": row.get("categories_tags") or [],
        "languages": sorted(row["languages_codes"]),
        "name": clean(row.get("product_name")),
        "names": sorted(
            f"{key[-2:]}:{plain}"
            for key, name in row.items()
            if re.fullmatch("product_name_[a-z]{2}", key) and (plain := clean(name))
        ),
        "brands": brands(row.get("brands")),
        "category": narrowest(row.get("categories_tags") or []),
        "product_labels": row.get("labels_tags") or [],
        "quantity": clean(row.get("quantity")),
        "nutriscore": grade(row["nutriscore_grade"]),
        "nova": row.get("nova_group"),
        "ingredients_text": clean(row.get("ingredients_text")),
    }


NAMED = {
    "en:english": "en",
    "en:french": "fr",
    "en:german": "de",
    "en:latin": "la",
    "en:spanish": "es",
    "en:dutch": "nl",
    "en:italian": "it",
    "en:danish": "da",
    "en:russian": "ru",
    "en:swedish": "sv",
    "en:czech": "cs",
}


def main(texts: Iterable[Mapping[str, str]] | None) -> str | None:
    """The text of the main language; a few products have none, and their first one is taken."""
    listed = [*(texts or ())]
    first = [each for each in listed if each["lang"] == "main"] + listed
    return clean(first[0]["text"]) if first else None


def from_published_parquet(row: Mapping[str, Any]) -> Row:
    return {
        "code": normal_form(row["code"]),
        "last_editor": row["last_editor"] or None,
        "last_modified": moment(row["last_modified_t"]),
        "last_image": day(row["last_image_t"]),
        "photos": sum(image["key"].isdigit() for image in row["images"]),
        "countries": row["countries_tags"] or [],
        "categories": row["categories_tags"] or [],
        "languages": sorted(NAMED[tag] for tag in row["languages_tags"] if tag in NAMED),
        "name": main(row["product_name"]),
        "names": sorted(
            {
                f"{each['lang']}:{plain}"
                for each in row["product_name"] or ()
                if each["lang"] != "main" and (plain := clean(each["text"]))
            }
        ),
        "brands": brands(row["brands"]),
        "category": narrowest(row["categories_tags"] or []),
        "product_labels": row["labels_tags"] or [],
        "quantity": clean(row["quantity"]),
        "nutriscore": grade(row["nutriscore_grade"]),
        "nova": row["nova_group"],
        "ingredients_text": main(row["ingredients_text"]),
    }


def test_the_published_csv(real_data: Callable[[str], Path], reader: Reader) -> None:
    dump = real_data("off/exports/en.openfoodfacts.org.products_1000.tsv")
    with dump.open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        expected = sorted_by_code(from_published_csv(row) for row in lines)
    assert reader.rows(dump) == expected
    assert len(expected) == 1000
    assert reader.rejected() == {}
    assert facts_of(dump) == set(FACTS) - {"photos", "languages", "names"}
    assert reader.photos(dump) == []


@pytest.mark.slow
def test_the_published_json_lines(real_data: Callable[[str], Path], reader: Reader) -> None:
    dump = real_data("off/exports/openfoodfacts-products-min.jsonl.gz")
    with gzip.open(dump) as file:
        expected = sorted_by_code(from_published_json(json.loads(line)) for line in file)
    assert reader.rows(dump) == expected
    assert sum(row["photos"] for row in expected) == 900
    assert reader.rejected() == {}
    assert facts_of(dump) == set(FACTS)


def test_the_published_parquet(real_data: Callable[[str], Path], reader: Reader) -> None:
    dump = real_data("off/exports/food_products_1000.parquet")
    kept = ["code", *(name for _, names in FACTS.values() for name in names)]
    wanted = [name for name in pq.read_schema(dump).names if name in kept]
    rows = pq.read_table(dump, columns=wanted).to_pylist()
    expected = sorted_by_code(map(from_published_parquet, rows))
    assert reader.rows(dump) == expected
    assert sum(row["photos"] for row in expected) == 1127
    assert reader.rejected() == {}
    assert facts_of(dump) == set(FACTS)


def test_a_tab_separated_export_with_a_wrong_ending(
    real_data: Callable[[str], Path], reader: Reader
) -> None:
    """This one quotes line breaks, which a dump never does: its torn lines are counted."""
    dump = real_data("off/exports/off_site_export_tsv_named_csv.csv")
    header, *lines = dump.read_text(encoding="utf-8").split("\n")
    filled = [line for line in lines if line]
    whole = [line.split("\t") for line in filled if line.count("\t") == header.count("\t")]
    found = reader.rows(dump)
    assert [row["code"] for row in found] == sorted(normal_form(line[0]) for line in whole)
    assert reader.rejected() == {COLUMNS: len(filled) - len(whole)}
    named = {"names", "brands", "category", "product_labels", "quantity"}
    assert facts_of(dump) == {"code", "countries", "categories", "languages"} | named


def test_the_format_is_detected_by_content_not_by_name(reader: Reader) -> None:
    for name, content in {
        "a.parquet": b"code\n20065034\n",
        "b.jsonl": gzip.compress(b"code\n20065034\n"),
        "c.csv": gzip.compress(b'{"code": "20065034"}\n'),
        "we[i]r'd*?.tsv": b"code\n20065034",
    }.items():
        assert [row["code"] for row in reader.rows(reader.made(content, name))] == ["20065034"]


def test_a_dump_named_like_a_pattern_reads_no_other_file(reader: Reader) -> None:
    reader.made(b"code\n3017620422003\n", "dump1.csv")
    dump = reader.made(b"code\n20065034\n", "dump*.csv")
    assert [row["code"] for row in reader.rows(dump)] == ["20065034"]


def test_types_hold_even_where_a_dump_lacks_the_facts(reader: Reader) -> None:
    dump = reader.csv("code", [NUTELLA])
    read_dump(reader.connection, dump)
    described = reader.connection.execute(f"DESCRIBE {products_query()}").fetchall()
    assert {row[0]: row[1] for row in described} == {
        name: kind for name, (kind, _) in FACTS.items()
    }
    assert reader.rows(dump) == [dict.fromkeys(FACTS) | {"code": NUTELLA}]
    assert facts_of(dump) == {"code"}


def test_quotes_are_text_and_swallow_nothing(reader: Reader) -> None:
    odd = 'o\'brien "" \\'
    rows = [["20065034", 'the "best', '"kiliweb'], [NUTELLA, '"', odd]]
    found = reader.rows(reader.csv("code name last_editor", *rows))
    editors = {row["code"]: row["last_editor"] for row in found}
    assert editors == {"20065034": '"kiliweb', NUTELLA: odd}


def test_last_editor_takes_precedence_over_last_modified_by(reader: Reader) -> None:
    dump = reader.csv("code last_modified_by last_editor", ["1", "b", "a"], ["2", "b", " "])
    assert [row["last_editor"] for row in reader.rows(dump)] == ["a", "b"]


def test_torn_lines_are_counted(reader: Reader) -> None:
    torn = b"3017620422003\ttorn\nhere\tfr\n1\t2\t3\t\n\n1\t2\t3\t4\t5\n"
    dump = reader.made(b"code\tname\tlc\n20065034\ta\tfr\n" + torn)
    assert [row["code"] for row in reader.rows(dump)] == ["20065034"]
    assert reader.rejected() == {COLUMNS: 4}


def test_windows_line_ends_and_a_byte_order_mark(reader: Reader) -> None:
    dump = reader.made(b"\xef\xbb\xbfcode\tlc\r\n20065034\tfr\r\n")
    found = [(row["code"], row["languages"]) for row in reader.rows(dump)]
    assert found == [("20065034", ["fr"])]


def test_lines_that_are_not_utf_8_are_counted(reader: Reader) -> None:
    lines = b"1\ta\tfr\n2\t\xe9\tfr\n3\t\xe9\t\xe9\n4\tb\tfr\n"
    dump = reader.made(b"code\tlast_editor\tlc\n" + lines)
    assert [row["code"] for row in reader.rows(dump)] == ["00000001", "00000004"]
    assert reader.rejected() == {"the line is not UTF-8, or too long": 2}


def test_a_dump_in_another_encoding_is_refused_with_bounded_memory(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dumps, "MOST_UNREADABLE_LINES", 10)
    dump = reader.made(b"code\tlast_editor\n" + b"20065034\t\xe9\n" * 50)
    with pytest.raises(UnknownDumpError, match="too many lines that are not UTF-8"):
        reader.rows(dump)


def test_codes_of_one_product_give_one_row_the_newest(reader: Reader) -> None:
    dump = reader.csv(
        "code last_modified_t last_editor",
        [NUTELLA, 1_700_000_000, "older"],
        [f"0{NUTELLA}", 1_700_000_001, "newer"],
        [f"00{NUTELLA}", "", "never"],
        ["0000020065034", "", "padded"],
        ["1", "", "short"],
        ["123456789", "", "nine digits"],
        ["990530101113758685", "", "long"],
    )
    assert {row["code"]: row["last_editor"] for row in reader.rows(dump)} == {
        "00000001": "short",
        "0000123456789": "nine digits",
        "20065034": "padded",
        NUTELLA: "newer",
        "990530101113758685": "long",
    }
    assert reader.rejected() == {NEWER: 2}


def test_rows_modified_at_once_do_not_depend_on_their_order(reader: Reader) -> None:
    rows = [[NUTELLA, f"editor {number}"] for number in range(20)]
    one_way = reader.rows(reader.csv("code last_editor", *rows))
    assert one_way == reader.rows(reader.csv("code last_editor", *rows[::-1]))


def test_rows_without_a_usable_code_are_counted_by_reason(reader: Reader) -> None:
    codes = ["", "3,01762E+12", "3.01762E+12", " 20065034", "0000", "0", "9" * 25, NUTELLA]
    dump = reader.csv("code lc", *([code, "fr"] for code in codes))
    assert [row["code"] for row in reader.rows(dump)] == [NUTELLA]
    assert reader.rejected() == {
        "the code is empty": 1,
        "the code holds more than digits": 3,
        "the code is all zeros": 2,
        "the code has more than 24 digits": 1,
    }


def test_a_second_dump_replaces_the_first(reader: Reader) -> None:
    reader.rows(reader.csv("code", ["x"], ["y"]))
    reader.rows(reader.csv("code", ["z"], [NUTELLA]))
    assert reader.rejected() == {"the code holds more than digits": 1}


OLD_SHAPE = {
    "1": {"uploaded_t": "1519297019", "uploader": "kiliweb"},
    "12": {"uploaded_t": 1579374831},
    "front_fr": {"imgid": "1", "uploaded_t": 1_700_000_000},
}
NEW_SHAPE = {
    "uploaded": {"1": {"uploaded_t": 1519297019}, "2": {"uploaded_t": "1579374831"}, "3": {}},
    "selected": {"front": {"fr": {"imgid": "1", "uploaded_t": 1_700_000_000}}},
}


@pytest.mark.parametrize(
    ("images", "photos", "last_image"),
    [
        (OLD_SHAPE, 2, date(2020, 1, 18)),
        (NEW_SHAPE, 3, date(2020, 1, 18)),
        ({}, 0, None),
        (None, 0, None),
        ({"uploaded": {}, "selected": {}}, 0, None),
        ({"selected": {}}, 0, None),
        ({"1": None, "2": "?", "3": {"uploaded_t": "soon"}}, 3, None),
        ({"1": {"uploaded_t": 1519297019000}}, 1, None),
        ({"1": {"uploaded_t": -5}}, 1, None),
        ("1, 2", None, None),
    ],
)
def test_photos_of_both_shapes(
    reader: Reader,
    images: object,
    photos: int | None,
    last_image: date | None,
) -> None:
    dump = reader.jsonl({"code": NUTELLA, "images": images})
    (row,) = reader.rows(dump)
    assert (row["photos"], row["last_image"]) == (photos, last_image)


def test_the_newest_photo_is_taken_from_the_dump_if_it_has_it(reader: Reader) -> None:
    dates = ["2015-03", "2015-03-14", "2015-03-15", "2016", "2016-99-99", "infinity"]
    dump = reader.jsonl(
        {"code": "1", "last_image_t": 1, "images": OLD_SHAPE, "last_image_dates_tags": dates},
        {"code": "2", "images": OLD_SHAPE, "last_image_dates_tags": dates},
        {"code": "3", "images": {}, "last_image_dates_tags": dates},
        {"code": "4", "last_image_dates_tags": []},
    )
    days = [row["last_image"] for row in reader.rows(dump)]
    assert days == [date(1970, 1, 1), date(2020, 1, 18), date(2015, 3, 15), None]


def test_times_are_utc_in_every_session(reader: Reader) -> None:
    reader.connection.execute("SET TimeZone = 'Pacific/Auckland'").fetchall()
    dump = reader.jsonl({"code": NUTELLA, "last_modified_t": 1_700_000_000})
    (row,) = reader.rows(dump)
    assert row["last_modified"] == datetime(2023, 11, 14, 22, 13, 20)  # noqa: DTZ001 - as in the table


@pytest.mark.parametrize(
    ("of_dump", "languages"),
    [
        ({"languages_codes": {"nl": 1, "fr": 4, "xx": 1, "zh-tw": 1}, "lang": "de"}, ["fr", "nl"]),
        (
            {"languages_codes": {}, "languages_tags": ["en:french", "en:2", "en:dutch"]},
            ["fr", "nl"],
        ),
        ({"languages_tags": ["en:tibetan-language", "en:klingon"], "lang": "de"}, ["bo"]),
        ({"languages_tags": ["en:klingon"], "lang": "de", "lc": "fr"}, ["de"]),
        ({"lang": "", "lc": "fr"}, ["fr"]),
        ({"lc": None}, []),
    ],
)
def test_languages_are_read_from_every_source(
    reader: Reader,
    of_dump: dict[str, object],
    languages: list[str],
) -> None:
    (row,) = reader.rows(reader.jsonl({"code": NUTELLA} | of_dump))
    assert row["languages"] == languages


def test_a_missing_list_of_a_product_is_empty_not_null(reader: Reader) -> None:
    tags = [["en:france", " ", None], None, "en:france"]
    dump = reader.jsonl(*({"code": str(at), "countries_tags": t} for at, t in enumerate(tags, 1)))
    found = reader.rows(dump)
    assert [row["countries"] for row in found] == [["en:france"], [], []]
    assert [row["categories"] for row in found] == [None, None, None]
    dump = reader.csv("code countries_tags", ["1", "en:france, en:spain,,"], ["2", ""])
    assert [row["countries"] for row in reader.rows(dump)] == [["en:france", "en:spain"], []]


def test_parquet_of_other_making(reader: Reader) -> None:
    """Codes as numbers, tags as text, images as JSON: whatever a tool made of the dump."""
    dump = reader.parquet(
        code=pa.array([3017620422003, 20065034, None]),
        countries_tags=pa.array(["en:france,en:spain", None, ""]),
        images=pa.array([json.dumps(OLD_SHAPE), None, "{"]),
        last_modified_t=pa.array([1_700_000_000.0, None, None]),
    )
    short, nutella = reader.rows(dump)
    assert (short["code"], short["countries"], short["photos"]) == ("20065034", [], 0)
    assert (nutella["countries"], nutella["photos"]) == (["en:france", "en:spain"], 2)
    assert nutella["last_modified"] == moment(1_700_000_000)
    assert reader.rejected() == {"the code is empty": 1}


def test_malformed_lines_of_json_are_counted(reader: Reader) -> None:
    lines = [
        b'{"code": "20065034"}',
        b'{"code": "3017620422003"',
        b"[1]",
        b'{"code": "\xff"}',
        b"",
        b'{"code": 20065035, "x": 1}',
        b'{"code": 3.01762e12}',
        b'{"code": {"a": 1}}',
        b'{"code": ""}',
        b'{"x": 1}',
    ]
    dump = reader.made(b"\n".join(lines))
    assert [row["code"] for row in reader.rows(dump)] == ["20065034", "20065035"]
    assert reader.rejected() == {
        "the line is not a JSON object of a product": 4,
        "the code holds more than digits": 2,
        "the code is empty": 1,
    }


def test_a_line_of_json_without_end_is_refused(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dumps, "MOST_BYTES", 1_000_000)
    endless = b'{"code": "20065034", "x": "' + b"x" * 40_000_000 + b'"}\n'
    dump = reader.made(b'{"code": "1"}\n' + endless)
    with pytest.raises(UnknownDumpError, match="maximum_object_size"):
        reader.rows(dump)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"<!DOCTYPE html>\n<title>503</title>", "an HTML or XML page"),
        (gzip.compress(b"  <html>", mtime=0), "an HTML or XML page"),
        (b"PK\x03\x04\x14\x00\x06\x00", r"an Excel workbook \(xlsx\)"),
        (b"\x81\x99\xe2\x6d\0\0", "a MongoDB archive"),
        (b'[{"code": "1"}]', "one JSON array"),
        (b'{"products": []}', "not products with a `code`"),
        (b'{\n  "code": "1"\n}', "not products with a `code`"),
        (b"barcode\tlc\n1\tfr\n", "does not name a column `code`"),
        (b'"code","lc"\n"1","fr"\n', "does not name a column `code` between tabs"),
        (bytes(range(200)), "does not name a column `code`"),
    ],
)
def test_a_file_that_is_not_a_dump_is_refused_in_one_sentence(
    reader: Reader, content: bytes, sentence: str
) -> None:
    dump = reader.made(content, "products.csv.gz")
    with pytest.raises(UnknownDumpError, match=sentence) as refused:
        facts_of(dump)
    assert str(refused.value).startswith("products.csv.gz is ")
    assert "expected an Open Food Facts dump" in str(refused.value)
    with pytest.raises(UnknownDumpError, match=sentence):
        reader.rows(dump)


def test_parquet_without_codes_is_refused(reader: Reader) -> None:
    with pytest.raises(UnknownDumpError, match="Parquet without `code`"):
        facts_of(reader.parquet(barcode=pa.array(["1"])))


@pytest.mark.parametrize("left", [0.99, 0.5, 0.001])
@pytest.mark.parametrize("line", [b"%d\t%d\n", b'{"code": "%d", "x": "%d"}\n'])
def test_a_gzipped_dump_that_was_cut_off_is_refused(
    reader: Reader, left: float, line: bytes
) -> None:
    lines = b"".join(line % (number + 1, number * 7919 % 10_007) for number in range(20_000))
    whole = gzip.compress(lines if line.startswith(b"{") else b"code\tx\n" + lines)
    dump = reader.made(whole[: int(len(whole) * left)])
    with pytest.raises(UnknownDumpError, match="is truncated or damaged; fetch it again"):
        reader.rows(dump)
    assert len(reader.rows(reader.made(whole))) == 20_000


@pytest.mark.parametrize("left", [0.99, 0.5, 0.02])
def test_parquet_that_was_cut_off_is_refused(reader: Reader, left: float) -> None:
    whole = reader.parquet(code=pa.array([str(number) for number in range(1000)]))
    content = whole.read_bytes()
    dump = reader.made(content[: int(len(content) * left)])
    with pytest.raises(UnknownDumpError, match="is truncated or damaged; fetch it again"):
        reader.rows(dump)


def test_too_little_memory_is_not_blamed_on_the_dump(reader: Reader) -> None:
    reader.connection.execute("SET temp_directory = ''").fetchall()
    reader.connection.execute("SET memory_limit = '5MB'").fetchall()
    rows = ([number, f"{number} " * 100] for number in range(1, 20_001))
    with pytest.raises(duckdb.OutOfMemoryException):
        reader.rows(reader.csv("code last_editor", *rows))


def test_a_missing_file_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        facts_of(tmp_path / "absent.csv.gz")


digit_texts = st.text("0123456789", max_size=27)


@settings(max_examples=15)
@given(st.lists(digit_texts | st.text("0123456789eE+., ", max_size=8), max_size=30))
def test_every_line_is_either_a_product_or_counted(
    shared_reader: Callable[[], Reader], codes: list[str]
) -> None:
    reader = shared_reader()
    found = reader.rows(reader.csv("code lc", *([code, "fr"] for code in codes)))
    assert len(found) + sum(reader.rejected().values()) == len(codes)
    assert [row["code"] for row in found] == sorted({row["code"] for row in found})


def fact(reader: Reader, name: str, *products: Mapping[str, object]) -> list[object]:
    """One fact of these products, in order."""
    numbered = ({"code": str(at)} | dict(each) for at, each in enumerate(products, 1))
    return [row[name] for row in reader.rows(reader.jsonl(*numbered))]


@pytest.mark.parametrize(
    ("products", "name", "expected"),
    [
        ([{"product_name": " Tea \t\n"}, {"product_name": ""}, {}], "name", ["Tea", None, None]),
        ([{"product_name": "A&quot;B&quot; &amp;lt; \x00C"}], "name", ['A"B" &lt; C']),
        ([{"product_name": "x" * 600}], "name", ["x" * 500]),
        ([{"product_name": {"a": 1}}], "name", ['{"a":1}']),
        (
            [{"product_name_fr": "Thé", "product_name_en": "Tea", "product_name_de": " "}, {}],
            "names",
            [["en:Tea", "fr:Thé"], []],
        ),
        ([{"product_name": "Tea"}], "names", [None]),
        ([{"brands": "Nestlé, ,Maggi "}, {"brands": None}], "brands", [["Nestlé", "Maggi"], []]),
        ([{"brands_tags": ["a-b"]}, {}], "brands", [["a-b"], []]),
        (
            [
                {"categories_tags": ["en:foods", "en:teas", "en:null"]},
                {"categories_tags": ["en:foods"], "main_category": "en:black-teas"},
                {"categories_tags": ["en:foods"], "main_category": "en:null"},
                {"categories_hierarchy": ["en:foods", "en:teas"], "categories_tags": []},
                {"categories_tags": ["null"], "main_category": ""},
                {},
            ],
            "category",
            ["en:teas", "en:black-teas", "en:foods", "en:teas", None, None],
        ),
        ([{"labels_tags": ["en:organic", ""]}, {}], "product_labels", [["en:organic"], []]),
        ([{"quantity": "1" * 200}, {"quantity": 5}], "quantity", ["1" * 100, "5"]),
        (
            [{"nutriscore_grade": g} for g in ("a", "E", "unknown", "not-applicable", "f", "", 7)],
            "nutriscore",
            ["a", "e", None, None, None, None, None],
        ),
        ([{"nutrition_grades": "b"}, {"nutriscore_grade": None}], "nutriscore", ["b", None]),
        (
            [{"nova_group": g} for g in (1, "4", 5, 0, "", None, "four", 2.0, 10**30)],
            "nova",
            [1, 4, None, None, None, None, None, 2, None],
        ),
        ([{"ingredients_text": "a\nb" * 5_000}], "ingredients_text", [("a b" * 3_334)[:10_000]]),
        ([{"countries_tags": ["x" * 400] * 600}], "countries", [["x" * 300] * 500]),
    ],
)
def test_each_fact_is_bounded_and_read_from_every_source(
    reader: Reader, products: list[Mapping[str, object]], name: str, expected: list[object]
) -> None:
    assert fact(reader, name, *products) == expected


def test_a_name_in_a_language_that_the_first_lines_do_not_have(reader: Reader) -> None:
    first = ({"code": str(n), "product_name_fr": "Thé"} for n in range(1, 1_500))
    dump = reader.jsonl(*first, {"code": "2000", "product_name_mi": "Tī"})
    assert reader.rows(dump)[-1]["names"] == ["mi:Tī"]


def test_names_of_a_csv_export_with_a_column_per_language(reader: Reader) -> None:
    dump = reader.csv(
        "code product_name_fr product_name_nl", ["1", "Miel", ""], ["2", "", "Honing"]
    )
    assert [row["names"] for row in reader.rows(dump)] == [["fr:Miel"], ["nl:Honing"]]
