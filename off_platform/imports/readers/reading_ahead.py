"""Reads the next batch of a file while others are checked. Knows nothing of formats and rules."""

from collections.abc import Generator, Iterator

from off_platform.imports.readers.batches import Batch, Found, Reader
from off_platform.storage.threads import ahead

Part = tuple[Batch | None, list[Found]]


def read_ahead(reader: Reader, rows: int) -> Generator[Part]:
    """The batches of a file, each with what was found until it was read; None at the end.

    Args:
        reader: of the file.
        rows: of a batch, at most.

    Raises:
        UnreadableError: as `Reader.batches` does.
    """
    return ahead(_parts(reader, rows))


def _parts(reader: Reader, rows: int) -> Iterator[Part]:
    for batch in reader.batches(rows):
        yield batch, reader.take_found()
    yield None, reader.take_found()
