"""Dagster's SQLite storage, opened by one process at a time so that its tables are created once.

Two processes that create Dagster's tables concurrently can leave a home that never opens again
("more than one head present"). Configured in `dagster.yaml`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

from off_platform.storage.locks import locked


class LockedSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage; its folder is locked while its files are opened or created."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Opens the files, one process at a time.

        Args:
            base_dir: their folder.
            inst_data: see Dagster's own.
        """
        Path(base_dir).mkdir(parents=True, exist_ok=True)
        with locked(Path(base_dir), wait=True):
            super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "LockedSqliteStorage":
        """See Dagster's own, which makes its own class."""
        return cls(str(config_value["base_dir"]), inst_data)
