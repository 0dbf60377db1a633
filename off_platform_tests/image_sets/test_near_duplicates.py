"""All pairs of near duplicates are found, and no others; copies do not multiply them."""

from collections.abc import Iterator

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.image_sets.near_duplicates import (
    Places,
    near_pairs,
    same_looks,
)
from off_platform.image_sets.perceptual_hash import (
    BITS_MOST,
    DIGITS,
    LOWEST_MOST,
    WINDOWS,
    WORDS,
    Words,
    words_of,
)

ALL = np.uint64(2**64 - 1)


def hashes(words: Words) -> list[str]:
    return [each.astype(">u8").tobytes().hex() for each in words]


def flipped(word: Words, bits: list[int]) -> Words:
    """The hash of a window, with some of its 256 bits flipped; bit 0 is the first."""
    changed = word.copy()
    for bit in bits:
        changed[bit // 64] ^= np.uint64(1 << (63 - bit % 64))
    return changed


def random_words(count: int, seed: int) -> Words:
    return np.random.default_rng(seed).integers(
        0, 2**64, (count, len(WINDOWS), WORDS), dtype=np.uint64
    )


def by_definition(words: Words) -> set[tuple[int, int]]:
    """The pairs by the sentence that defines them, with Python's numbers."""
    lowest = [row * 16 + column for row in range(8) for column in range(8)]
    bits = np.unpackbits(words.astype(">u8").view(np.uint8), axis=-1).reshape(
        len(words), len(WINDOWS), 256
    )
    pairs = set()
    for whole in range(len(words)):
        apart = bits[whole, 0] ^ bits
        near = (apart.sum(axis=-1) <= 32) & (apart[..., lowest].sum(axis=-1) <= 8)
        pairs |= {
            (min(whole, other), max(whole, other))
            for other in np.flatnonzero(near.any(axis=-1)).tolist()
            if other != whole
        }
    return pairs


def as_pairs(found: tuple[Places, Places]) -> set[tuple[int, int]]:
    pairs = list(zip(found[0].tolist(), found[1].tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert sorted(pairs, key=lambda pair: pair[::-1]) == pairs
    return set(pairs)


def planted(count: int, seed: int) -> Words:
    """Random hashes, of which a third differ from a window of another in 0 to 50 bits."""
    random = np.random.default_rng(seed)
    words = random_words(count, seed)
    for number in range(count // 3):
        of = random.integers(count // 3, count)
        spread = random.integers(0, 50)
        bits = random.permutation(256)[:spread] if number % 2 else random.permutation(60)[:spread]
        words[number, 0] = flipped(words[of, random.integers(len(WINDOWS))], bits.tolist())
    return words


@pytest.mark.parametrize("count", [2, 30, 499, 600])
def test_all_pairs_are_found_and_no_others(count: int) -> None:
    words = planted(count, count)
    expected = by_definition(words)
    assert as_pairs(near_pairs(words)) == expected
    assert expected or count == 2


@given(seed=st.integers(0, 2**32), count=st.integers(0, 40))
def test_pairs_do_not_depend_on_the_order(seed: int, count: int) -> None:
    words = planted(count, seed)
    order = np.random.default_rng(seed).permutation(count)
    expected = {
        (min(pair), max(pair))
        for one, two in as_pairs(near_pairs(words[order]))
        for pair in [(int(order[one]), int(order[two]))]
    }
    assert as_pairs(near_pairs(words)) == expected


@pytest.mark.parametrize("window", range(len(WINDOWS)))
def test_a_window_of_a_photo_is_compared_with_the_whole_of_another(window: int) -> None:
    words = random_words(2, 5)
    assert not as_pairs(near_pairs(words))
    words[1, 0] = words[0, window]
    assert as_pairs(near_pairs(words)) == {(0, 1)}


@pytest.mark.parametrize(
    ("bits", "near"),
    [
        # The bits of the lowest frequencies are the first 8 of each of the first 8 rows of 16.
        ([*range(8)], True),
        ([*range(8), 16], False),
        ([*range(8), *range(128, 152)], True),
        ([*range(8), *range(128, 153)], False),
        ([*range(128, 160)], True),
        ([*range(128, 161)], False),
    ],
)
def test_the_bounds_are_met_exactly(bits: list[int], near: bool) -> None:  # noqa: FBT001
    words = random_words(2, 6)
    words[1] = random_words(1, 7)[0]
    words[1, 0] = flipped(words[0, 0], bits)
    assert as_pairs(near_pairs(words)) == ({(0, 1)} if near else set())
    assert (LOWEST_MOST, BITS_MOST) == (8, 32)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def loaded(connection: duckdb.DuckDBPyConnection, rows: list[tuple[str | None, str | None]]) -> str:
    """A query for photos with an MD5 and a hash each, in an order that is not that of the rows."""
    connection.execute(
        "CREATE TABLE photos"
        " (position BIGINT, sample VARCHAR, md5 VARCHAR, perceptual_hash VARCHAR)"
    )
    columns = list(zip(*((9 * at, f"s{at}", *row) for at, row in enumerate(rows)), strict=True))
    connection.execute(
        "INSERT INTO photos SELECT unnest(?), unnest(?), unnest(?), unnest(?)",
        [list(column) for column in columns],
    )
    return "SELECT * FROM photos ORDER BY hash(position)"


def test_copies_are_linked_to_the_first_of_them(connection: duckdb.DuckDBPyConnection) -> None:
    words = random_words(4, 8)
    words[2, 0] = flipped(words[0, 0], [200])
    one, other, near, last = hashes(words)
    rows = [("a", one), ("b", other), ("c", near), ("a", one), ("e", near), ("f", None)]
    rows += [("f", None), (None, None), (None, None), ("b", other), ("g", last)]
    found = same_looks(connection, loaded(connection, rows))
    assert found.first.tolist() == [0, 1, 2, 0, 2, 5, 5, 7, 8, 1, 10]
    assert (found.earlier.tolist(), found.later.tolist()) == ([0], [2])


def test_many_copies_make_no_pairs(connection: duckdb.DuckDBPyConnection) -> None:
    (placeholder,) = hashes(random_words(1, 9))
    rows: list[tuple[str | None, str | None]] = [("a", placeholder)] * 5000
    found = same_looks(connection, loaded(connection, rows))
    assert (found.first == 0).all()
    assert len(found.first) == 5000
    assert len(found.earlier) == 0


def test_no_photos_have_no_pairs(connection: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT 0 AS position, '' AS sample, '' AS md5, '' AS perceptual_hash WHERE false"
    assert [len(part) for part in same_looks(connection, query)] == [0, 0, 0]


def test_words_are_those_of_the_digits() -> None:
    words = random_words(3, 10)
    assert (words_of(hashes(words)) == words).all()
    for wrong in ("", "0" * (DIGITS - 1), "0" * (DIGITS - 1) + "x"):
        with pytest.raises(ValueError, match="hex"):
            words_of([wrong])
