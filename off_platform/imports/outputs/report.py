"""The report of an import: one HTML page that opens from disk, without a network.

`findings_files.py` and `findings_sheet.py` write the findings, `corrected/` the corrected copy; the
page's template is in `templates/`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment
from markupsafe import Markup, escape

from off_platform.imports.outputs.verdict_models import Outcome
from off_platform.imports.readers.cell_addresses import place
from off_platform.imports.specification.rules import BY_ID, LEVELS, RULES, ImportRule
from off_platform.imports.whole_file.staging import connected, findings_in
from off_platform.imports.whole_file.verdict import Verdict
from off_platform.storage.sql import literal
from off_platform.templates import template_engine
from off_platform.words import counted, size, visible

if TYPE_CHECKING:
    import duckdb

_CODE = re.compile("`([^`]+)`")
MOST_EXAMPLES = 50
MOST_FIRST = 5
# Columns of a finding in the page.
OF_EXAMPLE = (
    "file",
    "row",
    "line",
    "sheet",
    "cell",
    "column",
    "value",
    "message",
    "proposal",
    "certain",
)
# Findings of these checks may have the row of the header, which is not a record.
_OF_FILE = ("readable", "header", "file_format", "columns", "whole_file_damage")
_RULES_OF_FILE = ", ".join(
    literal(rule.id) for rule in RULES if rule.check in _OF_FILE and rule.id != "barcode_damaged"
)
_ROW_OF_RECORD = f"CASE WHEN rule IN ({_RULES_OF_FILE}) THEN NULL ELSE row END"


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of one rule.

    Attributes:
        rule: the rule.
        findings: their number.
        records: number of records with them, including unreadable rows; 0 for findings on the file
            or its header.
        certain: number of those that the corrected copy fixes.
        examples: the first ones, as rows of `import_findings`.
    """

    rule: ImportRule
    findings: int
    records: int
    certain: int
    examples: Sequence[dict[str, Any]]

    @property
    def counted(self) -> str:
        """The number of findings, with its noun."""
        return counted(self.findings, "finding")

    @property
    def certain_counted(self) -> str:
        """The number that the corrected copy fixes, in words."""
        return "all" if self.certain == self.findings else f"{self.certain:,}"


def groups_of(
    connection: "duckdb.DuckDBPyConnection", findings: str, most_examples: int = MOST_EXAMPLES
) -> list[Group]:
    """The findings by rule, the worst and most frequent first.

    Args:
        connection: DuckDB with limits, as there may be millions.
        findings: SQL for the rows of `import_findings`.
        most_examples: maximum per rule.
    """
    counted = connection.execute(f"""
        SELECT rule, sum(findings)::BIGINT, sum(records)::BIGINT, sum(certain)::BIGINT
        FROM ({records_by_product(connection, "rule", findings)}) GROUP BY rule""").fetchall()
    groups = [
        Group(
            BY_ID[rule],
            findings_of,
            records,
            certain,
            _examples(connection, findings, rule, most_examples),
        )
        for rule, findings_of, records, certain in counted
    ]
    return sorted(
        groups,
        key=lambda group: (LEVELS.index(group.rule.level), -group.findings, group.rule.id),
    )


def records_by_product(connection: "duckdb.DuckDBPyConnection", by: str, findings: str) -> str:
    """SQL that counts findings and their records by product.

    In an import of several files, a record has a row in each of them: the file with the most rows
    of a product gives the number of its records. Without a product, every row is a record.

    Args:
        connection: DuckDB with the findings.
        by: column to group by.
        findings: SQL for rows of `import_findings`, to use after FROM.

    Returns:
        Rows of `by`, `product`, `findings`, `certain`, `of_file` (findings without a row),
        `records`.
    """
    ((several,),) = connection.execute(
        f"SELECT min(file) <> max(file) FROM (SELECT file FROM {findings})"
    ).fetchall()
    # Within one file a row is a record, and grouping by texts takes five times as long.
    product = "product" if several else "NULL::VARCHAR AS product"
    # Grouped by position first, as counting distinct values cannot spill.
    return f"""
        SELECT {by}, product, sum(findings) AS findings, sum(certain) AS certain,
            sum(of_file) AS of_file,
            CASE WHEN product IS NULL THEN sum(rows) ELSE max(rows) END AS records
        FROM (
            SELECT {by}, product, file, sum(findings) AS findings, sum(certain) AS certain,
                count(row) AS rows, coalesce(sum(findings) FILTER (row IS NULL), 0) AS of_file
            FROM (
                SELECT {by}, product, file, row, count(*) AS findings,
                    count(*) FILTER (certain) AS certain
                FROM (SELECT {by}, {product}, file, {_ROW_OF_RECORD} AS row, certain
                    FROM {findings})
                GROUP BY {by}, product, file, row)
            GROUP BY {by}, product, file)
        GROUP BY {by}, product"""


