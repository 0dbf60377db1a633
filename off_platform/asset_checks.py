"""Tables in Dagster: columns and lineage of their assets, and one asset check per rule.

Specs and results are made from the same rules, so they cannot disagree: a rule without findings
still reports.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from off_platform.quality import Finding, Rule, Table


def column_metadata(table: Table) -> dict[str, Any]:
    """The metadata of every asset that is this table: column schema and column lineage."""
    columns = [
        dg.TableColumn(
            column.name,
            column.type,
            column.description,
            dg.TableColumnConstraints(nullable=column.nullable),
        )
        for column in table.columns
    ]
    lineage = {
        column: [
            dg.TableColumnDep(dg.AssetKey(asset), name)
            for asset, _, name in (source.partition(".") for source in sources)
        ]
        for column, sources in table.made_of.items()
    }
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/column_lineage": dg.TableColumnLineage(lineage),
    }


def check_specs(
    table: Table, asset: str, partitions: dg.PartitionsDefinition[Any] | None = None
) -> list[dg.AssetCheckSpec]:
    """One check per rule.

    Args:
        table: with the rules.
        asset: name of the asset that reports them.
        partitions: of that asset; each evaluation then carries its partition.
    """
    with warnings.catch_warnings():
        # Checks with partitions are in preview; `test_upstream.py` covers their use.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                rule.id,
                asset=asset,
                description=rule.sentence,
                blocking=rule.blocking,
                partitions_def=partitions,
            )
            for rule in table.rules
        ]


def check_results(
    table: Table, asset: str, findings: Mapping[str, Finding], *, only: Iterable[str] | None = None
) -> list[dg.AssetCheckResult]:
    """One result per rule, with or without findings.

    Args:
        table: with the rules.
        asset: name of the asset.
        findings: by rule id, one for each rule.
        only: the ids to report; by default all.

    Raises:
        KeyError: a rule has no finding, or a finding has no rule; a bug.
    """
    ids = {rule.id for rule in table.rules}
    if unknown := findings.keys() - ids:
        raise KeyError(f"{table.name} has no rules {sorted(unknown)}")
    wanted = set(only) if only is not None else ids
    return [
        check_result(asset, rule, findings[rule.id]) for rule in table.rules if rule.id in wanted
    ]


def check_result(asset: str, rule: Rule, finding: Finding) -> dg.AssetCheckResult:
    """The result of a rule's check."""
    is_error = (finding.level or rule.level) == "error"
    shown = {"examples": dg.MetadataValue.md(_as_list(finding.examples))}
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=rule.id,
        passed=finding.passed(rule),
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        description=finding.sentence(rule),
        metadata={
            "rule": rule.sentence,
            "broken": finding.broken,
            "of": finding.of,
            "share": finding.share,
            **(shown if finding.examples else {}),
            **finding.facts,
        },
    )


def _as_list(examples: Sequence[str]) -> str:
    return "\n".join(f"- `{example.replace('`', chr(39))}`" for example in examples)
