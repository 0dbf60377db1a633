"""A draft that a run was stopped in: what of it the next run keeps, and what it asks for again."""

from pathlib import Path

import pytest

from off_platform.image_sets.fetching.drafts import Draft
from off_platform.storage.fetch import md5_hex

DATA = b"as it came"


def after_a_stop(place: Path, objects: str) -> int:
    """How many rows are kept of a draft with these objects.

    Args:
        place: of the draft.
        objects: a letter each: `g` for one that came, `h` for one that was at hand, `f` for one
            that failed, `m` for one that is missing.
    """
    statuses = {"g": "fetched", "h": "fetched", "f": "failed", "m": "missing"}
    draft = Draft(place, "00000", "files")
    for position, letter in enumerate(objects):
        stored = DATA if letter in "gh" else None
        draft.add(
            {
                "position": position,
                "status": statuses[letter],
                "bytes": stored and len(stored),
                "md5": stored and md5_hex(stored),
                "offset": None,
                "path": None,
                "in_lake": letter == "h",
            },
            f"{position}.jpg",
            stored,
        )
    draft.close(done=False)
    continued = Draft(place, "00000", "files")
    continued.close(done=False)
    return len(continued.rows)


@pytest.mark.parametrize(
    ("objects", "kept"),
    [
        ("gggg", 4),
        ("ghgh", 4),
        ("ggff", 2),
        ("gfgg", 4),
        ("ggmm", 4),
        # Objects that were at hand do not show that the store was there.
        ("ghghfhfh", 4),
        ("ghfhgh", 6),
        ("fhfhfh", 0),
        ("hhhh", 4),
        ("ghfhmh", 6),
    ],
)
def test_objects_that_failed_at_the_end_are_requested_again(
    tmp_path: Path, objects: str, kept: int
) -> None:
    assert after_a_stop(tmp_path, objects) == kept
