"""Fixtures that every part of the tests shares: real files of others, where they are at hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """A function from a path below the real files to its place; skips where they are absent."""

    def locate(relative: str) -> Path:
        path = REAL_DATA / relative
        if not path.exists():
            pytest.skip(f"the real files are not at hand here: {relative} is missing")
        return path

    return locate
