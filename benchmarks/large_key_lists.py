"""Key lists of any length, generated in a stream: those of `key_lists.py` are held in memory.

The codes rise with their number, so nothing is sorted: companies are spread over all codes of 13
digits, each with a dozen products near each other, as in the bucket. The number of photos of a
product has the same distribution as there. `python -m benchmarks.large_key_lists KEYS FOLDER`.
"""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.key_lists import KEYS_A_PRODUCT, PHOTOS_MOST, PRODUCTS_A_COMPANY, SUFFIXES
from off_platform.images.keys import KEY_LIST, SPLIT
from off_platform.stable_order import WORD, with_mix
from off_platform.storage.sql import literal

CODES = 10**13
# Between the codes of a company, on average.
APART = 37
SPARE = 1.05
BATCH_ROWS = 100_000


def write_large_key_list(path: Path, keys: int) -> None:
    """Writes a key list of so many keys, the last of which names the list itself."""
    left = keys - 1
    # At level 1, as the time of generating is nobody's concern but grows with the list.
    with path.open("wb") as file, gzip.GzipFile("", "wb", 1, file, mtime=0) as packed:
        for lines in _lines(keys):
            some = lines[:left]
            packed.write(_bytes_of(some))
            left -= len(some)
            if not left:
                break
        packed.write(KEY_LIST.encode())
    if left:
        raise ValueError(f"{left} of {keys} keys could not be generated")


def _lines(keys: int) -> Iterator[pa.StringArray]:
    """Keys in the order of their bytes, each with its newline."""
    products = round(keys / KEYS_A_PRODUCT * SPARE) + PRODUCTS_A_COMPANY
    between = CODES * PRODUCTS_A_COMPANY // (products + PRODUCTS_A_COMPANY)
    mixed = with_mix(f"SELECT i, i & {WORD} AS n FROM range({products}) AS r(i)", "n", "mixed")
    mean = KEYS_A_PRODUCT / len(SUFFIXES) - 0.5
    named = f"""SELECT {SPLIT.sql("code")} AS directory, photos FROM (SELECT
            lpad((i // {PRODUCTS_A_COMPANY} * {between} + {between // 2}
                + i % {PRODUCTS_A_COMPANY} * {APART} + mixed % {APART})::VARCHAR, 13, '0') AS code,
            least(1 + floor(-ln(1 - mixed / {WORD + 1}) * {mean})::INTEGER, {PHOTOS_MOST}) AS photos
        FROM ({mixed}))"""
    names = ", ".join(f"[{', '.join(map(literal, _names(n + 1)))}]" for n in range(PHOTOS_MOST))
    query = f"""SELECT directory || name || chr(10) AS line FROM (
        SELECT directory, unnest(([{names}])[photos]) AS name FROM ({named}))"""
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB"}) as connection:
        for batch in connection.sql(query).to_arrow_reader(BATCH_ROWS):
            yield batch.column(0)


def _names(photos: int) -> list[str]:
    return sorted(f"{each}{suffix}" for each in range(1, photos + 1) for suffix in SUFFIXES)


def _bytes_of(lines: pa.StringArray) -> bytes:
    """The characters of an Arrow column, which lie in one buffer."""
    whole = pa.concat_arrays([lines])
    _, offsets, characters = whole.buffers()
    numbers = memoryview(offsets).cast("i")
    first, last = numbers[whole.offset], numbers[whole.offset + len(whole)]
    return bytes(memoryview(characters)[first:last])


if __name__ == "__main__":
    amount, folder = sys.argv[1:]
    to = Path(folder) / KEY_LIST
    to.parent.mkdir(parents=True)
    write_large_key_list(to, int(amount))
