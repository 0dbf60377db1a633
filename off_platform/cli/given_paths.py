"""What `validate` and `import` are given, judged before any work: files, folders, URLs, `-`.

`given.py` makes local files of them.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import typer

STANDARD_INPUT = "-"
# Of a URL, as a path shows it: s3:/bucket/file.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
# Of formats that a corrected copy has.
_COPIES = (".csv", ".tsv", ".json", ".jsonl", ".xlsx")


def is_elsewhere(given: str) -> bool:
    """Whether it is a URL or standard input, not a path."""
    return given == STANDARD_INPUT or given.lower().startswith(("http://", "https://"))


def demand_paths(paths: Sequence[str], name: str | None) -> None:
    """Ensures that all paths can be read; a pipe or a device could be endless.

    Args:
        paths: as given.
        name: the name for one that is not a path.

    Raises:
        typer.BadParameter: one cannot, or the name is a path or has no use.
    """
    if paths.count(STANDARD_INPUT) > 1:
        raise typer.BadParameter("- is given twice; there is one standard input")
    if name is not None and [is_elsewhere(each) for each in paths].count(True) != 1:
        raise typer.BadParameter("--name is the name of one file, from - or a URL")
    if name is not None and (name in {"", ".", ".."} or set(name) & {"/", "\\", "\0"}):
        raise typer.BadParameter("--name is a file's name, without folders")
    for path in (Path(each) for each in paths if not is_elsewhere(each)):
        if not path.exists():
            if _SCHEME.match(str(path)):
                raise typer.BadParameter(
                    f"{path} is not a file, and of URLs only http:// and https:// are read; "
                    "copy the file here first, or give it as standard input with -"
                )
            raise typer.BadParameter(f"the file or folder {path} does not exist")
        if not path.is_file() and not path.is_dir():
            raise typer.BadParameter(f"{path} is neither a regular file nor a folder")


def endings_of_copy(path: Path) -> tuple[str, ...]:
    """The extensions that a file's corrected copy may have: its own; of compressed ones, several.

    Args:
        path: a file.
    """
    ending = path.suffix.lower()
    inner = Path(path.stem).suffix.lower() if ending == ".gz" else ""
    return (inner,) if inner else _COPIES if ending in {".gz", ".zip"} else (ending,)
