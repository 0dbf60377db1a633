"""`off-platform status`: its options; the work is in `status_run.py`."""

from typing import Annotated

import typer

from off_platform.cli.context import settings


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the lake on one screen: month, sets, imports, what is open and what runs next.

    It reads the lake alone, so it also works where Dagster does not run. For cron and monitoring:
    nothing is written to standard error, and the exit code says whether to look.

    Exit codes: 0 nothing to do, 1 something is open that somebody can do something about; for the
    others see `off-platform --help`. A month that was missed for good is shown, and is no reason
    for 1.
    """
    from off_platform.cli.status_run import show_status

    raise typer.Exit(show_status(settings(), as_json=as_json))
