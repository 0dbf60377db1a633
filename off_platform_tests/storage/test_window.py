"""How many bytes wait for their turn, and that the one in turn never waits."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.storage.window import Window
from off_platform_tests.waiting import PATIENCE_SECONDS


def entering(window: Window, batch: int) -> tuple[threading.Thread, threading.Event]:
    """A thread that enters for a batch, and what is set once it could."""
    entered = threading.Event()

    def enter() -> None:
        window.enter(batch)
        entered.set()

    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    return thread, entered


def gets_in(window: Window, batch: int) -> bool:
    """Whether a batch finds room now."""
    _, entered = entering(window, batch)
    return entered.wait(PATIENCE_SECONDS)


def waits(window: Window, batch: int) -> bool:
    """Whether a batch would wait now; ends the window, which lets it go."""
    thread, entered = entering(window, batch)
    held = not entered.wait(0.1)
    window.end()
    thread.join(PATIENCE_SECONDS)
    assert entered.is_set()
    return held


def test_there_is_room_until_the_window_is_full() -> None:
    window = Window(100)
    window.add(99)
    assert gets_in(window, batch=7)


def test_a_full_window_holds_back_batches_not_in_turn() -> None:
    window = Window(100)
    window.add(100)
    assert waits(window, batch=1)


def test_the_batch_in_turn_proceeds_even_if_the_window_is_full() -> None:
    window = Window(100)
    window.add(10**9)
    window.next_turn(5, freed=0)
    assert gets_in(window, batch=5)


def test_taking_makes_room_for_who_waits() -> None:
    window = Window(100)
    window.add(150)
    thread, entered = entering(window, 9)
    time.sleep(0.05)
    window.next_turn(1, freed=40)
    assert not entered.wait(0.1)
    window.next_turn(2, freed=40)
    assert entered.wait(PATIENCE_SECONDS)
    thread.join()


@settings(max_examples=25)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=60), st.integers(1, 8))
def test_every_batch_gets_through_in_order_and_the_window_is_kept(
    sizes: list[int], threads: int
) -> None:
    window, lock = Window(500), threading.Lock()
    waiting, most = 0, 0

    def fetch(batch: int, size: int) -> int:
        nonlocal waiting, most
        window.enter(batch)
        with lock:
            waiting += size
            most = max(most, waiting)
        window.add(size)
        return size

    with ThreadPoolExecutor(threads) as pool:
        fetched = [pool.submit(fetch, batch, size) for batch, size in enumerate(sizes)]
        freed = 0
        for batch, future in enumerate(fetched):
            window.next_turn(batch, freed)
            freed = future.result(timeout=PATIENCE_SECONDS)
            assert freed == sizes[batch]
            with lock:
                waiting -= freed
    assert most < 500 + threads * 300 + 300
