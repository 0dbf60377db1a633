"""Which samples come first in a set's first shard: those that show a loader all columns.

Hugging Face's `webdataset` builder takes its columns from the first five samples of the first shard
and refuses a set in which these have different ones (huggingface/datasets 7055). Later samples get
a null for what they lack. That single objects are missing is normal in both buckets. How the
objects are written is `drafts.py`.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

LOOKED_AT = 5
"""Number of samples the builder looks at: its `NUM_EXAMPLES_FOR_FEATURES_INFERENCE`."""

Fields = tuple[str, ...]


def loader_order(members: Sequence[tuple[str, bool]]) -> tuple[list[int], list[int]]:
    """The order in which a shard's objects are written, and which of them go to a second file.

    Args:
        members: name of each object and whether it is there; those of a sample side by side, the
            photo first.

    Returns:
        Indexes into the members. First those of the shard: five samples that have all columns, then
        the others as they were. Where fewer than five have all columns, only these are in the
        shard; the others are set aside, the second list. Samples stay whole.
    """
    stems = [name.split(".", 1)[0] for name, _ in members]
    samples = [list(of_sample) for _, of_sample in groupby(range(len(members)), stems.__getitem__)]
    fields = [
        tuple(members[index][0].split(".", 1)[1] for index in sample if members[index][1])
        for sample in samples
    ]
    counts = Counter(each for each in fields if each)
    most = _most_fields(counts, members)
    complete = [number for number, each in enumerate(fields) if each == most]
    others = [number for number, each in enumerate(fields) if each != most]
    if len(counts) <= 1:
        first, rest, aside = list(range(len(samples))), list[int](), list[int]()
    elif len(complete) >= LOOKED_AT:
        first, aside = complete[:LOOKED_AT], []
        rest = sorted({*complete[LOOKED_AT:], *others})
    else:
        first, rest, aside = complete, [], others
    return (
        [index for number in (*first, *rest) for index in samples[number]],
        [index for number in aside for index in samples[number]],
    )


def _most_fields(counts: Counter[Fields], members: Sequence[tuple[str, bool]]) -> Fields | None:
    """The most fields that a sample has, with the photo and often if there is a choice."""
    photo = members[0][0].split(".", 1)[1] if members else ""
    return max(
        counts, key=lambda each: (len(each), photo in each, counts[each], each), default=None
    )
