"""The order of a first shard: what a loader that looks at five samples learns from it."""

import json
from itertools import combinations, groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.image_sets.files.json_fields import fields_of
from off_platform.image_sets.files.shard_order import LOOKED_AT, loader_order

Sample = tuple[bool, bytes | None]
SCALARS = st.sampled_from([None, True, 1, -2, 0.5, "a", [], {}, [1, 0.5], [{"b": None}], {"b": 3}])
TEXTS = st.dictionaries(st.sampled_from("abc"), SCALARS | st.lists(SCALARS, max_size=2)).map(
    lambda document: json.dumps(document).encode()
)
SAMPLES = st.lists(st.tuples(st.booleans(), st.none() | TEXTS), max_size=12)


def ordered(samples: list[Sample]) -> tuple[list[int], list[int]]:
    """The samples of the shard and those set aside, by number."""
    members = [
        (f"{number}.{ending}", there)
        for number, (photo, text) in enumerate(samples)
        for ending, there in (("jpg", photo), ("json", text is not None))
    ]
    orders = loader_order(members, lambda index: samples[index // 2][1] or b"")
    for order in orders:
        assert [index % 2 for index in order] == [0, 1] * (len(order) // 2)
    shard, aside = ([number for number, _ in groupby(i // 2 for i in order)] for order in orders)
    return shard, aside


def documents(*found: Any) -> list[Sample]:
    return [(True, json.dumps(each).encode()) for each in found]


@settings(max_examples=25)
@given(SAMPLES)
def test_every_sample_is_in_one_of_two_files(samples: list[Sample]) -> None:
    shard, aside = ordered(samples)
    assert sorted(shard + aside) == list(range(len(samples)))
    assert shard[LOOKED_AT:] == sorted(shard[LOOKED_AT:])
    assert aside == sorted(aside)


@pytest.mark.slow
@settings(max_examples=25)
@given(SAMPLES)
def test_the_first_five_have_the_same_objects_and_types(samples: list[Sample]) -> None:
    shard, _ = ordered(samples)
    seen = [samples[number] for number in shard[:LOOKED_AT] if samples[number] != (False, None)]
    assert len({(photo, text is not None) for photo, text in seen}) <= 1
    types = fields_of(text for _, text in seen if text is not None)
    for one, other in combinations((each for each in types if each), 2):
        assert all(one[path] == other[path] for path in one.keys() & other.keys())


def test_decimals_come_before_whole_numbers() -> None:
    whole, decimal = {"score": 1}, {"score": 0.5}
    assert ordered(documents(*[whole] * 5, *[decimal] * 5))[0][:LOOKED_AT] == [5, 6, 7, 8, 9]


def test_samples_with_values_come_before_nulls_and_empty_lists() -> None:
    rich = {"responses": [{"text": "a"}], "height": {"value": 2.5}}
    poor = [{"responses": [], "height": None}, {"responses": [{}]}, {}]
    assert ordered(documents(*poor * 3, rich))[0][0] == len(poor) * 3


def test_two_types_of_one_field_are_not_in_one_shard_of_few() -> None:
    shard, aside = ordered(documents({"a": "x"}, {"a": {"b": 1}}, {"a": "y"}))
    assert (shard, aside) == ([0, 2], [1])


def test_texts_that_are_not_plain_json_are_tolerated() -> None:
    odd = [b"", b"\xff", b'{"a": "\\ud800"}', b"[" * 2000 + b"]" * 2000, b'\xef\xbb\xbf{"a": 1}']
    shard, aside = ordered([(True, text) for text in odd * 2])
    assert sorted(shard + aside) == list(range(10))
    assert shard[:2] == [4, 9]
