"""What became of an import, in numbers; who decides it is `validation.py`."""

from collections import Counter
from dataclasses import dataclass, field

from off_platform.imports.readers.batches import Found, SourceFile
from off_platform.imports.specification.rules import BY_ID


@dataclass(slots=True)
class Verdict:
    """What became of a file.

    Attributes:
        source: what it is; None when it could not even be recognised.
        refused: why no record could be looked at; None when they were.
        accepted: records that may pass.
        quarantined: records that may not.
        counts: findings, by rule.
        seconds: how long it took.
    """

    source: SourceFile | None = None
    refused: Found | None = None
    accepted: int = 0
    quarantined: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def records(self) -> int:
        """All records that were looked at."""
        return self.accepted + self.quarantined

    def count(self, level: str) -> int:
        """Findings of a level."""
        return sum(count for rule, count in self.counts.items() if BY_ID[rule].level == level)
