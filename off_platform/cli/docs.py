"""`off-platform docs`: the documentation of the version that is installed."""

from pathlib import Path
from typing import Annotated

import typer

from off_platform.cli.context import out
from off_platform.working_folder.shipped import pages


def _complete(incomplete: str) -> list[str]:
    return [name for name in pages() if name.startswith(incomplete)]


def docs(
    page: Annotated[
        str | None,
        typer.Argument(
            metavar="[PAGE]",
            help="Name of the page, such as `settings`; its path, docs/settings.md, is the same.",
            autocompletion=_complete,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print a page of the documentation, such as `settings`; without PAGE, list the pages.

    Pages are Markdown, those of the installed version; without a network.
    """
    there = pages()
    if page is None:
        for name, path in there.items():
            _show(f"{name:<18} {_title(path)}".rstrip())
        return
    # As other texts refer to a page: docs/settings.md.
    name = Path(page).name.removesuffix(".md").removesuffix(".json").lower()
    if name not in there:
        raise typer.BadParameter(f"{page!r} is not a page; there are: {', '.join(there)}")
    _show(there[name].read_text(encoding="utf-8").rstrip("\n"))


def _title(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = next((line for line in lines if line.startswith("# ")), "# JSON Schema of `validate`")
    return found.removeprefix("# ").replace("`", "")


def _show(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
