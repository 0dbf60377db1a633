"""Chromium of the system, and what people do with Dagster's UI in it, as clicks.

What they should then see is said by the tests.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from off_platform_tests.automation.platform import Platform

# Chromium names its sandbox's missing as its reason not to start as root, as containers do.
ARGUMENTS = ["--no-sandbox"] if os.geteuid() == 0 else []


def chromium_path() -> str | None:
    """Where Chromium is, by any of its usual names; None where it is not."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def opened() -> "Iterator[Browser]":
    """Chromium without a window, closed in the end."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - an extra of few

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        yield browser
        browser.close()


def visit(page: "Page", platform: "Platform", path: str) -> None:
    """Opens a page of the UI."""
    page.goto(f"http://127.0.0.1:{platform.port}{path}")


def partitions_of_check(page: "Page", platform: "Platform", asset: str, check: str) -> None:
    """Opens the list of a check's partitions."""
    visit(page, platform, f"/assets/{asset}?view=checks&checkDetail={check}")
    page.get_by_text("Execution history").wait_for()
    # The first is the asset's.
    page.get_by_text("Partitions", exact=True).nth(1).click()


def launch_month(page: "Page", platform: "Platform") -> None:
    """Clicks that run this month."""
    visit(page, platform, "/locations/off_platform/jobs/monthly")
    page.get_by_role("button", name="Materialize all").click()
    page.get_by_role("button", name="Latest").click()
    button = page.get_by_role("button", name="Launch 1 run")
    button.wait_for()
    button.click()
    page.get_by_text("Latest run:").wait_for()


def choose_set(page: "Page", platform: "Platform", name: str) -> None:
    """Opens the launchpad of a set, as it is declared; the month must have been made."""
    visit(page, platform, "/locations/off_platform/jobs/image_sets")
    button = page.get_by_role("button", name="Materialize").first
    button.locator("xpath=following::button[1]").click()
    page.get_by_text("Open launchpad").click()
    page.get_by_placeholder("Partition").click()
    page.get_by_text(name, exact=True).first.click()
    page.get_by_text("per_product").first.wait_for()


def launch(page: "Page") -> None:
    """Runs what an open launchpad shows."""
    page.get_by_role("button", name="Materialize").last.click()
    page.get_by_role("dialog").wait_for(state="hidden")


def show(page: "Page", key: str) -> None:
    """Opens the Markdown of a metadata entry."""
    row = page.locator("tr", has=page.get_by_text(key, exact=True))
    row.get_by_text("Show markdown").first.click()


def widths_of_images(page: "Page", within: str = "body") -> list[int]:
    """Widths of the images that are shown, in pixels of their own; 0 for a broken one."""
    page.locator(f"{within} img").first.wait_for()
    # Photos of a gallery wait until somebody scrolls to them.
    page.locator(f"{within} img").evaluate_all(
        "images => images.forEach(image => { image.loading = 'eager' })"
    )
    page.wait_for_function(
        "within => [...document.querySelectorAll(`${within} img`)].every(image => image.complete)",
        arg=within,
    )
    widths: list[int] = page.locator(f"{within} img").evaluate_all(
        "images => images.map(image => image.naturalWidth)"
    )
    return widths
