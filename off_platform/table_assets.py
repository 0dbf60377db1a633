"""Assets that are tables: declared from the table, made by a step that can also check alone.

Dagster offers *Execute* for a check if its step can be run for a part of what it declares. The step
of an asset is therefore one of two functions: one makes, one evaluates the same rules over what is
in the lake, and makes nothing.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import dagster as dg

from off_platform.asset_checks import check_results, check_specs, column_metadata
from off_platform.partitions import RUNS
from off_platform.previews import table_preview
from off_platform.quality import Finding, Table
from off_platform.resources import LakeResource
from off_platform.settings import Settings
from off_platform.storage.lake_layout import MONTH
from off_platform.storage.progress import LogDisplay

if TYPE_CHECKING:
    import duckdb

    from off_platform.storage.lake import Lake

OWNERS = ["team:data"]
SettingsParam = dg.ResourceParam[Settings]
# What a function that evaluates gives: the table, its asset, and the findings by rule.
Evaluated = Iterable[tuple[Table, str, Mapping[str, Finding]]]


@dataclass(frozen=True)
class Step:
    """What a step works with; the wings' steps have a method for each thing that they do.

    Attributes:
        lake: with the tables.
        connection: DuckDB that can read them.
        settings: of the platform.
        partition: of its assets, a month or a set; empty if they have none.
        log: writes a line to the run's log.
    """

    lake: "Lake"
    connection: "duckdb.DuckDBPyConnection"
    settings: Settings
    partition: str
    log: Callable[[str], object]

    @property
    def display(self) -> LogDisplay:
        """Shows progress in the log."""
        return LogDisplay(self.log)

    def rows_of(self, table: Table) -> str:
        """SQL for the rows of a table, those of the month if there is one."""
        return self.lake.rows_of(table.name, self._month)

    def made(
        self, table: Table, findings: Mapping[str, Finding], shown: Mapping[str, Any]
    ) -> "dg.MaterializeResult[Any]":
        """The result of a table that was made: what is shown, rows, preview, path and checks.

        Args:
            table: which is also the asset.
            findings: by rule.
            shown: further metadata; a preview if it is not that of the first rows.
        """
        rows = self.rows_of(table)
        ((number,),) = self.connection.execute(f"SELECT count(*) FROM {rows}").fetchall()
        count = "dagster/partition_row_count" if self._month else "dagster/row_count"
        return dg.MaterializeResult(
            asset_key=table.name,
            metadata={
                **shown,
                count: int(number),
                "preview": shown.get("preview") or table_preview(self.connection, f"FROM {rows}"),
                "path": dg.MetadataValue.path(self.lake.address(table.name, self._month)),
            },
            check_results=check_results(table, table.name, findings),
        )

    @property
    def _month(self) -> tuple[str, str] | None:
        return (MONTH, self.partition) if self.partition else None


StepOfWing = TypeVar("StepOfWing", bound=Step)


@contextmanager
def opened(
    step: type[StepOfWing],
    context: dg.AssetExecutionContext,
    settings: Settings,
    lake: LakeResource,
) -> Iterator[StepOfWing]:
    """A step, with the lake and DuckDB over it."""
    into = lake.open()
    with lake.query(into) as connection:
        yield step(into, connection, settings, partition_of(context), context.log.info)


def partition_of(context: dg.AssetExecutionContext) -> str:
    """The partition that a step makes; empty if its assets have none, whatever the run has."""
    return context.partition_key if context.assets_def.partitions_def else ""


class TableAsset(NamedTuple):
    """An asset, and the table whose rules are its checks, if it has any."""

    spec: dg.AssetSpec
    table: Table | None = None


def table_asset(
    table: Table,
    group: str,
    runs: str,
    deps: Sequence[Any] = (),
    *,
    name: str | None = None,
    kinds: Sequence[str] = ("duckdb", "parquet"),
    description: str | None = None,
    **more: Any,
) -> TableAsset:
    """The asset of a table, with its columns, their lineage and its rules.

    Args:
        table: the table.
        group: of the asset.
        runs: the job that runs it.
        deps: the assets it is made of.
        name: of the asset; by default that of the table.
        kinds: of its data, as the UI shows them.
        description: by default that of the table.
        more: for `dg.AssetSpec`.
    """
    spec = dg.AssetSpec(
        name or table.name,
        group_name=group,
        owners=OWNERS,
        kinds=set(kinds),
        tags={RUNS: runs},
        deps=deps,
        description=description or table.description,
        metadata=column_metadata(table),
        **more,
    )
    return TableAsset(spec, table)


def step_of(
    name: str,
    assets: Sequence[TableAsset],
    evaluate: Callable[..., Evaluated],
    partitions: dg.PartitionsDefinition[Any] | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorates the function that makes assets, whose checks can also run alone.

    Args:
        name: of the step.
        assets: that it makes.
        evaluate: takes the same arguments, by the names that it has, and gives the findings in what
            is stored; raises if nothing is.
        partitions: of the assets and their checks.
    """

    def decorate(make: Callable[..., Any]) -> dg.AssetsDefinition:
        return dg.multi_asset(
            name=name,
            specs=[asset.spec for asset in assets],
            check_specs=[
                check
                for spec, table in assets
                if table
                for check in check_specs(table, spec.key.to_user_string(), partitions)
            ],
            partitions_def=partitions,
            can_subset=True,
        )(_alone_or_made(make, evaluate))

    return decorate


