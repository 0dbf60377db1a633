"""What the help of `images` and `bins` says of defaults is what a choice without options takes."""

from typing import Any

import pytest
import typer.main

from off_platform.bins.choice import BinChoice
from off_platform.cli.main import app
from off_platform.images.choice import Choice
from off_platform.settings import Settings

CHOICES = {"images": Choice(), "bins": BinChoice()}


def _options(command: str) -> dict[str, Any]:
    """The options of a command by name, each with the default that its help shows."""
    made = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    return {each.name: each.show_default for each in made.params if each.opts[0][:1] == "-"}


@pytest.mark.parametrize("command", CHOICES)
def test_the_defaults_of_the_help_are_those_of_a_choice(command: str) -> None:
    shown, choice = _options(command), CHOICES[command].model_dump()
    assert shown.keys() >= choice.keys()
    said = {name: default for name, default in shown.items() if isinstance(default, str)}
    layout = Settings.model_fields["layout"].default
    assert said.pop("layout") == layout
    # Nothing, none and no are no defaults to show.
    assert said == {
        name: str(value)
        for name, value in choice.items()
        if value is not None and value != () and value is not False
    }
