"""Checks from the manifest alone that a set's splits do not leak, and how much a random one would.

Nothing here is from `splits.py` or `near_duplicates.py`, apart from what a near duplicate is: units
and MD5s are compared in SQL, and hashes bit by bit, each photo with each.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from off_platform.image_sets.declaration.shares import EXCLUDED
from off_platform.image_sets.manifest import NEAR_DUPLICATES, SHARES, TEXT_KINDS, UNITS
from off_platform.image_sets.photos.perceptual_hash import BITS_MOST, LOWEST_MOST, WINDOWS, WORDS
from off_platform.quality import MOST_EXAMPLES, Finding

if TYPE_CHECKING:
    import duckdb

NOT_SPLIT = "The set is not split."

SHARE_OFF_MOST = 0.01
# Chance exceeds four standard deviations once in 16,000 times.
DEVIATIONS_MOST = 4
# DuckDB compares 200 million hashes in a second. In larger sets some photos are compared with all.
COMPARED_MOST = 200_000_000
_DIGITS = 16
# Frequencies below 8 in both directions: the first 8 bits of each of the first 8 rows of 16.
_LOWEST = "18374966859414961920::UBIGINT"


def split_findings(
    connection: "duckdb.DuckDBPyConnection", manifest: str, shares: Mapping[str, float]
) -> dict[str, Finding]:
    """The findings of the rules on splits in `manifest.py`.

    Args:
        connection: DuckDB that can read the manifest.
        manifest: SQL of its rows, to use after FROM.
        shares: of the splits, by name; empty if the set is not split.
    """
    if not shares:
        return {rule: Finding(note=NOT_SPLIT) for rule in (UNITS, NEAR_DUPLICATES, SHARES)}
    of_photo = f"FILTER (kind NOT IN {TEXT_KINDS})"
    samples = f"""(SELECT sample, split, coalesce(unit, sample) AS unit, max(md5) {of_photo} AS md5,
        max(perceptual_hash) AS perceptual_hash, max(duplicate_group) AS duplicate_group
        FROM {manifest} WHERE split <> '{EXCLUDED}' AND status = 'fetched'
        GROUP BY sample, split, coalesce(unit, sample))"""
    return {
        UNITS: _units(connection, samples, shares),
        NEAR_DUPLICATES: _near_duplicates(connection, samples, shares),
        SHARES: _shares_met(connection, samples, shares),
    }


def _units(
    connection: "duckdb.DuckDBPyConnection", samples: str, shares: Mapping[str, float]
) -> Finding:
    ((units, broken, examples),) = connection.execute(f"""
        SELECT count(*), coalesce(count_if(splits > 1), 0),
            list(concat(unit, ': ', names) ORDER BY unit) FILTER (splits > 1)[:{MOST_EXAMPLES}]
        FROM (SELECT unit, count(DISTINCT split) AS splits,
            array_to_string(list_sort(list(DISTINCT split)), ', ') AS names
            FROM {samples} GROUP BY unit)""").fetchall()
    finding = Finding(of=units)
    finding.add(broken, examples or [])
    share, sentence = _leak_of_a_random_split(connection, samples, "unit", shares)
    finding.note = f"{broken:,} of {units:,} units are in two splits. {sentence}"
    finding.facts = {"leak_rate_of_a_random_split": share}
    return finding


def _near_duplicates(
    connection: "duckdb.DuckDBPyConnection", samples: str, shares: Mapping[str, float]
) -> Finding:
    ((number, hashed),) = connection.execute(
        f"SELECT count(*), count(perceptual_hash) FROM {samples}"
    ).fetchall()
    compared = min(hashed, COMPARED_MOST // max(1, hashed * len(WINDOWS)))
    across = f"{_same(samples, 'md5')} UNION {_same(samples, 'duplicate_group')}"
    pairs = f"{across} UNION {_alike(samples, compared)}"
    ((broken, examples),) = connection.execute(f"""
        SELECT count(DISTINCT one), list(pair ORDER BY pair)[:{MOST_EXAMPLES}]
        FROM (SELECT one, concat(one, ' and ', other) AS pair FROM ({pairs}))""").fetchall()
    finding = Finding(of=number)
    finding.add(broken, examples or [])
    share, sentence = _leak_of_a_random_split(connection, samples, "duplicate_group", shares)
    finding.note = (
        f"{broken:,} of {number:,} samples are near duplicates of one in another split, by MD5 and "
        f"by the hashes of {compared:,} photos compared with all. {sentence}"
    )
    finding.facts = {"leak_rate_of_a_random_split": share, "photos_compared": compared}
    return finding


def _shares_met(
    connection: "duckdb.DuckDBPyConnection", samples: str, shares: Mapping[str, float]
) -> Finding:
    """Whole units and whole groups of near duplicates are assigned, so these vary together."""
    sizes = " UNION ALL ".join(
        f"SELECT count(*) AS size FROM {samples} WHERE {column} IS NOT NULL GROUP BY {column}"
        for column in ("unit", "duplicate_group")
    )
    ((squares,),) = connection.execute(
        f"SELECT coalesce(sum(size ** 2), 0) FROM ({sizes})"
    ).fetchall()
    found = dict(connection.execute(f"SELECT split, count(*) FROM {samples} GROUP BY 1").fetchall())
    number = sum(found.values())
    off = [
        f"{split}: {found.get(split, 0):,} of {number:,}, {share:.1%} were requested"
        for split, share in shares.items()
        if abs(found.get(split, 0) - share * number)
        > max(SHARE_OFF_MOST * number, DEVIATIONS_MOST * (share * (1 - share) * squares) ** 0.5)
    ]
    off += [f"{split} was not requested" for split in found if split not in shares]
    finding = Finding(of=len(shares))
    finding.add(len(off), off)
    finding.facts = {f"share_of_{split}": found.get(split, 0) / max(1, number) for split in shares}
    return finding


def _same(samples: str, column: str) -> str:
    """Pairs of a photo and one of another split that has the same value: the first of these."""
    return f"""
        SELECT sample AS one, CASE WHEN split = first THEN last_sample ELSE first_sample END
            AS other
        FROM {samples} JOIN (
            SELECT {column}, min(split) AS first, arg_min(sample, split) AS first_sample,
                arg_max(sample, split) AS last_sample FROM {samples}
            WHERE {column} IS NOT NULL GROUP BY {column} HAVING min(split) <> max(split))
            USING ({column})"""


def _alike(samples: str, compared: int) -> str:
    """Pairs of a photo and one of another split of which it is a near duplicate.

    Args:
        samples: SQL of the samples.
        compared: number of photos that are compared with a window of each.
    """
    hashed = (
        f"SELECT sample, split, perceptual_hash FROM {samples} WHERE perceptual_hash IS NOT NULL"
    )
    wholes = f"{hashed} ORDER BY md5(sample), sample LIMIT {compared}"
    bits = " + ".join(f"bit_count(xor(a.w{word}, b.w{word}))" for word in range(WORDS))
    return f"""
        SELECT a.sample AS one, b.sample AS other
        FROM ({_words(hashed, len(WINDOWS))}) AS b JOIN ({_words(wholes, 1)}) AS a
            ON a.split <> b.split AND bit_count(xor(a.low, b.low)) <= {LOWEST_MOST}
            AND {bits} <= {BITS_MOST}"""


def _words(hashed: str, windows: int) -> str:
    """The words of the first windows of hashes, a row for each window."""
    words = ", ".join(
        f"('0x' || substr(perceptual_hash, (of_window * {WORDS} + {word}) * {_DIGITS} + 1, "
        f"{_DIGITS}))::UBIGINT AS w{word}"
        for word in range(WORDS)
    )
    return f"""
        SELECT *, (w0 & {_LOWEST}) | ((w1 & {_LOWEST}) >> 8) AS low FROM (
            SELECT sample, split, {words} FROM ({hashed}), range({windows}) AS r(of_window))"""


def _leak_of_a_random_split(
    connection: "duckdb.DuckDBPyConnection", samples: str, column: str, shares: Mapping[str, float]
) -> tuple[float, str]:
    """How many held-out samples would have one with the same value to train with: the expectation.

    One trains with the largest split; of equal ones, such as folds, with all but one in turn.
    """
    largest = max(shares.values())
    equal = min(shares.values()) == largest
    held_out = [share for share in shares.values() if equal or share < largest]
    outside = sum(held_out)
    terms = " + ".join(
        f"{share!r} * size * (1 - power({share if equal else 1 - largest!r}, size - 1))"
        for share in held_out
    )
    ((number, leaked),) = connection.execute(f"""
        SELECT (SELECT count(*) FROM {samples}), coalesce(sum({terms or 0}), 0) FROM (
            SELECT count(*) AS size FROM {samples} WHERE {column} IS NOT NULL GROUP BY {column})
        """).fetchall()
    of = outside * number
    share = leaked / of if of else 0.0
    return share, (
        f"With a random split by the same shares, {leaked:,.0f} of {of:,.0f} held-out samples "
        f"({share:.1%}) would have one in training."
    )
