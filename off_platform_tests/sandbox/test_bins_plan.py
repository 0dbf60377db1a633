"""What is in the sandbox's bins: ids, visits, metadata, and every awkward case."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.bins.inspection import SOUND, inspect
from off_platform.bins.keys import space_of
from off_platform.sandbox.bins_metadata import as_json
from off_platform.sandbox.bins_plan import LEAST_BINS, BinPlan, plan

SIZES = st.integers(LEAST_BINS, 150)
SEEDS = st.integers(0, 1000)
UNREADABLE = ("a metadata file is an HTML page", "a metadata file was cut", "a quantity is a text")
MISSING = "a photo has no metadata"


def said(planned: BinPlan) -> Any:
    """The metadata of a bin, parsed."""
    assert planned.metadata is not None
    return json.loads(planned.metadata)


def the_bin(name: str, bins: int = LEAST_BINS, seed: int = 1) -> BinPlan:
    """The one bin that is awkward in this way."""
    planned = plan(bins, seed)
    (bin_id,) = planned.awkward[name]
    return {each.id: each for each in planned.bins}[bin_id]


@pytest.mark.slow
@given(SIZES, SEEDS)
@settings(max_examples=20)
def test_ids_are_of_both_spaces(bins: int, seed: int) -> None:
    ids = [each.id for each in plan(bins, seed).bins]
    assert len(set(ids)) == len(ids) == bins + 17
    assert ids[:bins] == [f"{number:05d}" for number in range(1, bins + 1)]
    assert ids[bins : bins + 2] == ["100000", "100001"]
    spaces = Counter(space_of(bin_id) for bin_id in ids)
    assert spaces == {"main": bins + 2, "pilot": 15}


@pytest.mark.slow
@given(SIZES, SEEDS)
@settings(max_examples=20)
def test_readable_metadata_are_sound_and_say_what_was_planned(bins: int, seed: int) -> None:
    planned = plan(bins, seed)
    unreadable = {planned.awkward[name][0] for name in UNREADABLE}
    for each in planned.bins:
        if each.metadata is None:
            assert (each.id,) == planned.awkward[MISSING]
        elif each.id in unreadable:
            assert not inspect(each.metadata, each.id).usable
        else:
            assert inspect(each.metadata, each.id) == SOUND
            assert said(each)["EXPECTED_QUANTITY"] == each.expected
            assert said(each)["BIN_FCSKU_DATA"].keys() == {item.fcsku for item in each.items}


@given(SIZES, SEEDS)
@settings(max_examples=20)
def test_one_bin_expects_more_than_it_holds_and_some_are_empty(bins: int, seed: int) -> None:
    planned = plan(bins, seed)
    held = {each.id: sum(item.quantity for item in each.items) for each in planned.bins}
    off = {each.id: each.expected - held[each.id] for each in planned.bins}
    (short,) = planned.awkward["more is expected than there is"]
    assert {bin_id: more for bin_id, more in off.items() if more} == {short: 1}
    empty = {bin_id for bin_id in held if not held[bin_id]}
    assert empty == set(planned.awkward["a bin is empty"])
    assert 1 <= len([bin_id for bin_id in empty if len(bin_id) == 5]) <= 1 + bins // 20


@pytest.mark.slow
@given(SEEDS)
@settings(max_examples=20)
def test_visits_are_no_longer_than_three_bins(seed: int) -> None:
    # By the products' numbers, which are right even where a key was altered on purpose.
    main = [each for each in plan(120, seed).bins if len(each.id) == 5]
    runs = [1]
    for before, after in pairwise({item.number for item in each.items} for each in main):
        runs = [*runs[:-1], runs[-1] + 1] if before & after else [*runs, 1]
    assert set(runs) <= {1, 2, 3}
    assert sum(length for length in runs if length > 1) > 60


def test_the_pilot_sets_quantity_follows_from_its_id() -> None:
    pilot = [each for each in plan(LEAST_BINS, 1).bins if space_of(each.id) == "pilot"]
    assert {each.id: each.expected for each in pilot} == {
        "1": 0, "7": 0, "200": 0, "201": 1, "207": 1, "401": 2, "407": 2, "523": 2, "601": 3,
        "607": 3, "801": 4, "807": 4, "1001": 5, "1007": 5, "1200": 5,
    }  # fmt: skip
    for each in pilot:
        assert said(each)["image_fname"] == f"{each.id}.jpg"
        assert all("normalizedName" not in item.fields for item in each.items)


@pytest.mark.parametrize("name", ["00001", "1"])
def test_the_shape_is_the_genuine_files(name: str, real_data: Callable[[str], Path]) -> None:
    genuine = real_data(f"bins/metadata/{name}.json").read_bytes()
    ours = {each.id: each for each in plan(LEAST_BINS, 1).bins}[name]
    assert as_json(json.loads(genuine)) == genuine
    assert list(said(ours)) == list(json.loads(genuine))
    shapes = {
        json.dumps([[field, list(value) if isinstance(value, dict) else ""] for field, value in
                    item.items()])
        for top in (said(ours), json.loads(genuine))
        for item in top["BIN_FCSKU_DATA"].values()
    }  # fmt: skip
    assert len(shapes) <= 1


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("an item has no ASIN", {"asin"}),
        ("an item has no weight", {"weight"}),
        ("an item has neither sides nor weight", {"length", "width", "height", "weight"}),
    ],
)
def test_one_item_lacks_fields(name: str, fields: set[str]) -> None:
    items = said(the_bin(name))["BIN_FCSKU_DATA"].values()
    nulls = [{field for field, value in item.items() if value is None} for item in items]
    assert [each for each in nulls if each] == [fields]


def test_one_key_and_one_name_are_unusual() -> None:
    items = said(the_bin("key and ASIN of an item differ"))["BIN_FCSKU_DATA"]
    assert [key for key, fields in items.items() if fields["asin"] != key] == ["ZZ00SANDBX"]
    items = said(the_bin("a name has HTML entities and control characters"))["BIN_FCSKU_DATA"]
    (name,) = (each["name"] for each in items.values() if "&amp;" in each["name"])
    assert {letter for letter in name if not letter.isprintable()} == {"\t", "\x96"}


@pytest.mark.parametrize(
    ("name", "oddity"),
    [
        ("a metadata file is an HTML page", "html"),
        ("a metadata file was cut", "truncated"),
        ("a quantity is a text", "quantity_not_a_number"),
    ],
)
def test_unreadable_metadata_match_their_names(name: str, oddity: str) -> None:
    spoilt = the_bin(name)
    assert spoilt.metadata is not None
    assert inspect(spoilt.metadata, spoilt.id).oddity == oddity


def test_ids_meant_to_be_confused_are_in_both_spaces() -> None:
    planned = plan(250, 1)
    both = planned.awkward["an id in both spaces when padded"]
    assert both == ("1", "7", "200", "201", "207")
    assert {f"{int(bin_id):05d}" for bin_id in both} <= {each.id for each in planned.bins}


@pytest.mark.parametrize("bins", [-1, 0, LEAST_BINS - 1, 100_000])
def test_too_few_and_too_many_are_refused(bins: int) -> None:
    with pytest.raises(ValueError, match=f"at least 40 .* not {bins}"):
        plan(bins, 1)
