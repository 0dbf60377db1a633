"""Reads the next batch of a file while others are checked, for all formats."""

from collections.abc import Generator, Iterator

from off_platform.imports.readers.batches import Batch, Found, Reader
from off_platform.storage.threads import ahead

Part = tuple[Batch | None, list[Found]]


def read_ahead(reader: Reader, rows: int) -> Generator[Part]:
    """The batches of a file, each with the findings up to it; at the end None with the last ones.

    Args:
        reader: its reader.
        rows: maximum per batch.

    Raises:
        UnreadableError: as `Reader.batches` does.
    """
    return ahead(_parts(reader, rows))


def _parts(reader: Reader, rows: int) -> Iterator[Part]:
    for batch in reader.batches(rows):
        yield batch, reader.take_found()
    yield None, reader.take_found()
