"""Runs the whole platform once, in this process, on the configured buckets; prints a summary.

The runs are Dagster runs, which the UI shows afterwards.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import dagster as dg
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from off_platform.automation.runs import failures, of_an_operator, opened_home, run_job
from off_platform.bins.schemas import TABLES
from off_platform.cli.configured import the_lake
from off_platform.cli.imports_run import run_import, verdict_of
from off_platform.definitions import definitions
from off_platform.image_sets.declaration.declared import declared_choice
from off_platform.images import schemas
from off_platform.images.choice import Choice
from off_platform.images.product_schemas import PRODUCTS
from off_platform.imports.export.making import EXPORT
from off_platform.settings import SANDBOX, Settings
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import IMAGE_SETS
from off_platform.storage.sql import file_literal
from off_platform.storage.views import VIEWS
from off_platform.words import duration
from off_platform.working_folder.shipped import is_clone


@dataclass
class Report:
    """What `off-platform run` made, and how long it took."""

    month: str
    image_set: str
    seconds: float = 0
    broken: bool = False
    checks: int = 0
    not_passed: list[tuple[str, str, str, bool]] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)


def demand_set(settings: Settings, image_set: str) -> None:
    """Ensures that a set is declared, before any work starts.

    Raises:
        off_platform.image_sets.declaration.declared.UnknownSetError: it is not declared.
    """
    declared_choice(settings.image_sets, "images", Choice, image_set)


def run_once(settings: Settings, image_set: str, console: Console) -> Report:
    """Runs the month, one image set and the sandbox's imports, one after the other.

    Args:
        settings: which buckets, which lake.
        image_set: name of a declared set.
        console: where progress is printed.
    """
    started = monotonic()
    defs = definitions(of=of_an_operator(settings))
    report = Report(f"{datetime.now(UTC):%Y-%m-01}", image_set)
    with opened_home(settings) as instance:
        for job, partition, step in (
            ("monthly", report.month, "the monthly job: key list indexed, products and bins read"),
            ("image_sets", image_set, f"the image set {image_set}: chosen, fetched, verified"),
        ):
            with console.status(f"{step} ..."):
                result = run_job(defs, instance, job, partition)
            _note(report, result, console, step)
        for path in sorted((SANDBOX / "inbox").glob("*.csv")) if settings.sandbox else ():
            with console.status(f"the import {path.name} ..."):
                key, result = run_import(defs, instance, path)
            report.imports.append(key)
            _note(report, result, console, f"the import {path.name}: {verdict_of(result)}")
        if report.imports:
            step = "the accepted records: compared with the dump, exported for Open Food Facts"
            with console.status(f"{step} ..."):
                result = run_job(defs, instance, "export")
            _note(report, result, console, step)
    report.seconds = monotonic() - started
    return report


def _note(report: Report, result: dg.ExecuteInProcessResult, console: Console, step: str) -> None:
    evaluations = result.get_asset_check_evaluations()
    report.checks += len(evaluations)
    for evaluation in evaluations:
        if not evaluation.passed:
            report.not_passed.append(
                (
                    evaluation.asset_key.to_user_string(),
                    evaluation.check_name,
                    evaluation.description or "",
                    evaluation.severity.name == "ERROR",
                )
            )
    report.broken |= not result.success
    mark = "[green]done[/]" if result.success else "[red]failed[/]"
    console.print(f"  {mark}  {escape(step)}")
    for sentence in failures(result):
        console.print(f"        {escape(sentence)}", soft_wrap=True, highlight=False)


def print_summary(report: Report, settings: Settings, console: Console) -> None:
    """Prints the summary: what was made, where it is stored, how to view it."""
    lake = the_lake(settings)
    folder = lake.root.address(f"{IMAGE_SETS}/{report.image_set}")
    has_set = lake.root.exists(f"{IMAGE_SETS}/{report.image_set}/manifest.parquet")
    console.print()
    console.print(_made(report, lake))
    console.print(_checked(report))
    sandbox = ("OFF_PLATFORM_SANDBOX=1",) if settings.sandbox else ()
    is_made = is_clone(Path.cwd())
    again = " ".join(("make ui", *sandbox) if is_made else (*sandbox, "off-platform ui"))
    of_set = (
        f"  photos          {escape(folder)}/gallery.html, to open in a browser",
        f"  data card       {escape(folder)}/README.md",
    )
    for line in (
        f"[bold]Where it is stored[/] (took {duration(report.seconds)})",
        f"  the lake        {escape(lake.root.address())}",
        *((f"  the image set   {escape(folder)}",) if has_set else ()),
        "",
        "[bold]How to view it[/]",
        *(of_set if has_set else ()),
        *(
            f"  import report   {escape(lake.root.address(f'imports/{key}/report.html'))}"
            for key in report.imports
        ),
        *((f"  export          {escape(lake.root.address(EXPORT))}",) if report.imports else ()),
        f"  tables          {escape(lake.root.address(VIEWS))}, with DuckDB",
        f"  assets, checks  {again}, then http://localhost:3000",
    ):
        console.print(line, soft_wrap=True, highlight=False)


def _made(report: Report, lake: Lake) -> Table:
    table = Table(title="What was made", title_justify="left", show_header=True)
    for column in ("table", "rows", "what it is"):
        table.add_column(column, justify="right" if column == "rows" else "left")
    with lake.connect() as connection:
        for name, description, rows in _tables(report, lake, connection):
            table.add_row(name, f"{rows:,}", description)
    return table


def _tables(report: Report, lake: Lake, connection: Any) -> list[tuple[str, str, int]]:
    month = ("month", report.month)
    counted: list[tuple[str, str, int]] = []
    for table, partition in (
        (schemas.KEY_INDEX, month),
        (schemas.KEY_INDEX_ODDITIES, month),
        (schemas.PHOTOS, month),
        (schemas.KEY_CHANGES, month),
        (PRODUCTS, None),
        *((table, None) for table in TABLES),
    ):
        if lake.has(table.name, partition):
            rows = lake.rows_of(table.name, partition)
            count = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()[0][0]
            counted.append((table.name, table.description, count))
    manifest = f"{IMAGE_SETS}/{report.image_set}/manifest.parquet"
    if lake.root.exists(manifest):
        rows = f"read_parquet({file_literal(lake.root.address(manifest))})"
        count = connection.execute(f"SELECT count(*) FROM {rows}").fetchall()[0][0]
        counted.append(("manifest", f"The objects of the image set {report.image_set}.", count))
    return counted


def _checked(report: Report) -> Table:
    passed = report.checks - len(report.not_passed)
    table = Table(
        title=f"{passed} of {report.checks} checks passed", title_justify="left", show_header=False
    )
    for asset, check, why, is_error in report.not_passed:
        level = "[red]error[/]" if is_error else "[yellow]warning[/]"
        table.add_row(level, f"{asset}: {check}", escape(why))
    return table
