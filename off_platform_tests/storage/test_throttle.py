"""How many requests may be on their way after which answers."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.storage import throttle as throttle_module
from off_platform.storage.throttle import Grant, Throttle
from off_platform_tests.waiting import PATIENCE_SECONDS

SOON = 1e-4


@pytest.fixture
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that do not slow the tests down; how they grow is not asked there."""
    monkeypatch.setattr(throttle_module, "FIRST_PAUSE", SOON)
    monkeypatch.setattr(throttle_module, "LONGEST_PAUSE", SOON)


def burst(throttle: Throttle, requests: int) -> None:
    """So many requests that are on their way at the same time and are all refused."""
    grants = [throttle.enter() for _ in range(requests)]
    for grant in grants:
        throttle.slow_down(grant)


def refuse(throttle: Throttle, requests: int) -> None:
    """So many requests, one after the other, that are refused."""
    for _ in range(requests):
        throttle.slow_down(throttle.enter())


def come_through(throttle: Throttle, requests: int) -> None:
    """So many requests, one after the other, that are answered."""
    for _ in range(requests):
        throttle.leave(throttle.enter())


def test_it_starts_at_the_full_limit() -> None:
    assert Throttle(64).allowed == 64


def test_a_burst_halves_once() -> None:
    throttle = Throttle(64)
    burst(throttle, 64)
    assert throttle.allowed == 32


@pytest.mark.usefixtures("_short_pauses")
def test_the_next_burst_halves_again_and_never_below_one() -> None:
    throttle, seen = Throttle(64), []
    for _ in range(9):
        refuse(throttle, 5)
        seen.append(throttle.allowed)
    assert seen == sorted(seen, reverse=True)
    assert seen[0] < 64
    assert seen[-1] == 1


@pytest.mark.usefixtures("_short_pauses")
def test_a_single_refusal_after_a_burst_is_not_the_next_one() -> None:
    throttle = Throttle(64)
    refuse(throttle, 5)
    assert throttle.allowed == 32
    come_through(throttle, 1)
    refuse(throttle, 1)
    assert throttle.allowed > 32


def test_few_refusals_among_many_answers_slow_nobody_down() -> None:
    throttle = Throttle(64)
    for _ in range(50):
        refuse(throttle, 1)
        come_through(throttle, 19)
    assert throttle.allowed == 64


@pytest.mark.usefixtures("_short_pauses")
def test_it_recovers_to_full_and_not_beyond() -> None:
    throttle = Throttle(16)
    refuse(throttle, 12)
    low = throttle.allowed
    assert low < 16
    come_through(throttle, 40)
    assert low < throttle.allowed < 16
    come_through(throttle, 500)
    assert throttle.allowed == 16


def test_everything_waits_after_a_burst() -> None:
    throttle, start = Throttle(8), time.monotonic()
    burst(throttle, 8)
    throttle.leave(throttle.enter())
    assert time.monotonic() - start >= throttle_module.FIRST_PAUSE / 2


def waits_of(throttle: Throttle, bursts: int) -> Iterator[float]:
    """Seconds until a place is granted after each burst, with nothing in between."""
    for _ in range(bursts):
        start = time.monotonic()
        refuse(throttle, 3)
        grant = throttle.enter()
        yield time.monotonic() - start
        throttle.slow_down(grant)


def test_pauses_grow_while_nothing_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle_module, "FIRST_PAUSE", 0.004)
    monkeypatch.setattr(throttle_module, "LONGEST_PAUSE", 0.064)
    waits = list(waits_of(Throttle(1), 16))
    assert max(waits) > 4 * 0.006


@pytest.mark.usefixtures("_short_pauses")
def test_pauses_grow_no_longer_than_the_longest() -> None:
    """Doubled sixty times, the first one would last longer than anybody waits."""
    throttle = Throttle(1)
    waiting = threading.Thread(target=refuse, args=(throttle, 300), daemon=True)
    waiting.start()
    waiting.join(PATIENCE_SECONDS)
    assert not waiting.is_alive()


