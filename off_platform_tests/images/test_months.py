"""A month as a story: figures recounted from the lists themselves, and the words about them."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from off_platform.images.keys import Kind, key
from off_platform.images.monthly import compare_month
from off_platform.images.months import (
    MonthFigures,
    OfCountry,
    all_months,
    by_country,
    file_month,
    months_to_file,
)
from off_platform.images.story import month_story, months_table
from off_platform.images.story_charts import countries_chart, coverage_chart, months_chart
from off_platform.storage.objects import Source
from off_platform_tests.images_desk import Desk, desk_at, write_list

FRENCH, GERMAN, IN_STORES = "3017620422003", "4012359114303", "2012345600010"
UNSPLIT = "20065034"
MONTHS = ("2026-01-01", "2026-02-01", "2026-05-01")


def keys_of(code: str, image_id: int, *kinds: Kind) -> set[str]:
    return {key(code, image_id, kind) for kind in kinds or ("raw", "400", "ocr")}


FIRST = (
    keys_of(FRENCH, 1)
    | keys_of(FRENCH, 2, "raw", "400")
    | keys_of(GERMAN, 1, "ocr")
    # The same photo in two places.
    | {key(UNSPLIT, 1, "raw", layout) for layout in ("current", "document")}
)
LISTS = {
    MONTHS[0]: FIRST,
    # A product is new, another is only changed.
    MONTHS[1]: FIRST | keys_of(IN_STORES, 1) | keys_of(FRENCH, 3) | {key(GERMAN, 2, "raw")},
    # One is gone, and one has lost all its photos but one.
    MONTHS[2]: (FIRST - keys_of(GERMAN, 1) - keys_of(FRENCH, 1)) | keys_of(IN_STORES, 1),
}


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Three snapshots, of which the first has no row yet."""
    bucket = tmp_path_factory.mktemp("bucket")
    with desk_at(tmp_path_factory.mktemp("lake"), Source(str(bucket))) as desk:
        for month, lines in LISTS.items():
            write_list(bucket, sorted(line.encode() for line in lines))
            desk.month(month)
            compare_month(desk.lake, month, desk.connection)
            if month != MONTHS[0]:
                file_month(desk.lake, month, desk.connection)
        yield desk


@pytest.fixture(scope="module")
def figures(year: Desk) -> list[MonthFigures]:
    assert months_to_file(year.lake, MONTHS[0]) == []
    assert months_to_file(year.lake, MONTHS[2]) == [MONTHS[0]]
    file_month(year.lake, MONTHS[0], year.connection)
    assert months_to_file(year.lake, MONTHS[2]) == []
    return all_months(year.lake, year.connection)


def objects(lines: set[str]) -> Counter[tuple[str, str]]:
    """The photos and kinds of a list: product and number, wherever they are stored."""
    found: Counter[tuple[str, str]] = Counter()
    for photo, kind in {_object(line) for line in lines}:
        found[photo, kind] += 1
    return found


def _object(line: str) -> tuple[str, str]:
    code, name = line.removeprefix("data/").rsplit("/", 1)
    number, _, suffix = name.partition(".")
    kind = {"jpg": "raw", "400.jpg": "400", "json.gz": "ocr"}[suffix]
    return f"{code.replace('/', '').lstrip('0')} {number}", kind


def test_the_figures_are_those_of_the_lists(figures: list[MonthFigures]) -> None:
    before: set[str] = set()
    for found, (month, lines) in zip(figures, LISTS.items(), strict=True):
        counted = objects(lines)
        kinds = Counter(kind for _, kind in counted)
        products, products_before = (
            {photo.split()[0] for photo, _ in objects(each)} for each in (lines, before)
        )
        assert found.month == month
        assert found.objects == len(lines)
        assert found.products == len(products)
        assert (found.photos, found.copies, found.ocr) == (kinds["raw"], kinds["400"], kinds["ocr"])
        photos = {photo for photo, kind in counted if kind == "raw"}
        assert found.photos_with_ocr == len(photos & {p for p, kind in counted if kind == "ocr"})
        if before:
            assert (found.objects_added, found.objects_removed) == (
                len(lines - before),
                len(before - lines),
            )
            assert found.products_new == len(products - products_before)
            assert found.products_gone == len(products_before - products)
        else:
            assert (found.since, found.products_new, found.objects_added) == (None, None, None)
        before = lines


def test_new_and_gone_products_have_countries(year: Desk, figures: list[MonthFigures]) -> None:
    assert len(figures) == 3
    assert by_country(year.lake, MONTHS[0], year.connection) == []
    assert by_country(year.lake, MONTHS[1], year.connection) == [OfCountry("used in stores", 1, 0)]
    assert by_country(year.lake, MONTHS[2], year.connection) == [OfCountry("Germany", 0, 1)]


def test_a_month_is_told(year: Desk, figures: list[MonthFigures]) -> None:
    assert month_story(figures[0], None, []) == (
        "**January 2026**: 3 products with 3 photos, in 8 objects. 33.3 % of the photos have an "
        "OCR result.\n\nThis is the first snapshot; there is none to compare with."
    )
    told = month_story(figures[1], figures[0], by_country(year.lake, MONTHS[1], year.connection))
    assert "50.0 % of the photos have an OCR result (before: 33.3 %)." in told
    assert (
        "Since January 2026, **1 product is new** and **0 are gone**. Objects added: 7, removed: 0."
    ) in told
    assert "\n| used in stores | 1 | 0 |" in told
    last = month_story(figures[2], figures[1], [])
    assert "This covers 3 months: March 2026, April 2026 have no snapshot." in last


def test_many_countries_are_summed_up(figures: list[MonthFigures]) -> None:
    of = [OfCountry(f"Land {number}", 10 - number // 2, number) for number in range(14)]
    rows = month_story(figures[2], figures[1], of).split("\n\n")[-2].split("\n")
    assert len(rows) == 2 + 10 + 1
    assert rows[-1] == "| 4 more | 18 | 46 |"


def test_all_months_are_in_a_table(figures: list[MonthFigures]) -> None:
    lines = months_table(figures).split("\n")
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| 2026-05", "| 2026-02", "| 2026-01"]
    assert lines[-1] == "| 2026-01 | 3 |  |  | 3 | 33.3 % | 8 |"


def test_charts_are_pictures(figures: list[MonthFigures]) -> None:
    of = [OfCountry("France", 4, 1), OfCountry("used in stores", 0, 2)]
    for chart in (countries_chart(of), coverage_chart(figures), months_chart(figures[:1])):
        assert re.fullmatch(r"!\[[^]]+\]\(data:image/png;base64,[^)]+\)", chart.md_str or "")
        assert len(chart.md_str or "") < 60_000
    assert countries_chart([]).md_str == "No product is new or gone."


def test_the_view_has_all_months(year: Desk, figures: list[MonthFigures]) -> None:
    assert figures
    year.lake.refresh_views()
    found = year.connection.execute(
        f"SELECT month::VARCHAR, products FROM {year.lake.view_of('months')} ORDER BY month"
    ).fetchall()
    assert found == [(each.month, each.products) for each in figures]
    assert Path(year.lake.address("months", ("month", MONTHS[1]))).exists()
