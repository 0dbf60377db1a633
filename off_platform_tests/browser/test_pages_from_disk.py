"""The pages that lie in the lake, opened from disk: without a network, with hostile contents."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from off_platform.evaluation.outputs import write_page
from off_platform_tests.automation.platform import Platform
from off_platform_tests.browser.chromium import widths_of_images
from off_platform_tests.evaluation.made_sets import evaluated, write_predictions, write_set

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def open_from_disk(page: "Page", path: Path) -> list[str]:
    """Opens a page without a network; gives the addresses elsewhere that it asks for."""
    elsewhere: list[str] = []
    page.context.set_offline(offline=True)
    page.on("dialog", lambda dialog: elsewhere.append(f"dialog: {dialog.message}"))
    page.on(
        "request",
        lambda request: request.url.startswith("http") and elsewhere.append(request.url),
    )
    page.goto(path.absolute().as_uri())
    return elsewhere


def test_the_gallery_shows_every_photo(page: "Page", platform: Platform, image_set: str) -> None:
    folder = platform.root / "lake" / "image_sets" / image_set
    elsewhere = open_from_disk(page, folder / "gallery.html")
    widths = widths_of_images(page)
    (fetched,) = platform.rows(
        f"SELECT count(*) FROM read_parquet('{folder}/manifest.parquet') WHERE status = 'fetched'"
    )
    assert (len(widths), min(widths) > 50) == (fetched[0], True)
    assert elsewhere == []


def test_the_report_shows_what_is_wrong(page: "Page", platform: Platform, bad_import: str) -> None:
    report = platform.root / "lake" / "imports" / bad_import / "report.html"
    elsewhere = open_from_disk(page, report)
    page.get_by_text("20,5 g of fat").first.wait_for()
    page.get_by_text("Write the number from the package, or leave the cell empty.").first.wait_for()
    # Texts of the file are shown, and are not markup.
    page.get_by_text("<img id=hostile src=x onerror=alert(1)>").first.wait_for()
    assert page.locator("#hostile").count() == 0
    assert elsewhere == []


def test_the_report_can_be_searched(page: "Page", platform: Platform, bad_import: str) -> None:
    open_from_disk(page, platform.root / "lake" / "imports" / bad_import / "report.html")
    oreo = page.get_by_role("cell", name="7622210449283").first
    nutella = page.get_by_role("cell", name="3017620422003").first
    nutella.wait_for()
    page.get_by_role("searchbox").fill("7622210449283")
    nutella.wait_for(state="hidden")
    assert oreo.is_visible()


def test_a_photo_of_the_gallery_opens_and_closes(
    page: "Page", platform: Platform, image_set: str
) -> None:
    open_from_disk(page, platform.root / "lake" / "image_sets" / image_set / "gallery.html")
    page.locator("button.photo").first.click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    before = dialog.inner_text()
    page.get_by_role("button", name="Next sample").click()
    assert dialog.inner_text() != before
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_the_page_of_an_evaluation_has_its_chart(page: "Page", tmp_path: Path) -> None:
    hostile = "<img id=hostile src=x onerror=alert(1)>"
    samples = [
        {"sample": str(number), "barcode": str(number), "category": ("tea", hostile)[number % 2]}
        for number in range(8)
    ]
    given = write_predictions(
        tmp_path / "p.csv", "sample,prediction", *(f"{n},tea" for n in range(8))
    )
    write_page(
        evaluated(write_set(tmp_path / "set", samples), given), given.name, tmp_path / "page.html"
    )
    elsewhere = open_from_disk(page, tmp_path / "page.html")
    page.get_by_role("cell", name="50.00 %").first.wait_for()
    page.get_by_role("cell", name=hostile).first.wait_for()
    assert page.locator("#hostile").count() == 0
    assert page.locator("svg rect.right").count() == 2
    colours = {
        page.locator(f"svg rect.{kind}").first.evaluate("cell => getComputedStyle(cell).fill")
        for kind in ("right", "wrong")
    }
    assert len(colours) == 2
    assert elsewhere == []
