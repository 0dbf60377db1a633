"""The pictures of the README, taken anew of a sandbox: `make screenshots`."""

import io
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

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
    from playwright.sync_api import Browser, Page

PICTURES = PROJECT / "docs" / "pictures"
# Letters stay sharp, at a quarter of a PNG's bytes.
QUALITY = 90


def main() -> None:
    """Makes a platform, works on it, and takes the pictures."""
    with tempfile.TemporaryDirectory() as folder, opened() as browser:
        root = Path(folder)
        sandbox = make_sandbox(root / "sandbox")
        # As somebody would name them who stands in that folder; they can be read in the pictures.
        buckets = [bucket.folder.relative_to(root) for bucket in (sandbox.images, sandbox.bins)]
        with running_platform(root, *buckets) as platform:
            report = _work(browser, platform, sandbox)
            with browser.new_context(
                viewport={"width": 1280, "height": 760}, color_scheme="light"
            ) as context:
                page = context.new_page()
                _take(page, platform, report)
                _take_partitions(page, platform)


def _work(browser: "Browser", platform: Platform, sandbox: Sandbox) -> Path:
    """The month, a set and an import; gives the import's report."""
    with browser.new_context() as context:
        page = context.new_page()
        launch_month(page, platform)
        _wait(platform, "monthly")
        choose_set(page, platform, "tryout")
        launch(page)
        _wait(platform, "image_sets")
    shutil.copy(sandbox.producers_file, platform.root / "inbox")
    _wait(platform, "imports")
    ((key, _),) = platform.runs("imports")
    return platform.root / "lake" / "imports" / str(key) / "report.html"


def _wait(platform: Platform, job: str) -> None:
    platform.wait(job, lambda: [status for _, status in platform.runs(job)] == ["SUCCESS"])


def _take(page: "Page", platform: Platform, report: Path) -> None:
    visit(page, platform, "/locations/off_platform/asset-groups/images/lineage")
    page.get_by_text("key_changes", exact=True).first.wait_for()
    _picture(page, "lineage")
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
    """A bad import and a later good one, at a check; last, as the good one is then the newest."""
    for name, text in (("bad.csv", BAD), ("good.csv", GOOD)):
        done = (platform.hand_in(name, text), "SUCCESS")
        platform.wait(name, lambda done=done: done in platform.runs("imports"))
    partitions_of_check(page, platform, "products_accepted", "numbers")
    page.get_by_text("Failed (1)", exact=True).wait_for()
    _picture(page, "partitions")


def _picture(page: "Page", name: str) -> None:
    # What moves into its place takes up to a second.
    page.wait_for_timeout(2_000)
    taken = Image.open(io.BytesIO(page.screenshot()))
    PICTURES.mkdir(exist_ok=True)
    taken.save(PICTURES / f"{name}.webp", quality=QUALITY)


if __name__ == "__main__":
    main()
