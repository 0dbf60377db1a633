"""The output of `off-platform validate --format json`, declared once: as values and as JSON Schema.

`docs/validate.schema.json` is made from it; `verdict_forms.py` fills it.
"""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from off_platform.imports.specification.rules import Level

Outcome = Literal["accepted", "some", "refused"]
OUTCOMES: tuple[Outcome, ...] = ("accepted", "some", "refused")
_OUTCOME = (
    "`accepted` (exit code 0): all records are accepted. `some` (1): some are not, or the file "
    "itself breaks a rule. `refused` (2): the file cannot be read as an import, or not be received "
    "(2 or 3), and then no rule is named."
)
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Example(_Declared):
    """One finding."""

    file: str = Field(description="Name of the file; in a folder, of the file in it.")
    row: int | None = Field(description="Row; null if the finding is about the whole file.")
    line: int | None = Field(description="Line, in text formats.")
    sheet: str | None = Field(description="Sheet, in a workbook.")
    cell: str | None = Field(description="Cell such as F8, in a workbook.")
    column: str | None = Field(description="The column's name in the file.")
    value: str | None = Field(description="The text in the file.")
    message: str = Field(description="What is wrong, in a sentence.")
    proposal: str | None = Field(description="Proposed text; empty to clear the cell.")
    certain: bool = Field(description="Whether the proposal needs no review.")


class BrokenRule(_Declared):
    """The findings of one rule."""

    rule: str = Field(description="Id of the rule, see docs/import_rules.md.")
    level: Level = Field(description="An `error` rejects the record, or the file.")
    heading: str = Field(description="What is wrong, as a heading.")
    sentence: str = Field(description="What the rule requires.")
    fix: str = Field(description="What the producer should do.")
    findings: int = Field(ge=0, description="Number of findings.")
    records: int = Field(ge=0, description="Number of records with them.")
    certain: int = Field(ge=0, description="Number that the corrected copy fixes.")
    examples: list[Example] = Field(description="The first ones.")


class ImportVerdict(_Declared):
    """The verdict on one import."""

    path: str = Field(description="As it was given: a path, `-`, or a URL without its query.")
    verdict: Outcome = Field(description=_OUTCOME)
    sentence: str = Field(description="The verdict in a sentence.")
    file: str | None = Field(description="Name of the file; null if it was not recognised.")
    format: str | None = Field(
        description="`csv`, `tsv`, `json`, `json_lines`, `xlsx`, or `folder`."
    )
    encoding: str | None = Field(description="Encoding, of text formats.")
    sha256: str | None = Field(description="SHA-256 of the file as it was given.")
    records: int = Field(ge=0, description="Number of checked records.")
    accepted: int = Field(ge=0, description="Number of accepted records.")
    quarantined: int = Field(ge=0, description="Number of quarantined records.")
    seconds: float = Field(ge=0, description="Duration.")
    rules: list[BrokenRule] = Field(description="Broken rules, errors first.")


class SeveralVerdicts(_Declared):
    """The verdicts on several paths."""

    verdict: Outcome = Field(description="The worst one.")
    imports: list[ImportVerdict] = Field(min_length=2, description="In the given order.")


def as_json(imports: list[ImportVerdict]) -> str:
    """The JSON of one import, or of several.

    Args:
        imports: at least one.
    """
    shown: _Declared = imports[0]
    if len(imports) > 1:
        worst = max((each.verdict for each in imports), key=OUTCOMES.index)
        shown = SeveralVerdicts(verdict=worst, imports=imports)
    return json.dumps(shown.model_dump(mode="json"), ensure_ascii=False, indent=1)


def schema() -> str:
    """The JSON Schema of the output."""
    described: dict[str, Any] = {
        "$schema": _DIALECT,
        "title": "off-platform validate --format json",
        "description": "With one path, its verdict; with several, all of them.",
    }
    form = TypeAdapter(ImportVerdict | SeveralVerdicts).json_schema(mode="serialization")
    return json.dumps(described | form, ensure_ascii=False, indent=1) + "\n"
