"""What holds of any text, however odd, and of whole columns of them."""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from off_platform.imports.values.barcodes.barcode import barcode, barcode_checks
from off_platform.imports.values.geography.places import (
    countries,
    countries_sound,
    language_code,
    language_codes_sound,
    languages,
    languages_sound,
)
from off_platform.imports.values.numbers.number import number, number_values
from off_platform.imports.values.quantities import amounts, quantities_sound, quantity
from off_platform.imports.values.reading import Reading
from off_platform.imports.values.texts import lists_sound, repaired_text, split_list, text_sound
from off_platform.imports.values.timestamps import timestamp, timestamps_sound
from off_platform.imports.values.urls import url, urls_sound
from off_platform_tests.imports.odd_texts import TEXTS

NOW = 1_750_000_000
LEAST_LENGTH = 1 << 12
# A square would cost 64 times as much a character at the last length.
ROOM = 16

Read = Callable[[str], Reading]
READERS: dict[str, Read] = {
    "number": number,
    **{f"number {u}": (lambda t, u=u: number(t, u)) for u in ("g", "mg", "kJ", "kJ or kcal")},
    "barcode": barcode,
    "gtin": lambda text: barcode(text, gtin=True),
    "quantity": quantity,
    "timestamp": lambda text: timestamp(text, NOW),
    "url": url,
    "countries": countries,
    "languages": languages,
    "language": language_code,
    "text": repaired_text,
    "allergens": lambda text: split_list(text, said="none"),
    "list": split_list,
}
SOUND: dict[str, Callable[[Any], Any]] = {
    "number": lambda column: number_values(column)[1],
    "barcode": barcode_checks,
    "gtin": lambda column: barcode_checks(column, gtin=True),
    "quantity": quantities_sound,
    "timestamp": lambda column: timestamps_sound(column, NOW),
    "url": urls_sound,
    "countries": countries_sound,
    "languages": languages_sound,
    "language": language_codes_sound,
    "text": text_sound,
    "allergens": lambda column: lists_sound(column, said="none"),
    "list": lists_sound,
}


@pytest.mark.parametrize("name", READERS)
@given(text=TEXTS)
@example(text=",~")
@example(text=",#REF!")
def test_what_is_certain_is_settled_by_its_proposal(name: str, text: str) -> None:
    reading = READERS[name](text)
    if reading.certain:
        assert reading.proposal is not None
        again = READERS[name](reading.proposal)
        assert not again.certain
        assert again.value == reading.value


@pytest.mark.parametrize("name", READERS)
@given(text=TEXTS)
def test_only_what_breaks_a_rule_has_a_proposal(name: str, text: str) -> None:
    reading = READERS[name](text)
    assert reading.rule or (reading.proposal is None and not reading.certain)
    assert reading.proposal is None or reading.certain or reading.proposal != text


@pytest.mark.parametrize("name", SOUND)
@given(texts=st.lists(TEXTS, max_size=12))
@example(
    texts=["\u00c9\u00a0", "Spa\u00df\u201c", "un\u212anown", "4\n", "\u00c3 b", "a ,,b", "NONE"]
)
def test_a_column_is_sound_where_its_parser_has_no_finding(name: str, texts: list[str]) -> None:
    expected = [READERS[name](text).rule is None for text in texts]
    assert SOUND[name](pa.array(texts, pa.string())).tolist() == expected
    # In chunks, wide, sliced and with absent ones, as batches come.
    wide = pa.chunked_array(
        [pa.array([None, "?", *texts], pa.large_string())[2:], pa.array([None], pa.large_string())]
    )
    assert SOUND[name](wide).tolist() == [*expected, True]


@given(texts=st.lists(TEXTS, max_size=12))
def test_numbers_of_a_column_are_those_of_its_reader(texts: list[str]) -> None:
    values, sound = number_values(pa.array(texts, pa.string()))
    for text, value, is_sound in zip(texts, values, sound, strict=True):
        read = number(text).value
        assert np.isnan(value) if not is_sound or read is None else value == read


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", ["\ud800", "\x00", "\U0010ffff", "1\ud800", "\u00c3\ud800"])
def test_lone_surrogates_do_not_raise(name: str, text: str) -> None:
    assert isinstance(READERS[name](text), Reading)


HOSTILE = {
    "zeros": "0", "spaces": " ", "commas": ",", "digit and comma": "1,",
    "dots": "1.",
    "double encoded": "\u00c3\u00a9", "labels": "a.", "semicolons": "a;",
    "url": "http://a", "energy": "1kJ/", "countries": "Francc,", "control": "\x01",
    "ounces": "1 oz ",
    "signs": "<+",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["number kJ", "gtin", "quantity", "timestamp", "url", "countries",
                                  "languages", "language", "list"])  # fmt: skip
def test_a_long_text_of_anything_costs_no_more_than_its_length(name: str) -> None:
    """If the cost grew with the square, each step would cost 16 times as much, not 4 times."""
    for piece in HOSTILE.values():
        least = min(cost(name, piece, LEAST_LENGTH, n) for n in range(5))
        for length in (LEAST_LENGTH * 4**step for step in range(1, 4)):
            most = ROOM * least * length / LEAST_LENGTH
            assert any(cost(name, piece, length, n) < most for n in range(3)), (piece, length)


def cost(name: str, piece: str, length: int, end: int) -> float:
    """Processor time of a reader for a text of this length; nothing remembers one by its end."""
    text = (piece * (length // len(piece) + 1))[: length - 1] + str(end)
    began = time.thread_time_ns()
    READERS[name](text)
    return time.thread_time_ns() - began + 1


def test_amounts_of_plain_quantities() -> None:
    texts = ["400g", "1L", "6 x 125 g", "33 cl", "1,5 l", "1,000 g", "some", "", None]
    found, units = amounts(pa.array(texts, pa.string()))
    assert found.to_pylist() == [400, 1000, 750, 330, 1500, None, None, None, None]
    assert units.to_pylist() == ["g", "ml", "g", "ml", "ml", None, None, None, None]


@pytest.mark.parametrize("check", [barcode_checks, number_values])
def test_a_million_are_checked_at_once(check: Callable[[Any], Any]) -> None:
    """As many calls as for a thousand: no value has one of its own."""
    random = np.random.default_rng(1)
    numbers = {
        barcode_checks: random.integers(10**12, 10**13, 1_000_000),
        number_values: np.round(random.random(1_000_000) * 100, 2),
    }
    texts = pa.array(numbers[check]).cast(pa.string())
    check(texts[:1000])
    assert calls(check, texts) <= 2 * calls(check, texts[:1000])


def calls(function: Callable[[Any], Any], argument: Any) -> int:
    """How many functions a call calls, of Python and of C."""
    count = 0

    def note(frame: object, event: str, detail: object) -> None:  # noqa: ARG001 - as Python has it
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        function(argument)
    finally:
        sys.setprofile(None)
    return count
