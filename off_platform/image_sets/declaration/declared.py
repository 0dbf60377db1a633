"""The declarations of image sets in `image_sets.toml`.

One table per set, below its wing's name: `[images.breakfast]`. The wing's model defines the
options; this module checks options, names and the file's format.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)

# A set's name is a folder, a partition and part of a URL.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
WINGS = frozenset({"images", "bins"})


class WrongDeclarationError(ValueError):
    """The file is invalid; the message says where, what is wrong and what is expected."""


class UnknownSetError(LookupError):
    """No such set is declared; the message names the declared ones."""


class UnusableChoiceError(ValueError):
    """The options are invalid; the message is one sentence."""


def declared_choice(path: Path, wing: str, model: type[Model], name: str) -> tuple[Model, str]:
    """Options and description of a declared set.

    Raises:
        UnknownSetError: no set has this name.
        UnusableChoiceError: its options are invalid.
    """
    sets = declared_sets(path, wing)
    if name not in sets:
        known = ", ".join(sorted(sets)) or (
            "none" if path.exists() else "none, the file does not exist"
        )
        raise UnknownSetError(f"There is no image set {name!r} in {path}; declared are: {known}.")
    options = dict(sets[name])
    description = str(options.pop("description", f"The image set {name}."))
    return checked_choice(model, options, f"{path}: {wing}.{name}"), description


def varied_description(description: str, declared: BaseModel, made: BaseModel) -> str:
    """A set's description, with the options that differ from the declared ones."""
    before, after = declared.model_dump(mode="json"), made.model_dump(mode="json")
    varied = [
        f"{name} = {'all' if name == 'n' and value is None else value}"
        for name, value in after.items()
        if value != before[name]
    ]
    return f"{description} Here with {', '.join(varied)}." if varied else description


def checked_choice(model: type[Model], options: dict[str, Any], where: str) -> Model:
    """Options as a choice.

    Raises:
        UnusableChoiceError: an option is invalid; the message says where, which and why.
    """
    if options.get("n") == "all":
        options = {**options, "n": None}
    try:
        return model.model_validate(options)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            raise UnusableChoiceError(f"{where}: {said}.") from None
        option = ".".join(map(str, first["loc"]))
        known = ", ".join(model.model_fields)
        hint = f" The options are {known}." if first["type"] == "extra_forbidden" else ""
        raise UnusableChoiceError(
            f"{where}: the option {option}={first['input']!r} is wrong: {said}.{hint}"
        ) from None


def declared_sets(path: Path, wing: str) -> dict[str, dict[str, Any]]:
    """The options of each set of a wing, by name; none when the file does not exist.

    Raises:
        WrongDeclarationError: it is not TOML, or a set's name or form is wrong.
    """
    if not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongDeclarationError(f"{path} is not a TOML file: {error}.") from error
    if unknown := tables.keys() - WINGS:
        raise WrongDeclarationError(
            f"{path} has the table {min(unknown)!r}; sets belong below images or bins, "
            "such as [images.breakfast]."
        )
    sets: Any = tables.get(wing, {})
    if not isinstance(sets, dict) or not all(isinstance(each, dict) for each in sets.values()):
        raise WrongDeclarationError(f"{path}: each set must be a table such as [{wing}.breakfast].")
    return {demand_name(name): options for name, options in sets.items()}


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
