"""What is chosen by facts from a real key list and a real dump, and its labels, in plain Python."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from off_platform.barcodes.text import normal_form
from off_platform.images import keys
from off_platform.images.choice import Choice
from off_platform.images.image_set import candidates_in, request_from
from off_platform.images.labels import labels_in
from off_platform.images.products import make_products
from off_platform.settings import Settings
from off_platform.storage.objects import Source
from off_platform_tests.images_desk import Desk, desk_at, write_list

SETTINGS = Settings(_env_file=None)
Photo = tuple[str, int]


@pytest.fixture(scope="module")
def dump(real_data: Callable[[str], Path]) -> Path:
    return real_data("off/exports/food_products_1000.parquet")


@pytest.fixture(scope="module")
def listed(real_data: Callable[[str], Path]) -> list[bytes]:
    """Keys made of the ids of real photos; most of their products are in the dump."""
    return gzip.decompress(real_data("off/image_keys/derived_data_keys.gz").read_bytes()).split()


@pytest.fixture(scope="module")
def real_desk(
    tmp_path_factory: pytest.TempPathFactory, dump: Path, listed: list[bytes]
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("real")
    write_list(folder / "bucket", listed)
    with desk_at(folder / "lake", Source(str(folder / "bucket"))) as desk:
        desk.month()
        make_products(desk.lake, str(dump), SETTINGS, desk.connection)
        yield desk


@pytest.fixture(scope="module")
def products(dump: Path) -> dict[str, dict[str, Any]]:
    return {normal_form(row["code"]): row for row in pq.read_table(dump).to_pylist()}


@pytest.fixture(scope="module")
def photos(listed: list[bytes]) -> dict[Photo, set[str]]:
    """The kinds of each photo of the list."""
    found: dict[Photo, set[str]] = {}
    for line in listed:
        key = keys.parse(line.decode())
        found.setdefault((key.barcode, key.image_id), set()).add(key.kind)
    return found


def images_of(product: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    return {each["key"]: each for each in (product or {}).get("images") or ()}


def shown_as(product: dict[str, Any] | None, number: int) -> set[str]:
    """What a photo was selected as."""
    images = images_of(product).items()
    return {key for key, facts in images if not key.isdigit() and facts["imgid"] == number}


def fits(options: dict[str, Any], product: dict[str, Any] | None, number: int) -> bool:
    """Whether a photo fits the options, by the published rows."""
    facts = product or {}
    full = (images_of(product).get(str(number), {}).get("sizes") or {}).get("full") or {}
    selected = shown_as(product, number)
    kinds = {each.partition("_")[0] for each in selected}
    return (
        ("pictures" not in options or bool((selected | kinds) & set(options["pictures"])))
        and ("nutriscore" not in options or facts.get("nutriscore_grade") in options["nutriscore"])
        and ("nova" not in options or facts.get("nova_group") in options["nova"])
        and (full.get("w") or 0) >= options.get("least_width", 0)
        and (full.get("h") or 0) >= options.get("least_height", 0)
        and all(
            option not in options or bool(set(facts.get(column) or ()) & set(options[option]))
            for option, column in (
                ("categories", "categories_tags"),
                ("product_labels", "labels_tags"),
                ("countries", "countries_tags"),
            )
        )
    )


@pytest.mark.parametrize(
    "options",
    [
        {"pictures": ["front"]},
        {"pictures": ["front_fr", "nutrition"]},
        {"nutriscore": ["d", "e"], "nova": [4]},
        {"least_width": 1000, "least_height": 1500},
        {"categories": ["en:snacks"], "pictures": ["ingredients"]},
        {"product_labels": ["en:no-gluten", "en:organic"]},
        {"countries": ["en:france"], "pictures": ["front"], "nova": [3, 4], "least_width": 500},
        {"with_ocr": True, "nutriscore": ["a"]},
    ],
)
def test_real_photos_are_chosen_by_real_facts(
    real_desk: Desk,
    products: dict[str, dict[str, Any]],
    photos: dict[Photo, set[str]],
    options: dict[str, Any],
) -> None:
    choice = Choice.model_validate({"n": None, **options})
    request = request_from(SETTINGS, "real", choice, "", {})
    query = candidates_in(real_desk.lake, real_desk.source, request, real_desk.connection)
    found = real_desk.connection.execute(f"SELECT barcode, image_id FROM ({query})").fetchall()
    needed = {"400", "ocr"} if options.get("with_ocr") else {"400"}
    expected = {
        (code, number)
        for (code, number), kinds in photos.items()
        if kinds >= needed and fits(options, products.get(code), number)
    }
    assert set(found) == expected
    assert len(found) == len(expected) > 0
    assert len(expected) < len(photos)


def test_real_photos_have_real_labels(
    real_desk: Desk, products: dict[str, dict[str, Any]], photos: dict[Photo, set[str]]
) -> None:
    index = real_desk.lake.rows_of("photos", ("month", "2026-11-01"))
    chosen = f"SELECT barcode || '_' || image_id AS stem, barcode, image_id FROM {index}"
    names = ("nutriscore", "nova", "countries", "selected")
    asked = Choice.model_validate({"labels": names})
    labels = labels_in(real_desk.lake, asked, chosen, real_desk.connection)
    assert labels
    rows = real_desk.connection.execute(labels.query).fetchall()
    assert len(rows) == len(photos)
    for stem, nutriscore, nova, countries, selected in rows:
        code, _, number = stem.partition("_")
        product = products.get(code)
        if product is None:
            assert (nutriscore, nova, countries, selected) == (None, None, None, None)
            continue
        grade = product["nutriscore_grade"]
        assert nutriscore == (grade if grade in {*"abcde"} else None)
        assert nova == product["nova_group"]
        assert countries == (product["countries_tags"] or [])
        assert set(selected or ()) == shown_as(product, int(number))
    assert sum(bool(row[1]) for row in rows) > 300
    assert sum("front_fr" in (row[4] or ()) for row in rows) > 50
