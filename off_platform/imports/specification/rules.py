"""The rules of the document "Data Formats Specification", read from `rules.csv`. Pure.

A finding is one broken rule; rules of one kind form one asset check. `values/` checks texts,
`bounds.py` several columns, `whole_file/` the whole file.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from off_platform.words import shortened

Level = Literal["error", "warning", "info"]
LEVELS: tuple[Level, ...] = ("error", "warning", "info")

OFF = "Open Food Facts itself"
CONVENTION = "Off Platform's reading of the specification"
# Characters of a value shown in a message.
MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Check:
    """Rules of one kind, reported together as one asset check.

    Attributes:
        id: the asset check's name.
        sentence: the condition, in a sentence.
        blocking: whether a failure skips downstream assets; only if nothing could be read.
    """

    id: str
    sentence: str
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class ImportRule:
    """One rule.

    Attributes:
        id: short name, given in every finding.
        check: id of its check.
        level: `error`: the record (or file) is not accepted; `warning`: valid but suspicious;
            `info`: a value was changed or assumed.
        heading: what is wrong when the rule is broken, for headings and messages; without a
            period.
        sentence: the condition, in a sentence.
        fix: what the producer should do.
        source: a quotation from the document, or another origin; empty in the file for a convention
            of ours.
    """

    id: str
    check: str
    level: Level
    heading: str
    sentence: str
    fix: str
    source: str


CHECKS: tuple[Check, ...] = (
    Check("readable", "The file is a CSV, TSV, JSON or XLSX file that can be read.", blocking=True),
    Check(
        "header",
        "Every column has a name, no two have the same, and one identifies products.",
        blocking=True,
    ),
    Check("file_format", "The file has the format that the specification describes."),
    Check("rows", "Every row has a cell for every column, and there is one product per row."),
    Check("columns", "Every column is in the specification."),
    Check(
        "whole_file_damage",
        "No program, such as a spreadsheet, damaged the identifiers of the file.",
    ),
    Check("identifier", "Every product has an identifier, and its identifiers agree."),
    Check("barcode_format", "Barcodes are text, contain only digits and have a valid length."),
    Check("barcode_check_digit", "Barcodes have a valid check digit."),
    Check(
        "barcode_use",
        "Barcodes are those of retail products, not of cases or for use inside a shop.",
    ),
    Check("duplicates", "Every product appears once in the import."),
    Check("product_name", "Every product has a name."),
    Check("aliases", "Columns for the same field have the same value."),
    Check("numbers", "Numbers use a decimal period and have no unit."),
    Check("ranges", "Nutritional values are within reasonable ranges."),
    Check("macronutrients", "Fat, carbohydrates and proteins do not exceed 100 g per 100 g."),
    Check(
        "plausible_values", "Nutritional values are consistent and within Open Food Facts' limits."
    ),
    Check("energy", "Energy in kJ and in kcal agree, and its unit is clear."),
    Check("salt_and_sodium", "Salt equals sodium times 2.5."),
    Check("quantities", "A package size is a number with a metric unit."),
    Check("countries", "Countries are ISO 3166-1 codes or English names."),
    Check("languages", "Languages are ISO 639-1 codes."),
    Check("timestamps", "Timestamps are Unix seconds, in the past and in order."),
    Check("urls", "URLs are http or https addresses."),
    Check("texts", "Texts have no stray characters, and missing values are empty."),
)


def _rules() -> Iterator[ImportRule]:
    table = files(__package__).joinpath("rules.csv").read_text(encoding="utf-8")
    row: dict[str, Any]
    for row in csv.DictReader(table.splitlines()):
        yield ImportRule(**row | {"source": row["source"] or CONVENTION})


RULES: tuple[ImportRule, ...] = tuple(_rules())
BY_ID: Mapping[str, ImportRule] = {rule.id: rule for rule in RULES}


def rules_of(check: str) -> tuple[ImportRule, ...]:
    """The rules that a check reports on."""
    return tuple(rule for rule in RULES if rule.check == check)


def worst_level(check: str) -> Level:
    """The highest level of a check's rules."""
    return min((rule.level for rule in rules_of(check)), key=LEVELS.index)


def message_of(rule_id: str, value: str | None = None, detail: str = "") -> str:
    """The message of a finding: what is wrong, in one sentence.

    Args:
        rule_id: the rule that is broken.
        value: the text in the file, if there is one.
        detail: further information, the end of the message.
    """
    heading = BY_ID[rule_id].heading
    if value is not None:
        # Names of fields and formats keep their case.
        heading = heading if heading[1:2].isupper() else heading[0].lower() + heading[1:]
        heading = f"'{shortened(value, MOST_SHOWN)}': {heading}"
    return f"{heading}{f'; {detail}' if detail else ''}."
