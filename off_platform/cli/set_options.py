"""The options of `images` and `bins`, made from the models that declare them."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from off_platform.image_sets.options import Option, options_of

# Longer lists of choices go into the help text, as they would widen its columns.
LONGEST_CHOICES = 25
Command = Callable[..., None]


def taking(*models: type[BaseModel]) -> Callable[[Command], Command]:
    """Gives a command the options of models in place of its `**varied`.

    An option that is not given is None. The command's own keyword-only options follow.
    """

    def decorated(command: Command) -> Command:
        signature = inspect.signature(command)
        kept = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        made = [_parameter(option) for model in models for option in options_of(model)]
        own = [each for each in kept if each.kind is each.KEYWORD_ONLY]
        first = [each for each in kept if each.kind is not each.KEYWORD_ONLY]
        parameters = [*first, *made, *own]
        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        return command

    return decorated


def _parameter(option: Option) -> inspect.Parameter:
    kind: Any = str if option.takes_all else option.type
    is_long = len("|".join(option.values)) > LONGEST_CHOICES
    shown = typer.Option(
        option.flag,
        help=option.described if is_long else option.description,
        metavar="TEXT" if is_long else None,
        show_default=option.shown_default or False,
    )
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[(list[kind] if option.several else kind) | None, shown],
    )
