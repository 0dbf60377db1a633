"""The pictures of the README, taken anew of a sandbox: `make screenshots`."""

import io
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from off_platform.imports.intake.originals import key_of
from off_platform.sandbox.make import Sandbox, make_sandbox
from off_platform_tests.automation.platform import PROJECT, Platform, running_platform
from off_platform_tests.browser.chromium import (
    choose_set,
    launch,
    launch_month,
    opened,
    partitions_of_check,
    show,
    visit,
    widths_of_images,
)
from off_platform_tests.browser.conftest import BAD, GOOD

if TYPE_CHECKING:
    from playwright.sync_api import Page

PICTURES = PROJECT / "docs" / "pictures"
# Letters stay sharp, at a quarter of a PNG's bytes.
QUALITY = 90
VIEWPORT, WHOLE_GRAPH = {"width": 1280, "height": 760}, {"width": 1500, "height": 1150}


def main() -> None:
    """Makes a platform, works on it, and takes the pictures."""
    with tempfile.TemporaryDirectory() as folder, opened() as browser:
        root = Path(folder)
        sandbox = make_sandbox(root / "sandbox")
        # As somebody would name them who stands in that folder; they can be read in the pictures.
        buckets = [bucket.folder.relative_to(root) for bucket in (sandbox.images, sandbox.bins)]
        with running_platform(root, *buckets) as platform:
            with browser.new_context(color_scheme="light") as context:
                _work(context.new_page(), platform)
            with browser.new_context(viewport=VIEWPORT, color_scheme="light") as context:
                page = context.new_page()
                _take_partitions(page, platform)
                _take(page, platform, _import(platform, sandbox))
            with browser.new_context(viewport=WHOLE_GRAPH, color_scheme="light") as context:
                _take_lineage(context.new_page(), platform)


def _work(page: "Page", platform: Platform) -> None:
    """The month and a set."""
    launch_month(page, platform)
    _wait(platform, "monthly")
    choose_set(page, platform, "tryout")
    launch(page)
    _wait(platform, "image_sets")


def _import(platform: Platform, sandbox: Sandbox) -> Path:
    """The producer's file; gives its report."""
    path = Path(shutil.copy(sandbox.producers_file, platform.root / "inbox"))
    key = key_of(path)
    platform.wait(path.name, lambda: (key, "SUCCESS") in platform.runs("imports"))
    return platform.root / "lake" / "imports" / key / "report.html"


def _wait(platform: Platform, job: str) -> None:
    platform.wait(job, lambda: [status for _, status in platform.runs(job)] == ["SUCCESS"])


def _take(page: "Page", platform: Platform, report: Path) -> None:
    visit(page, platform, "/assets/image_set")
    show(page, "contact_sheet")
    widths_of_images(page)
    _picture(page, "contact_sheet")
    visit(page, platform, "/assets/products_accepted?view=checks&checkDetail=numbers")
    page.get_by_text("Show markdown").first.wait_for()
    _picture(page, "checks")
    page.goto((platform.root / "lake" / "image_sets" / "tryout" / "gallery.html").as_uri())
    widths_of_images(page)
    _picture(page, "gallery")
    page.goto(report.as_uri())
    _picture(page, "report")


def _take_partitions(page: "Page", platform: Platform) -> None:
    """A bad import and a later good one, at a check."""
    for name, text in (("bad.csv", BAD), ("good.csv", GOOD)):
        done = (platform.hand_in(name, text), "SUCCESS")
        platform.wait(name, lambda done=done: done in platform.runs("imports"))
    partitions_of_check(page, platform, "products_accepted", "numbers")
    page.get_by_text("Failed (1)", exact=True).wait_for()
    _picture(page, "partitions")


def _take_lineage(page: "Page", platform: Platform) -> None:
    """The whole graph, which starts in the middle at a size of its own."""
    visit(page, platform, "/locations/off_platform/asset-groups/images/lineage")
    page.get_by_text("Hide navigation").click()
    visit(page, platform, "/locations/off_platform/asset-groups/images/lineage")
    page.get_by_text("key_changes", exact=True).first.wait_for()
    for _ in range(2):
        page.get_by_label("zoom_out").click()
    _picture(page, "lineage")


def _picture(page: "Page", name: str) -> None:
    # What moves into its place takes up to a second.
    page.wait_for_timeout(2_000)
    taken = Image.open(io.BytesIO(page.screenshot()))
    PICTURES.mkdir(exist_ok=True)
    taken.save(PICTURES / f"{name}.webp", quality=QUALITY)


if __name__ == "__main__":
    main()
