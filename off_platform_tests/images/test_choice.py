"""What is chosen agrees with the same rules in plain Python, on any number of threads."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from off_platform.images import keys
from off_platform.images.choice import (
    Choice,
    UnusableChoiceError,
    candidates_query,
    choose,
)
from off_platform.images.photo_order import SLICES, number_of, place, slice_of
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.images.schemas import KEY_INDEX, PHOTOS
from off_platform.storage.lake import Lake
from off_platform.storage.sql import literal

CODES = ("3017620422003", "20065034", "12345670000017", "990530101113758685", "4012359114303")
BARCODES = st.one_of(
    st.from_regex(r"[0-9]{7}[1-9]", fullmatch=True),
    st.from_regex(r"[0-9]{12}[1-9]", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{13,23}", fullmatch=True),
).map(lambda code: keys.parse(keys.key(code, 1, "raw")).barcode)
SOME_PHOTOS = st.tuples(BARCODES, st.one_of(st.integers(0, 9), st.integers(0, 999_999_999)))

Sample = tuple[int, str, str, int, str]


class Tables(NamedTuple):
    """SQL for the rows of both, to use after FROM."""

    photos: str
    index: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("choice")


@pytest.fixture(scope="module")
def connection(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with Lake(str(folder)).connect() as made:
        yield made


def write_index(path: Path, listed: Iterable[str], row_group: int | None = None) -> Tables:
    """A key index of these keys, and the photos in it."""
    rows = []
    kinds: dict[tuple[str, int], set[keys.Kind]] = defaultdict(set)
    for text in listed:
        key = keys.parse(text)
        rows.append({"key": text, **{name: getattr(key, name) for name in PARTS}})
        kinds[key.barcode, key.image_id].add(key.kind)
    photos = [
        {
            "slice": slice_of(number_of(barcode), image_id),
            "barcode": barcode,
            "image_id": image_id,
            "kinds": "+".join(kind for kind in ("raw", "400", "ocr") if kind in found),
        }
        for (barcode, image_id), found in kinds.items()
    ]
    made = {path.with_suffix(".photos"): (photos, PHOTOS), path: (rows, KEY_INDEX)}
    for to, (of, table) in made.items():
        pq.write_table(pa.Table.from_pylist(of, table.arrow), to, row_group_size=row_group)
    return Tables(*(f"read_parquet({literal(str(to))})" for to in made))


PARTS = ("barcode", "image_id", "kind", "layout")


def shelf(products: int, photos: int, kinds: Sequence[keys.Kind] = ("400",)) -> list[str]:
    """Keys of products with consecutive codes, each with as many photos."""
    return [
        keys.key(str(3017620400000 + number), image_id, kind)
        for number in range(products)
        for image_id in range(1, photos + 1)
        for kind in kinds
    ]


def chosen(
    connection: duckdb.DuckDBPyConnection,
    tables: Tables,
    products: str | None = None,
    **options: Any,
) -> list[Sample]:
    """The objects that are chosen, in order."""
    choice = Choice.model_validate(options)
    return connection.execute(choose(connection, choice, *tables, products)).fetchall()


def keys_of(samples: Iterable[Sample]) -> list[str]:
    return [key for _, key, *_ in samples]


def by_hand(listed: Iterable[str], choice: Choice) -> list[tuple[str, int]]:
    """The photos that a choice without products takes, by the same rules, one at a time."""
    parsed = [keys.parse(key) for key in listed]
    there = {(key.kind, key.barcode, key.image_id) for key in parsed}
    photos = {
        (key.barcode, key.image_id)
        for key in parsed
        if all((kind, key.barcode, key.image_id) in there for kind in choice.kinds)
        and (not choice.image_ids or key.image_id in choice.image_ids)
        and (not choice.barcode_prefixes or key.barcode.startswith(choice.barcode_prefixes))
    }
    taken: list[tuple[str, int]] = []
    of_product: Counter[str] = Counter()
    for barcode, image_id in sorted(photos, key=lambda each: (*place(*each, choice.seed), *each)):
        if choice.per_product and of_product[barcode] >= choice.per_product:
            continue
        of_product[barcode] += 1
        taken.append((barcode, image_id))
    return taken[: choice.n]


def test_a_pinned_result(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    # What was chosen once must be chosen for ever: sets of different years are compared.
    listed = [keys.key(code, image_id, "400") for code in CODES for image_id in (1, 2, 400)]
    index = write_index(folder / "pinned.parquet", listed)
    assert keys_of(chosen(connection, index, n=8, seed=7)) == PINNED_7
    assert keys_of(chosen(connection, index, n=3, seed=0)) == PINNED_0


PINNED_7 = [
    "data/990/530/101/113758685/2.400.jpg",
    "data/000/002/006/5034/2.400.jpg",
    "data/123/456/700/00017/1.400.jpg",
    "data/301/762/042/2003/2.400.jpg",
    "data/301/762/042/2003/400.400.jpg",
    "data/301/762/042/2003/1.400.jpg",
    "data/401/235/911/4303/400.400.jpg",
    "data/000/002/006/5034/400.400.jpg",
]
PINNED_0 = [
    "data/401/235/911/4303/400.400.jpg",
    "data/123/456/700/00017/400.400.jpg",
    "data/000/002/006/5034/1.400.jpg",
]


def test_pinned_places() -> None:
    assert place("3017620422003", 1, 0) == (103, 1574761264)
    assert place("20065034", 400, -5) == (255, 3743781466)
    assert place("990530101113758685123456", 2, 2**70) == (48, 1534523322)


@pytest.mark.slow
@given(st.lists(SOME_PHOTOS, min_size=1, max_size=30, unique=True), st.integers())
def test_the_query_orders_as_python_does(
    connection: duckdb.DuckDBPyConnection, folder: Path, photos: list[tuple[str, int]], seed: int
) -> None:
    listed = [keys.key(code, image_id, "raw") for code, image_id in photos]
    index = write_index(folder / "places.parquet", listed)
    found = chosen(connection, index, kind="raw", n=None, seed=seed)
    assert [(barcode, image_id) for _, _, barcode, image_id, _ in found] == sorted(
        photos, key=lambda photo: (*place(*photo, seed), *photo)
    )
    assert [number for number, *_ in found] == list(range(len(photos)))
    assert sorted(keys_of(found)) == sorted(listed)


OPTIONS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["raw", "400", "ocr", "raw+ocr", "400+ocr"]),
        "n": st.one_of(st.none(), st.integers(1, 30)),
        "seed": st.integers(-3, 3),
        "per_product": st.one_of(st.none(), st.integers(1, 3)),
        "barcode_prefixes": st.lists(st.sampled_from(["30", "2", "99", "0"]), max_size=2),
        "image_ids": st.lists(st.sampled_from([1, 2, 400, 7]), max_size=2),
    }
)
LISTED = st.lists(
    st.builds(
        keys.key,
        st.sampled_from(CODES),
        st.sampled_from([1, 2, 3, 400, 1400]),
        st.sampled_from(["raw", "400", "ocr"]),
        st.sampled_from(["current", "document"]),
    ),
    max_size=60,
)


@pytest.mark.slow
@given(LISTED, OPTIONS)
def test_every_option_agrees_with_the_rules_by_hand(
    connection: duckdb.DuckDBPyConnection, folder: Path, listed: list[str], options: dict[str, Any]
) -> None:
    choice = Choice.model_validate(options)
    found = chosen(connection, write_index(folder / "options.parquet", listed), **options)
    photos = by_hand(listed, choice)
    assert [(number, barcode, image_id, kind) for number, _, barcode, image_id, kind in found] == [
        (number, *photo, kind) for number, photo in enumerate(photos) for kind in choice.kinds
    ]
    # Each object has a key that the list names for it, the current one where there is one.
    for _, key, barcode, image_id, kind in found:
        current = keys.key(barcode, image_id, kind)
        assert key in listed
        assert key == current or current not in listed
        parsed = keys.parse(key)
        assert (parsed.barcode, parsed.image_id, parsed.kind) == (barcode, image_id, kind)


@pytest.mark.slow
def test_threads_row_order_and_row_groups_do_not_matter(folder: Path) -> None:
    listed = shelf(900, 3, ("400", "ocr"))
    listed += [keys.key(f"{number + 1:08d}", 1, "400", "document") for number in range(300)]
    results = []
    for threads, row_group in ((1, None), (2, 300), (4, 1000), (4, 97)):
        index = write_index(folder / f"threads-{threads}-{row_group}.parquet", listed, row_group)
        with Lake(str(folder)).connect(threads=threads) as connection:
            results.append(
                [
                    chosen(connection, index, kind=kind, n=200, per_product=2, seed=3)
                    for kind in ("400", "400+ocr")
                ]
            )
        random.Random(row_group).shuffle(listed)
    assert all(result == results[0] for result in results)
    assert len(results[0][0]) == 200
    assert len(results[0][1]) == 400


@pytest.mark.parametrize("per_product", [None, 1, 2])
def test_a_larger_n_keeps_what_a_smaller_one_chose(
    connection: duckdb.DuckDBPyConnection, folder: Path, per_product: int | None
) -> None:
    index = write_index(folder / "growing.parquet", shelf(40, 5))
    everything = chosen(connection, index, n=None, per_product=per_product)
    for n in (1, 2, 3, 10, 39, 40, 41, 79, 81, 199, 200, 500):
        assert chosen(connection, index, n=n, per_product=per_product) == everything[:n]
    assert len(everything) == 40 * (per_product or 5)


def test_one_product_of_many_photos_does_not_hide_the_others(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    # The first look sees hardly anything but the one product, and has to be widened.
    listed = [keys.key("3017620422003", number, "400") for number in range(3000)]
    listed += [keys.key(str(4012359110000 + number), 1, "400") for number in range(5)]
    index = write_index(folder / "many.parquet", listed)
    found = chosen(connection, index, n=6, per_product=1)
    assert len({barcode for _, _, barcode, _, _ in found}) == len(found) == 6


def test_photos_listed_twice_count_once(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    listed = shelf(3, 2) * 10
    found = chosen(connection, write_index(folder / "twice.parquet", listed), n=6)
    assert sorted(keys_of(found)) == sorted(set(listed))


def test_the_small_copy_is_not_an_image_id(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    # "grep '.400.jpg'" takes the raw photos 400 and 1400, "grep '.jpg'" takes both copies of one.
    listed = [
        f"data/301/762/042/2003/{image_id}{suffix}"
        for image_id in (1, 400, 1400)
        for suffix in (".jpg", ".400.jpg", ".json.gz")
    ]
    index = write_index(folder / "traps.parquet", listed)
    small = keys_of(chosen(connection, index, kind="400", n=None))
    assert sorted(small) == sorted(key for key in listed if key.endswith(".400.jpg"))
    raw = keys_of(chosen(connection, index, kind="raw", n=None))
    assert sorted(raw) == sorted(f"data/301/762/042/2003/{number}.jpg" for number in (1, 400, 1400))


def test_a_photo_in_both_layouts_is_taken_once_with_its_current_key(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    listed = ["data/000/002/006/5034/1.400.jpg", "data/20065034/1.400.jpg"]
    for order in (listed, listed[::-1]):
        index = write_index(folder / "both.parquet", order)
        assert keys_of(chosen(connection, index)) == ["data/000/002/006/5034/1.400.jpg"]


def test_a_photo_only_in_an_older_layout_has_its_stored_key(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    listed = [
        "data/20065034/1.400.jpg",
        "data/030/176/204/22003/2.400.jpg",
        "data/401/235/911/4303/07.400.jpg",
        "data/401/235/911/4303/8.400.jpg",
    ]
    index = write_index(folder / "older.parquet", listed)
    assert sorted(keys_of(chosen(connection, index))) == sorted(listed)


def test_of_several_stored_keys_the_choice_does_not_hang_on_their_order(folder: Path) -> None:
    listed = [
        f"data/{code[:3]}/{code[3:6]}/{code[6:9]}/{code[9:]}/1.400.jpg"
        for number in range(400)
        for zeros in ("0", "00", "000")
        for code in (f"{zeros}{3017620400000 + number}",)
    ]
    results = set()
    for threads, row_group in ((1, None), (2, 100), (4, 50), (4, 33)):
        index = write_index(folder / f"ties-{threads}-{row_group}.parquet", listed, row_group)
        with Lake(str(folder)).connect(threads=threads) as connection:
            results.add(tuple(keys_of(chosen(connection, index, n=None))))
        random.Random(row_group).shuffle(listed)
    assert len(results) == 1
    assert len(next(iter(results))) == 400


def test_photos_with_their_ocr_are_those_that_have_both(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    whole = shelf(20, 1, ("raw", "400", "ocr"))
    lonely = [keys.key(str(4012359110000 + n), 1, kind) for n, kind in enumerate(("400", "ocr"))]
    index = write_index(folder / "pairs.parquet", [*whole, *lonely])
    found = chosen(connection, index, kind="400+ocr", n=None)
    assert len(found) == 40
    for photo, ocr in zip(found[::2], found[1::2], strict=True):
        assert (photo[4], ocr[4]) == ("400", "ocr")
        assert photo[0] == ocr[0]
        assert photo[1].removesuffix(".400.jpg") == ocr[1].removesuffix(".json.gz")


def test_fewer_photos_than_requested(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    index = write_index(folder / "few.parquet", shelf(3, 1))
    assert len(chosen(connection, index, n=1000)) == 3
    nothing = write_index(folder / "nothing.parquet", [])
    assert chosen(connection, nothing, n=5) == []
    assert chosen(connection, nothing, n=None) == []


MODIFIED = {
    "3017620400000": ("anna", datetime(2026, 3, 31, tzinfo=UTC)),
    "3017620400001": ("anna", datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    "3017620400002": ("o'brien", datetime(2026, 4, 1, tzinfo=UTC)),
    "3017620400003": ("berta", datetime(2026, 3, 30, 23, 59, 59, 999_999, tzinfo=UTC)),
    "3017620400004": (None, None),
    "3017620400005": ("berta", datetime(2027, 1, 1, tzinfo=UTC)),
}
TAGS = {
    "3017620400000": ["en:france", "en:spreads", "fr"],
    "3017620400001": ["en:germany", "en:france", "en:teas", "de", "fr"],
    "3017620400002": ["en:it's", "en:spreads", "it", "en:organic"],
    "3017620400003": [],
}


@pytest.fixture(scope="module")
def products(folder: Path) -> str:
    """A table of products; the seventh product of the shelf is not in it."""
    rows = []
    for code, (editor, modified) in MODIFIED.items():
        tags = TAGS.get(code)
        rows.append(
            {
                "code": code,
                "last_editor": editor,
                "last_modified": modified,
                "countries": tags and [t for t in tags if t in COUNTRIES],
                "categories": tags and [t for t in tags if t in CATEGORIES],
                "languages": tags and [t for t in tags if ":" not in t],
                "product_labels": tags and [t for t in tags if t in PRODUCT_LABELS],
                "nutriscore": "abc"[int(code[-1]) % 3] if tags else None,
                "nova": int(code[-1]) % 4 + 1 if tags else None,
            }
        )
    table = pa.Table.from_pylist(rows, PRODUCTS.arrow)
    pq.write_table(table, folder / "products.parquet")
    return f"read_parquet({literal(str(folder / 'products.parquet'))})"


PRODUCT_LABELS = {"en:organic"}
COUNTRIES = {"en:france", "en:germany", "en:it's"}
CATEGORIES = {"en:spreads", "en:teas"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"last_editors": ["anna"]}, "01"),
        ({"last_editors": ["anna", "o'brien"]}, "012"),
        ({"last_editors": ["ANNA"]}, ""),
        ({"edited_from": date(2026, 3, 31)}, "0125"),
        ({"edited_until": date(2026, 3, 31)}, "013"),
        ({"edited_from": date(2026, 3, 31), "edited_until": date(2026, 3, 31)}, "01"),
        ({"edited_until": date(2026, 12, 31)}, "0123"),
        ({"countries": ["en:france"]}, "01"),
        ({"countries": ["en:germany", "en:it's"]}, "12"),
        ({"countries": ["en:fran"]}, ""),
        ({"categories": ["en:spreads"]}, "02"),
        ({"languages": ["fr", "it"]}, "012"),
        ({"product_labels": ["en:organic"]}, "2"),
        ({"nutriscore": ["a"]}, "0"),
        ({"nutriscore": ["a", "c"]}, "02"),
        ({"nova": [2, 3]}, "12"),
        ({"nova": [2, 3], "nutriscore": ["c"]}, "2"),
        ({"languages": ["fr"], "categories": ["en:teas"], "last_editors": ["anna"]}, "1"),
        ({"countries": ["en:france"], "barcode_prefixes": ["4"]}, ""),
        ({}, "0123456"),
    ],
)
def test_products_are_filtered(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    products: str,
    options: dict[str, Any],
    expected: str,
) -> None:
    index = write_index(folder / "filtered.parquet", shelf(7, 2))
    found = chosen(connection, index, products, n=None, **options)
    assert Counter(barcode[-1] for _, _, barcode, _, _ in found) == dict.fromkeys(expected, 2)
    candidates = candidates_query(Choice.model_validate(options), index.photos, products)
    assert connection.execute(f"SELECT count(*) FROM ({candidates})").fetchall() == [(len(found),)]


# What the dump says of photos 1 to 3 of the first three products; of the others nothing.
SELECTED = {
    (0, 1): ["front_fr"],
    (0, 2): ["ingredients_fr", "nutrition"],
    (1, 1): ["front", "front_en"],
    (1, 3): ["packaging_de"],
    (2, 1): [],
}
SIZES = {(0, 1): (300, 400), (1, 1): (400, 300), (2, 1): (4000, 3000)}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"pictures": ["front"]}, [(0, 1), (1, 1)]),
        ({"pictures": ["front_fr"]}, [(0, 1)]),
        ({"pictures": ["front_en", "packaging"]}, [(1, 1), (1, 3)]),
        ({"pictures": ["nutrition"]}, [(0, 2)]),
        ({"pictures": ["nutrition_fr"]}, []),
        ({"least_width": 400}, [(1, 1), (2, 1)]),
        ({"least_width": 301, "least_height": 301}, [(2, 1)]),
        ({"pictures": ["front"], "least_height": 400}, [(0, 1)]),
        ({"pictures": ["front"], "nutriscore": ["b"]}, [(1, 1)]),
        ({"pictures": ["front"], "with_ocr": True}, [(1, 1)]),
        ({"with_ocr": True}, [(1, 1), (1, 2), (1, 3)]),
    ],
)
def test_photos_are_filtered(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    products: str,
    options: dict[str, Any],
    expected: list[tuple[int, int]],
) -> None:
    rows = [
        {
            "code": str(3017620400000 + product),
            "image_id": image_id,
            "selected": SELECTED.get((product, image_id), []),
            **dict(
                zip(("width", "height"), SIZES.get((product, image_id), (None, None)), strict=True)
            ),
        }
        for product, image_id in SELECTED
    ]
    pq.write_table(pa.Table.from_pylist(rows, PRODUCT_PHOTOS.arrow), folder / "of_dump.parquet")
    of_dump = f"read_parquet({literal(str(folder / 'of_dump.parquet'))})"
    listed = shelf(4, 3) + [keys.key("3017620400001", n, "ocr") for n in (1, 2, 3)]
    tables = write_index(folder / "pictures.parquet", listed)
    choice = Choice.model_validate({"n": None, **options})
    found = connection.execute(choose(connection, choice, *tables, products, of_dump)).fetchall()
    assert sorted((int(barcode[-1]), image_id) for _, _, barcode, image_id, _ in found) == expected
    everything = list(found)
    for n in range(1, len(found) + 1):
        fewer = choice.model_copy(update={"n": n})
        query = choose(connection, fewer, *tables, products, of_dump)
        assert connection.execute(query).fetchall() == everything[:n]


def test_the_day_is_that_of_utc(folder: Path, products: str) -> None:
    index = write_index(folder / "utc.parquet", shelf(7, 1))
    with Lake(str(folder)).connect() as connection:
        found = chosen(connection, index, products, n=None, edited_from="2026-04-01")
    assert {barcode[-1] for _, _, barcode, _, _ in found} == {"2", "5"}


@pytest.mark.parametrize(
    "text",
    [
        "'",
        "''",
        "anna' OR '1'='1",
        "'); DROP TABLE chosen; --",
        "anna'])--",
        "\\'",
        "$$",
        "\N{RIGHT SINGLE QUOTATION MARK}",
        "{}",
        "%s ?",
        "a\nb",
    ],
)
def test_hostile_texts_are_texts(
    connection: duckdb.DuckDBPyConnection, folder: Path, products: str, text: str
) -> None:
    index = write_index(folder / "hostile.parquet", shelf(7, 1))
    for option in ("last_editors", "countries", "categories", "languages", "product_labels"):
        assert chosen(connection, index, products, n=None, **{option: [text]}) == []
    assert len(chosen(connection, index, products, n=None)) == 7


@pytest.mark.parametrize("text", ["", "anna\0' OR true --", "\udce9", "x" * 301])
def test_texts_that_no_product_can_have_are_refused(text: str) -> None:
    for option in ("last_editors", "countries", "categories", "languages", "product_labels"):
        with pytest.raises(ValidationError):
            Choice.model_validate({option: [text]})


def test_a_filter_without_products_says_what_is_missing(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    index = write_index(folder / "few.parquet", shelf(3, 1))
    with pytest.raises(UnusableChoiceError) as refused:
        chosen(connection, index, last_editors=["anna"], edited_until="2026-01-01")
    sentence = str(refused.value)
    assert "last_editor, last_modified" in sentence
    assert "OFF_PLATFORM_PRODUCTS_DUMP" in sentence
    assert "\n" not in sentence


def _far_from_even(counts: Iterable[int], total: int, cells: int) -> float:
    """Chi-square of counts against an even spread."""
    expected = total / cells
    counted = list(counts)
    counted += [0] * (cells - len(counted))
    return sum((count - expected) ** 2 / expected for count in counted)


def test_what_is_chosen_is_spread_evenly(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    # Consecutive codes and small ids are what weak mixes stumble over.
    index = write_index(folder / "spread.parquet", shelf(2000, 5))
    for seed in range(4):
        found = chosen(connection, index, n=2000, seed=seed)
        ids = Counter(image_id for *_, image_id, _ in found)
        ranges = Counter((int(barcode) - 3017620400000) // 100 for _, _, barcode, _, _ in found)
        digits = Counter(barcode[-1] for _, _, barcode, _, _ in found)
        # One in a hundred thousand for 4, 19 and 9 degrees of freedom.
        assert _far_from_even(ids.values(), 2000, 5) < 29
        assert _far_from_even(ranges.values(), 2000, 20) < 59
        assert _far_from_even(digits.values(), 2000, 10) < 42


def test_a_few_of_one_slice_are_spread_evenly_over_the_seeds(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    # So few are read from the first slice of their seed alone.
    index = write_index(folder / "slices.parquet", shelf(2000, 5))
    found = [each for seed in range(200) for each in chosen(connection, index, n=10, seed=seed)]
    assert len(found) == 2000
    ids = Counter(image_id for *_, image_id, _ in found)
    ranges = Counter((int(barcode) - 3017620400000) // 100 for _, _, barcode, _, _ in found)
    slices = Counter(slice_of(number_of(barcode), image_id) for _, _, barcode, image_id, _ in found)
    assert _far_from_even(ids.values(), 2000, 5) < 29
    assert _far_from_even(ranges.values(), 2000, 20) < 59
    # Of 256 slices, 200 seeds begin with 139 different ones, give or take five.
    assert len(slices) > SLICES * 0.45


def test_slices_are_filled_evenly() -> None:
    photos = [(3017620400000 + number, image_id) for number in range(8000) for image_id in (1, 2)]
    filled = Counter(slice_of(*photo) for photo in photos)
    # One in a hundred thousand for 255 degrees of freedom.
    assert _far_from_even(filled.values(), len(photos), SLICES) < 360


def test_seeds_are_independent(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    index = write_index(folder / "seeds.parquet", shelf(2000, 5))
    sets = [set(keys_of(chosen(connection, index, n=2000, seed=seed))) for seed in range(12)]
    shared = [len(first & second) for first, second in combinations(sets, 2)]
    # A fifth of a fifth is expected in both. Whole slices are shared, so a pair may have many more.
    assert 350 < mean(shared) < 450
    assert max(shared) < 1000
