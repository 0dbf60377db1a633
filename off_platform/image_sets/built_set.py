"""The outcome of building a set. No Dagster here: `set_results.py` shows it in the UI."""

from dataclasses import dataclass

from off_platform.image_sets.pages.set_contents import InSet
from off_platform.storage.folder import Folder
from off_platform.storage.progress import Tally


@dataclass(frozen=True)
class BuiltSet:
    """A built set.

    Attributes:
        folder: where it is stored.
        chosen_from: the source of the choice, such as the month of a key index.
        requested: number of samples requested; None for all that fit.
        candidates: number of samples that fit the options.
        continued: whether an interrupted run was resumed.
        tally: counts of this run.
        contents: what is in it.
        is_described: whether its samples have labels, splits or groups of near duplicates.
        note: what the set lacks that was asked for, in a sentence; empty if there is nothing.
    """

    folder: Folder
    chosen_from: str
    requested: int | None
    candidates: int
    continued: bool
    tally: Tally
    contents: InSet
    note: str = ""
    is_described: bool = False

    @property
    def shortfall(self) -> str:
        """The message that fewer samples fit than were requested; empty otherwise."""
        samples = self.contents.samples
        if self.requested is None or samples >= self.requested:
            return ""
        return f"{self.requested:,} were requested; only {samples:,} fit"
