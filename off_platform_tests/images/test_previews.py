"""What assets show of themselves: small, and nothing from outside is markup."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from off_platform.images.previews import changes_chart, index_preview
from off_platform.images.schemas import KEY_INDEX
from off_platform.previews import table_preview
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Access, Source
from off_platform.storage.sql import literal
from off_platform_tests.images_desk import MONTH, Desk

AMAZON = Source("s3://openfoodfacts-images", Access("eu-west-3"))


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with Lake(str(tmp_path_factory.mktemp("lake"))).connect() as made:
        yield made


def test_a_table_shows_its_first_rows(connection: duckdb.DuckDBPyConnection) -> None:
    shown = table_preview(connection, "SELECT range AS number, NULL AS nothing FROM range(100)")
    assert shown.md_str is not None
    lines = shown.md_str.split("\n")
    assert lines[:3] == ["| number | nothing |", "|---|---|", "| `0` |  |"]
    assert len(lines) == 2 + 8
    empty = table_preview(connection, "SELECT 1 AS number WHERE false")
    assert empty.md_str == "| number |\n|---|"


@given(st.text(max_size=90))
@example("a|b`c\n| d")
def test_outside_texts_are_not_markup(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    if "\0" in text:
        return
    shown = table_preview(connection, f"SELECT {literal(text)} AS text").md_str or ""
    head, line, row = shown.split("\n")
    assert (head, line) == ("| text |", "|---|")
    assert row.count("|") == 2
    inside = row.removeprefix("| ").removesuffix(" |")
    assert re.fullmatch(r"(`[^`|\n]{1,60}`)?", inside)


def test_hostile_lines_of_a_key_list(connection: duckdb.DuckDBPyConnection) -> None:
    hostile = "<script>alert(1)</script>|`![x](javascript:1)`"
    shown = table_preview(connection, f"SELECT {literal(hostile)} AS text").md_str or ""
    assert "`<script>alert(1)</script>¦'![x](javascript:1)'`" in shown


def test_the_index_shows_photos_that_browsers_reach(month_desk: Desk) -> None:
    index = month_desk.lake.rows_of(KEY_INDEX.name, ("month", MONTH))
    shown = index_preview(month_desk.connection, index, AMAZON).md_str or ""
    lines = shown.split("\n")
    assert lines[0] == "| photo | barcode | image_id | kind | key |"
    assert 2 < len(lines) <= 2 + 8
    for line in lines[2:]:
        _, photo, barcode, image_id, kind, key, _ = (cell.strip() for cell in line.split("|"))
        address = re.fullmatch(r"!\[\]\((https://[^)]+)\)", photo)
        assert address
        assert address[1].startswith("https://openfoodfacts-images.s3.eu-west-3.amazonaws.com/data")
        assert address[1].endswith(f"/{image_id}.400.jpg")
        assert key == f"[{address[1].split('.com/')[1]}]({address[1]})"
        assert barcode.isdigit()
        assert kind == "400"
    # Different products, and the same ones every time.
    barcodes = [line.split("|")[2] for line in lines[2:]]
    assert len(set(barcodes)) == len(barcodes)
    assert index_preview(month_desk.connection, index, AMAZON).md_str == shown


def test_a_local_bucket_shows_no_pictures(month_desk: Desk, bucket: Path) -> None:
    index = month_desk.lake.rows_of(KEY_INDEX.name, ("month", MONTH))
    shown = index_preview(month_desk.connection, index, Source(str(bucket))).md_str or ""
    assert "![](" not in shown
    assert "](file://" in shown


def test_changes_are_drawn(connection: duckdb.DuckDBPyConnection) -> None:
    changes = """(VALUES ('17', 'raw', 'added', 5), ('17', 'raw', 'removed', 2),
        ('18', '400', 'added', 1)) AS c(barcode, kind, change, objects)"""
    shown = changes_chart(connection, changes).md_str or ""
    picture = re.fullmatch(r"!\[added and removed\]\(data:image/png;base64,([^)]+)\)", shown)
    assert picture
    assert base64.b64decode(picture[1]).startswith(b"\x89PNG")
    # "Every byte of metadata is stored about five times over."
    assert len(shown) < 40_000


def test_no_change_is_reported(connection: duckdb.DuckDBPyConnection) -> None:
    nothing = "(SELECT 'x' AS kind, 'added' AS change, 1 AS objects WHERE false)"
    assert changes_chart(connection, nothing).md_str == "Nothing was added or removed."
