"""All pairs of near duplicates are found, and no others; copies and crowds do not multiply them."""

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.image_sets.declaration.shares import EXCLUDED
from off_platform.image_sets.division import near_duplicates
from off_platform.image_sets.division.hash_index import HashIndex
from off_platform.image_sets.division.near_duplicates import (
    NEAR_MOST,
    NearPairs,
    near_pairs,
    same_looks,
)
from off_platform.image_sets.division.splits import split_set
from off_platform.image_sets.photos.perceptual_hash import (
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
    """The pairs by the sentence that defines them: all bits of each with all bits of each."""
    rows = [row * 16 + column for row in range(8) for column in range(8)]
    bits = np.unpackbits(words.astype(">u8").view(np.uint8), axis=-1)
    bits = bits.reshape(len(words), len(WINDOWS), 256).astype(np.float32)
    near = np.zeros((len(words), len(words)), dtype=np.bool_)
    for window in range(len(WINDOWS)):
        near |= (apart(bits[:, 0], bits[:, window]) <= 32) & (
            apart(bits[:, 0][:, rows], bits[:, window][:, rows]) <= 8
        )
    return {
        (min(one, other), max(one, other))
        for one, other in zip(*(each.tolist() for each in np.nonzero(near)), strict=True)
        if one != other
    }


def apart(ones: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """In how many bits each differs from each."""
    return ones @ (1 - others).T + (1 - ones) @ others.T


def as_pairs(found: NearPairs) -> set[tuple[int, int]]:
    pairs = list(zip(found.earlier.tolist(), found.later.tolist(), strict=True))
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
    found = near_pairs(words)
    assert as_pairs(found) == expected
    assert (found.crowded_by == -1).all()
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


def crowds(count: int, seed: int) -> Words:
    """Ordinary hashes; copies of one picture and of its windows; a chain; in turns at random."""
    random = np.random.default_rng(seed)
    words = planted(count, seed)
    part = count // 3
    picture = random_words(1, seed + 1)[0]
    for number in range(part):
        changed = picture if number % 2 else random_words(1, seed + 2 + number)[0]
        words[number] = changed
        bits = random.permutation(256)[: random.integers(12)].tolist()
        words[number, 0] = flipped(picture[random.integers(2)], bits)
    steps = random_words(1, seed)[0, 0]
    for number in range(part, 2 * part):
        steps = flipped(steps, random.integers(256, size=number % 3 // 2).tolist())
        words[number] = steps
        words[number, 6, 3] ^= np.uint64(number)
    return words[random.permutation(count)]


def in_turn(words: Words, kept: set[int]) -> tuple[set[tuple[int, int]], set[int]]:
    """The pairs and the crowded, by the sentence that defines them."""
    near: dict[int, list[int]] = {}
    for one, other in by_definition(words):
        near.setdefault(other, []).append(one)
    crowded: set[int] = set()
    for photo in range(len(words)):
        others = [each for each in near.get(photo, ()) if each not in crowded]
        if len(others) > NEAR_MOST and photo not in kept:
            crowded.add(photo)
    pairs = {(one, other) for other, of in near.items() for one in of}
    return {pair for pair in pairs if not crowded & {*pair}}, crowded


@pytest.mark.slow
@pytest.mark.parametrize("count", [450, 600])
@pytest.mark.parametrize("few_at_once", [False, True])
@pytest.mark.parametrize("some_kept", [False, True])
def test_a_photo_with_many_earlier_near_ones_is_crowded(
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    few_at_once: bool,  # noqa: FBT001
    some_kept: bool,  # noqa: FBT001
) -> None:
    if few_at_once:
        monkeypatch.setattr(near_duplicates, "_TOGETHER", 40_000)
        monkeypatch.setattr(HashIndex, "photos_at_once", 70)
    words = crowds(count, count)
    kept = np.random.default_rng(count).random(count) < (0.3 if some_kept else 0)
    pairs, crowded = in_turn(words, set(np.flatnonzero(kept).tolist()))
    found = near_pairs(words, kept)
    assert as_pairs(found) == pairs
    assert set(np.flatnonzero(found.crowded_by != -1).tolist()) == crowded
    assert 20 < len(crowded) < count - 100
    near = by_definition(words)
    for photo in crowded:
        by = int(found.crowded_by[photo])
        assert (by, photo) in near
        assert by not in crowded


@pytest.mark.parametrize("count", [100, 450, 600])
def test_who_is_crowded_does_not_change_when_more_photos_follow(count: int) -> None:
    words = crowds(700, 3)
    smaller, larger = near_pairs(words[:count]), near_pairs(words)
    assert (larger.crowded_by[:count] == smaller.crowded_by).all()
    of_smaller = {pair for pair in as_pairs(larger) if max(pair) < count}
    assert as_pairs(smaller) == of_smaller


@pytest.mark.slow
def test_thousands_of_photos_that_hardly_differ_make_few_pairs() -> None:
    count = 5000
    words = words_of([f"{number:0{DIGITS}x}" for number in range(count)])
    found = near_pairs(words)
    assert len(found.later) == (NEAR_MOST + 1) * NEAR_MOST // 2
    assert (found.crowded_by[: NEAR_MOST + 1] == -1).all()
    assert (found.crowded_by[NEAR_MOST + 1 :] == 0).all()


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


def test_copies_of_a_crowded_photo_are_crowded_unless_one_is_kept(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    words = [f"{number:0{DIGITS}x}" for number in range(NEAR_MOST + 3)]
    rows: list[tuple[str | None, str | None]] = [("", each) for each in [*words, words[-1]]]
    photos = loaded(connection, rows)
    expected = [-1] * (NEAR_MOST + 1) + [0, 0, 0]
    assert same_looks(connection, photos).crowded_by.tolist() == expected
    kept = f"SELECT 's{len(words)}' AS sample"
    found = same_looks(connection, photos, kept=kept)
    assert found.crowded_by.tolist() == [*expected[:-2], -1, -1]
    assert found.later.tolist().count(len(words) - 1) == NEAR_MOST + 1


def splits_of(
    connection: duckdb.DuckDBPyConnection,
    words: Words,
    order: Sequence[int],
    before: dict[str, str] | None = None,
) -> dict[str, str]:
    """The split of each photo, two to a unit, in some order; knowing those kept before."""
    before = before or {}
    units = {f"u{int(name[1:]) // 2}": split for name, split in before.items()}
    of_hash = hashes(words)
    places = np.random.default_rng(1).random(len(words))
    rows = [
        (at, f"s{each}", of_hash[each], f"u{each // 2}", places[each // 2],
         units.get(f"u{each // 2}"), f"s{each}" in before)
        for at, each in enumerate(order)
    ]  # fmt: skip
    names = ("position", "sample", "perceptual_hash", "unit", "place", "earlier", "known")
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    connection.register("photos_in_order", table)
    photos = """SELECT position, sample, sample AS md5, perceptual_hash, unit, place,
        NULL AS stratum, earlier::VARCHAR AS earlier, known FROM photos_in_order"""
    looks = same_looks(connection, photos, kept=f"SELECT sample FROM ({photos}) WHERE known")
    found = split_set(connection, photos, looks, {"one": 0.5, "two": 0.5})
    return dict(zip(found["sample"].to_pylist(), found["split"].to_pylist(), strict=True))


def kept_of(splits: dict[str, str]) -> dict[str, str]:
    return {name: split for name, split in splits.items() if split != EXCLUDED}


@pytest.mark.slow
def test_nothing_leaks_through_crowds_and_nothing_moves(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    count = 600
    words = crowds(count, 11)
    smaller = splits_of(connection, words, range(400))
    larger = splits_of(connection, words, range(count))
    knowing = splits_of(connection, words, range(count), kept_of(smaller))
    assert {name: larger[name] for name in smaller} == smaller
    assert {name: knowing[name] for name in smaller} == smaller
    shuffled = np.random.default_rng(2).permutation(count).tolist()
    later = splits_of(connection, words, shuffled, kept_of(smaller))
    assert {name: later[name] for name in kept_of(smaller)} == kept_of(smaller)
    pairs = by_definition(words)
    for splits in (larger, knowing, later):
        kept = kept_of(splits)
        assert len(set(kept.values())) == 2
        for one, other in pairs:
            first, second = (kept.get(f"s{each}") for each in (one, other))
            assert first is None or second is None or first == second


def test_many_copies_make_no_pairs(connection: duckdb.DuckDBPyConnection) -> None:
    (placeholder,) = hashes(random_words(1, 9))
    rows: list[tuple[str | None, str | None]] = [("a", placeholder)] * 5000
    found = same_looks(connection, loaded(connection, rows))
    assert (found.first == 0).all()
    assert len(found.first) == 5000
    assert len(found.earlier) == 0


def test_no_photos_have_no_pairs(connection: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT 0 AS position, '' AS sample, '' AS md5, '' AS perceptual_hash WHERE false"
    assert [len(part) for part in same_looks(connection, query)] == [0, 0, 0, 0]


def test_words_are_those_of_the_digits() -> None:
    words = random_words(3, 10)
    assert (words_of(hashes(words)) == words).all()
    for wrong in ("", "0" * (DIGITS - 1), "0" * (DIGITS - 1) + "x"):
        with pytest.raises(ValueError, match="hex"):
            words_of([wrong])
