"""What a lake on this machine holds: its files, its scratch, and what its views show others."""

from pathlib import Path

import duckdb

from off_platform.storage.lake import Lake


def files(lake: Lake) -> dict[str, bytes]:
    """Every file of the lake but the views, by name; scratch is none of them."""
    names = (name for name in lake.root.names() if not name.endswith(".duckdb"))
    return {name: lake.root.read(name) for name in names}


def scratch_of(lake: Lake) -> list[Path]:
    """What is left in the scratch."""
    return list(Path(lake.root.address(".scratch")).iterdir())


def shown(lake: Lake, query: str) -> list[tuple[object, ...]]:
    """What another program sees that opens the views."""
    with duckdb.connect(lake.root.address("off_platform.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()
