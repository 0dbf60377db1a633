"""Names of declared image sets, which the shell completes: loads pydantic, and nothing heavier."""

from typing import Annotated, Literal

import typer

from off_platform.cli.context import settings

Named = list[tuple[str, str]]
Wing = Literal["images", "bins"]
WingOfSet = Annotated[
    Wing | None,
    typer.Option(help="Where the set is declared, if both have one of that name."),
]


def complete_images(incomplete: str) -> Named:
    """The declared sets of images that begin so, each with its description."""
    return _declared("images", incomplete)


def complete_bins(incomplete: str) -> Named:
    """The declared sets of bins that begin so, each with its description."""
    return _declared("bins", incomplete)


def complete_sets(incomplete: str) -> Named:
    """The declared sets of both wings that begin so, each with its description."""
    found = dict([*complete_bins(incomplete), *complete_images(incomplete)])
    return list(found.items())


def _declared(wing: Wing, incomplete: str) -> Named:
    from off_platform.image_sets.declaration.declared import declared_sets

    try:
        sets = declared_sets(settings().image_sets, wing)
    except (ValueError, OSError):
        # A message would end up in the line that is being typed; the command itself reports it.
        return []
    return [
        (name, str(options.get("description", "")))
        for name, options in sets.items()
        if name.startswith(incomplete)
    ]