def file_of(example: Mapping[str, Any], verdict: Verdict) -> str:
    """The file of an example; empty for an import of one file, or a finding on the import.

    Args:
        example: of a group.
        verdict: of the import.
    """
    source = verdict.source
    if source is None or not is_folder(verdict) or example["file"] == source.name:
        return ""
    return str(example["file"])


def is_folder(verdict: Verdict) -> bool:
    """Whether the import has several files."""
    return verdict.source is not None and verdict.source.format == "folder"


def _examples(
    connection: "duckdb.DuckDBPyConnection", findings: str, rule: str, most: int
) -> list[dict[str, Any]]:
    """The first findings of a rule: those of the whole file, then by row."""
    wanted = ", ".join(f'"{name}"' for name in (*OF_EXAMPLE, "product"))
    found = connection.execute(
        f"SELECT {wanted} FROM {findings} "
        f'WHERE rule = {literal(rule)} ORDER BY row NULLS FIRST, file, "column" LIMIT {most}'
    )
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def write_report(folder: Path, verdict: Verdict, to: Path, notes: Sequence[str] = ()) -> None:
    """Writes the page.

    Args:
        folder: the output folder of the validation.
        verdict: of the import.
        to: the file to write.
        notes: remarks on the corrected copy.
    """
    with connected(folder) as connection:
        groups = groups_of(connection, findings_in(folder))
    if verdict.refused:
        # A refused file has no corrected copy.
        groups = [replace(group, certain=0) for group in groups]
    page = _environment().get_template("report.html.j2")
    to.write_text(
        page.render(
            verdict={"outcome": outcome_of(verdict), "sentence": sentence(verdict)},
            facts=_facts(verdict),
            groups=groups,
            is_folder=is_folder(verdict),
            file_of=partial(file_of, verdict=verdict),
            place=place,
            first=what_first(groups),
            notes=notes,
        ),
        encoding="utf-8",
    )


def what_first(groups: Iterable[Group]) -> list[Group]:
    """What to fix first: of the errors, those of the whole file, then those in most records."""
    errors = [group for group in groups if group.rule.level == "error"]
    errors.sort(key=lambda group: (group.examples[0]["row"] is not None, -group.records))
    return errors[:MOST_FIRST]


def sentence(verdict: Verdict) -> str:
    """The verdict in one or two sentences."""
    if verdict.refused:
        return f"Refused: no record was imported. {verdict.refused.message}"
    records = counted(verdict.records, "record")
    all_records = records if verdict.records == 1 else f"All {records}"
    if not verdict.quarantined and outcome_of(verdict) == "some":
        errors = counted(verdict.count("error"), "rule")
        return f"{all_records} accepted, but the file itself breaks {errors}; fix the file."
    if not verdict.quarantined:
        warnings = verdict.count("warning")
        doubts = f", with {counted(warnings, 'warning')}" if warnings else ""
        return f"{all_records} accepted{doubts}."
    return (
        f"Of {records}, {verdict.accepted:,} accepted and {verdict.quarantined:,} in quarantine: "
        "fix these and import the file again."
    )


def outcome_of(verdict: Verdict) -> Outcome:
    """`accepted`, `some` (in quarantine, or the file itself breaks a rule) or `refused`."""
    if verdict.refused:
        return "refused"
    return "some" if verdict.quarantined or verdict.count("error") else "accepted"


def _facts(verdict: Verdict) -> dict[str, Any]:
    source = verdict.source
    shown: list[tuple[str, str]] = []
    if source:
        written = [source.format.replace("_", " "), source.encoding or ""]
        delimiters = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "vertical bar"}
        written.append(delimiters.get(source.delimiter or "", ""))
        written.append(f"sheet '{source.sheet}'" if source.sheet else "")
        shown += [
            ("File", source.name),
            ("Format", ", ".join(part for part in written if part)),
            ("Size", size(source.bytes)),
            ("SHA-256", source.sha256),
        ]
        if source.header:
            shown.append(("Columns", f"{len(source.header):,}"))
    shown += [
        (name, f"{count:,}")
        for name, count in (
            ("Records", verdict.records),
            ("Accepted", verdict.accepted),
            ("In quarantine", verdict.quarantined),
            *((f"Findings, {level}", verdict.count(level)) for level in LEVELS),
        )
    ]
    return {
        "name": source.name if source else "unreadable file",
        "records": verdict.records,
        "accepted": verdict.accepted,
        "quarantined": verdict.quarantined,
        "shown": shown,
    }


@cache
def _environment() -> Environment:
    made = template_engine("off_platform.imports.outputs")
    made.filters["shown"] = visible
    made.filters["coded"] = coded
    return made


def coded(sentence: str) -> Markup:
    """A sentence of ours as HTML, with text in backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(sentence))))  # noqa: S704 - escaped
