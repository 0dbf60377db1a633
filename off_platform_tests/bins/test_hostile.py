"""One hostile metadata file never stops the run nor blocks what hangs on the tables."""

import json
from pathlib import Path
from typing import Any

import pytest

from off_platform.bins import schemas
from off_platform.bins.inspection import inspect
from off_platform.quality import SHAPE
from off_platform_tests.bins.conftest import BinsDesk
from off_platform_tests.bins.test_collect import fill
from off_platform_tests.bins.test_tables import all_findings, an_item, text

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("changed", [{"name": "a\ud800"}, {"asin": "\udfff"}])
def test_half_a_character_is_an_oddity(changed: dict[str, Any]) -> None:
    look = inspect(text(an_item(**changed)).encode(), "00001")
    assert (look.usable, look.oddity) == (False, "lone_surrogate")


def test_whole_characters_beyond_the_first_plane_are_sound() -> None:
    assert inspect(text(an_item(name="\U0001f600 \\ud800")).encode(), "00001").usable


@pytest.mark.parametrize(
    "hostile",
    [
        {"name": "a\ud800"},
        {"name": f"&#{'9' * 5000};"},
        {"quantity": -3},
        {"quantity": 0, "asin": "B000000009"},
    ],
)
def test_the_run_goes_on_and_nothing_blocks(
    bins_desk: BinsDesk, bins_bucket: Path, hostile: dict[str, Any]
) -> None:
    fill(bins_bucket, "00001", text=text(an_item()))
    fill(bins_bucket, "00002", text=json.dumps({
        "BIN_FCSKU_DATA": {"B0": an_item(**hostile)}, "EXPECTED_QUANTITY": 1}))  # fmt: skip
    bins_desk.collect()
    bins_desk.make()
    for table, findings in all_findings(bins_desk).items():
        assert findings[SHAPE].passed(table.rules[0]), table.name
    assert schemas.BINS.name
