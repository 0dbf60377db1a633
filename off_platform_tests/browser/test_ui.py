"""Dagster's UI as somebody sees it who opens it for the first time."""

from typing import TYPE_CHECKING

import pytest

from off_platform.images.schemas import KEY_INDEX
from off_platform_tests.automation.platform import Platform
from off_platform_tests.browser.chromium import (
    choose_set,
    partitions_of_check,
    show,
    visit,
    widths_of_images,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_graph_has_the_three_wings(page: "Page", platform: Platform) -> None:
    visit(page, platform, "/asset-groups")
    for wing in ("images", "bins", "imports"):
        page.get_by_text(wing, exact=True).first.wait_for()
    visit(page, platform, "/locations/off_platform/asset-groups/images/lineage")
    for asset in ("data_keys", "bucket_sync", "key_index", "key_changes", "image_set"):
        page.get_by_text(asset, exact=True).first.wait_for()


@pytest.mark.parametrize(
    ("asset", "words"),
    [
        (
            "key_index",
            [KEY_INDEX.description, "image_id", "DuckDB", "Parquet", "monthly", "assets.py"],
        ),
        ("bins", ["expected_quantity", "bin_items", "assets.py"]),
        ("products_accepted", ["product_name", "imports", "assets.py"]),
    ],
)
def test_an_asset_shows_its_description(
    page: "Page", platform: Platform, asset: str, words: list[str]
) -> None:
    visit(page, platform, f"/assets/{asset}")
    for word in words:
        page.get_by_text(word).first.wait_for()


@pytest.mark.usefixtures("month")
def test_a_click_builds_the_month(platform: Platform) -> None:
    assert [status for _, status in platform.runs("monthly")] == ["SUCCESS"]


@pytest.mark.usefixtures("month")
@pytest.mark.parametrize("asset", ["bins", "items", "bin_visits"])
def test_a_chart_is_drawn(page: "Page", platform: Platform, asset: str) -> None:
    visit(page, platform, f"/assets/{asset}")
    show(page, "chart")
    assert min(widths_of_images(page)) > 200


@pytest.mark.usefixtures("month")
def test_a_preview_is_a_table(page: "Page", platform: Platform) -> None:
    visit(page, platform, "/assets/bin_items")
    show(page, "preview")
    page.get_by_role("cell", name="asin").first.wait_for()


@pytest.mark.usefixtures("month")
def test_the_launchpad_has_the_options_of_a_set_and_explains_them(
    page: "Page", platform: Platform
) -> None:
    choose_set(page, platform, "tryout")
    page.get_by_text("per_product").first.hover()
    page.get_by_text("Maximum number of photos per product.").first.wait_for()


def test_a_set_shows_its_contact_sheet(page: "Page", platform: Platform, image_set: str) -> None:
    assert image_set in dict(platform.runs("image_sets"))
    visit(page, platform, "/assets/image_set")
    show(page, "contact_sheet")
    assert widths_of_images(page)[-1] > 500


def test_a_bad_file_fails_its_checks_and_names_its_rows(
    page: "Page", platform: Platform, bad_import: str
) -> None:
    visit(page, platform, "/assets/products_accepted?view=checks&checkDetail=numbers")
    page.get_by_text("Broken by 2 of 2").first.wait_for()
    page.get_by_text("Show markdown").first.click()
    page.get_by_text("line 2 (fat_g): '20,5 g of fat'").wait_for()
    visit(page, platform, f"/assets/import_file?partition={bad_import}")
    page.get_by_text("bad.csv").first.wait_for()


def test_a_later_good_import_does_not_hide_the_bad_one(
    page: "Page", platform: Platform, bad_import: str, good_import: str
) -> None:
    partitions_of_check(page, platform, "products_accepted", "numbers")
    page.get_by_text("Failed (1)", exact=True).wait_for()
    page.get_by_text("Passed (1)", exact=True).wait_for()
    for key in (bad_import, good_import):
        assert page.get_by_text(key, exact=True).count()
    visit(page, platform, "/runs?q[0]=tag:checks%3Dfailed")
    page.get_by_text(f"import: {bad_import}").first.wait_for()
    assert page.get_by_text(f"import: {good_import}").count() == 0
