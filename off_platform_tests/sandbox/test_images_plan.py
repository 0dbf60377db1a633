"""The plan of the bucket: what holds for any size, seed and month."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.barcodes.text import check_digit_holds
from off_platform.images import keys
from off_platform.sandbox.images_plan import JUNK, LEAST_PRODUCTS, plan

SIZES = st.integers(LEAST_PRODUCTS, 80)
SEEDS = st.integers(0, 1000)


@given(SIZES, SEEDS, st.integers(0, 6))
@settings(max_examples=25)
def test_every_line_is_a_key_except_the_two_awkward_ones(
    products: int, seed: int, month: int
) -> None:
    planned = plan(products, seed, month)
    assert len(set(planned.stored)) == len(planned.stored)
    assert list(planned.listed) == sorted(set(planned.listed), key=str.encode)
    for line in set(planned.listed) - {keys.KEY_LIST, JUNK}:
        parsed = keys.parse(line)
        assert keys.key(parsed.barcode, parsed.image_id, parsed.kind, parsed.layout) == line


@given(SIZES, SEEDS)
@settings(max_examples=25)
def test_all_codes_are_valid_and_unique(products: int, seed: int) -> None:
    shown = {photo.product for photo in plan(products, seed, 0).photos}
    assert len(shown) == products
    assert len({each.code for each in shown}) == products
    assert all(check_digit_holds(each.code) for each in shown)


@given(st.integers(LEAST_PRODUCTS + 10, 80), SEEDS, st.integers(0, 3))
@settings(max_examples=25)
def test_a_month_later_most_is_as_it_was(products: int, seed: int, month: int) -> None:
    before, after = plan(products, seed, month), plan(products, seed, month + 1)
    gone = set(before.photos) - set(after.photos)
    new = set(after.photos) - set(before.photos)
    retaken = {photo for photo in new if photo.retaken_in}
    added = {photo.product.number for photo in new - retaken}
    assert len(retaken) == 1
    assert 2 <= len(gone) <= 2 + products // 10
    assert added == set(range(min(added), min(added) + max(1, products // 20)))
    assert before.awkward == after.awkward


@pytest.mark.parametrize(
    ("products", "month", "why"),
    [(LEAST_PRODUCTS - 1, 0, "at least 12 products, not 11"), (LEAST_PRODUCTS, -1, "no month -1")],
)
def test_too_few_products_and_a_month_before_the_first_are_refused(
    products: int, month: int, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        plan(products, 1, month)
