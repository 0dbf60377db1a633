"""`image_sets.toml`: which image sets there are, and what each is.

A table a set, below its wing's name: `[images.breakfast]`. What its options may be is the wing's
affair; the name and the file's form are checked here.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

# A set's name is a folder, a partition and part of a URL.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
WINGS = frozenset({"images", "bins"})


class WrongDeclarationError(ValueError):
    """The file cannot be used; the message is one sentence: where, what is wrong, what is right."""


def declared_sets(path: Path, wing: str) -> dict[str, dict[str, Any]]:
    """The options of each set of a wing, by name; none when there is no such file.

    Raises:
        WrongDeclarationError: it is no TOML, or a set's name or form is wrong.
    """
    if not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongDeclarationError(f"{path} is no TOML file: {error}.") from error
    if unknown := tables.keys() - WINGS:
        raise WrongDeclarationError(
            f"{path} has the table {min(unknown)!r}; sets stand below images or bins, "
            "such as [images.breakfast]."
        )
    sets: Any = tables.get(wing, {})
    if not isinstance(sets, dict) or not all(isinstance(each, dict) for each in sets.values()):
        raise WrongDeclarationError(f"{path}: each set must be a table such as [{wing}.breakfast].")
    return {demand_name(name): options for name, options in sets.items()}


def demand_name(name: str) -> str:
    """The name, once it is sure to be one that can be a folder and a partition.

    Raises:
        WrongDeclarationError: it is not.
    """
    if not NAME.fullmatch(name):
        raise WrongDeclarationError(
            f"{name!r} cannot name an image set: use up to 63 small letters, digits, - and _."
        )
    return name
