"""Foreign text made fit to show, sizes, times and counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.words import (
    counted,
    duration,
    escaped,
    file_name,
    quoted,
    readable,
    shortened,
    size,
    visible,
)

LINE_ENDS = {"\n", "\t"}


@given(st.text(max_size=400), st.integers(1, 200))
def test_no_text_does_harm_or_is_longer_than_asked(text: str, most: int) -> None:
    prose = readable(text, most)
    assert len(prose) <= most
    assert not any(0xD800 <= ord(each) < 0xE000 or ord(each) in range(0x202A, 0x202F)
                   or (ord(each) < 32 and each not in LINE_ENDS) for each in prose)  # fmt: skip
    prose.encode()
    assert visible(text, most).replace("\n", "").isprintable()
    assert escaped(text, most).isprintable()
    assert len(escaped(text, most)) <= most + 3
    assert quoted(text, most).isprintable()
    assert len(shortened(text, most)) <= most + 3


@given(st.text(st.characters(categories=["L", "N"]), max_size=60))
def test_an_ordinary_text_stays_as_it_is(text: str) -> None:
    assert readable(text) == visible(text) == escaped(text) == quoted(text)[1:-1] == text


def test_each_purpose_has_its_form() -> None:
    text = "a\u202eb\r\nc\u00a0d"
    assert readable(text) == "a\ufffdb\nc\u00a0d"
    assert visible(text) == "a\\u202eb\\u000d\nc\\u00a0d"
    assert escaped(text) == "a\\u202eb\\r\\nc\\xa0d"
    assert quoted("it's " + "x" * 100) == f'"it\'s {"x" * 55}..."'
    assert file_name("caf\udce9.csv") == "caf\ufffd.csv"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 records"), (1, "1 record"), (1200, "1,200 records")]
)
def test_a_noun_agrees_with_its_number(count: int, text: str) -> None:
    assert counted(count, "record") == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (23_700, "23.7 kB"),
        (65_000_000, "65.0 MB"),
        (240 * 10**9, "240.0 GB"),
        (4 * 10**12, "4.0 TB"),
        (4 * 10**15, "4.0 PB"),
    ],
)
def test_sizes_are_for_people(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (42.4, "42 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3600, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (100 * 3600, "100 h 0 min"),
    ],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.integers(0, 10**9))
def test_a_duration_says_the_time_to_the_minute_it_shows(seconds: int) -> None:
    words = duration(seconds).split()
    unit = {"h": 3600, "min": 60, "s": 1}
    shown = sum(int(n) * unit[name] for n, name in zip(words[::2], words[1::2], strict=True))
    assert 0 <= seconds - shown < (60 if "h" in words else 1)
