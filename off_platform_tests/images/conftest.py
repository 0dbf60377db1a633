"""Readers of dumps, for the tests of the images wing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from off_platform_tests.images.dump_reader import Reader


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A connection of its own that reads dumps."""
    with duckdb.connect() as connection:
        yield Reader(connection, tmp_path)


@pytest.fixture(scope="module")
def shared_reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Reader]]:
    """Makes readers of one connection, each with a folder of its own."""
    with duckdb.connect() as connection:
        yield lambda: Reader(connection, tmp_path_factory.mktemp("dump"))
