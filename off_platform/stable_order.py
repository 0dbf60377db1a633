"""A pseudo-random order that is the same on any machine and with any version of the libraries.

DuckDB's own `hash` is fast, but may change between versions. The wings choose what to order.
"""

import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

    Whole = TypeVar("Whole", int, np.ndarray[Any, Any])

# The mix is "lowbias32" (Chris Wellons' hash prospector, two multiplications). DuckDB has no
# unsigned overflow, so 32-bit words are stored in 64 bits and masked after each multiplication. Of
# 10 million photos about 12,000 pairs share a place; callers order these by name.
WORD = 0xFFFF_FFFF
FIRST_FACTOR, SECOND_FACTOR = 0x7FEB_352D, 0x846C_A68B
SPREAD = 0x9E37_79B1


def words(seed: int | str) -> tuple[int, int]:
    """Two 32-bit words of a seed."""
    digest = hashlib.sha256(str(seed).encode()).digest()
    return int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big")


def mix(word: "Whole") -> "Whole":
    """A bijection of 32-bit words, single or in an array of uint64."""
    word = ((word ^ (word >> 16)) * FIRST_FACTOR) & WORD
    word = ((word ^ (word >> 15)) * SECOND_FACTOR) & WORD
    mixed: Whole = word ^ (word >> 16)
    return mixed


def with_mix(query: str, word: str, name: str) -> str:
    """A query with an additional column, the `mix` of a word.

    Args:
        query: SQL of the rows.
        word: SQL of a number of 32 bits.
        name: of the new column.
    """
    # Each step is a separate SELECT; otherwise the text would double with each.
    query = f"SELECT *, ({word})::UBIGINT AS {name} FROM ({query})"
    for step in (
        f"(xor({name}, {name} >> 16) * {FIRST_FACTOR}) & {WORD}",
        f"(xor({name}, {name} >> 15) * {SECOND_FACTOR}) & {WORD}",
        f"xor({name}, {name} >> 16)",
    ):
        query = f"SELECT * REPLACE (({step})::UBIGINT AS {name}) FROM ({query})"
    return query
