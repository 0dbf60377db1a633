"""Image sets as Dagster components: `dg scaffold defs off_platform.ImageSet NAME`.

A component declares a set, as a table of `image_sets.toml` does: both add a partition to the asset
`image_set` or `bin_image_set`, and the same models check their options. Files are read by
`image_sets/declaration/`, so the command line knows the sets without Dagster.
"""

from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self

import dagster as dg
import yaml
from pydantic import BaseModel, Field, create_model

from off_platform.bins.choice import BinChoice
from off_platform.image_sets.declaration.component_files import FILE
from off_platform.image_sets.declaration.declared import checked_choice, demand_name
from off_platform.image_sets.declaration.options import SetChoice, options_of
from off_platform.images.choice import Choice


class ImageSetScaffolder(dg.Scaffolder):
    """Writes the `defs.yaml` of a set, with its options as comments."""

    choice: ClassVar[type[SetChoice]] = Choice

    def scaffold(self, request: dg.ScaffoldRequest) -> None:
        """Writes the file.

        Raises:
            WrongDeclarationError: the folder's name cannot be that of a set.
        """
        name = demand_name(request.target_path.name)
        text = scaffolded(request.type_name, name, self.choice)
        (request.target_path / FILE).write_text(text, encoding="utf-8")


class BinImageSetScaffolder(ImageSetScaffolder):
    """The same for bins."""

    choice = BinChoice


class _DeclaredSet(dg.Component):
    """A declared image set."""

    choice: ClassVar[type[SetChoice]]

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self.name = name
        self.options = options

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The options of a set, and its description."""
        return attributes_of(cls.choice)

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """For `dg list components`."""
        return dg.ComponentTypeSpec(
            description=cls.__doc__, owners=["team:data"], tags=["image set"], produces=["asset"]
        )

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """The set of a `defs.yaml`; it is named after its folder.

        Raises:
            WrongDeclarationError: the folder's name cannot be that of a set.
            UnusableChoiceError: an option is invalid.
        """
        folder = context.path if context.path.is_dir() else context.path.parent
        name = demand_name(folder.name)
        given = attributes.model_dump(exclude_unset=True) if attributes else {}
        options = {key: value for key, value in given.items() if key != "description"}
        checked_choice(cls.choice, options, str(folder / FILE))
        return cls(name, given)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002
        """Nothing of its own: the set is a partition of the asset in `definitions.py`."""
        return dg.Definitions()


@dg.scaffold_with(ImageSetScaffolder)
class ImageSet(_DeclaredSet):
    """A set of product photos, chosen, fetched, verified: a partition of `image_set`."""

    choice = Choice


@dg.scaffold_with(BinImageSetScaffolder)
class BinImageSet(_DeclaredSet):
    """A set of bin photos, chosen, fetched, verified: a partition of `bin_image_set`."""

    choice = BinChoice


@cache
def attributes_of(choice: type[SetChoice]) -> type[BaseModel]:
    """The options of a set in `defs.yaml`: those of its model, `n: all`, a description."""
    n = SetChoice.model_fields["n"]
    number: Any = Annotated[n.annotation, *n.metadata]
    fields: dict[str, Any] = {
        "description": (str | None, Field(None, description="A sentence about the set.")),
        "n": (number | Literal["all"], Field(n.default, description=n.description)),
    }
    return create_model(f"{choice.__name__}Attributes", __base__=choice, **fields)


def scaffolded(type_name: str, name: str, choice: type[SetChoice]) -> str:
    """The text of a new `defs.yaml`: a small set, and every option as a comment."""
    declared = {
        "type": type_name,
        "attributes": {"description": f"The image set {name}.", "n": 100},
    }
    options = [f"  # {each.name}: {each.described}" for each in options_of(choice)]
    return "\n".join(
        [
            yaml.safe_dump(declared, sort_keys=False).rstrip(),
            "  # Options, all with defaults:",
            *options,
            "",
        ]
    )
