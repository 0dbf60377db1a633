"""What the options of image sets are: two pages, and the comments of `image_sets.toml`."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from off_platform.bins.choice import BinChoice
from off_platform.components import BinImageSet, ImageSet, scaffolded
from off_platform.documentation.markdown import as_page, as_table
from off_platform.image_sets.declaration.options import RunOptions, options_of
from off_platform.images.choice import Choice, MonthOptions

CHOICES: Mapping[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "images": (Choice, MonthOptions),
    "bins": (BinChoice, RunOptions),
}
NEEDS_PRODUCTS = "Filters on products need a dump: see OFF_PLATFORM_PRODUCTS_DUMP."


def image_sets_page() -> str:
    """Every option of an image set."""
    lines = [
        "# Options of image sets",
        "",
        (
            "A set is declared in `image_sets.toml`. Each option can be changed for a single run, "
            "on the command line or in Dagster's launchpad. On the command line, repeat the option "
            f"of a list. {NEEDS_PRODUCTS} A set can also be declared as a "
            "[Dagster component](components.md)."
        ),
        "",
    ]
    head, of_both = _options(Choice)[:2], set(_options(Choice)) & set(_options(BinChoice))
    both = [option for option in _options(Choice)[2:] if option in of_both]
    lines += ["## both", "", "Options of `images` and of `bins`:", "", *head, *both, ""]
    for wing, (choice, run) in CHOICES.items():
        own = [option for option in _options(choice)[2:] if option not in of_both]
        lines += [f"## {wing}", "", *head, *own, ""]
        if run.model_fields:
            lines += ["Options of a run, not declared with a set:", "", *_options(run), ""]
    return as_page(lines)


def components_page() -> str:
    """The Dagster components, their schema and how to use them."""
    lines = [
        "# Dagster components",
        "",
        (
            "An image set can be a Dagster component instead of a table of `image_sets.toml`. Both "
            "add a partition to the same asset, take the same options, and are checked by the same "
            "models. A component is a folder in `off_platform_defs/`, beside `image_sets.toml`, "
            "with a `defs.yaml`; the folder's name is that of the set. `dg check yaml` checks all "
            "of them, and `dg list components` lists the types."
        ),
        "",
    ]
    for component in (ImageSet, BinImageSet):
        kind = f"off_platform.{component.__name__}"
        example = scaffolded(kind, "my_set", component.choice).split("  #", 1)[0].rstrip()
        wing = next(wing for wing, (choice, _) in CHOICES.items() if choice is component.choice)
        options = f"[options of {wing}](image_sets.md#{wing}) and [of both](image_sets.md#both)"
        lines += [
            *(f"## `{kind}`", "", component.__doc__ or "", ""),
            f"Its attributes are a `description` and the {options}.",
            *("", "```sh", f"dg scaffold defs {kind} my_set", "```", ""),
            *("writes `off_platform_defs/my_set/defs.yaml`:", "", "```yaml", example, "```", ""),
        ]
    return as_page(lines)


def with_reference(declarations: str) -> str:
    """The text of `image_sets.toml` with the options of its sets as comments before the first."""
    lines = [
        "# The image sets of this platform: one table per set, [images.NAME] or [bins.NAME].",
        "# Each is a partition of the asset `image_set` or `bin_image_set`; to build one from the",
        "# command line, run `off-platform images NAME` or `off-platform bins NAME`.",
        f"# {NEEDS_PRODUCTS}",
    ]
    described = {
        wing: [f"#   {each.name:<18}  {each.described}" for each in options_of(choice)]
        for wing, (choice, _) in CHOICES.items()
    }
    of_both = [line for line in described["images"] if line in described["bins"]]
    lines += ["#", "# Options of [images.*] and [bins.*], all with defaults:"]
    lines += [f"#   {'description':<18}  A sentence about the set.", *of_both]
    for wing, options in described.items():
        lines += ["#", f"# Options of [{wing}.*] only:"]
        lines += [line for line in options if line not in of_both]
    sets = declarations[declarations.index("\n[") :]
    return "\n".join(lines) + "\n" + sets


def _schema_type(of: Mapping[str, Any]) -> str:
    """The type of an attribute in its JSON schema, in words."""
    if "anyOf" in of:
        return " or ".join(_schema_type(each) for each in of["anyOf"] if each != {"type": "null"})
    if "enum" in of or "const" in of:
        return ", ".join(f"`{value}`" for value in of.get("enum", [of.get("const")]))
    if of["type"] == "array":
        return f"list of {_schema_type(of['items'])}"
    return str(of.get("format", of["type"]))


def _options(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()["properties"]
    rows = (
        (
            f"`{option.name}`",
            f"`{option.flag}`",
            _schema_type(schema[option.name]),
            "" if option.shown_default is None else f"`{option.shown_default}`",
            option.description,
        )
        for option in options_of(model)
    )
    return as_table(("option", "command line", "type", "default", "description"), rows)
