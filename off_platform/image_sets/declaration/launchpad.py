"""The options of Dagster's launchpad for a set, made from the models that declare them."""

from collections.abc import Callable
from typing import Any, TypeVar

import dagster as dg
from pydantic import BaseModel, Field, create_model

from off_platform.image_sets.declaration.options import Option, options_of

Config = TypeVar("Config", bound=dg.Config)


def with_options(
    choice: type[BaseModel], run: type[BaseModel]
) -> Callable[[type[Config]], type[Config]]:
    """Gives a run config the options of a wing, all optional.

    Args:
        choice: the options of a set.
        run: the options of a run.
    """
    every = Field(default=False, description="Take all samples and ignore n.")
    declared = {each.name: _field(each, " By default, as declared.") for each in options_of(choice)}
    of_run = {each.name: _field(each, "") for each in options_of(run)}
    fields: dict[str, Any] = {**declared, "all": (bool, every), **of_run}

    def decorated(config: type[Config]) -> type[Config]:
        return create_model(config.__name__, __base__=config, __doc__=config.__doc__, **fields)

    return decorated


def _field(option: Option, left_out: str) -> tuple[Any, Any]:
    one: Any = option.plain_type
    kind = list[one] if option.several else one
    return kind | None, Field(None, description=f"{option.described}{left_out}")
