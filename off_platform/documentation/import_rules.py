"""The page of fields and rules of product imports, for producers."""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from off_platform.documentation.markdown import as_page, as_table
from off_platform.imports.readers.json.gdsn import GDSN
from off_platform.imports.specification.fields import FIELDS, Field
from off_platform.imports.specification.rules import CHECKS, RULES, ImportRule


def import_rules() -> str:
    """Fields and rules of product imports, for producers."""
    lines = [
        "# Product imports: fields and rules",
        "",
        (
            "The fields of a product file, and the rules it is checked against: the "
            '"Data Formats Specification" of Open Food Facts, applied strictly. '
            "`off-platform validate FILE` checks a file."
        ),
        "",
        (
            "An **error** rejects the record (or the file, if it is about the whole file); a "
            "**warning** reports a value that is valid but suspicious; an **info** reports a value "
            "that was changed or assumed."
        ),
        "",
        (
            "A value is missing if its cell is empty or contains only a placeholder: a mark such "
            "as `-`, a program's null value (`NaN`, `NA`, `NULL`, `None`), an abbreviation (`N/A`, "
            "`n.d.`, `k.A.`) or a word such as `unknown`, in upper or lower case. Placeholders "
            "are reported as `missing_marker` in every column. Words that are valid values are not "
            "placeholders: `none` in `allergens` and `traces`, and the codes `NA` (Namibia) and "
            "`na` (Nauruan). Spreadsheet errors such as `#N/A` are reported as "
            "`cell_error_value`."
        ),
        "",
        "## Fields",
        "",
    ]
    for section, fields in groupby(FIELDS, attrgetter("section")):
        lines += [f"### {section}", "", *_fields(fields), ""]
    lines += _gdsn()
    lines += ["## Rules", ""]
    for check in CHECKS:
        blocking = " A file that breaks one of these rules is refused." if check.blocking else ""
        rules = [rule for rule in RULES if rule.check == check.id]
        lines += [f"### `{check.id}`", "", f"{check.sentence}{blocking}", "", *_rules(rules), ""]
    return as_page(lines)


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
    return as_table(("field", "alias", "description", "type", "example"), rows)


def _type(field: Field) -> str:
    unit = f" in {field.unit} per 100 g or 100 ml" if field.unit else ""
    most = f", up to {field.most:,g}" if field.most is not None else ""
    language = "; `_fr`, `_de`, ... for a language" if field.by_language else ""
    return f"{field.type}{unit}{most}{language}"


def _gdsn() -> list[str]:
    rows = (
        (
            f"`{each.attribute}`",
            f"`{each.code}`" if each.code else "",
            f"`{each.field}`",
            each.note,
        )
        for each in GDSN
    )
    return [
        "## GDSN",
        "",
        (
            "JSON of GS1's GDSN (messages with `catalogueItemNotification` or `tradeItem`) is "
            "recognised and refused as `gdsn_json`, as it is not a list of products. These "
            "attributes of a trade item map onto fields; convert them, or have your data pool "
            "export a table:"
        ),
        "",
        *as_table(("attribute", "with the code", "field", "note"), rows),
        "",
    ]


def _rules(rules: Iterable[ImportRule]) -> list[str]:
    rows = ((f"`{rule.id}`", rule.level, rule.sentence, rule.fix, rule.source) for rule in rules)
    return as_table(("rule", "level", "requirement", "how to fix it", "source"), rows)
