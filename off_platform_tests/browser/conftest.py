"""A browser, and a platform that runs for it, with what is made there by clicks.

Where there is no browser, the tests are left out with the reason.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from off_platform.sandbox.make import make_sandbox
from off_platform_tests.automation.platform import Platform, running_platform
from off_platform_tests.browser.chromium import (
    choose_set,
    chromium_path,
    launch,
    launch_month,
    opened,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# A page of the UI shows its words within seconds; one that never does must not use up CI's time.
PAGE_SECONDS = 120.0

# What a hostile producer would write, and what an honest one does.
BAD = """barcode,product_name,fat_g
7622210449283,Oreo,"20,5 g of fat"
3017620422003,Nutella,<img id=hostile src=x onerror=alert(1)>
"""
GOOD = "barcode,product_name\n3017620422003,Nutella\n"


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium without a window."""
    pytest.importorskip("playwright", reason="Playwright is set up by `make browser`")
    if chromium_path() is None:
        pytest.skip("there is no Chromium on this machine (apt-get install chromium)")
    with opened() as browser:
        yield browser


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A fresh page that has failed when a script in it has."""
    broken: list[str] = []
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(1_000 * PAGE_SECONDS)
        page.on("pageerror", lambda error: broken.append(str(error)))
        yield page
    assert broken == []


@pytest.fixture(scope="session")
def platform(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform on a sandbox, with its daemon and webserver; nothing is made yet."""
    assert browser.is_connected()
    root: Path = tmp_path_factory.mktemp("platform")
    sandbox = make_sandbox(tmp_path_factory.mktemp("sandbox") / "browser")
    with running_platform(root, sandbox.images.folder, sandbox.bins.folder) as running:
        yield running


@pytest.fixture(scope="session")
def month(platform: Platform, browser: "Browser") -> None:
    """This month's run, made by a click."""
    with browser.new_context() as context:
        launch_month(context.new_page(), platform)
        platform.wait("the month", lambda: "SUCCESS" in _statuses(platform, "monthly"))


@pytest.fixture(scope="session")
def image_set(platform: Platform, browser: "Browser", month: None) -> str:  # noqa: ARG001 - made before
    """A set made from its launchpad."""
    with browser.new_context() as context:
        page = context.new_page()
        choose_set(page, platform, "tryout")
        launch(page)
        platform.wait("the set", lambda: "SUCCESS" in _statuses(platform, "image_sets"))
    return "tryout"


@pytest.fixture(scope="session")
def bad_import(platform: Platform) -> str:
    """A bad file, taken in from the inbox."""
    key = platform.hand_in("bad.csv", BAD)
    platform.wait("the import", lambda: (key, "SUCCESS") in platform.runs("imports"))
    return key


@pytest.fixture(scope="session")
def good_import(platform: Platform, bad_import: str) -> str:
    """A good file, taken in after the bad one."""
    key = platform.hand_in("good.csv", GOOD)
    assert key != bad_import
    platform.wait("the import", lambda: (key, "SUCCESS") in platform.runs("imports"))
    return key


def _statuses(platform: Platform, job: str) -> list[str]:
    return [status for _, status in platform.runs(job)]
