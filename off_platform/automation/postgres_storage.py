"""Dagster's Postgres storage, whose event log remembers partitions and states of checks.

Configured in `deploy/dagster.yaml`; needs the extra `server`. The tables are Dagster's own.
"""

from collections.abc import Mapping
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from off_platform.automation.check_states import CheckStates
from off_platform.automation.known_partitions import KnownPartitions


class EventLog(CheckStates, KnownPartitions, PostgresEventLogStorage):
    """Dagster's event log in Postgres; see `check_states.py` and `known_partitions.py`."""


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's Postgres storage with this event log."""

    def __init__(self, postgres_url: str, **named: Any) -> None:
        """Takes the arguments of Dagster's own."""
        super().__init__(postgres_url, **named)
        named.pop("inst_data", None)
        self._event_log_storage = EventLog(postgres_url, **named)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PostgresStorage":
        """See Dagster's own, which makes its own class."""
        return cls(
            pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
            token_provider=get_token_provider_from_config(config_value),
        )
