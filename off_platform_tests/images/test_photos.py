"""The table `photos` has each photo of a key list once, in its slice, whatever the list is."""

from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.images import keys
from off_platform.images.key_index import KeyIndexFacts, write_key_index
from off_platform.images.photo_order import FOLD, number_of, slice_of
from off_platform.images.photos import Photos
from off_platform.images.schemas import PHOTOS
from off_platform_tests.images_desk import write_list

Photo = tuple[int, str, int, str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photos")


def photos_of(folder: Path, listed: list[str]) -> tuple[list[Photo], Photos, KeyIndexFacts]:
    """The rows of the table, in its order."""
    snapshot = write_list(folder, (each.encode() for each in listed))
    made = folder / "photos.parquet"
    photos = Photos()
    facts = write_key_index(
        snapshot, folder / "index.parquet", folder / "odd.parquet", 2**24, None, photos.add
    )
    photos.write(made)
    table = pq.read_table(made)
    assert table.schema.remove_metadata() == PHOTOS.arrow
    return [tuple(row.values()) for row in table.to_pylist()], photos, facts


def by_hand(listed: list[str]) -> list[Photo]:
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for text in listed:
        try:
            key = keys.parse(text)
        except keys.NotAKeyError:
            continue
        found[key.barcode, key.image_id].add(key.kind)
    return sorted(
        (slice_of(number_of(code), image_id), code, image_id, "+".join(sorted(kinds, key=ORDER)))
        for (code, image_id), kinds in found.items()
    )


ORDER = ["raw", "400", "ocr"].index
KINDS: list[keys.Kind] = ["raw", "400", "ocr"]
# Barcodes whose numbers are the same, as they have more digits than 18.
LONG = "1" + "0" * 18
SAME_NUMBER = (LONG, f"{FOLD:08d}")
CODES = ["3017620422003", "20065034", "17", "990530101113758685", "9" * 24, *SAME_NUMBER]
LISTED = st.lists(
    st.one_of(
        st.builds(
            keys.key,
            st.sampled_from(CODES),
            st.sampled_from([0, 1, 2, 400, 999_999_999]),
            st.sampled_from(KINDS),
            st.sampled_from(["current", "document"]),
        ),
        st.sampled_from(["", "data/data_keys.gz", "data/301/762/042/02003/1.jpg"]),
    ),
    max_size=80,
)


@given(LISTED)
def test_each_photo_is_in_the_table_once(folder: Path, listed: list[str]) -> None:
    rows, photos, facts = photos_of(folder, listed)
    assert sorted(rows) == by_hand(listed)
    assert [each[0] for each in rows] == sorted(each[0] for each in rows)
    objects = sum(len(kinds.split("+")) for *_, kinds in rows)
    assert photos.doubled == facts.rows - objects


def test_photos_that_two_blocks_share(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("off_platform.images.key_list.BLOCK_BYTES", 100)
    listed = [keys.key(code, 1, kind) for code in sorted(CODES) for kind in KINDS]
    rows, photos, _ = photos_of(folder, listed * 2)
    assert sorted(rows) == by_hand(listed)
    assert photos.doubled == len(listed)


def test_numbers_that_are_the_same_are_no_one_product(folder: Path) -> None:
    assert number_of(SAME_NUMBER[0]) == number_of(SAME_NUMBER[1])
    listed = [keys.key(code, 1, kind) for kind in KINDS for code in SAME_NUMBER]
    rows, _, _ = photos_of(folder, listed)
    assert [each[1] for each in sorted(rows)] == sorted(SAME_NUMBER)


def test_each_slice_is_a_row_group(folder: Path) -> None:
    # A choice skips the others by these bounds.
    rows, _, _ = photos_of(folder, [keys.key(str(4 * 10**12 + n), 1, "raw") for n in range(600)])
    assert len(rows) == 600
    meta = pq.read_metadata(folder / "photos.parquet")
    bounds = [meta.row_group(number).column(0).statistics for number in range(meta.num_row_groups)]
    assert [each.min for each in bounds] == [each.max for each in bounds]
    assert len({each.min for each in bounds}) == len(bounds) > 50


def test_the_same_list_gives_the_same_bytes(folder: Path) -> None:
    listed = [keys.key(code, image_id, "raw") for code in CODES for image_id in (3, 1, 2)]
    photos_of(folder, listed)
    first = (folder / "photos.parquet").read_bytes()
    photos_of(folder, listed)
    assert (folder / "photos.parquet").read_bytes() == first


def test_no_photo(folder: Path) -> None:
    assert photos_of(folder, ["data/data_keys.gz"])[0] == []
