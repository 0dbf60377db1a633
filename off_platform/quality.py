"""Tables described once, as data; schemas, check specs and check results are made from that.

Specs and results come from one grouping, so they cannot disagree: a rule that nothing broke still
reports.

What the tables and rules are is said in each wing's `schemas.py`.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import dagster as dg
    import pandas as pd
    import pandera.pandas as pa_pandera
    import pyarrow as pa

Level = Literal["error", "warning"]
MOST_EXAMPLES = 5
SHAPE = "shape"
TEXT_MAP = "map<string,string>"


@dataclass(frozen=True)
class Rule:
    """A sentence that a table must fulfil, and the asset check of the same name.

    Attributes:
        id: the check's name.
        sentence: what must hold, for people.
        level: `error` or `warning`.
        blocking: whether downstream assets are skipped; only for findings that make the
            table meaningless.
        tolerated: share of rows that may break it before the check fails.
    """

    id: str
    sentence: str
    level: Level = "error"
    blocking: bool = False
    tolerated: float = 0.0


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: as in the file.
        type: `string`, `bool`, `int32`, `int64`, `double`, `timestamp` (UTC), `date`,
            `list<string>` or `map<string,string>`.
        description: for people, with the unit.
        nullable: whether values may be missing.
        rule: the rule that the following bounds belong to.
        pattern: regular expression that a text fulfils from start to end.
        one_of: the only values.
        least: smallest number.
    """

    name: str
    type: str
    description: str
    nullable: bool = False
    rule: str | None = None
    pattern: str | None = None
    one_of: tuple[str, ...] | None = None
    least: float | None = None

    @property
    def sql(self) -> str:
        """DuckDB's name of the type."""
        if self.type.startswith("list<"):
            return f"{_SQL_TYPES[self.type[5:-1]]}[]"
        if self.type == TEXT_MAP:
            return "MAP(VARCHAR, VARCHAR)"
        return _SQL_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """A table of record: name, columns, rules; and the columns that its view has besides."""

    name: str
    description: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    of_view: tuple[Column, ...] = ()

    @cached_property
    def arrow(self) -> "pa.Schema":
        """Names and types, as the lake demands them."""
        import pyarrow as pa

        return pa.schema([(column.name, _arrow_type(column.type)) for column in self.columns])

    @cached_property
    def dagster(self) -> "dg.TableSchema":
        """The column schema that the UI shows."""
        import dagster as dg

        return dg.TableSchema(
            columns=[
                dg.TableColumn(
                    column.name,
                    column.type,
                    column.description,
                    dg.TableColumnConstraints(nullable=column.nullable),
                )
                for column in self.columns
            ]
        )

    @cached_property
    def pandera(self) -> "pa_pandera.DataFrameSchema":
        """The columns' bounds as a Pandera schema; each check is named by its rule."""
        import pandera.pandas as pa_pandera

        return pa_pandera.DataFrameSchema(
            {column.name: _pandera_column(column) for column in self.columns}, strict=True
        )

    def metadata(self) -> dict[str, Any]:
        """What every asset that is this table carries from its definition on."""
        return {"dagster/column_schema": self.dagster}

    def check_specs(
        self, asset: str, partitions: "dg.PartitionsDefinition[Any] | None" = None
    ) -> "list[dg.AssetCheckSpec]":
        """One check per rule.

        Args:
            asset: name of the asset that reports them.
            partitions: of that asset; each evaluation then names its partition.
        """
        import dagster as dg

        with warnings.catch_warnings():
            # Checks with partitions are in preview; `test_upstream.py` holds what they must do.
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return [
                dg.AssetCheckSpec(
                    rule.id,
                    asset=asset,
                    description=rule.sentence,
                    blocking=rule.blocking,
                    partitions_def=partitions,
                )
                for rule in self.rules
            ]

    def check_results(
        self, asset: str, findings: Mapping[str, "Finding"], *, only: Iterable[str] | None = None
    ) -> "list[dg.AssetCheckResult]":
        """One result a rule, whether something broke it or not.

        Args:
            asset: name of the asset.
            findings: by rule id; every rule must have been looked at.
            only: the ids to report, all by default.

        Raises:
            KeyError: a rule was not looked at, or a finding belongs to no rule: a bug of ours.
        """
        if unknown := findings.keys() - {rule.id for rule in self.rules}:
            raise KeyError(f"{self.name} has no rules {sorted(unknown)}")
        wanted = set(only) if only is not None else {rule.id for rule in self.rules}
        return [findings[rule.id].result(asset, rule) for rule in self.rules if rule.id in wanted]


