"""Runs Dagster's UI and daemon in this terminal, after preparing their home.

The processes are those of `dg dev`.
"""

import logging
import os
import sys
import tomllib
from pathlib import Path

from off_platform.automation.runs import prepared_home
from off_platform.settings import Settings
from off_platform.working_folder.shipped import shipped


class NoUserInterfaceError(LookupError):
    """The packages of the UI are not installed; the message says how to install them."""


def serve(settings: Settings) -> None:
    """Serves the UI until Ctrl-C.

    Raises:
        NoUserInterfaceError: the extra `ui` is not installed.
    """
    try:
        from dagster_dg_cli.cli import main
    except ImportError:
        raise NoUserInterfaceError(
            "Dagster's UI is not installed: pip install 'off-platform[ui]'."
        ) from None
    # `dg` reads from the dagster.yaml there whether it may collect usage statistics.
    os.environ["DAGSTER_HOME"] = str(prepared_home(settings).absolute())
    if sys.prefix != sys.base_prefix:
        # Else `dg` warns, twice, that the environment it runs in is not activated.
        os.environ["VIRTUAL_ENV"] = sys.prefix
    logging.getLogger("dagster").addFilter(_is_news)
    sys.argv = ["dg", "dev", *([] if _is_project() else ["-w", str(shipped("workspace.yaml"))])]
    main()  # type: ignore[no-untyped-call]


def _is_project() -> bool:
    """Whether `dg` finds here what to load; elsewhere it gets the platform's workspace."""
    path = Path("pyproject.toml")
    has_own = path.exists() and "dg" in tomllib.loads(path.read_text()).get("tool", {})
    return Path("dg.toml").exists() or has_own


def _is_news(record: logging.LogRecord) -> bool:
    """Drops the notice that the home is not the working directory, which is intended."""
    return "Found a dagster instance configuration value" not in record.getMessage()
