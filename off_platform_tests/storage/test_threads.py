"""Work in threads: the order of the items, how many are held, errors, and an early end."""

import threading
from collections.abc import Iterator

import pytest

from off_platform.storage.threads import ahead, in_order


def test_results_come_in_the_order_of_the_items() -> None:
    second_is_done = threading.Event()

    def work(item: int) -> int:
        # The first waits for the second: only two at once get on.
        if item == 0:
            assert second_is_done.wait(10)
        if item == 1:
            second_is_done.set()
        return item * item

    assert list(in_order(work, range(9), 2)) == [item * item for item in range(9)]


def test_no_more_items_are_held_than_there_are_threads() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(50):
            taken.append(item)
            yield item

    for done, result in enumerate(in_order(lambda item: item, items(), 3)):
        assert result == done
        assert len(taken) <= done + 3


def test_an_error_of_one_item_is_raised_and_no_thread_is_left() -> None:
    before = threading.active_count()
    results = in_order(lambda item: 1 // (3 - item), range(9), 2)
    with pytest.raises(ZeroDivisionError):
        list(results)
    assert threading.active_count() == before


def test_more_items_are_held_where_that_is_asked() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(50):
            taken.append(item)
            yield item

    results = in_order(lambda item: item, items(), 2, 8)
    assert next(results) == 0
    assert len(taken) == 8
    assert list(results) == list(range(1, 50))


def test_a_consumer_that_stops_does_not_wait_for_a_blocked_item() -> None:
    goes_on = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        goes_on.wait()
        yield 2

    made = ahead(items(), may_block=True)
    assert next(made) == 1
    made.close()
    assert not goes_on.is_set()
    goes_on.set()


def test_an_error_is_raised_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise OSError("gone")

    made = ahead(items())
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="gone"):
        next(made)
