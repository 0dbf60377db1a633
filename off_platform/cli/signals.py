"""What stops a command as Ctrl-C does: the signals of `kill`, of a closed terminal, of a script."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stoppable() -> Iterator[None]:
    """Within it, SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt.

    A shell script starts its background jobs with SIGINT ignored, and Dagster gives SIGTERM the
    same handler (dagster/_utils/interrupts.py): nothing but SIGKILL would end them, and that would
    leave their children. SIGHUP stays ignored if `nohup` says so.
    """
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        handler = signal.getsignal(number)
        if number == signal.SIGHUP and handler is signal.SIG_IGN:
            continue
        before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
