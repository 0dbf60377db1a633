"""Runs Dagster's UI and daemon in this terminal, after preparing their home.

The processes are those of `dg dev`.
"""

import logging
import os
import sys

from off_platform.automation.runs import prepared_home
from off_platform.settings import Settings


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
    logging.getLogger("dagster").addFilter(_is_news)
    sys.argv = ["dg", "dev"]
    main()  # type: ignore[no-untyped-call]


def _is_news(record: logging.LogRecord) -> bool:
    """Drops the notice that the home is not the working directory, which is intended."""
    return "Found a dagster instance configuration value" not in record.getMessage()
