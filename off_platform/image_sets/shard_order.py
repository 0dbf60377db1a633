"""Which samples come first in a set's first shard: those that show a loader all columns.

Hugging Face's `webdataset` builder takes its columns from the first five samples of the first shard
and refuses a set in which these have different ones (huggingface/datasets 7055). Later samples get
a null for what they lack. That single objects are missing is normal in both buckets. The types of
a JSON's fields come from the same five (`json_fields.py`). How the objects are written is
`drafts.py`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby, islice

from off_platform.image_sets.json_fields import alike, fields_of

LOOKED_AT = 5
"""Number of samples the builder looks at: its `NUM_EXAMPLES_FOR_FEATURES_INFERENCE`."""
# OCR results of 300 kB take a millisecond each.
CANDIDATES = 64
_JSON = ".json"

Fields = tuple[str, ...]


def loader_order(
    members: Sequence[tuple[str, bool]], read: Callable[[int], bytes]
) -> tuple[list[int], list[int]]:
    """The order in which a shard's objects are written, and which of them go to a second file.

    Args:
        members: name of each object and whether it is there; those of a sample side by side, the
            photo first.
        read: gives the bytes of an object that is there, by its index.

    Returns:
        Indexes into the members. First those of the shard: five samples that have all columns and
        whose JSON has fields of the same types, then the others as they were. Where fewer than
        five are so, only these are in the shard; the others are set aside, the second list.
        Samples stay whole.
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
    first = _alike(complete, samples, members, read)
    rest = [number for number in range(len(samples)) if number not in set(first)]
    # What has nothing at all is in no shard.
    is_seen = any(fields[number] for number in rest)
    aside = rest if is_seen and len(first) < LOOKED_AT else []
    if aside:
        rest = []
    return (
        [index for number in (*first, *rest) for index in samples[number]],
        [index for number in aside for index in samples[number]],
    )


def _alike(
    complete: list[int],
    samples: list[list[int]],
    members: Sequence[tuple[str, bool]],
    read: Callable[[int], bytes],
) -> list[int]:
    """The numbers of up to five complete samples whose JSON has fields of the same types."""
    texts = {
        number: index
        for number in islice(complete, CANDIDATES)
        for index in samples[number]
        if members[index][1] and members[index][0].endswith(_JSON)
    }
    if not texts:
        return complete[:LOOKED_AT]
    found = fields_of(read(index) for index in texts.values())
    return [complete[place] for place in alike(found, LOOKED_AT)]


def _most_fields(counts: Counter[Fields], members: Sequence[tuple[str, bool]]) -> Fields | None:
    """The most fields that a sample has, with the photo and often if there is a choice."""
    photo = members[0][0].split(".", 1)[1] if members else ""
    return max(
        counts, key=lambda each: (len(each), photo in each, counts[each], each), default=None
    )
