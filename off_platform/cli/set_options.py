"""The options of `images` and `bins`, made of the models that declare them once they are used.

`off-platform --help` names only the commands; pydantic and the models would double its time.
"""

import inspect
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from off_platform.image_sets.declaration.options import Option

# Longer lists of choices go into the help text, as they would widen its columns.
LONGEST_CHOICES = 25
Options = Callable[[], "Iterable[Option]"]
Function = Callable[..., None]


def taking(options: Options) -> Callable[[Function], Function]:
    """Gives the function of a `SetCommand` these options, in place of its `**varied`.

    An option that is not given is None. The function's own keyword-only options follow.
    """

    def decorated(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        function.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]
        function.options = options  # type: ignore[attr-defined]
        return function

    return decorated


class SetCommand(TyperCommand):
    """A command whose options are made once it is used, or its own help is shown."""

    @cached_property
    def whole(self) -> click.Command:
        """The command with all of its options."""
        alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        alone.command(self.name)(_with_options(inspect.unwrap(self.callback or click.echo)))
        return typer.main.get_command(alone)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its arguments and all of its options."""
        return self.whole.get_params(ctx)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the function."""
        return self.whole.invoke(ctx)


def _with_options(function: Any) -> Function:
    """The function as one that names all of its options."""
    parameters = inspect.signature(function).parameters.values()
    made = [_parameter(option) for option in function.options()]
    own = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    first = [each for each in parameters if each.kind is not each.KEYWORD_ONLY]

    def whole(*values: Any, **options: Any) -> None:
        function(*values, **options)

    named = [*first, *made, *own]
    whole.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    whole.__annotations__ = {each.name: each.annotation for each in named}
    whole.__doc__ = function.__doc__
    return whole


def _parameter(option: "Option") -> inspect.Parameter:
    # Typer has no list of a Literal.
    kind: Any = str if option.takes_all else option.plain_type if option.several else option.type
    is_long = len("|".join(option.values)) > LONGEST_CHOICES
    described = option.described if is_long else option.description
    # Typer shows the default itself only in parentheses, as something computed.
    default = f" By default {option.shown_default}." if option.shown_default else ""
    shown = typer.Option(
        option.flag,
        help=f"{described}{default}",
        metavar="TEXT" if is_long else None,
        show_default=False,
        click_type=click.Choice(option.values) if option.several and option.values else None,
    )
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[(list[kind] if option.several else kind) | None, shown],
    )