@dataclass
class Finding:
    """How often a rule was broken, of how many, with a few examples.

    Its own `level` overrides the rule's, where a check combines rules of both levels.
    """

    broken: int = 0
    of: int = 0
    examples: list[str] = field(default_factory=list)
    note: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    level: Level | None = None

    def add(self, broken: int, examples: Iterable[str]) -> None:
        """Counts more of the same; only the first few examples are kept."""
        self.broken += broken
        room = MOST_EXAMPLES - len(self.examples)
        self.examples.extend(
            str(example)[:200] for example, _ in zip(examples, range(room), strict=False)
        )

    @property
    def share(self) -> float:
        """Share of what was looked at that broke the rule; 1 when there was nothing to look at."""
        return self.broken / self.of if self.of else float(bool(self.broken))

    def passed(self, rule: Rule) -> bool:
        """Whether no more than the tolerated share broke it."""
        return self.broken == 0 or (rule.tolerated > 0 and self.share <= rule.tolerated)

    def result(self, asset: str, rule: Rule) -> "dg.AssetCheckResult":
        """The asset check's result."""
        import dagster as dg

        passed = self.passed(rule)
        return dg.AssetCheckResult(
            asset_key=asset,
            check_name=rule.id,
            passed=passed,
            severity=dg.AssetCheckSeverity.ERROR
            if (self.level or rule.level) == "error"
            else dg.AssetCheckSeverity.WARN,
            description=self.note or self._sentence(rule),
            metadata={
                "rule": rule.sentence,
                "broken": self.broken,
                "of": self.of,
                "share": self.share,
                **(
                    {"examples": dg.MetadataValue.md(_as_list(self.examples))}
                    if self.examples
                    else {}
                ),
                **self.facts,
            },
        )

    def _sentence(self, rule: Rule) -> str:
        if not self.broken:
            return f"Holds for all {self.of:,}." if self.of else "There was nothing to look at."
        found = f"roken by {self.broken:,} of {self.of:,}, {self.share:.2%}"
        if not rule.tolerated:
            return f"B{found}."
        within = "Holds well enough: b" if self.share <= rule.tolerated else "B"
        return f"{within}{found} (up to {rule.tolerated:.2%} is tolerated)."


def validate(table: Table, batches: Iterable["pd.DataFrame"]) -> dict[str, Finding]:
    """Streams batches through a table's Pandera schema.

    Args:
        table: which table they belong to; it has the rule `shape` for errors outside of values.
        batches: frames with a running index, so that examples can name their rows.

    Returns:
        For every rule that a column's bounds or the shape belong to, what was found.

    Raises:
        RuntimeError: a check itself failed, which is a bug of ours and no finding.
    """
    import pandera.pandas as pa_pandera

    findings = {rule: Finding() for rule in _rules_of_columns(table)}
    for frame in batches:
        for finding in findings.values():
            finding.of += len(frame)
        try:
            table.pandera.validate(frame, lazy=True)
        except pa_pandera.errors.SchemaErrors as errors:
            _count(table, errors, frame, findings)
    return findings


def frames(batches: Iterable["pa.RecordBatch"]) -> Iterable["pd.DataFrame"]:
    """Arrow batches as frames whose index runs on over all of them."""
    start = 0
    for batch in batches:
        frame = batch.to_pandas()
        frame.index += start
        start += len(frame)
        yield frame


def _rules_of_columns(table: Table) -> list[str]:
    bounded = {column.rule for column in table.columns if column.rule}
    return [rule.id for rule in table.rules if rule.id == SHAPE or rule.id in bounded]


def _count(
    table: Table,
    errors: "pa_pandera.errors.SchemaErrors",
    frame: "pd.DataFrame",
    findings: dict[str, Finding],
) -> None:
    if "CHECK_ERROR" in errors.error_counts:
        raise RuntimeError(f"a check of {table.name} failed itself: {errors.message}")
    identity = table.columns[0].name
    cases = errors.failure_cases
    rules = cases["check"].where(cases["check"].isin(list(findings)), SHAPE)
    for rule, group in cases.groupby(rules, sort=False):
        # A row can break a rule in several columns; it counts once.
        rows = group["index"].dropna().drop_duplicates()
        known = frame.index.intersection(rows[:MOST_EXAMPLES])
        named = frame.loc[known, identity] if identity in frame else known
        examples = [f"row {row}: {name}" for row, name in zip(known, named, strict=True)]
        if not examples:
            examples = [
                f"{case.column}: {case.check}" for case in group.head(MOST_EXAMPLES).itertuples()
            ]
        findings[str(rule)].add(max(len(rows), 1), examples)


def _pandera_column(column: Column) -> "pa_pandera.Column":
    import pandera.pandas as pa_pandera

    checks: list[Any] = []
    if column.pattern:
        # `$` would let a newline at the end pass, and costs four times as long.
        whole = rf"^(?:{column.pattern})\Z"
        checks.append(pa_pandera.Check.str_matches(whole, error=column.rule))
    if column.one_of:
        checks.append(pa_pandera.Check.isin(column.one_of, error=column.rule))
    if column.least is not None:
        checks.append(pa_pandera.Check.ge(column.least, error=column.rule))
    return pa_pandera.Column(
        None if column.nullable else _PANDERA_TYPES.get(column.type),
        checks,
        nullable=column.nullable,
        description=column.description,
    )


# Types that pandas keeps as they are. Numbers with nulls become floats; those, timestamps, dates
# and lists are held by the Arrow schema, which the lake demands before a file is put in place.
_PANDERA_TYPES = {"string": "str", "int32": "int32", "int64": "int64", "double": "float64"}


_SQL_TYPES = {
    "string": "VARCHAR",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
}


def _arrow_type(name: str) -> "pa.DataType":
    import pyarrow as pa

    if name.startswith("list<"):
        return pa.list_(_arrow_type(name[5:-1]))
    if name == TEXT_MAP:
        return pa.map_(pa.string(), pa.string())
    if name == "timestamp":
        return pa.timestamp("us", tz="UTC")
    return pa.type_for_alias({"date": "date32"}.get(name, name))


def _as_list(examples: Sequence[str]) -> str:
    return "\n".join(f"- `{example.replace('`', chr(39))}`" for example in examples)
