"""Answers with lists that are completed at once are those of graphql-core."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    graphql,
)
from graphql import GraphQLString as Text
from graphql.execution import ExecutionContext
from hypothesis import given
from hypothesis import strategies as st

from off_platform.automation.ui_answers import complete_names_at_once

FIELDS = {
    "names": GraphQLNonNull(GraphQLList(GraphQLNonNull(Text))),
    "some": GraphQLList(Text),
    "lists": GraphQLList(GraphQLList(Text)),
}
SCHEMA = GraphQLSchema(
    GraphQLObjectType("Query", {name: GraphQLField(of) for name, of in FIELDS.items()})
)


class NotText:
    """What graphql-core refuses."""


VALUES = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.builds(NotText))
LISTS = st.one_of(st.lists(st.text()), st.lists(VALUES), st.tuples(st.text()), st.text())


def answer(root: dict[str, Any]) -> object:
    query = "{names some lists}"
    return asyncio.run(graphql(SCHEMA, query, root)).formatted


@given(names=LISTS, some=LISTS, lists=st.lists(LISTS))
def test_answers_are_those_of_graphql_core(names: object, some: object, lists: object) -> None:
    root = {"names": names, "some": some, "lists": lists}
    before = ExecutionContext.complete_list_value
    expected = answer(root)
    complete_names_at_once()
    try:
        assert answer(root) == expected
    finally:
        ExecutionContext.complete_list_value = before  # type: ignore[method-assign]


@pytest.mark.slow
def test_only_a_webserver_completes_them_so(tmp_path: Path) -> None:
    program = """
import sys
import dagster as dg
from pathlib import Path
with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    assert "graphql" not in sys.modules
    instance.optimize_for_webserver(1000, 1000, 1)
    from graphql.execution import ExecutionContext
    print(ExecutionContext.complete_list_value.__module__)
"""
    (tmp_path / "dagster.yaml").write_text(
        (Path(__file__).resolve().parents[2] / "dagster.yaml").read_text()
    )
    said = subprocess.run(  # noqa: S603 - a program of the test
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert said.stdout.split() == ["off_platform.automation.ui_answers"]
