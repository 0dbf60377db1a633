"""Facets: what photos can be chosen by, counted by DuckDB and in plain Python."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from off_platform.barcodes.text import normal_form
from off_platform.images import keys
from off_platform.images.categories import named_like
from off_platform.images.facets import FACETS, Counted, Facet, Tables, counted
from off_platform.images.previews import facets_preview
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.images.products import make_products
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform_tests.command_line import Run, command_line
from off_platform_tests.images_desk import rows_of

MOST = 10_000
SETTINGS = Settings(_env_file=None)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def connection(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    with lake.connect() as made:
        yield made


def tables(lake: Lake, candidates: str | None = None) -> Tables:
    products, photos = (lake.rows_of(table.name) for table in (PRODUCTS, PRODUCT_PHOTOS))
    return Tables(products, photos, candidates)


def by_hand(rows: list[dict[str, Any]], facet: str, photos: Counter[str]) -> list[Counted]:
    """The counts of a facet of the table `products`, one row at a time."""
    products: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for row in rows:
        value = row[facet]
        tags = set(value) if isinstance(value, list) else {str(value)} - {"None"}
        if row["code"] in photos:
            products.update(tags)
            seen.update(dict.fromkeys(tags, photos[row["code"]]))
    found = [Counted(tag, number, seen[tag]) for tag, number in products.items()]
    return sorted(found, key=lambda each: (-each.products, each.tag))


@pytest.mark.parametrize("facet", [facet for facet in FACETS if facet != "pictures"])
def test_tags_of_a_published_dump(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    real_data: Callable[[str], Path],
    facet: Facet,
) -> None:
    dump = real_data("off/exports/food_products_1000.parquet")
    make_products(lake, str(dump), SETTINGS, connection)
    rows = rows_of(connection, lake.address("products"))
    of_dump = Counter({row["code"]: row["photos"] for row in rows})
    assert counted(connection, tables(lake), facet, MOST) == by_hand(rows, facet, of_dump)
    # Of the candidates, only those products have photos.
    some = Counter({row["code"]: 1 + number % 3 for number, row in enumerate(rows[::7])})
    pairs = ", ".join(f"('{code}', {n})" for code in some for n in range(some[code]))
    candidates = f"(SELECT * FROM (VALUES {pairs}) AS few(barcode, image_id))"
    found = counted(connection, tables(lake, candidates), facet, MOST)
    assert found == by_hand(rows, facet, some)
    assert counted(connection, tables(lake, candidates), facet, 2) == found[:2]


@pytest.mark.slow
def test_pictures_of_the_published_json_lines(
    lake: Lake, connection: duckdb.DuckDBPyConnection, real_data: Callable[[str], Path]
) -> None:
    dump = real_data("off/exports/openfoodfacts-products-min.jsonl.gz")
    make_products(lake, str(dump), SETTINGS, connection)
    photos: dict[str, set[tuple[str, str]]] = {}
    with gzip.open(dump) as file:
        for product in map(json.loads, file):
            for name, facts in (product.get("images") or {}).items():
                if not name.isdigit():
                    photo = normal_form(product["code"]), str(facts["imgid"])
                    for tag in {name, name.partition("_")[0]}:
                        photos.setdefault(tag, set()).add(photo)
    expected = [
        Counted(tag, len({code for code, _ in found}), len(found)) for tag, found in photos.items()
    ]
    expected.sort(key=lambda each: (-each.products, each.tag))
    assert counted(connection, tables(lake), "pictures", MOST) == expected
    assert {each.tag for each in expected} >= {"front", "front_fr", "ingredients", "nutrition_en"}
    few = f"(SELECT code AS barcode, image_id FROM {lake.rows_of('product_photos')} LIMIT 40)"
    fewer = counted(connection, tables(lake, few), "pictures", MOST)
    assert 0 < sum(each.photos for each in fewer) < sum(each.photos for each in expected)


@pytest.mark.parametrize(
    ("like", "expected"),
    [
        ("", {"en:goat-cheeses", "fr:fromages-affinés", "en:it's", "en:100%_pure"}),
        ("cheese", {"en:goat-cheeses"}),
        ("Goat Cheese", {"en:goat-cheeses"}),
        ("AFFINES", {"fr:fromages-affinés"}),
        ("it's", {"en:it's"}),
        ("%", {"en:100%_pure"}),
        ("' OR true --", set()),
        ("zzz", set()),
    ],
)
def test_tags_like_a_text(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    like: str,
    expected: set[str],
) -> None:
    tags = ["en:goat-cheeses", "fr:fromages-affinés", "en:it's", "en:100%_pure"]
    lines = (json.dumps({"code": "1", "categories_tags": [*tags, tags[0]]}), '{"code": "2"}')
    (tmp_path / "dump").write_text("\n".join(lines))
    make_products(lake, str(tmp_path / "dump"), SETTINGS, connection)
    found = counted(connection, tables(lake), "categories", MOST, like)
    assert {each.tag for each in found} == expected
    assert all(each.products == 1 for each in found)
    also = counted(connection, tables(lake), "categories", MOST, "zzz", ["en:it's", "en:absent"])
    assert [each.tag for each in also] == ["en:it's"]


def test_categories_are_found_by_their_names_in_any_language(tmp_path: Path) -> None:
    entries = {
        "en:cheeses": {"parents": ["en:dairies"], "name": {"en": "Cheeses", "fr": "Fromages"}},
        "en:teas": {"parents": [], "name": {"fr": "Thés"}},
        "en:odd": {"name": ["fromage"]},
        "en:odder": {"name": {"fr": None}},
        "en:oddest": None,
    }
    path = tmp_path / "categories.json"
    path.write_text(json.dumps(entries))
    assert named_like(path, "FROMAGE") == ("en:cheeses",)
    assert named_like(path, "thes") == ("en:teas",)
    assert named_like(path, "") == ("en:cheeses", "en:teas")
    assert named_like(path, "", 1) == ("en:cheeses",)


def test_the_preview_has_the_top_of_every_facet(
    lake: Lake, connection: duckdb.DuckDBPyConnection, sandbox: Sandbox
) -> None:
    make_products(lake, str(sandbox.products_dump), SETTINGS, connection)
    products, photos, _ = tables(lake)
    shown = str(facets_preview(connection, products, photos).value)
    assert shown.startswith("| facet | tag | products | photos |\n")
    for facet in FACETS:
        assert f"| `{facet}` |" in shown
    assert len(shown.splitlines()) <= 2 + 5 * len(FACETS)


@pytest.fixture
def run(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.chdir(tmp_path)
    of = {"IMAGES_BUCKET": sandbox.images.folder, "LAKE": "lake"}
    return command_line(monkeypatch, capsys, of, "images")


def test_the_command_counts_what_can_be_chosen(
    run: Run, lake: Lake, connection: duckdb.DuckDBPyConnection, sandbox: Sandbox
) -> None:
    code, _, err = run("--facets", "categories")
    assert code == 2
    assert "Facets need the table products: set OFF_PLATFORM_PRODUCTS_DUMP" in err
    make_products(lake, str(sandbox.products_dump), SETTINGS, connection)
    code, out, _ = run("--facets", "countries", "--json")
    assert code == 0
    found = [Counted(**each) for each in json.loads(out)]
    listed = {line for photo in sandbox.images.photos for line in photo.keys(photo.listed)}
    photos = Counter(parsed.barcode for parsed in map(keys.parse, listed) if parsed.kind == "400")
    rows = pq.read_table(lake.address("products")).to_pylist()
    assert found == by_hand(rows, "countries", photos)
    # Options of a choice limit what is counted.
    tag = found[0].tag
    _, out, _ = run("--facets", "countries", "--json", "--country", tag, "--most", "1")
    assert json.loads(out) == [found[0]._asdict()]
    code, out, _ = run("--facets", "categories", "--like", "snack")
    assert code == 0
    assert "en:snacks" in out
    assert "en:teas" not in out
    assert "products" in out
    code, out, err = run("--facets", "brands", "--like", "no such brand")
    assert (code, out) == (0, "")
    assert "No photo that can be chosen has such brands." in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--like", "tea"], "--like and --json need --facets"),
        (["--json"], "--like and --json need --facets"),
        (["--facets", "brands", "--out", "x"], "--facets builds no set"),
        (["--facets", "colours"], "'colours' is not one of"),
        (["--facets", "brands", "--most", "0"], "is not in the range"),
    ],
)
def test_wrong_words_are_refused(run: Run, words: list[str], sentence: str) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert sentence in err