def _alone_or_made(
    make: Callable[..., Any], evaluate: Callable[..., Evaluated]
) -> Callable[..., Iterator[Any]]:
    wanted = inspect.signature(evaluate).parameters

    @wraps(make)
    def step(context: dg.AssetExecutionContext, **given: Any) -> Iterator[Any]:
        if context.selected_asset_keys:
            yield from _selected(context, make(context, **given))
            return
        arguments = {"context": context, **given}
        found = evaluate(**{name: arguments[name] for name in wanted})
        names = checks_selected(context)
        for table, asset, findings in found:
            if only := names.get(asset):
                yield from check_results(table, asset, findings, only=only)

    made = inspect.signature(make)
    step.__signature__ = made.replace(return_annotation=Iterator[Any])  # type: ignore[attr-defined]
    step.__annotations__ = {**make.__annotations__, "return": Iterator[Any]}
    return step


def checks_selected(context: dg.AssetExecutionContext) -> dict[str, set[str]]:
    """The selected checks of each asset."""
    found: dict[str, set[str]] = {}
    for key in context.selected_asset_check_keys:
        found.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
    return found


def with_links_to_code(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, each with the link to the function that makes it.

    `dg.with_source_code_references` would link to the file of the decorator above: of a decorated
    function it takes the line, but not the file.
    """
    return [each.map_asset_specs(_linked_to(each)) for each in assets]


def _linked_to(asset: dg.AssetsDefinition) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    make = inspect.unwrap(asset.op.compute_fn.decorated_fn)  # type: ignore[union-attr]
    code = make.__code__
    link = dg.LocalFileCodeReference(file_path=code.co_filename, line_number=code.co_firstlineno)
    metadata = {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[link])}
    return lambda spec: spec.merge_attributes(metadata=metadata)


def _selected(context: dg.AssetExecutionContext, made: Any) -> Iterator[Any]:
    """What was made, without assets and checks that were not selected."""
    names = checks_selected(context)
    for result in [made] if isinstance(made, dg.MaterializeResult) else made:
        key = result.asset_key or next(iter(context.assets_def.keys))
        if key not in context.selected_asset_keys:
            continue
        only = names.get(key.to_user_string(), set())
        results = [each for each in result.check_results or () if each.check_name in only]
        yield result._replace(asset_key=key, check_results=results)
