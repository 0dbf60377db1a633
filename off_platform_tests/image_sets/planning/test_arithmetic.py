"""What a set takes, against numbers that were computed by hand."""

from random import Random

import pytest

from off_platform.image_sets.planning.effort import (
    Form,
    Room,
    bits_a_second,
    bytes_beside,
    bytes_of_set,
    memory_bytes,
    puts_for,
    seconds_for,
    spilled_bytes,
)
from off_platform.image_sets.planning.estimates import Estimate, estimated, together
from off_platform.image_sets.planning.prices import Prices, Way, bill, prices_from
from off_platform.settings import Settings

PRICES = Prices(get=0.0004, put=0.005, storage=0.023, transfer=0.02)


def test_a_total_is_estimated_from_a_sample() -> None:
    # Mean 20, standard deviation 10: 1.96 * 10 / sqrt(3) * 12 * sqrt(9 / 11) = 122.8.
    assert estimated([10, 20, 30], 12) == Estimate(240, 117, 363)
    # All of them are known, so nothing is estimated.
    assert estimated([10, 20, 30], 3) == Estimate(60, 60, 60)
    assert estimated([], 0) == Estimate(0, 0, 0)
    # What was seen is there: the interval ends at it, not below.
    assert estimated([0, 0, 90], 4) == Estimate(120, 90, 256)
    assert estimated([50], 3) == Estimate(150, 50, 300)
    assert estimated([], 3) is None


def test_the_interval_holds_the_total_of_skewed_sizes_in_95_of_100_samples() -> None:
    random = Random(20261130)
    sizes = [round(random.lognormvariate(10, 0.7)) for _ in range(20_000)]
    total, held = sum(sizes), 0
    for _ in range(400):
        found = estimated(random.sample(sizes, 400), len(sizes))
        assert found
        held += found.low <= total <= found.high
    # Of 400, 380 are expected with a standard deviation of 4.4.
    assert 362 <= held <= 395


def test_errors_of_kinds_partly_cancel_out() -> None:
    # 30 and 40 below, 30 and 40 above: 50 each.
    both = [Estimate(100, 70, 130), Estimate(200, 160, 240)]
    assert together(both) == Estimate(300, 250, 350)
    assert together([*both, None]) is None
    assert together([]) == Estimate(0, 0, 0)


@pytest.mark.parametrize(
    ("text", "bits"),
    [("1Gbit", 1e9), ("200 Mbit/s", 2e8), ("2.5gbit", 2.5e9), ("64kbit", 64_000)],
)
def test_bandwidths(text: str, bits: float) -> None:
    assert bits_a_second(text) == bits


@pytest.mark.parametrize("text", ["", "fast", "0Gbit", "-1Gbit", "1GB", "1", "1e9bit", "1Gbit 2"])
def test_what_is_no_bandwidth_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a bandwidth as 1Gbit"):
        bits_a_second(text)


def test_the_slowest_part_decides() -> None:
    photos, size = 11_000_000, Estimate.exactly(250 * 10**9)
    one = seconds_for(photos, size, bits=1e9, places=1, of_s3=True)
    # 250 GB * 8 / 1 Gbit; 11 million / 6,000; 11 million / 5,500.
    assert (one.bandwidth, round(one.interpreters, 1), one.prefix) == (2000, 1833.3, 2000)
    fast = seconds_for(photos, size, bits=25e9, places=16, of_s3=True)
    assert (fast.bandwidth, round(fast.interpreters, 1)) == (80, 114.6)
    assert (fast.limit, fast.longest) == ("prefix", 2000)
    assert seconds_for(photos, size, bits=1e8, places=16, of_s3=True).limit == "bandwidth"
    unknown = seconds_for(photos, None, bits=1e9, places=1, of_s3=False)
    assert (unknown.bandwidth, unknown.prefix, unknown.limit) == (None, 0, "interpreters")