def test_requests_are_limited_after_a_burst() -> None:
    throttle = Throttle(8)
    burst(throttle, 8)
    for _ in range(4):
        throttle.enter()
    entered = threading.Event()

    def enter() -> None:
        throttle.enter()
        entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert not entered.wait(0.3)
    throttle.end()
    waiting.join(PATIENCE_SECONDS)
    assert entered.is_set()


@pytest.mark.usefixtures("_short_pauses")
def test_who_entered_before_a_recovery_and_leaves_after_it_holds_no_place_for_ever() -> None:
    """Else the last few requests of a transfer wait for places that nobody gives back."""
    throttle = Throttle(8)
    burst(throttle, 8)
    while (grant := throttle.enter()).counted:
        others = [throttle.enter() for _ in range(int(throttle.allowed) - 1)]
        for each in (grant, *others):
            throttle.leave(each)
    assert throttle.allowed == 8
    entered: list[Grant] = []

    def lonely() -> None:
        for _ in range(20):
            grant = throttle.enter()
            throttle.slow_down(grant)
            entered.append(grant)

    last = threading.Thread(target=lonely, daemon=True)
    last.start()
    last.join(PATIENCE_SECONDS)
    assert len(entered) == 20


def run_in(threads: int, work: Callable[[], None]) -> None:
    """Runs the work in a number of threads and waits for all."""
    started = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for each in started:
        each.start()
    for each in started:
        each.join(PATIENCE_SECONDS)
        assert not each.is_alive()


@pytest.mark.usefixtures("_short_pauses")
def test_threads_share_the_places_and_recover_together() -> None:
    """A server that takes four at once: more are refused, and all get through in the end."""
    throttle, lock = Throttle(16), threading.Lock()
    under_way, most, through = 0, 0, 0

    def work() -> None:
        nonlocal under_way, most, through
        for _ in range(30):
            while True:
                grant = throttle.enter()
                with lock:
                    under_way += 1
                    refused = under_way > 4
                time.sleep(0.0005)
                with lock:
                    under_way -= 1
                if not refused:
                    break
                throttle.slow_down(grant)
            with lock:
                through += 1
            throttle.leave(grant)

    run_in(16, work)
    assert through == 16 * 30
    assert under_way == 0
    for _ in range(2000):
        throttle.leave(throttle.enter())
    assert throttle.allowed == 16


@pytest.mark.usefixtures("_short_pauses")
@given(st.integers(1, 24), st.lists(st.tuples(st.booleans(), st.integers(1, 8)), max_size=40))
def test_the_limit_stays_within_bounds_for_any_answers(
    most: int, rounds: list[tuple[bool, int]]
) -> None:
    throttle = Throttle(most)
    for refused, requests in rounds:
        before = throttle.allowed
        grants = [throttle.enter() for _ in range(min(requests, int(before)))]
        for grant in grants:
            (throttle.slow_down if refused else throttle.leave)(grant)
        assert 1 <= throttle.allowed <= most
        assert throttle.allowed <= before if refused else throttle.allowed >= before
        assert throttle.allowed >= before / 2 or before < 2
    come_through(throttle, most * most + 100)
    assert throttle.allowed == most


def test_rest_is_cut_short_at_the_end() -> None:
    throttle = Throttle(1)
    resting = threading.Thread(target=throttle.rest, args=(10 * PATIENCE_SECONDS,), daemon=True)
    resting.start()
    throttle.end()
    resting.join(PATIENCE_SECONDS)
    assert not resting.is_alive()
    assert throttle.ended


def test_it_knows_the_time_since_the_last_success() -> None:
    throttle = Throttle(4)
    time.sleep(0.05)
    throttle.slow_down(throttle.enter())
    assert throttle.refused_seconds >= 0.05
    moment = time.monotonic()
    throttle.leave(throttle.enter())
    assert throttle.refused_seconds <= time.monotonic() - moment
