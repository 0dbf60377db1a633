"""The command line that builds a set again, preceded by the settings it needs.

The wing provides the options.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path

from off_platform.settings import SANDBOX, Settings
from off_platform.storage.objects import Source


def command_line(
    wing: str,
    options: list[str],
    name: str,
    source: Source,
    settings: Mapping[str, object],
) -> str:
    """A command line for a shell.

    Args:
        wing: its command, which is also the prefix of its bucket's settings.
        options: command-line words of the choice.
        name: of the set, and of its folder.
        source: the bucket.
        settings: the settings that determine the set's content, by name.

    Returns:
        Settings that differ from the default, as assignments, then the command; all quoted.
    """
    values: dict[str, object] = {**settings, **_bucket_settings(wing, source)}
    assignments = [
        f"OFF_PLATFORM_{setting.upper()}={shlex.quote(str(value))}"
        for setting, value in values.items()
        if value != Settings.model_fields[setting].default
    ]
    words = ["off-platform", wing, *options, "--out", name]
    return " ".join([*assignments, shlex.join(words)])


def _bucket_settings(wing: str, source: Source) -> dict[str, object]:
    if Path(source.url).is_relative_to(SANDBOX):
        # With a separate lake: the sandbox's snapshot is not one of the public bucket.
        return {"sandbox": 1}
    settings: dict[str, object] = {f"{wing}_bucket": source.url}
    if "://" in source.url and not source.url.startswith("file://"):
        access = source.access
        settings |= {
            f"{wing}_region": access.region,
            "sources_endpoint": access.endpoint,
            "sources_access": "signed" if access.signed else "anonymous",
        }
    return settings