def test_requests_that_write_to_a_bucket() -> None:
    stored = Estimate.exactly(50_000_000)
    # Two shards of 25 MB: 5 parts, one request to begin and one to end; 2 rows; 12 pages.
    assert puts_for(2000, stored, Form(2000, 1000)) == 2 * 7 + 2 + 12
    # A refresh moves both.
    assert puts_for(2000, stored, Form(2000, 1000, refreshed=True)) == 2 * 7 + 2 + 12 + 2
    assert puts_for(2000, stored, Form(2000, 1000, arranged=True)) == 2 * 2 * 7 + 2 + 12 + 2
    assert puts_for(2000, stored, Form(2000, 1000, loose=True)) == 2000 + 2 + 12
    # Small shards are one request each.
    assert puts_for(2001, Estimate.exactly(3000), Form(2001, 1000)) == 3 + 3 + 12


def test_room_on_the_disk() -> None:
    stored, none = Estimate(1_000_000, 900_000, 1_200_000), Estimate.exactly(0)
    form = Form(10_000, 1000)
    # The set at most, one of ten shards, and 70 bytes a row.
    assert bytes_of_set(stored, none, 10_000, form) == 1_200_000 + 120_000 + 700_000
    # What an interrupted run has put down is not needed again.
    done = Estimate(500_000, 400_000, 600_000)
    assert bytes_of_set(stored, done, 10_000, form) == 800_000 + 120_000 + 700_000
    # What is arranged is there twice.
    arranged = Form(10_000, 1000, arranged=True)
    assert bytes_of_set(stored, none, 10_000, arranged) == 2 * 1_200_000 + 120_000 + 700_000
    assert bytes_of_set(None, None, 10_000, form) is None
    assert bytes_beside(stored, form) == 2 * 120_000
    assert bytes_beside(stored, arranged) == 2 * 120_000 + 1_200_000
    assert bytes_beside(None, form) is None
    assert (Room("/", 10, 10).fits, Room("/", 11, 10).fits, Room("/", None, 10).fits) == (
        *(True, False),
        None,
    )


def test_planning_spills_what_does_not_fit_into_memory() -> None:
    assert memory_bytes("512MB") == 512_000_000
    assert spilled_bytes(1_000_000, 512_000_000) == 0
    assert spilled_bytes(10_000_000, 512_000_000) == 3_000_000_000 - 512_000_000


def test_dollars() -> None:
    way = Way(from_s3=True, to_s3=True, regions_differ=True, anonymous=False)
    size = Estimate.exactly(100 * 10**9)
    found = bill(PRICES, way, gets=1_000_000, puts=1000, fetched=size, stored=size)
    dollars = (found.get, found.put, found.storage, found.transfer)
    assert dollars == pytest.approx((0.4, 0.005, 2.3, 2.0))
    assert not found.for_owner


def test_what_is_not_in_a_bucket_costs_nothing() -> None:
    way = Way(from_s3=False, to_s3=False, regions_differ=False, anonymous=True)
    size = Estimate.exactly(100 * 10**9)
    found = bill(PRICES, way, gets=1_000_000, puts=1000, fetched=size, stored=size)
    assert (found.get, found.put, found.storage, found.transfer) == (0, 0, 0, 0)
    assert not found.for_owner


def test_dollars_of_unknown_bytes_are_unknown_and_the_owner_of_a_public_bucket_pays() -> None:
    way = Way(from_s3=True, to_s3=True, regions_differ=True, anonymous=True)
    found = bill(PRICES, way, gets=1_000_000, puts=1000, fetched=None, stored=None)
    assert (found.storage, found.transfer, found.for_owner) == (None, None, True)
    assert found.get == pytest.approx(0.4)


def test_prices_name_their_source() -> None:
    assert "mid 2025" in prices_from(Settings(_env_file=None)).source
    assert "OFF_PLATFORM_PRICE" in prices_from(Settings(_env_file=None, price_get=1)).source
