"""What the command line and the launchpad offer for a set is what the models declare."""

from typing import Any

import click
import pytest
import typer.main
from pydantic import BaseModel

from off_platform.bins.choice import BinChoice
from off_platform.bins.image_set_assets import BinImageSetConfig
from off_platform.cli.main import app
from off_platform.image_sets.declaration.options import RunOptions, options_of
from off_platform.images.choice import Choice, MonthOptions
from off_platform.images.image_set_assets import ImageSetConfig

MODELS: dict[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "images": (Choice, MonthOptions),
    "bins": (BinChoice, RunOptions),
}
CONFIGS = {"images": ImageSetConfig, "bins": BinImageSetConfig}
OF_THE_COMMAND = {"to", "refresh", "facets", "like", "most", "as_json"}


def _options(command: str) -> dict[str, Any]:
    """The options of a command by name."""
    made = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    shown = made.get_params(click.Context(made))
    return {
        each.name: each for each in shown if each.opts[0][:1] == "-" and "--help" not in each.opts
    }


@pytest.mark.parametrize("command", MODELS)
def test_the_help_shows_the_options_and_defaults_of_the_models(command: str) -> None:
    shown = _options(command)
    fields = {name: field for each in MODELS[command] for name, field in each.model_fields.items()}
    assert shown.keys() - OF_THE_COMMAND == fields.keys()
    for name, field in fields.items():
        assert shown[name].help.startswith(str(field.description).removesuffix("."))
        # Empty, None and false are not shown as defaults.
        is_nothing = field.default is None or field.default is False or field.default == ()
        of_several = isinstance(field.default, tuple)
        written = ", ".join(field.default) if of_several else str(field.default)
        assert shown[name].help.endswith(f" By default {written}.") != is_nothing
        assert shown[name].show_default is False


@pytest.mark.parametrize("command", MODELS)
def test_what_may_be_chosen_is_offered(command: str) -> None:
    shown = _options(command)
    for option in (option for each in MODELS[command] for option in options_of(each)):
        choices = getattr(shown[option.name].type, "choices", ())
        assert tuple(choices) == option.values
        assert shown[option.name].multiple == option.several
        assert all(value in option.described for value in option.values)


@pytest.mark.parametrize("command", MODELS)
def test_the_launchpad_has_the_options_of_the_models(command: str) -> None:
    config = CONFIGS[command]
    options = {each.name: each for model in MODELS[command] for each in options_of(model)}
    assert config.model_fields.keys() == {*options, "all"}
    for name, option in options.items():
        assert str(config.model_fields[name].description).startswith(option.described)
    assert not any(config().model_dump().values())
    assert config().to_fields_dict().keys() == config.model_fields.keys()


def test_flags_are_singular_where_an_option_takes_several_values() -> None:
    flags = [option.flag for option in options_of(Choice) if option.several]
    assert flags == [
        "--label",
        "--barcode-prefix",
        "--image-id",
        "--last-editor",
        "--country",
        "--category",
        "--language",
        "--product-label",
        "--nutriscore",
        "--nova",
        "--picture",
    ]


def test_every_argument_and_option_has_a_description() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert len(commands) == 18
    for name, command in commands.items():
        for parameter in command.get_params(click.Context(command)):
            assert parameter.help, f"{name} {parameter.name}"
