"""Published figures, to cite beside one's own; none is comparable without its warning."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """Figures of somebody else.

    Attributes:
        name: whose, on what.
        figures: by name, as in `counting.FIGURES`.
        warning: why they cannot be compared directly.
    """

    name: str
    figures: dict[str, float]
    warning: str


LARGEST_COUNT = 5
ABID_COUNTING = Published(
    "ABID challenge: its baseline, counting 0 to 5",
    {"accuracy": 0.5567, "rmse": 0.930},
    "The challenge has a random split, of which 68.7 % of the validation bins (672 of 978) share a "
    "visit with training. Its samples are others, so its figures cannot be compared directly.",
)
