"""Fixtures that every part of the tests shares: real files of others, sandboxes, a desk."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.script.base import Script, ScriptDirectory
from hypothesis import HealthCheck, settings

from off_platform.sandbox.make import Sandbox, make_sandbox
from off_platform.storage.locks import locked
from off_platform.storage.objects import Source
from off_platform.storage.threads import cores
from off_platform_tests.images_desk import BUCKET, Desk, desk_at, source_of
from off_platform_tests.s3.server import S3Server

# No test asserts a time, nor does hypothesis: a slow machine finds what a fast one does.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("unhurried", UNHURRIED, max_examples=30)
settings.register_profile("thorough", UNHURRIED, max_examples=500)
settings.load_profile("unhurried")

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
# What `make` runs apart from the others: `-m` and one of these collects only modules that name it.
APART = {"soak", "browser", "cluster", "package", "loaders"}


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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keeps the garbage collector away from what stays until the end: a fifth of collecting."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _migrations_loaded_once() -> Iterator[None]:
    """Dagster loads all its migrations several times for each new home, half of its cost."""
    load, loaded = ScriptDirectory._load_revisions, dict[str, list[Script]]()

    def once(of: ScriptDirectory) -> Iterator[Script]:
        place = str(of.dir)
        if place not in loaded:
            loaded[place] = list(load(of))
        return iter(loaded[place])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "_load_revisions", once)
        yield


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
