"""The declarations of image sets: in `image_sets.toml`, or each as a Dagster component.

In the file, one table per set, below its wing's name: `[images.breakfast]`. The wing's model
defines the options; this module checks options and the file's format. The files of components are
read by `component_files.py`. A folder without `image_sets.toml` has the sets that ship with
the package.
"""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from off_platform.image_sets.declaration.component_files import FOLDER, component_sets
from off_platform.image_sets.declaration.names import (
    WrongDeclarationError,
    demand_name,
    name_from,
)
from off_platform.settings import Settings
from off_platform.working_folder.shipped import shipped

__all__ = [
    "UnknownSetError",
    "UnusableChoiceError",
    "WrongDeclarationError",
    "checked_choice",
    "declared_choice",
    "declared_sets",
    "demand_name",
    "name_from",
    "varied_description",
]

Model = TypeVar("Model", bound=BaseModel)

WINGS = frozenset({"images", "bins"})


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
    sets = _declarations(path, wing)
    if name not in sets:
        known = ", ".join(sorted(sets)) or (
            "none" if path.exists() else "none, the file does not exist"
        )
        which = f"{path} of the package, as there is none here" if _is_absent(path) else path
        raise UnknownSetError(f"There is no image set {name!r} in {which}; declared are: {known}.")
    where, declared = sets[name]
    options = dict(declared)
    description = str(options.pop("description", f"The image set {name}."))
    return checked_choice(model, options, where), description


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
    """Validates options; gives them as the choice of a set.

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
    """The options of each set of a wing, by name.

    Where the file does not exist: those that ship with the package if it is the default one, else
    none.

    Args:
        path: `image_sets.toml`; components are in the folder `off_platform_defs` beside it.
        wing: `images` or `bins`.

    Raises:
        WrongDeclarationError: a file or a set's name or form is wrong, or a set is declared twice.
    """
    return {name: options for name, (_, options) in _declarations(path, wing).items()}


def _declarations(path: Path, wing: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Where each set is declared, for messages, and its options."""
    components = component_sets(path.parent / FOLDER, wing)
    in_file = _sets_in_file(path, wing)
    if twice := sorted(components.keys() & in_file.keys()):
        raise WrongDeclarationError(
            f"The image set {twice[0]!r} is declared in {path} and in {components[twice[0]][0]}; "
            "remove one of them."
        )
    return {name: (f"{path}: {wing}.{name}", options) for name, options in in_file.items()} | {
        name: (str(file), options) for name, (file, options) in components.items()
    }


def _sets_in_file(path: Path, wing: str) -> dict[str, dict[str, Any]]:
    read = shipped(path.name) if _is_absent(path) else path
    if not read.exists():
        return {}
    try:
        tables = tomllib.loads(read.read_text(encoding="utf-8"))
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


def _is_absent(path: Path) -> bool:
    """Whether it is the default file, and does not exist."""
    return path == Settings.model_fields["image_sets"].default and not path.exists()
