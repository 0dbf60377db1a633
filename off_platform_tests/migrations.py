"""Dagster's migrations, which it loads several times for each new home, half of its cost: once.

Importing this is enough, in the process of the tests and in the server that theirs are forked from.
Commands that tests start as users do load them as ever.
"""

from collections.abc import Iterator

from alembic.script.base import Script, ScriptDirectory
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.sql import get_alembic_config

_LOAD, _LOADED = ScriptDirectory._load_revisions, dict[str, list[Script]]()


def _once(of: ScriptDirectory) -> Iterator[Script]:
    place = str(of.dir)
    if place not in _LOADED:
        _LOADED[place] = list(_LOAD(of))
    return iter(_LOADED[place])


ScriptDirectory._load_revisions = _once  # type: ignore[method-assign]
# Those of all its storages are in one folder; what is loaded here, forks have.
_once(ScriptDirectory.from_config(get_alembic_config(sqlite_run_storage.__file__)))
