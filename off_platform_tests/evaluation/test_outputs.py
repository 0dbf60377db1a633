"""An evaluation as JSON and as a page."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from off_platform.evaluation.outputs import MOST_CELLS, MOST_ROWS, as_json, write_page
from off_platform.evaluation.results import Evaluation
from off_platform_tests.evaluation.made_sets import evaluated, write_predictions, write_set
from off_platform_tests.evaluation.test_evaluate import BINS, PRODUCTS


class Page(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, page: str) -> None:
        """Reads a page."""
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag and its attributes."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """A text."""
        self.texts += [data.strip()] if data.strip() else []


@pytest.fixture
def of_bins(tmp_path: Path) -> Evaluation:
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "00004,2", "00005,1.5")
    return evaluated(write_set(tmp_path / "set", BINS), given)


def page_of(evaluation: Evaluation, tmp_path: Path, name: str = "p.csv") -> str:
    write_page(evaluation, name, tmp_path / "page.html")
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_json_has_every_figure(of_bins: Evaluation) -> None:
    said = json.loads(as_json(of_bins))
    assert said["coverage"]["missing_first"] == ["00006"]
    assert said["figures"]["accuracy"]["value"] == pytest.approx(1 / 3)
    assert set(said["figures"]["rmse"]) == {"value", "low", "high"}
    assert said["baselines"][0]["name"] == "mean: 2"
    assert said["random_split"]["would_leak"]["samples"] == pytest.approx(1)
    assert said["published"]["figures"]["accuracy"] == 0.5567
    assert said["classes"][2] == {"class": "5", "samples": 1, "accuracy": 0, "rmse": None}
    assert {"label": "3", "predicted": "2", "samples": 1} in said["confusions"]
    assert sum(each["samples"] for each in said["confusions"]) == said["samples"] == 3
    assert said["interval"] == {"confidence": 0.95, "replicates": 1000, "seed": 0}


def test_the_page_shows_figures_baselines_chart_and_classes(
    of_bins: Evaluation, tmp_path: Path
) -> None:
    page = Page(page_of(of_bins, tmp_path))
    for text in ("33.33 %", "mean: 2", "55.67 %", "would leak (1.0)", "Confusions", "(none)"):
        assert text in page.texts
    cells = [attributes for tag, attributes in page.tags if tag == "rect"]
    # Labels 2, 3 and 5 against guesses 2, 3, 5 and none, and the frame.
    assert len(cells) == 3 * 4 + 1
    assert [cell["class"] for cell in cells].count("right") == 3


def test_the_page_needs_no_network_and_runs_nothing(of_bins: Evaluation, tmp_path: Path) -> None:
    text = page_of(of_bins, tmp_path)
    assert "default-src 'none'" in text
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "a"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "href"}]


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    name = '<script>alert(1)</script>"\x00\u202e' + "x" * 500
    samples = [{**each, "category": name} for each in PRODUCTS]
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "p4,<b>no</b>")
    made = evaluated(write_set(tmp_path / "set", samples), given)
    text = page_of(made, tmp_path, "<i>p</i>.csv")
    assert not {"script", "b", "i"} & {tag for tag, _ in Page(text).tags}
    assert not re.search("[\x00\u202e]", text)
    assert "x" * 100 not in text


@pytest.mark.slow
def test_many_classes_are_cut_and_said(tmp_path: Path) -> None:
    count = MOST_ROWS + 5
    samples: list[dict[str, Any]] = [
        {"sample": str(n), "barcode": str(n), "category": f"c{n}"} for n in range(count)
    ]
    rows = (f"{n},c{n}" for n in range(count))
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", *rows)
    page = Page(page_of(evaluated(write_set(tmp_path / "set", samples), given), tmp_path))
    assert "And 5 more classes; the JSON has all of them." in page.texts
    cells = [attributes for tag, attributes in page.tags if tag == "rect"]
    assert len(cells) == (MOST_CELLS + 1) ** 2 + 1
    assert not [text for text in page.texts if text == "Largest confusions"]
