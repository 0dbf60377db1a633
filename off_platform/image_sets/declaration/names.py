"""The names of image sets, and what is raised for a wrong declaration."""

import re
from pathlib import Path

# A set's name is a folder, a partition and part of a URL.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class WrongDeclarationError(ValueError):
    """A file is invalid; the message says where, what is wrong and what is expected."""


def demand_name(name: str) -> str:
    """The name, after checking that it can be a folder and a partition.

    Raises:
        WrongDeclarationError: it is not.
    """
    if not NAME.fullmatch(name):
        raise WrongDeclarationError(
            f"{name!r} cannot name an image set: use up to 63 lowercase letters, digits, - and _."
        )
    return name


def name_from(folder: Path | None) -> str:
    """A valid set name made from its folder's name."""
    name = re.sub(r"[^a-z0-9_-]+", "-", folder.absolute().name.lower() if folder else "")
    return name.strip("-_")[:63] or "image-set"
