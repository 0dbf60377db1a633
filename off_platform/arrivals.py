"""What a look into the inbox finds: the imports wing looks, a sensor runs the imports."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Arrival:
    """A new file or folder that is complete.

    Attributes:
        key: the import's partition.
        place: its location, for the asset `import_file`.
        state: changes when the file is written or touched again.
    """

    key: str
    place: str
    state: str


@dataclass(frozen=True)
class Arrivals:
    """The outcome of a look into the inbox.

    Attributes:
        arrived: files and folders to import now.
        waiting: how many are incomplete or left for later looks.
        cursor: state for the next look.
    """

    arrived: list[Arrival]
    waiting: int
    cursor: str
