"""The pages of `docs/` and the comments of `image_sets.toml` that `make docs` generates.

Tests ensure that they are current. The other pages of `docs/` are handwritten.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from pydantic import BaseModel

from off_platform.bins import schemas as bins
from off_platform.bins.choice import BinChoice
from off_platform.image_sets.options import RunOptions, options_of
from off_platform.images import schemas as images
from off_platform.images.choice import Choice, MonthOptions
from off_platform.imports.specification import tables as imports
from off_platform.imports.specification.fields import FIELDS, Field
from off_platform.imports.specification.rules import CHECKS, RULES, ImportRule
from off_platform.quality import Column, Table
from off_platform.settings import COMMON, Settings

DOCS = Path("docs")
DECLARED = Path("image_sets.toml")
_HEAD = "<!-- Made by `make docs`. -->\n\n"


def pages() -> Mapping[str, str]:
    """Each page's name and text."""
    return {
        "image_sets.md": image_sets_page(),
        "import_rules.md": import_rules(),
        "settings.md": settings_page(),
        "tables.md": tables_page(),
    }


def import_rules() -> str:
    """Fields and rules of product imports, for producers."""
    lines = [
        "# Product imports: fields and rules",
        "",
        (
            "What a file of products must look like, and what is found in it: the "
            '"Data Formats Specification" of Open Food Facts, read strictly. '
            "`off-platform validate FILE` checks a file against it."
        ),
        "",
        (
            "An **error** keeps the record out (or, of the whole file, the file); a **warning** is "
            "legal but suspicious; an **info** says what would otherwise be changed or assumed in "
            "silence."
        ),
        "",
        (
            "A cell is missing when it is empty, or holds nothing but marks such as `-` or a word "
            "for nothing: what programs write (`NaN`, `NA`, `NULL`, `None`), an abbreviation "
            "(`N/A`, `n.d.`, `k.A.`) or words such as `unknown`, in capitals or not. That is so in "
            "every column, of numbers, too, with the info `missing_marker`; but where a word is a "
            "value it is one: `none` in `allergens` and `traces`, the codes `NA` of Namibia and "
            "`na` of Nauruan. "
            "An error of a spreadsheet, such as `#N/A`, is never missing: `cell_error_value`."
        ),
        "",
        "## Fields",
        "",
    ]
    for section, fields in groupby(FIELDS, attrgetter("section")):
        lines += [f"### {section}", "", *_fields(fields), ""]
    lines += ["## Rules", ""]
    for check in CHECKS:
        blocking = " Nothing is taken in when it is broken." if check.blocking else ""
        rules = [rule for rule in RULES if rule.check == check.id]
        lines += [f"### `{check.id}`", "", f"{check.sentence}{blocking}", "", *_rules(rules), ""]
    return _page(lines)


def _fields(fields: Iterable[Field]) -> list[str]:
    rows = (
        (
            f"`{field.name}`",
            ", ".join(f"`{alias}`" for alias in field.aliases),
            field.description,
            _type(field),
            f"`{field.example}`" if field.example else "",
        )
        for field in fields
    )
    return _table(("field", "also", "what it is", "type", "example"), rows)


def _type(field: Field) -> str:
    unit = f" in {field.unit} per 100 g or 100 ml" if field.unit else ""
    most = f", up to {field.most:,g}" if field.most is not None else ""
    language = "; `_fr`, `_de`, ... for a language" if field.by_language else ""
    return f"{field.type}{unit}{most}{language}"


def _rules(rules: Iterable[ImportRule]) -> list[str]:
    rows = ((f"`{rule.id}`", rule.level, rule.sentence, rule.fix, rule.source) for rule in rules)
    return _table(("rule", "level", "what holds", "how to fix it", "source"), rows)


def settings_page() -> str:
    """Every setting."""
    seldom = [name for name in Settings.model_fields if name not in COMMON]
    return _page(
        [
            "# Settings",
            "",
            (
                "Environment variables, or lines of `.env` in the folder that the platform is "
                "started in. Credentials are not settings: a signed bucket or lake takes them from "
                "the ordinary AWS chain. What differs from set to set is declared with the set: "
                "[image_sets.md](image_sets.md)."
            ),
            "",
            *_settings(COMMON),
            "",
            "## Seldom changed",
            "",
            *_settings(seldom),
        ]
    )


