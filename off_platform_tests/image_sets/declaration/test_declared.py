"""`image_sets.toml`: sets by name, or one sentence about what is wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.image_sets.declaration.declared import (
    WrongDeclarationError,
    declared_sets,
    demand_name,
)

GOOD = """
# A comment.
[images.breakfast]
n = 10
countries = ["en:france"]

[images.teas-2_a]

[bins.visits]
n = 3
"""


def test_sets_by_wing_and_name(tmp_path: Path) -> None:
    path = tmp_path / "image_sets.toml"
    path.write_text(GOOD)
    assert declared_sets(path, "images") == {
        "breakfast": {"n": 10, "countries": ["en:france"]},
        "teas-2_a": {},
    }
    assert declared_sets(path, "bins") == {"visits": {"n": 3}}


def test_no_file_and_an_empty_one_declare_nothing(tmp_path: Path) -> None:
    path = tmp_path / "image_sets.toml"
    assert declared_sets(path, "images") == {}
    path.touch()
    assert declared_sets(path, "images") == {}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"[images.teas", "is not a TOML file: "),
        (b"\xff\xfe", "is not a TOML file: "),
        (b"[images.a]\n[images.a]", "is not a TOML file: "),
        (b"[breakfast]\nn = 3", "has the table 'breakfast'; sets belong below images or bins"),
        (b"n = 3", "has the table 'n'; sets belong below"),
        (b"images = 3", "each set must be a table such as [images.breakfast]"),
        (b"[images]\nteas = 3", "each set must be a table such as [images.breakfast]"),
        (b"[[images]]\nn = 3", "each set must be a table such as [images.breakfast]"),
        (b'[images."../teas"]', "'../teas' cannot name an image set: use up to 63 lowercase"),
        (b'[images."Teas"]', "'Teas' cannot name an image set"),
        (b'[images."teas\\n"]', "'teas\\n' cannot name an image set"),
        (b'[images.""]', "'' cannot name an image set"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, data: bytes, sentence: str) -> None:
    path = tmp_path / "image_sets.toml"
    path.write_bytes(data)
    with pytest.raises(WrongDeclarationError) as refused:
        declared_sets(path, "images")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["a", "0", "tryout", "a-b_c", "9" * 63])
def test_good_names(name: str) -> None:
    assert demand_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "-a", "_a", "A", "a b", "a/b", "..", ".a", "a.b", "a'b", "é", "a\n", "9" * 64]
)
def test_bad_names(name: str) -> None:
    with pytest.raises(WrongDeclarationError, match="cannot name an image set"):
        demand_name(name)


@given(st.text(max_size=70))
def test_a_name_is_always_a_plain_folder(name: str) -> None:
    try:
        assert demand_name(name) == name
    except WrongDeclarationError:
        return
    assert Path(name).name == name
    assert name.isascii()
    assert not name.startswith(".")
