"""Fixtures that every part of the tests shares: real files of others, sandboxes, a desk."""

import gc
import importlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy
from hypothesis import HealthCheck, settings
from PIL import Image

from off_platform.image_sets.fetching import groups
from off_platform.image_sets.pages import charts, contact_sheet, gallery, set_pages
from off_platform.image_sets.pages.card_statistics import CardStatistics
from off_platform.image_sets.photos import preparing
from off_platform.image_sets.photos.contents import Content
from off_platform.sandbox.make import Sandbox, make_sandbox
from off_platform.settings import settings as read_settings
from off_platform.storage import syncing
from off_platform.storage.locks import locked
from off_platform.storage.objects import Source
from off_platform.storage.threads import cores
from off_platform_tests import migrations as _migrations  # noqa: F401 - loads them once
from off_platform_tests.images_desk import BUCKET, Desk, desk_at, source_of
from off_platform_tests.postgres import postgres_server
from off_platform_tests.s3.server import S3Server

# No test asserts a time, nor does hypothesis: a slow machine finds what a fast one does.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("unhurried", UNHURRIED, max_examples=30)
settings.register_profile("thorough", UNHURRIED, max_examples=500)
settings.load_profile("unhurried")

TESTS = Path(__file__).resolve().parent
PROJECT = TESTS.parent
REAL_DATA = PROJECT.parent / "shared" / "data"
# What `make` runs apart from the others: `-m` and one of these collects only modules that name it.
APART = {"soak", "browser", "cluster", "package", "loaders"}
# Modules with fixtures that take seconds, and that all their tests share.
SHARING = ("test_definitions.py", "imports/test_assets.py", "imports/test_batch.py")
# What tests may leave in the project's folder: the tools' own folders, and where `make` stores.
OF_TOOLS = {".coverage", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "var"}
BEFORE = pytest.StashKey[frozenset[str]]()
Found = TypeVar("Found")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out, unread, modules without any test of the mark that is asked for."""
    mark = str(config.option.markexpr)
    if mark not in APART or not collection_path.name.startswith("test_"):
        return None
    return f"mark.{mark}" not in collection_path.read_text(encoding="utf-8") or None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One worker more than cores: each waits at times, for a disk or another process.

    Those of loaders do not wait, and take a gigabyte each; those of soak start many processes.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return cores() + (config.option.markexpr not in ("loaders", "soak"))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Looks at what is in the project's folder."""
    session.config.stash[BEFORE] = frozenset(path.name for path in PROJECT.iterdir())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails if the tests have left something in the project's folder."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    left = {path.name for path in PROJECT.iterdir()} - session.config.stash[BEFORE] - OF_TOOLS
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        report = session.config.pluginmanager.get_plugin("terminalreporter")
        report.ensure_newline()
        report.write_line(f"Tests left in {PROJECT}: {', '.join(sorted(left))}", red=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Collects faster.

    The garbage collector is kept away from what stays until the end: a fifth of collecting. While
    the tests run it looks at what is new a tenth as often.
    """
    gc.disable()
    try:
        _import_in_turn(session.config)
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(7_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts modules with expensive fixtures first.

    Workers that have nothing left take half of what another has at its end: there, each of several
    would make the fixtures of a module again.
    """
    first = {TESTS / name: place for place, name in enumerate(SHARING)}
    items.sort(key=lambda item: first.get(item.path, len(first)))


def _import_in_turn(config: pytest.Config) -> None:
    """Imports all test modules, each worker from another one on.

    In a fresh clone pytest rewrites the asserts of each module, half of the cost of collecting, and
    stores what it made: workers that begin with the same module would all rewrite all of them.
    """
    worker = getattr(config, "workerinput", None)
    if (
        worker is None
        or config.option.markexpr in APART
        or [Path(each).resolve() for each in config.args] != [TESTS]
    ):
        return
    modules = sorted(TESTS.rglob("test_*.py"))
    number = int(worker["workerid"].removeprefix("gw"))
    first = len(modules) * number // worker["workercount"]
    for path in modules[first:] + modules[:first]:
        name = ".".join(path.relative_to(PROJECT).with_suffix("").parts)
        # Collecting imports it again, and reports why it cannot be, or that it is skipped.
        with suppress(Exception, pytest.skip.Exception):
            importlib.import_module(name)


@pytest.fixture(scope="session", autouse=True)
def _power_stays_on() -> Iterator[None]:
    """Nothing waits for the disk: no test can see whether bytes are on it, only who asked for that.

    Processes that tests start do wait for it.
    """

    def hurried(connection: Any, _record: object) -> None:
        if type(connection).__module__ == "sqlite3":
            connection.execute("PRAGMA synchronous = OFF")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", hurried)
    with pytest.MonkeyPatch.context() as patch:
        # It still refuses a file that is not open.
        patch.setattr(os, "fsync", lambda opened: os.fstat(opened) and None)
        patch.setattr(syncing, "_sync_file_system", lambda path: path.exists())
        yield
    sqlalchemy.event.remove(sqlalchemy.Engine, "connect", hurried)


@pytest.fixture(autouse=True)
def _settings_are_forgotten() -> Iterator[None]:
    """No test is given the settings that the one before has read, and the process keeps."""
    yield
    read_settings.cache_clear()


@pytest.fixture(scope="module")
def postgres() -> Iterator[dict[str, str]]:
    """A Postgres, and the environment variables by which `deploy/dagster.yaml` reaches it."""
    with postgres_server() as address:
        yield address


@pytest.fixture(scope="session", autouse=True)
def _charts_drawn_once() -> Iterator[None]:
    """Charts are a quarter of what a small set costs, and most tests make one set several times.

    That the same figures give the same bytes is tested where the charts are, which is not patched.
    """
    draw, drawn = charts.charts, dict[str, dict[str, bytes]]()

    def once(statistics: CardStatistics) -> dict[str, bytes]:
        figures = repr(statistics)
        if figures not in drawn:
            drawn[figures] = draw(statistics)
        return drawn[figures]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charts, "charts", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _photos_made_small_once() -> Iterator[None]:
    """The same photos are in nearly all sets, and pages of sets show them small.

    That the same photos give the same bytes is tested where contact sheets are, which is not
    patched.
    """
    sheets: dict[tuple[object, ...], bytes] = {}
    thumbnails: dict[tuple[bytes, int], Image.Image] = {}

    def sheet_once(photos: Iterable[bytes], *, most: int) -> bytes:
        first = list(islice(photos, most))
        shown = (most, *(sha256(each).digest() for each in first))
        if shown not in sheets:
            sheets[shown] = contact_sheet.contact_sheet(first, most=most)
        return sheets[shown]

    def thumbnail_once(photo: bytes, side: int) -> Image.Image:
        shown = (sha256(photo).digest(), side)
        if shown not in thumbnails:
            thumbnails[shown] = contact_sheet.thumbnail(photo, side)
        return thumbnails[shown].copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(set_pages, "contact_sheet", sheet_once)
        patch.setattr(gallery, "thumbnail", thumbnail_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _objects_examined_once() -> Iterator[None]:
    """The same OCR results and photos are in nearly all sets, and are examined for each of them.

    What is found in them is tested where they are examined, `image_sets/photos`, which is not
    patched.
    """
    look = _once_each(preparing.looks_of)
    read_ocr = _once_each(groups.check_for("ocr", with_text=True))
    check_for = groups.check_for

    def check_once(kind: str, *, with_text: bool) -> Callable[[bytes], Content]:
        assert with_text
        return read_ocr if kind == "ocr" else check_for(kind, with_text=with_text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "looks_of", look)
        patch.setattr(groups, "check_for", check_once)
        yield


def _once_each(examine: Callable[[bytes], Found]) -> Callable[[bytes], Found]:
    """The same function, which examines equal bytes once."""
    seen: dict[bytes, Found] = {}

    def once(data: bytes) -> Found:
        digest = sha256(data).digest()
        if digest not in seen:
            seen[digest] = examine(data)
        return seen[digest]

    return once


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """A function from a path below the real files to its place; skips where they are absent."""

    def locate(relative: str) -> Path:
        path = REAL_DATA / relative
        if not path.exists():
            pytest.skip(f"the real files are not at hand here: {relative} is missing")
        return path

    return locate


def _sandbox(factory: pytest.TempPathFactory, name: str, month: int) -> Sandbox:
    """The smallest sandbox, made once for all workers that run tests at the same time."""
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sandboxes"
    shared.mkdir(exist_ok=True)
    with locked(shared, wait=True):
        return make_sandbox(shared / name, products=12, bins=40, month=month)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The smallest sandbox in its first month; to be looked at only."""
    return _sandbox(tmp_path_factory, "first", 0)


@pytest.fixture(scope="session")
def later_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The same a month later; to be looked at only."""
    return _sandbox(tmp_path_factory, "later", 1)


@pytest.fixture
def bucket(sandbox: Sandbox, tmp_path: Path) -> Path:
    """A copy of the sandbox's images bucket that a test may change."""
    return Path(shutil.copytree(sandbox.images.folder, tmp_path / BUCKET))


@pytest.fixture
def server(sandbox: Sandbox) -> Iterator[S3Server]:
    """A server of the sandbox's images bucket."""
    with S3Server({BUCKET: sandbox.images.folder}) as running:
        yield running


@pytest.fixture
def desk(server: S3Server, tmp_path: Path) -> Iterator[Desk]:
    """A fresh lake that is filled from the server."""
    with desk_at(tmp_path / "lake", source_of(server)) as made:
        yield made


@pytest.fixture(scope="session")
def month_lake(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake in which the sandbox's month is copied and indexed; to be copied only."""
    lake = tmp_path_factory.mktemp("month") / "lake"
    with desk_at(lake, Source(str(sandbox.images.folder))) as made:
        made.month()
    return lake


@pytest.fixture
def month_desk(server: S3Server, month_lake: Path, tmp_path: Path) -> Iterator[Desk]:
    """A lake in which the month is copied and indexed; objects come from the server."""
    lake = Path(shutil.copytree(month_lake, tmp_path / "lake"))
    with desk_at(lake, source_of(server)) as made:
        yield made