def _settings(names: Iterable[str]) -> list[str]:
    fields = {name: Settings.model_fields[name] for name in names}
    rows = (
        (
            f"`OFF_PLATFORM_{name.upper()}`",
            "" if field.default is None or not str(field.default) else f"`{field.default}`",
            field.description or "",
        )
        for name, field in fields.items()
    )
    return _table(("setting", "default", "what it is"), rows)


def image_sets_page() -> str:
    """Every option of an image set."""
    lines = [
        "# Options of image sets",
        "",
        (
            "A set is declared in `image_sets.toml`. Each option can be varied for a run: on the "
            "command line, or in Dagster's launchpad. On the command line an option of several "
            f"values is given once for each. {_NEEDS_PRODUCTS}"
        ),
        "",
    ]
    for wing, (choice, run) in _CHOICES.items():
        lines += [f"## {wing}", "", *_options(choice), ""]
        if run.model_fields:
            lines += ["Of a run, not declared:", "", *_options(run), ""]
    return _page(lines)


def _options(model: type[BaseModel]) -> list[str]:
    rows = (
        (
            f"`{option.name}`",
            f"`{option.flag}`",
            "" if option.shown_default is None else f"`{option.shown_default}`",
            option.described,
        )
        for option in options_of(model)
    )
    return _table(("option", "command line", "default", "what it is"), rows)


_CHOICES: Mapping[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "images": (Choice, MonthOptions),
    "bins": (BinChoice, RunOptions),
}
_NEEDS_PRODUCTS = "Filters of products need a products dump, OFF_PLATFORM_PRODUCTS_DUMP."


def with_reference(declarations: str) -> str:
    """The text of `image_sets.toml` with the options of its sets as comments before the first."""
    lines = [
        "# The image sets of this platform: one table per set, [images.NAME] or [bins.NAME].",
        "# Each is a partition of the asset `image_set` or `bin_image_set`; to build one from the",
        "# command line, run `off-platform images NAME` or `off-platform bins NAME`.",
        f"# {_NEEDS_PRODUCTS}",
    ]
    for wing, (choice, _) in _CHOICES.items():
        lines += ["#", f"# Options of [{wing}.*], all with defaults:"]
        described = [("description", "A sentence for people.")]
        described += [(option.name, option.described) for option in options_of(choice)]
        lines += [f"#   {name:<18}  {what}" for name, what in described]
    sets = declarations[declarations.index("\n[") :]
    return "\n".join(lines) + "\n" + sets


def tables_page() -> str:
    """Every table of the lake, with its columns and checks."""
    lines = [
        "# Tables",
        "",
        (
            "Each is a view in `off_platform.duckdb` at the lake's root, and Parquet files below "
            "`tables/`."
        ),
        "",
    ]
    for wing, tables in _TABLES.items():
        lines += [f"## {wing}", ""]
        for table in tables:
            lines += [
                f"### `{table.name}`",
                "",
                table.description,
                "",
                *_columns(table.columns),
                "",
            ]
            if table.of_view:
                lines += ["The view has besides:", "", *_columns(table.of_view), ""]
            if table.rules:
                lines += ["Checks:", "", *_checks(table), ""]
    return _page(lines)


_TABLES: Mapping[str, tuple[Table, ...]] = {
    "Images": (
        images.SNAPSHOTS,
        images.KEY_INDEX,
        images.KEY_INDEX_ODDITIES,
        images.KEY_CHANGES,
        images.PRODUCTS,
    ),
    "Bins": bins.TABLES,
    "Imports": (
        imports.IMPORTS,
        imports.PRODUCTS_ACCEPTED,
        imports.PRODUCTS_QUARANTINED,
        imports.IMPORT_FINDINGS,
        imports.PRODUCTS_IMPORTED,
    ),
}


def _columns(columns: Iterable[Column]) -> list[str]:
    rows = (
        (f"`{column.name}`", column.type, "yes" if column.nullable else "", column.description)
        for column in columns
    )
    return _table(("column", "type", "may be missing", "what it is"), rows)


def _checks(table: Table) -> list[str]:
    rows = (
        (f"`{rule.id}`", rule.level + (", blocking" if rule.blocking else ""), rule.sentence)
        for rule in table.rules
    )
    return _table(("check", "level", "what holds"), rows)


def _table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(names)
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return lines + [
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows
    ]


def _page(lines: Iterable[str]) -> str:
    return _HEAD + "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Writes all pages."""
    DOCS.mkdir(exist_ok=True)
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
    text = DECLARED.read_text(encoding="utf-8")
    DECLARED.write_text(with_reference(text), encoding="utf-8")


if __name__ == "__main__":
    main()
