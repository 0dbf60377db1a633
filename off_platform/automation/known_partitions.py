"""The names of dynamic partitions, read again only when there are others.

A page of the UI asks for all of them several times. With 20,000 imports, reading them was a fifth
of the time of the page's queries. Used by `state_storage.py` and `postgres_storage.py`.
"""

from collections.abc import Sequence
from typing import Any

from dagster._core.storage.event_log import DynamicPartitionsTable, SqlEventLogStorage
from sqlalchemy import func, select


class KnownPartitions(SqlEventLogStorage):
    """An event log that remembers partitions; to be mixed into another."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Takes the arguments of the other."""
        # Name of the definition -> what `_state` said before they were read, and the partitions.
        self._known: dict[str, tuple[tuple[Any, ...], Sequence[str]]] = {}
        super().__init__(*arguments, **named)  # type: ignore[no-untyped-call]

    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:
        """See Dagster's own."""
        state = self._state(partitions_def_name)
        before, known = self._known.get(partitions_def_name, (None, ()))
        if before != state:
            known = super().get_dynamic_partitions(partitions_def_name)
            self._known[partitions_def_name] = (state, known)
        return [*known]

    def _state(self, name: str) -> tuple[Any, ...]:
        """Changes whenever a partition is added or deleted.

        SQLite gives the id of a deleted row to the next one if it was the last; then the name, or
        the time of adding it, is another.
        """
        of = DynamicPartitionsTable.c
        of_name = of.partitions_def_name == name
        count = select(func.count()).where(of_name).scalar_subquery()
        last = select(count, of.id, of.partition, of.create_timestamp).where(of_name)
        with self.index_connection() as connection:
            found = connection.execute(last.order_by(of.id.desc()).limit(1)).first()
        return tuple(found or ())
