"""Checks `bin_splits` for leaks, shares and balance, within the limits of chance.

A visit's split comes from a hash of its smallest id (`splits.py`), so the shares of all bins and of
each quantity scatter around the configured ones. The allowed deviation follows from the visits'
sizes.
"""

from typing import TYPE_CHECKING

from off_platform.bins.leaks import neighbours_query
from off_platform.bins.object_schemas import BIN_METADATA
from off_platform.bins.schemas import BIN_SPLITS
from off_platform.bins.splits import SplitShares, leak_query
from off_platform.quality import MOST_EXAMPLES, Finding
from off_platform.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

SHARE_OFF_MOST = 0.01
MEAN_OFF_MOST = 0.05
# Chance exceeds four standard deviations once in 16,000 times.
DEVIATIONS_MOST = 4
# Larger quantities are rare and are counted together.
LARGEST_CLASS = 20


def leaks(lake: Lake, connection: "duckdb.DuckDBPyConnection", finding: Finding) -> None:
    """Adds to a finding the leaks by raw metadata, and those of a random split."""
    rows = lake.rows_of(BIN_SPLITS.name)
    query = neighbours_query(lake.rows_of(BIN_METADATA.name), rows)
    pairs, across, examples = connection.execute(f"""
        SELECT count(*), count(*) FILTER (across), list(concat(earlier, ' and ', later))
            FILTER (across)[:{MOST_EXAMPLES}] FROM ({query})""").fetchall()[0]
    finding.add(across, examples or [])
    outside, leaked = connection.execute(leak_query(rows, "random_split")).fetchall()[0]
    share = leaked / outside if outside else 0.0
    finding.note = (
        f"{finding.broken:,} bins leak; of {pairs:,} neighbours that are one bin by their JSON "
        f"{across:,} are in different splits. A random split by the "
        f"same shares would leak {leaked:,} of {outside:,} ({share:.1%})."
    )
    finding.facts = {"leak_rate_of_a_random_split": share}


def shares_met(lake: Lake, connection: "duckdb.DuckDBPyConnection", shares: SplitShares) -> Finding:
    """Whether each split has its share of the bins; with the deviation of each quantity."""
    rows = lake.rows_of(BIN_SPLITS.name)
    photos = f"SELECT count(*) AS photos FROM {rows} GROUP BY visit_id"
    number, squares = connection.execute(
        f"SELECT coalesce(sum(photos), 0)::BIGINT, coalesce(sum(photos ** 2), 0) FROM ({photos})"
    ).fetchall()[0]
    found = dict(connection.execute(f"SELECT split, count(*) FROM {rows} GROUP BY 1").fetchall())
    off = [
        f"{split}: {found.get(split, 0):,} of {number:,}, {share:.1%} were requested"
        for split, share in shares.by_split.items()
        if abs(found.get(split, 0) - share * number)
        > max(SHARE_OFF_MOST * number, DEVIATIONS_MOST * (share * (1 - share) * squares) ** 0.5)
    ]
    finding = Finding(of=len(shares.by_split))
    finding.add(len(off), off)
    finding.facts = _deviations(connection, rows, shares)
    return finding


def _deviations(
    connection: "duckdb.DuckDBPyConnection", rows: str, shares: SplitShares
) -> dict[str, float]:
    """The deviation of train's share within each expected quantity."""
    found = connection.execute(f"""
        SELECT least(expected_quantity, {LARGEST_CLASS}) AS class,
            count_if(split = 'train') / count(*) FROM {rows} GROUP BY 1 ORDER BY 1""").fetchall()
    return {
        f"train_off_at_{quantity}{'_and_more' if quantity == LARGEST_CLASS else ''}": round(
            share - shares.train, 4
        )
        for quantity, share in found
    }


def balanced(lake: Lake, connection: "duckdb.DuckDBPyConnection") -> Finding:
    """Whether the means of the splits agree, within the limits of chance.

    Whole visits are assigned, so the spread of a mean is that of the visits' sums.
    """
    rows = lake.rows_of(BIN_SPLITS.name)
    means = connection.execute(f"""
        WITH visits AS (
            SELECT split, count(*) AS photos, sum(expected_quantity - mean) AS off
            FROM {rows}, (SELECT avg(expected_quantity) AS mean FROM {rows})
            GROUP BY visit_id, split)
        SELECT split, sum(off) / sum(photos) AS off, (SELECT avg(expected_quantity) FROM {rows}),
            sqrt((SELECT sum(off ** 2) FROM visits) * sum(photos)
                / (SELECT sum(photos) FROM visits)) / sum(photos) AS spread
        FROM visits GROUP BY split ORDER BY split""").fetchall()
    off = [
        f"{split}: mean {overall + by:.2f}, of all {overall:.2f}"
        for split, by, overall, spread in means
        if abs(by) > max(MEAN_OFF_MOST * overall, DEVIATIONS_MOST * spread)
    ]
    finding = Finding(of=len(means))
    finding.add(len(off), off)
    return finding
