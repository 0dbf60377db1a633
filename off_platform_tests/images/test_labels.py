"""The labels of photos, joined by DuckDB and by hand."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from off_platform.barcodes.text import normal_form
from off_platform.image_sets.declaration.labels import Labels
from off_platform.images.choice import Choice, UnusableChoiceError
from off_platform.images.labels import DEFAULT, LABELS, labels_in, labels_of
from off_platform.images.products import make_products
from off_platform.quality import Column
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform_tests.images_desk import Row, rows_of

SETTINGS = Settings(_env_file=None)
STRANGER = "4000000000006"


def choice(**options: Any) -> Choice:
    return Choice.model_validate(options)


def chosen(photos: list[tuple[str, int]]) -> str:
    """SQL of these samples."""
    rows = ", ".join(f"('{code}_{number}', '{code}', {number})" for code, number in photos)
    return f"SELECT * FROM (VALUES {rows}) AS samples(stem, barcode, image_id)"


def fetched(connection: duckdb.DuckDBPyConnection, labels: Labels | None) -> dict[str, Row]:
    """The labels by sample, of the types and in the order that they promise."""
    assert labels is not None
    table = connection.sql(labels.query).to_arrow_table()
    assert table.column_names == ["sample", *(column.name for column in labels.columns)]
    described = connection.execute(f"DESCRIBE {labels.query}").fetchall()
    assert [kind for _, kind, *_ in described[1:]] == [column.sql for column in labels.columns]
    rows = table.to_pylist()
    assert len({row["sample"] for row in rows}) == len(rows)
    return {row.pop("sample"): row for row in rows}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def connection(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    with lake.connect() as made:
        yield made


def made(lake: Lake, connection: duckdb.DuckDBPyConnection, dump: Path) -> Callable[..., Any]:
    """The labels of photos from a dump."""
    make_products(lake, str(dump), SETTINGS, connection)

    def labelled(photos: list[tuple[str, int]], *names: str) -> dict[str, Row]:
        return fetched(
            connection, labels_in(lake, choice(labels=names), chosen(photos), connection)
        )

    return labelled


NUTELLA = {
    "code": "3017620422003",
    "product_name": "Nutella",
    "nutriscore_grade": "e",
    "images": {
        **{str(number): {"uploaded_t": 1} for number in range(1, 6)},
        "nutrition_fr": {"imgid": 1},
        "front_fr": {"imgid": 1},
        "front_en": {"imgid": 1},
        "ingredients": {"imgid": 2},
        "packaging_de": {"imgid": 3},
        "nutrition": {"imgid": 4},
    },
}


def test_what_a_photo_shows(
    lake: Lake, connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "dump").write_text(json.dumps(NUTELLA))
    labelled = made(lake, connection, tmp_path / "dump")
    photos = [("3017620422003", number) for number in (5, 4, 3, 2, 1, 9)] + [(STRANGER, 1)]
    found = labelled(photos, "picture", "picture_languages", "selected", "nutriscore")
    assert {sample: [*row.values()] for sample, row in found.items()} == {
        "3017620422003_1": ["front", ["en", "fr"], ["front_en", "front_fr", "nutrition_fr"], "e"],
        "3017620422003_2": ["ingredients", [], ["ingredients"], "e"],
        "3017620422003_3": ["packaging", ["de"], ["packaging_de"], "e"],
        "3017620422003_4": ["nutrition", [], ["nutrition"], "e"],
        "3017620422003_5": [None, [], [], "e"],
        "3017620422003_9": [None, None, None, "e"],
        f"{STRANGER}_1": [None, None, None, None],
    }


@pytest.mark.parametrize("name", LABELS)
def test_every_label_alone(
    lake: Lake, connection: duckdb.DuckDBPyConnection, sandbox: Sandbox, name: str
) -> None:
    assert isinstance(LABELS[name], Column)
    assert LABELS[name].nullable
    labelled = made(lake, connection, sandbox.products_dump)
    photos = [(normal_form(photo.product.code), photo.image_id) for photo in sandbox.images.photos]
    found = labelled([*photos, (STRANGER, 1)], name)
    assert len(found) == len(photos) + 1
    assert found.pop(f"{STRANGER}_1") == {name: None}
    assert any(row[name] for row in found.values())


def test_several_labels_come_in_the_order_asked_and_each_once(
    lake: Lake, connection: duckdb.DuckDBPyConnection, sandbox: Sandbox
) -> None:
    make_products(lake, str(sandbox.products_dump), SETTINGS, connection)
    asked = choice(labels=["picture", "name", "picture"], folds=2, stratify="nova")
    labels = labels_in(lake, asked, chosen([(STRANGER, 1)] * 3), connection)
    assert labels
    assert [column.name for column in labels.columns] == ["picture", "name", "nova"]
    assert fetched(connection, labels) == {
        f"{STRANGER}_1": {"picture": None, "name": None, "nova": None}
    }


@pytest.mark.slow
def test_labels_of_the_published_json_lines(
    lake: Lake, connection: duckdb.DuckDBPyConnection, real_data: Callable[[str], Path]
) -> None:
    dump = real_data("off/exports/openfoodfacts-products-min.jsonl.gz")
    labelled = made(lake, connection, dump)
    with gzip.open(dump) as file:
        products = [json.loads(line) for line in file]
    photos = {
        (normal_form(product["code"]), int(number)): product
        for product in products
        for number in (product.get("images") or {})
        if number.isdigit()
    }
    found = labelled([*photos], "brands", "categories", "picture", "countries")
    assert len(found) == len(photos) == 900
    shown = {"front": 0, "nutrition": 0, "ingredients": 0, "packaging": 0, None: 0}
    for (code, number), product in photos.items():
        row = found[f"{code}_{number}"]
        assert row["categories"] == (product.get("categories_tags") or [])
        assert row["countries"] == product["countries_tags"]
        selected = {
            name.partition("_")[0]
            for name, facts in product["images"].items()
            if not name.isdigit() and facts["imgid"] in {number, str(number)}
        }
        first = [
            each for each in ("front", "ingredients", "nutrition", "packaging") if each in selected
        ]
        assert row["picture"] == (first[0] if first else None)
        shown[row["picture"]] += 1
    assert min(shown.values()) > 0
    assert shown["front"] > 300


@pytest.mark.parametrize(
    "dump",
    ["en.openfoodfacts.org.products_1000.tsv", "food_products_1000.parquet"],
)
def test_labels_of_other_published_dumps(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    real_data: Callable[[str], Path],
    dump: str,
) -> None:
    labelled = made(lake, connection, real_data(f"off/exports/{dump}"))
    codes = [row["code"] for row in rows_of(connection, lake.address("products"))]
    found = labelled([(code, 1) for code in codes], *LABELS)
    assert len(found) == 1000
    filled = {name for name in LABELS if any(row[name] for row in found.values())}
    of_photos = {"picture", "picture_languages", "selected"}
    lacking = {"languages", "names", *of_photos} if dump.endswith(".tsv") else set()
    assert filled == LABELS.keys() - lacking


def test_no_labels_are_asked_for_or_there_is_no_dump(
    lake: Lake, connection: duckdb.DuckDBPyConnection, sandbox: Sandbox
) -> None:
    samples = chosen([(STRANGER, 1)])
    assert labels_in(lake, choice(), samples, connection) is None
    assert labels_of(choice(labels=["name"]), samples, None) is None
    with pytest.raises(UnusableChoiceError, match="needs the label nova, which is in a dump"):
        labels_in(lake, choice(folds=3, stratify="nova"), samples, connection)
    make_products(lake, str(sandbox.products_dump), SETTINGS, connection)
    assert labels_in(lake, choice(labels=[]), samples, connection) is None
    by_default = labels_in(lake, choice(), samples, connection)
    assert by_default
    assert tuple(column.name for column in by_default.columns) == DEFAULT


def test_a_table_of_an_earlier_version_has_no_labels(
    lake: Lake, connection: duckdb.DuckDBPyConnection, sandbox: Sandbox
) -> None:
    make_products(lake, str(sandbox.products_dump), SETTINGS, connection)
    table = Path(lake.address("products"))
    pq.write_table(pq.read_table(table).drop_columns(["brands"]), table)
    assert labels_in(lake, choice(), chosen([(STRANGER, 1)]), connection) is None
