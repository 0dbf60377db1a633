"""Ports at 127.0.0.1 that nobody listens on."""

import socket
from contextlib import ExitStack


def free_ports(number: int) -> list[int]:
    """Different ports that are free now."""
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in opened:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in opened]


def free_port() -> int:
    """A port that is free now."""
    return free_ports(1)[0]
