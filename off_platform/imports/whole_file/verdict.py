"""The outcome of an import, in numbers; `validation.py` determines it."""

from collections import Counter
from dataclasses import dataclass, field

from off_platform.imports.readers.batches import Found, SourceFile
from off_platform.imports.specification.rules import BY_ID


@dataclass(slots=True)
class Verdict:
    """The outcome of a validation.

    Attributes:
        source: facts about the file; None if it was not recognised.
        refused: why no record could be checked; None if they were.
        accepted: number of accepted records.
        quarantined: number of quarantined records.
        counts: findings, by rule.
        seconds: duration.
    """

    source: SourceFile | None = None
    refused: Found | None = None
    accepted: int = 0
    quarantined: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def records(self) -> int:
        """Number of checked records."""
        return self.accepted + self.quarantined

    def count(self, level: str) -> int:
        """Findings of a level."""
        return sum(count for rule, count in self.counts.items() if BY_ID[rule].level == level)
