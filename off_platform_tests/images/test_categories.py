"""The taxonomy of categories: what is below a category, whatever the file holds."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.images import categories
from off_platform.images.categories import UnknownTaxonomyError, with_children

CHEESES = {
    "en:dairies": {"name": {"en": "Dairies"}, "children": ["en:cheeses"]},
    "en:cheeses": {"parents": ["en:dairies"]},
    "en:soft-cheeses": {"parents": ["en:cheeses"]},
    "en:camemberts": {"parents": ["en:soft-cheeses", "en:french-cheeses"]},
    "en:french-cheeses": {"parents": ["en:cheeses"]},
    "en:teas": {"parents": ["en:beverages"]},
}


def written(folder: Path, content: object) -> Path:
    path = folder / "categories.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            ["en:cheeses"],
            {"en:cheeses", "en:soft-cheeses", "en:camemberts", "en:french-cheeses"},
        ),
        (["en:camemberts"], {"en:camemberts"}),
        (["en:camemberts", "en:beverages"], {"en:camemberts", "en:beverages", "en:teas"}),
        (["en:unheard-of"], {"en:unheard-of"}),
        (["en:dairies"], CHEESES.keys() - {"en:teas"}),
    ],
)
def test_a_category_and_all_below_it(tmp_path: Path, asked: list[str], expected: set[str]) -> None:
    assert with_children(written(tmp_path, CHEESES), asked) == tuple(sorted(expected))


def test_cycles_end(tmp_path: Path) -> None:
    cycle = {"a": {"parents": ["c", "a"]}, "b": {"parents": ["a"]}, "c": {"parents": ["b"]}}
    assert with_children(written(tmp_path, cycle), ["b"]) == ("a", "b", "c")


def test_entries_of_another_form_are_ignored(tmp_path: Path) -> None:
    odd = {
        "en:a": {"parents": "en:cheeses"},
        "en:b": {"parents": [None, 3, ["en:cheeses"], {"x": "en:cheeses"}]},
        "en:c": ["en:cheeses"],
        "en:d": None,
        "en:e\0": {"parents": ["en:cheeses"]},
        "en:f\ud800": {"parents": ["en:cheeses"]},
        "x" * 301: {"parents": ["en:cheeses"]},
        "": {"parents": ["en:cheeses"]},
        "en:g": {"parents": ["en:cheeses", 5]},
    }
    assert with_children(written(tmp_path, odd), ["en:cheeses"]) == ("en:cheeses", "en:g")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "has no entry with parents"),
        (b"{}", "has no entry with parents"),
        (b'{"code": "1"}', "has no entry with parents"),
    ],
)
def test_a_file_that_is_not_a_taxonomy_is_one_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "categories.json"
    path.write_bytes(content)
    with pytest.raises(
        UnknownTaxonomyError, match=f"^categories.json {sentence}; expected the tax"
    ):
        with_children(path, ["en:cheeses"])


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(categories, "MOST_BYTES", 100)
    with pytest.raises(UnknownTaxonomyError, match="has more than 100 bytes"):
        with_children(written(tmp_path, CHEESES), ["en:cheeses"])


NAMES = st.sampled_from([*"abcdefgh"])


@given(
    parents=st.dictionaries(NAMES, st.lists(NAMES, max_size=4), min_size=1),
    asked=st.lists(NAMES, max_size=3),
)
def test_a_tag_is_found_if_one_of_its_parents_is(
    parents: dict[str, list[str]], asked: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    entries = {tag: {"parents": each} for tag, each in parents.items()}
    found = with_children(written(tmp_path_factory.mktemp("taxonomy"), entries), asked)
    for tag in parents.keys() | set(asked):
        assert (tag in found) == (tag in asked or not set(found).isdisjoint(parents.get(tag, [])))
