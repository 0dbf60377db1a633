"""`off-platform init`: a folder that the platform works in, and what to do there."""

import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from off_platform.cli.context import out
from off_platform.cli.written_files import folder as a_folder
from off_platform.working_folder.making import make_working_folder


def init(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", parser=a_folder, help="Folder, created if need be."),
    ],
) -> None:
    """Create a folder to work in: Dagster's settings, declared image sets, an example of .env.

    Files that exist are kept, whatever they contain.
    """
    outcomes = make_working_folder(folder)
    for outcome, heading in (
        ("created", "Created"),
        ("kept", "Kept, as it is there already"),
        ("differs", "Kept, although it differs from what ships with the package"),
    ):
        if names := [name for name, each in outcomes.items() if each == outcome]:
            _show(f"{heading}: {', '.join(names)}")
    _show("", "What to do next:", *(f"  {line}" for line in _next(folder)))


def _next(folder: Path) -> list[str]:
    is_here = folder.absolute() == Path.cwd()
    needs_ui = find_spec("dagster_dg_cli") is None
    return [
        *([] if is_here else [f"cd {shlex.quote(str(folder))}"]),
        "OFF_PLATFORM_SANDBOX=1 off-platform run    # once on generated data, offline",
        *(["pip install 'off-platform[ui]'             # Dagster's UI"] if needs_ui else []),
        "off-platform ui                            # the UI, at http://localhost:3000",
        "off-platform images tryout                 # a first set, from the public bucket",
    ]


def _show(*lines: str) -> None:
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
