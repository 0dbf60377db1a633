"""The photos of a dump: the real samples counted anew, and each form of `images` by hand."""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.barcodes.text import normal_form
from off_platform_tests.images.dump_reader import Reader, Row

NUTELLA = "3017620422003"
PICTURE = re.compile("(front|ingredients|nutrition|packaging)(_[a-z]{2,3})?")


def by_hand(code: str, images: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Row]:
    """The photos of a product, from its keys and what is below them, in plain Python."""
    sizes: dict[int, tuple[int | None, int | None]] = {}
    selected: dict[int, set[str]] = defaultdict(set)
    for key, facts in images:
        full = (facts.get("sizes") or {}).get("full") or {}
        if key.isdigit():
            size = full.get("w"), full.get("h")
            sizes[int(key)] = tuple(int(each) if each else None for each in size)  # type: ignore[assignment]
        elif PICTURE.fullmatch(key):
            selected[int(facts["imgid"])].add(key)
    return [
        {
            "code": normal_form(code),
            "image_id": number,
            "selected": sorted(selected[number]),
            "width": sizes.get(number, (None, None))[0],
            "height": sizes.get(number, (None, None))[1],
        }
        for number in sorted({*sizes, *selected})
    ]


def ordered(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["code"], row["image_id"]))


@pytest.mark.slow
def test_the_published_json_lines(real_data: Callable[[str], Path], reader: Reader) -> None:
    dump = real_data("off/exports/openfoodfacts-products-min.jsonl.gz")
    with gzip.open(dump) as file:
        products = [json.loads(line) for line in file]
    expected = [
        row
        for product in products
        for row in by_hand(product["code"], (product.get("images") or {}).items())
    ]
    assert reader.photos(dump) == ordered(expected)
    assert sum("front_fr" in row["selected"] for row in expected) > 100


def test_the_published_parquet(real_data: Callable[[str], Path], reader: Reader) -> None:
    dump = real_data("off/exports/food_products_1000.parquet")
    products = pq.read_table(dump, columns=["code", "images"]).to_pylist()
    expected = [
        row
        for product in products
        for row in by_hand(product["code"], ((each["key"], each) for each in product["images"]))
    ]
    assert reader.photos(dump) == ordered(expected)
    assert len(expected) >= 1127


def size(width: object, height: object) -> dict[str, object]:
    return {"sizes": {"100": {"w": 75, "h": 100}, "full": {"w": width, "h": height}}}


UPLOADED = {
    "1": {"uploaded_t": "1519297019", **size(901, 1200)},
    "12": {"uploaded_t": 1579374831, **size("1600", "1200")},
    "3": {"uploaded_t": 1579374831},
}
OLD = {
    **UPLOADED,
    "front_fr": {"imgid": "3", "rev": "4", **size(10, 10)},
    "front_en": {"imgid": 3},
    "ingredients": {"imgid": "12"},
    "packaging_fr": {"imgid": "7"},
}
NEW = {
    "uploaded": UPLOADED,
    "selected": {
        "front": {"fr": {"imgid": "3", **size(10, 10)}, "en": {"imgid": 3}},
        "packaging": {"fr": {"imgid": 7}},
    },
}
SHOWN = {1: [], 3: ["front_en", "front_fr"], 7: ["packaging_fr"], 12: ["ingredients"]}
SIZES = {1: (901, 1200), 12: (1600, 1200)}


def shown(rows: Iterable[Row]) -> dict[int, list[str]]:
    return {row["image_id"]: row["selected"] for row in rows}


@pytest.mark.parametrize(("images", "expected"), [(OLD, SHOWN), (NEW, SHOWN | {12: []})])
def test_what_a_photo_was_selected_as(
    reader: Reader, images: object, expected: dict[int, list[str]]
) -> None:
    rows = reader.photos(reader.jsonl({"code": NUTELLA, "images": images}))
    assert shown(rows) == expected
    assert {row["image_id"]: (row["width"], row["height"]) for row in rows} == {
        number: SIZES.get(number, (None, None)) for number in expected
    }
    assert {row["code"] for row in rows} == {NUTELLA}


def test_parquet_whose_photos_have_fewer_members(reader: Reader) -> None:
    images = [[{"key": "1", "uploaded_t": 5}, {"key": "front_fr", "uploaded_t": None}], None]
    dump = reader.parquet(code=pa.array([NUTELLA, "20065034"]), images=pa.array(images))
    assert shown(reader.photos(dump)) == {1: []}
    assert [row["photos"] for row in reader.rows(dump)] == [0, 1]


def test_parquet_whose_images_are_something_else(reader: Reader) -> None:
    dump = reader.parquet(code=pa.array([NUTELLA]), images=pa.array([[{"url": "x"}]]))
    assert reader.photos(dump) == []
    assert reader.rows(dump)[0]["photos"] is None


@pytest.mark.parametrize(
    "images",
    [
        None,
        [],
        [1, 2],
        "text",
        7,
        {"1": None, "front_fr": None},
        {"1": "?", "front_fr": {"imgid": "?"}},
        {"1": {"sizes": 5}, "front_fr": {"imgid": {"a": 1}}},
        {"1": {"sizes": {"full": {"w": -1, "h": 10**12}}}, "front_fr": {"imgid": -3}},
        {"1": size(0, 5), "front_FR!": {"imgid": 1}, "other_fr": {"imgid": 1}},
        {"uploaded": 5, "selected": {"front": 5}},
        {"uploaded": {"1": size("wide", None)}, "selected": {"front": {"fr": None, "e\0": {}}}},
        {"1": {}, "9" * 30: {}, "front_fr": {"imgid": "9" * 30}, "\0": {"imgid": 1}},
    ],
)
def test_damaged_images_say_nothing_and_stop_nothing(reader: Reader, images: object) -> None:
    dump = reader.jsonl({"code": NUTELLA, "images": images}, {"code": "20065034", "images": OLD})
    rows = reader.photos(dump)
    assert shown(row for row in rows if row["code"] == "20065034") == SHOWN
    damaged = [row for row in rows if row["code"] == NUTELLA]
    assert shown(damaged) in ({}, {1: []})
    assert all(row["width"] is None and row["height"] is None for row in damaged)


def test_of_several_rows_of_a_product_the_newest_has_the_photos(reader: Reader) -> None:
    older = {"code": f"0{NUTELLA}", "last_modified_t": 1_700_000_000, "images": OLD}
    newer = {"code": NUTELLA, "last_modified_t": 1_700_000_001, "images": {"2": {}}}
    assert shown(reader.photos(reader.jsonl(older, newer))) == {2: []}


def test_a_product_of_endless_photos_is_cut(reader: Reader) -> None:
    images = {str(number): {} for number in range(50_000)}
    images |= {"front_fr": {"imgid": 1}} | {f"front_{n}": {"imgid": n} for n in range(50_000)}
    rows = reader.photos(reader.jsonl({"code": NUTELLA, "images": images}))
    assert 1_000 <= len(rows) <= 2_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["1", "2", "front", "front_fr", "imgid", "sizes", "full", "w", "h", "fr"]
            )
            | st.sampled_from(["uploaded", "selected"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(images=JSON)
def test_whatever_images_hold_a_row_is_read(
    images: object, shared_reader: Callable[[], Reader]
) -> None:
    reader = shared_reader()
    rows = reader.photos(reader.jsonl({"code": NUTELLA, "images": images}))
    assert all(PICTURE.fullmatch(each) for row in rows for each in row["selected"])
    assert [row["code"] for row in reader.rows(reader.folder / "dump")] == [NUTELLA]
