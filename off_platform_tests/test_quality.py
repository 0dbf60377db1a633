"""Tables as data: each rule finds its own failing example, and reports when there is none."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.asset_checks import check_result, check_results, check_specs, column_metadata
from off_platform.pandera_checks import frames, validate
from off_platform.quality import SHAPE, Column, Finding, Rule, Table

TABLE = Table(
    "letters",
    "A table of the tests.",
    (
        Column("key", "string", "A number in digits.", rule="digits", pattern="[0-9]+|none"),
        Column("number", "int64", "From 1 on.", rule="positive", least=1),
        Column("other", "int32", "From 1 on too.", rule="positive", least=1),
        Column("kind", "string", "One of two.", rule="known", one_of=("a", "b")),
        Column("moment", "timestamp", "When.", nullable=True),
        Column("day", "date", "Which day.", nullable=True),
        Column("share", "double", "How much.", nullable=True),
        Column("tags", "list<string>", "Tags.", nullable=True),
        Column("whole", "bool", "Whether."),
    ),
    (
        Rule(SHAPE, "It has its columns.", blocking=True),
        Rule("digits", "Keys are digits.", tolerated=0.5),
        Rule("positive", "Numbers are positive.", "warning"),
        Rule("known", "Kinds are known."),
        Rule("counted", "Whatever is counted elsewhere."),
    ),
)
ROW: dict[str, Any] = {
    "key": "1",
    "number": 1,
    "other": 1,
    "kind": "a",
    "moment": None,
    "day": None,
    "share": None,
    "tags": None,
    "whole": True,
}


def frame_of(*changes: dict[str, Any]) -> pd.DataFrame:
    """A frame with a good row for each of the changes, changed so."""
    table = pa.Table.from_pylist([{**ROW, **change} for change in changes], TABLE.arrow)
    (frame,) = frames(table.combine_chunks().to_batches())
    return frame


def broken(*frames_: pd.DataFrame) -> dict[str, int]:
    """Which rules of columns are broken how often."""
    return {rule: found.broken for rule, found in validate(TABLE, frames_).items() if found.broken}


def test_a_good_table_reports_every_rule_of_its_columns() -> None:
    findings = validate(TABLE, [frame_of({}, {"key": "none"}, {"kind": "b"}, {"tags": ["x"]})])
    assert {rule: (found.broken, found.of) for rule, found in findings.items()} == dict.fromkeys(
        (SHAPE, "digits", "positive", "known"), (0, 4)
    )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"key": "x"}, "digits"),
        ({"key": ""}, "digits"),
        ({"key": "12\n"}, "digits"),
        ({"key": "1nonex"}, "digits"),
        ({"key": "x1"}, "digits"),
        ({"number": 0}, "positive"),
        ({"other": -5}, "positive"),
        ({"kind": "A"}, "known"),
        ({"kind": ""}, "known"),
        ({"key": None}, SHAPE),
        ({"number": None}, SHAPE),
        ({"other": None}, SHAPE),
        ({"kind": None}, SHAPE),
        ({"whole": None}, SHAPE),
    ],
)
def test_each_rule_finds_its_own_failing_example(change: dict[str, Any], rule: str) -> None:
    assert broken(frame_of({}, change, {})) == {rule: 1}
    finding = validate(TABLE, [frame_of({}, change, {})])[rule]
    assert finding.of == 3
    assert finding.examples[0].startswith("row 1: ")


@pytest.mark.parametrize(
    "damage",
    [
        lambda frame: frame.drop(columns="number"),
        lambda frame: frame.drop(columns="key"),
        lambda frame: frame.assign(more=1),
        lambda frame: frame.rename(columns={"kind": "Kind"}),
        lambda frame: frame.assign(number=frame["number"].astype("float64")),
        lambda frame: frame.assign(other=frame["other"].astype("int64")),
    ],
)
def test_other_columns_and_types_break_the_shape(
    damage: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    found = broken(damage(frame_of({}, {})))
    assert set(found) == {SHAPE}


def test_a_row_counts_once_in_however_many_columns_it_breaks_a_rule() -> None:
    findings = validate(TABLE, [frame_of({"number": 0, "other": 0}, {"other": 0}, {})])
    assert findings["positive"].broken == 2
    assert findings["positive"].examples == ["row 0: 1", "row 1: 1"]


def test_rows_are_numbered_over_all_batches() -> None:
    table = pa.Table.from_pylist([{**ROW, "key": "x" if n in (1, 7) else "1"} for n in range(9)])
    batches = table.cast(TABLE.arrow).to_batches(max_chunksize=3)
    findings = validate(TABLE, frames(batches))
    assert findings["digits"].examples == ["row 1: x", "row 7: x"]
    assert (findings["digits"].broken, findings["digits"].of) == (2, 9)


@pytest.mark.slow
@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=6), max_size=5))
@settings(max_examples=15)
def test_counts_add_up_over_batches(batches: list[list[bool]]) -> None:
    made = [frame_of(*({"kind": "a" if good else "z"} for good in batch)) for batch in batches]
    finding = validate(TABLE, made)["known"]
    assert finding.of == sum(map(len, batches))
    assert finding.broken == sum(not good for batch in batches for good in batch)


def test_examples_are_few_and_short() -> None:
    rows = [{"key": "x" * 1000} for _ in range(50)]
    finding = validate(TABLE, [frame_of(*rows), frame_of(*rows)])["digits"]
    assert finding.broken == 100
    assert len(finding.examples) == 5
    assert all(len(example) <= 200 for example in finding.examples)


def test_a_check_that_raises_is_no_finding() -> None:
    # A bound for numbers on a column of texts: a bug of ours, whatever the data.
    table = Table(
        "wrong",
        "",
        (Column("key", "string", "", rule="least", least=1),),
        (Rule(SHAPE, ""), Rule("least", "")),
    )
    with pytest.raises(RuntimeError, match="a check of wrong raised an error"):
        validate(table, [pd.DataFrame({"key": ["1"]})])


def test_specs_and_results_are_of_the_same_rules() -> None:
    specs = check_specs(TABLE, "letters")
    assert [spec.name for spec in specs] == [rule.id for rule in TABLE.rules]
    assert [spec.description for spec in specs] == [rule.sentence for rule in TABLE.rules]
    assert [spec.blocking for spec in specs] == [True, False, False, False, False]
    assert {spec.asset_key for spec in specs} == {dg.AssetKey("letters")}
    findings = validate(TABLE, [frame_of({"number": 0}, {"key": "x"})])
    findings["counted"] = Finding(of=2)
    results = check_results(TABLE, "letters", findings)
    assert [result.check_name for result in results] == [spec.name for spec in specs]
    assert [result.passed for result in results] == [True, True, False, True, True]
    severities = {result.check_name: result.severity for result in results}
    assert severities["positive"] is dg.AssetCheckSeverity.WARN
    assert severities["known"] is dg.AssetCheckSeverity.ERROR


def test_a_result_says_what_was_found() -> None:
    rule = Rule("digits", "Keys are digits.")
    finding = Finding(broken=2, of=8, examples=["row 1: `x`", "row 2: y"], facts={"more": 3})
    result = check_result("letters", rule, finding)
    assert result.description == "Broken by 2 of 8, 25.00%."
    values = {name: value.value for name, value in result.metadata.items()}
    assert values == {
        "rule": "Keys are digits.",
        "broken": 2,
        "of": 8,
        "share": 0.25,
        # Markdown, in which nothing from outside is markup.
        "examples": "- `row 1: 'x'`\n- `row 2: y`",
        "more": 3,
    }
    assert check_result("letters", rule, Finding()).description == "No rows to check."
    lenient = Rule("digits", "Keys are digits.", tolerated=0.3)
    assert check_result("letters", lenient, finding).description == (
        "Within tolerance: broken by 2 of 8, 25.00% (up to 30.00% is tolerated)."
    )
    good = check_result("letters", rule, Finding(of=1234))
    assert good.description == "Holds for all 1,234."
    assert "examples" not in good.metadata
    assert check_result("letters", rule, Finding(note="Nothing was there.")).description == (
        "Nothing was there."
    )


@pytest.mark.parametrize(
    ("broken_rows", "of", "tolerated", "passed"),
    [
        (0, 0, 0.0, True),
        (0, 10, 0.0, True),
        (1, 10, 0.0, False),
        (1, 10, 0.1, True),
        (2, 10, 0.1, False),
        (1, 10_000_000, 0.0, False),
        (1, 0, 0.5, False),
        (10, 10, 1.0, True),
    ],
)
def test_a_tolerated_share(*, broken_rows: int, of: int, tolerated: float, passed: bool) -> None:
    rule = Rule("digits", "Keys are digits.", tolerated=tolerated)
    result = check_result("letters", rule, Finding(broken=broken_rows, of=of))
    assert result.passed is passed
    if tolerated and broken_rows:
        assert f"(up to {tolerated:.2%} is tolerated)" in str(result.description)


def test_a_finding_of_no_rule_is_our_bug() -> None:
    findings = {rule.id: Finding() for rule in TABLE.rules}
    with pytest.raises(KeyError, match="letters has no rules"):
        check_results(TABLE, "letters", {**findings, "unheard_of": Finding()})
    del findings["known"]
    with pytest.raises(KeyError, match="known"):
        check_results(TABLE, "letters", findings)


def test_only_some_results_when_asked() -> None:
    findings = {rule.id: Finding() for rule in TABLE.rules}
    results = check_results(TABLE, "letters", findings, only=["known", SHAPE])
    assert [result.check_name for result in results] == [SHAPE, "known"]


def test_the_column_schema_has_types_and_descriptions() -> None:
    schema = column_metadata(TABLE)["dagster/column_schema"]
    columns = {column.name: column for column in schema.columns}
    assert list(columns) == [column.name for column in TABLE.columns]
    assert (columns["key"].type, columns["key"].description) == ("string", "A number in digits.")
    assert not columns["key"].constraints.nullable
    assert columns["tags"].constraints.nullable


def test_the_arrow_schema_has_the_named_types() -> None:
    assert {field.name: str(field.type) for field in TABLE.arrow} == {
        "key": "string",
        "number": "int64",
        "other": "int32",
        "kind": "string",
        "moment": "timestamp[us, tz=UTC]",
        "day": "date32[day]",
        "share": "double",
        "tags": "list<item: string>",
        "whole": "bool",
    }
