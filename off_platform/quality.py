"""Tables, their rules and what was found, as data. No Dagster here, see `asset_checks.py`.

The tables and rules are in each wing's `schemas.py`; `pandera_checks.py` checks bounds of columns.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Level = Literal["error", "warning"]
MOST_EXAMPLES = 5
SHAPE = "shape"
TEXT_MAP = "map<string,string>"


@dataclass(frozen=True)
class Rule:
    """A condition that a table must meet, and the asset check of the same name.

    Attributes:
        id: the check's name.
        sentence: the condition, in a sentence.
        level: `error` or `warning`.
        blocking: whether downstream assets are skipped; only for findings that make the table
            meaningless.
        tolerated: share of rows that may break it without failing the check.
    """

    id: str
    sentence: str
    level: Level = "error"
    blocking: bool = False
    tolerated: float = 0.0


# The rule of every table; what a wing's schemas declare is enforced before a file is put in place.
SHAPE_RULE = Rule(SHAPE, "The table has exactly the declared columns and types.", blocking=True)
# Of tables whose values are examined too.
VALUES_RULE = Rule(
    SHAPE,
    "The table has exactly the declared columns and types, nulls only where they are allowed, and "
    "values within the declared bounds.",
    blocking=True,
)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: its name in the file.
        type: `string`, `bool`, `int32`, `int64`, `double`, `timestamp` (UTC), `date`,
            `list<...>` of one of them, or `map<string,string>`.
        description: for the UI and docs, with the unit.
        nullable: whether it may contain nulls.
        rule: the rule that reports values out of the following bounds.
        pattern: regular expression that matches the whole text.
        one_of: the allowed values.
        least: smallest allowed number.
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
        """The type in DuckDB."""
        if self.type.startswith("list<"):
            return f"{_SQL_TYPES[self.type[5:-1]]}[]"
        if self.type == TEXT_MAP:
            return "MAP(VARCHAR, VARCHAR)"
        return _SQL_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """A table of record.

    Attributes:
        name: its name in the lake.
        description: for the UI and docs.
        columns: of its files.
        rules: of its asset checks.
        of_view: columns that only its view has.
        made_of: for each column that is made of columns of other assets, these as `ASSET.COLUMN`.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    of_view: tuple[Column, ...] = ()
    made_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @cached_property
    def arrow(self) -> "pa.Schema":
        """Names and types, which the lake compares before a file is put in place."""
        import pyarrow as pa

        def typed(name: str) -> pa.DataType:
            if name.startswith("list<"):
                return pa.list_(typed(name[5:-1]))
            if name == TEXT_MAP:
                return pa.map_(pa.string(), pa.string())
            if name == "timestamp":
                return pa.timestamp("us", tz="UTC")
            return pa.type_for_alias({"date": "date32"}.get(name, name))

        return pa.schema([(column.name, typed(column.type)) for column in self.columns])


@dataclass
class Finding:
    """The number of rows that break a rule, of how many, with a few examples.

    `level` overrides the level of the rule, if a check combines rules of both levels.
    """

    broken: int = 0
    of: int = 0
    examples: list[str] = field(default_factory=list)
    note: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    level: Level | None = None

    def add(self, broken: int, examples: Iterable[str]) -> None:
        """Adds rows that break the rule; only the first few examples are kept."""
        self.broken += broken
        room = MOST_EXAMPLES - len(self.examples)
        self.examples.extend(
            str(example)[:200] for example, _ in zip(examples, range(room), strict=False)
        )

    @property
    def share(self) -> float:
        """Share of rows that break the rule; 1 if something does and no rows were counted."""
        return self.broken / self.of if self.of else float(bool(self.broken))

    def passed(self, rule: Rule) -> bool:
        """Whether at most the tolerated share of rows breaks it."""
        return self.broken == 0 or (rule.tolerated > 0 and self.share <= rule.tolerated)

    def sentence(self, rule: Rule) -> str:
        """What was found, in a sentence."""
        if self.note:
            return self.note
        if not self.broken:
            return f"Holds for all {self.of:,}." if self.of else "No rows to check."
        found = f"roken by {self.broken:,} of {self.of:,}, {self.share:.2%}"
        if not rule.tolerated:
            return f"B{found}."
        within = "Within tolerance: b" if self.share <= rule.tolerated else "B"
        return f"{within}{found} (up to {rule.tolerated:.2%} is tolerated)."


_SQL_TYPES = {
    "string": "VARCHAR",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
}
