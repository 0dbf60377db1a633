"""The statistics of a card are those of the manifest, drawn the same every time."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from off_platform.image_sets.layouts.loading import Loading
from off_platform.image_sets.pages.card import data_card
from off_platform.image_sets.pages.card_statistics import (
    SIDES,
    CardStatistics,
    ClassFigures,
    Dominance,
    SplitFigures,
)
from off_platform.image_sets.pages.charts import TITLES, charts
from off_platform.image_sets.pages.manifest_statistics import count_statistics
from off_platform.image_sets.set_results import _shown
from off_platform_tests.image_sets.pages.test_card import FACTS, HOSTILE, front_matter, tokens

PLAIN = pa.schema(
    [
        ("sample", pa.string()),
        ("kind", pa.string()),
        ("status", pa.string()),
        ("md5", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
    ]
)
FULL = pa.schema(
    [
        *PLAIN,
        ("unit", pa.string()),
        ("split", pa.string()),
        ("excluded_because", pa.string()),
        ("duplicate_group", pa.string()),
        ("perceptual_hash", pa.string()),
        ("ocr_language", pa.string()),
        ("stored_width", pa.int32()),
        ("stored_height", pa.int32()),
        ("category", pa.string()),
        ("countries", pa.list_(pa.string())),
        ("quantity", pa.int32()),
    ]
)


def row(number: int, **values: Any) -> dict[str, Any]:
    """A photo of the product of its number."""
    plain = {
        "sample": f"s{number}",
        "kind": "400",
        "status": "fetched",
        "unit": str(number),
        "md5": f"m{number}",
        "width": 300,
        "height": 400,
    }
    return plain | values


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def counted(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    rows: list[dict[str, Any]],
    schema: pa.Schema = FULL,
    label: str | None = "category",
) -> CardStatistics:
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "manifest.parquet")
    return count_statistics(connection, f"read_parquet('{folder}/manifest.parquet')", label)


def test_a_manifest_without_the_newer_columns_is_counted(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [row(1), row(2, md5="m1"), row(3, status="missing"), row(4, kind="ocr", width=None)]
    found = counted(connection, tmp_path, rows, PLAIN)
    assert (found.samples, found.photos, found.copies, found.small) == (2, 2, 1, 0)
    assert found.sides == (0, 0, 0, 2, 0, 0, 0)
    assert found.classes is None
    assert found.splits == found.languages == found.dominant == found.excluded == ()
    assert found.biases == ("1 photo (50.0 %) with the same bytes as another photo of the set.",)


def test_a_set_without_photos_is_counted(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    found = counted(connection, tmp_path, [row(1, status="missing")])
    assert found.photos == 0
    assert found.biases == ()
    assert charts(found) == {}


def test_every_figure_is_that_of_the_rows(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    france = ["en:france"]
    rows = [
        *(
            row(
                number,
                split="train" if number < 8 else "validation",
                category="en:cheeses" if number < 9 else "en:teas",
                countries=[*france, "en:spain"] if number < 6 else ["en:spain", "en:italy"],
                duplicate_group="s0" if number < 2 else None,
                perceptual_hash="00",
            )
            for number in range(10)
        ),
        row(10, split="test", width=90, height=80),
        row(11, split="excluded", excluded_because="A near duplicate of 301_7.", category="x"),
        row(12, split="excluded", excluded_because="A near duplicate of 301_9."),
        # The same sample once more: its text.
        row(0, kind="ocr", width=None, height=None, ocr_language="fr", split="train"),
    ]
    found = counted(connection, tmp_path, rows)
    assert (found.samples, found.photos, found.grouping) == (11, 11, True)
    assert (found.groups, found.grouped) == (1, 2)
    assert found.sides == (1, 0, 0, 10, 0, 0, 0)
    assert found.languages == (("fr", 1),)
    assert found.splits == (
        SplitFigures(name="train", samples=8, photos=8, units=8),
        SplitFigures(name="validation", samples=2, photos=2, units=2),
        SplitFigures(name="test", samples=1, photos=1, units=1),
        SplitFigures(name="excluded", samples=2, photos=2, units=2),
    )
    assert found.classes == ClassFigures(
        label="category",
        top=(("en:cheeses", 9), ("en:teas", 1)),
        classes=2,
        few=2,
        unlabelled=1,
        by_split=(
            ("en:cheeses", "train", 8),
            ("en:cheeses", "validation", 1),
            ("en:teas", "validation", 1),
        ),
    )
    assert found.dominant == (
        Dominance(label="category", value="en:cheeses", samples=9, labelled=10),
        Dominance(label="countries", value="en:spain", samples=10, labelled=10),
    )
    assert found.excluded == (("A near duplicate of …", 2),)
    assert found.biases == (
        "90.0 % of the samples with category have en:cheeses.",
        "100 % of the samples with countries have en:spain.",
        "2 of 2 classes (category) have fewer than 10 samples.",
        "1 sample (9.1 %) without category.",
        "2 photos (18.2 %) in 1 group of near duplicates.",
        "2 samples excluded: A near duplicate of ….",
    )


def test_classes_that_are_numbers_are_in_their_order(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [row(number, quantity=quantity) for number, quantity in enumerate([10, 9, 9, 2, 2, 2])]
    classes = counted(connection, tmp_path, rows, label="quantity").classes
    assert classes
    assert classes.top == (("2", 3), ("9", 2), ("10", 1))


def test_the_first_label_that_samples_share_makes_the_classes(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [row(number, category=f"name {number}", quantity=number % 2) for number in range(10)]
    classes = counted(connection, tmp_path, rows, label=None).classes
    assert classes
    assert classes.label == "quantity"
    assert counted(connection, tmp_path, [row(1, category="a")], label=None).classes is None


def test_half_of_the_samples_do_not_dominate(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [row(number, category=name) for number, name in enumerate("aabb")]
    assert counted(connection, tmp_path, rows).dominant == ()
    rows.append(row(9, category="b"))
    assert [each.value for each in counted(connection, tmp_path, rows).dominant] == ["b"]


def test_photos_count_by_the_size_they_have_in_the_set(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [row(number, width=3000, stored_width=224, stored_height=168) for number in range(3)]
    rows.append(row(4, width=SIDES[-1], height=1))
    found = counted(connection, tmp_path, rows)
    assert found.sides == (0, 0, 3, 0, 0, 0, 1)
    assert "75.0 % of the photos are smaller than 400 pixels." in found.biases


STATISTICS = CardStatistics(
    samples=30,
    photos=30,
    sides=(0, 0, 10, 20, 0, 0, 0),
    small=10,
    classes=ClassFigures(
        label="category",
        top=(("en:teas", 20), ("en:cheeses", 10)),
        classes=2,
        few=0,
        unlabelled=0,
        by_split=(("en:cheeses", "train", 10), ("en:teas", "test", 5), ("en:teas", "train", 15)),
    ),
    languages=(("fr", 20), ("zh", 10)),
    splits=(
        SplitFigures(name="train", samples=25, photos=25, units=25),
        SplitFigures(name="test", samples=5, photos=5, units=5),
    ),
)


@pytest.mark.slow
def test_charts_are_the_same_bytes_every_time() -> None:
    drawn = charts(STATISTICS)
    assert list(drawn) == list(TITLES)
    assert charts(replace(STATISTICS)) == drawn
    for picture in drawn.values():
        assert len(picture) < 60_000
        ET.fromstring(picture)  # noqa: S314 - our own file


def _texts(picture: bytes) -> list[str]:
    root = ET.fromstring(picture)  # noqa: S314 - our own file
    return ["".join(each.itertext()) for each in root.iter() if each.tag.endswith("}text")]


def test_charts_name_the_classes_and_splits() -> None:
    drawn = charts(STATISTICS)
    assert {"en:teas", "en:cheeses"} <= set(_texts(drawn["chart_classes.svg"]))
    assert {"fr", "zh"} <= set(_texts(drawn["chart_languages.svg"]))
    assert {"train", "test", "en:teas"} <= set(_texts(drawn["chart_splits.svg"]))


@pytest.mark.parametrize("value", [*HOSTILE, "茶 $x$ \x01", "x" * 500, "$\\frac{", "العربية"])
def test_hostile_names_stay_texts_of_a_chart(value: str) -> None:
    classes = ClassFigures(label=value, top=((value, 3),), classes=1, few=0, unlabelled=0)
    drawn = charts(replace(STATISTICS, classes=classes, languages=((value, 3),)))
    for picture in drawn.values():
        root = ET.fromstring(picture)  # noqa: S314 - our own file
        assert not [each for each in root.iter() if each.tag.endswith(("}script", "}image", "}a"))]


def test_the_card_has_splits_charts_and_biases() -> None:
    drawn = tuple((name, TITLES[name]) for name in charts(STATISTICS))
    biased = replace(
        STATISTICS, dominant=(Dominance(label="b", value="*x*", samples=2, labelled=3),)
    )
    card = data_card(replace(FACTS, statistics=biased, charts=drawn))
    assert "| `train` | 25 | 83.3 % | 25 | 25 |" in card
    shown = [token.attrs["src"] for token in tokens(card) if token.type == "image"]
    assert shown == [name for name, _ in drawn]
    assert "- 66.7 % of the samples with b have \\*x\\*." in card
    assert "\n\n\n" not in card


def test_the_hub_is_told_what_a_split_set_is_for() -> None:
    spoken = (("fr", 50), ("zh-Hant", 40), ("no", 9), ("x<y", 9), ("la", 1))
    statistics = replace(STATISTICS, languages=spoken)
    loading = Loading("shards", ("train", "test"), labelled=True)
    card = data_card(replace(FACTS, statistics=statistics, loading=loading))
    matter = front_matter(card)
    assert matter["task_categories"] == ["image-classification", "image-to-text"]
    assert matter["language"] == ["fr", "zh", "no"]
    # Sets of today stay as they are.
    assert (
        not {"task_categories", "language"}
        & front_matter(data_card(replace(FACTS, statistics=statistics))).keys()
    )


def test_the_hubs_library_reads_the_front_matter() -> None:
    hub = pytest.importorskip(
        "huggingface_hub", reason="the library is installed by the extra `publish`"
    )
    loading = Loading("parquet", ("train", "validation"))
    card = hub.DatasetCard(data_card(replace(FACTS, statistics=STATISTICS, loading=loading)))
    assert card.data.license == "cc-by-sa-3.0"
    assert card.data.language == ["fr", "zh"]
    assert card.data.size_categories == ["1K<n<10K"]
    (config,) = card.data.to_dict()["configs"]
    assert [each["split"] for each in config["data_files"]] == ["train", "validation"]


def test_the_ui_shows_the_card_without_charts_that_it_cannot_open() -> None:
    drawn = tuple((name, TITLES[name]) for name in charts(STATISTICS))
    card = data_card(replace(FACTS, statistics=STATISTICS, charts=drawn))
    shown = f"---\n---\n{_shown(card)}"
    assert len([token for token in tokens(card) if token.type == "image"]) == len(drawn) > 0
    assert not [token for token in tokens(shown) if token.type == "image"]
    assert "### Splits" in shown
