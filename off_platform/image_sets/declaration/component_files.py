"""The declarations of image sets as Dagster components: one `defs.yaml` per set.

`dg scaffold defs off_platform.ImageSet NAME` writes one into the folder `off_platform_defs`, which
is beside `image_sets.toml`. The components themselves are in `off_platform/components.py`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from off_platform.image_sets.declaration.names import WrongDeclarationError, demand_name

FOLDER = "off_platform_defs"
FILE = "defs.yaml"
TYPES = {"off_platform.ImageSet": "images", "off_platform.BinImageSet": "bins"}
"""The wing of each type of component."""


def component_sets(folder: Path, wing: str) -> Mapping[str, tuple[Path, dict[str, Any]]]:
    """The file and the options of each set of a wing, by its name, which is that of its folder.

    Raises:
        WrongDeclarationError: a file is not YAML, declares something else, or a name is wrong.
    """
    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    for path in sorted(folder.rglob(FILE)):
        of_wing, options = _read(path)
        if of_wing != wing:
            continue
        name = demand_name(path.parent.name)
        if name in found:
            raise WrongDeclarationError(
                f"{path} and {found[name][0]} both declare the image set {name!r}; rename a folder."
            )
        found[name] = (path, options)
    return found


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        documents = [*yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise WrongDeclarationError(f"{path} is not a YAML file: {said}.") from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise WrongDeclarationError(f"{path} must declare exactly one image set.")
    (declared,) = documents
    if unknown := next(_unknown(declared), None):
        raise WrongDeclarationError(f"{path}: {unknown}.")
    return TYPES[declared["type"]], declared.get("attributes") or {}


def _unknown(declared: Mapping[Any, Any]) -> Iterator[str]:
    if (kind := declared.get("type")) not in TYPES:
        yield f"the type {kind!r} is not one of {', '.join(TYPES)}"
    yield from (
        f"the key {key!r} is unknown; an image set has type and attributes"
        for key in declared.keys() - {"type", "attributes"}
    )
    if not isinstance(declared.get("attributes") or {}, dict):
        yield "attributes must be a table of options"
