"""Shared by all commands: consoles, exit codes and settings."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from off_platform.settings import Settings

DONE, INCOMPLETE, WRONG, OUT_OF_REACH, UNFORESEEN = 0, 1, 2, 3, 4

out = Console(emoji=False)
err = Console(stderr=True, emoji=False)


def complain(sentence: str) -> None:
    """Prints why something could not be done."""
    err.print(f"[red]off-platform:[/] {escape(sentence)}", highlight=False, soft_wrap=True)


def settings() -> "Settings":
    """The settings; imported here because `--help` needs none and pydantic-settings takes 0.1 s."""
    from off_platform.settings import settings as read

    return read()
