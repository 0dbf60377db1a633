"""Waiting for a result, however slow the machine, and programs that do not outlive the tests.

No test asserts a time. What waits for other processes waits as long as something moves, and fails
once nothing has moved for long. What cannot be watched gets `PATIENCE_SECONDS`, an end for what
hangs.
"""

import ctypes
import signal
import sys
import time
from collections.abc import Callable

# Longer than anything here takes on a machine ten times slower than most.
PATIENCE_SECONDS = 900.0
# Nothing has moved for so long: nothing will.
STILL_SECONDS = 300.0
# However much still moves.
LONGEST_SECONDS = 3600.0
LOOK_SECONDS = 0.5
# Of Linux' prctl: the signal that a process gets when the one that started it is gone.
PARENT_DEATH_SIGNAL = 1


def end_with_the_tests() -> None:
    """For `preexec_fn`: Linux ends the program when the tests were killed and cannot."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)


def wait_until(
    reached: Callable[[], bool],
    moving: Callable[[], object] = lambda: None,
    *,
    look_seconds: float = LOOK_SECONDS,
) -> bool:
    """Waits until something is so; False once nothing has moved for `STILL_SECONDS`.

    Args:
        reached: whether it is so now.
        moving: what differs from one look to the next while the work makes progress.
        look_seconds: between two looks.
    """
    started = moved = time.monotonic()
    before = moving()
    while not reached():
        now = time.monotonic()
        if (state := moving()) != before:
            before, moved = state, now
        if now - moved > STILL_SECONDS or now - started > LONGEST_SECONDS:
            return False
        time.sleep(look_seconds)
    return True
