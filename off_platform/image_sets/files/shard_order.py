"""Chooses the first samples of a set's first shard: those that show a loader all columns.

Hugging Face's `webdataset` builder takes its columns from the first five samples of the first shard
and refuses a set in which these differ (huggingface/datasets 7055). Columns missing in later
samples become null. Missing objects are normal in both buckets. The types of JSON fields come from
the same five (`json_fields.py`). `drafts.py` writes the objects.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby, islice

from off_platform.image_sets.files.json_fields import alike, fields_of

LOOKED_AT = 5
"""Number of samples the builder reads: its `NUM_EXAMPLES_FOR_FEATURES_INFERENCE`."""
# OCR results of 300 kB take a millisecond each.
CANDIDATES = 64
_JSON = ".json"

Fields = tuple[str, ...]


def loader_order(
    members: Sequence[tuple[str, bool]], read: Callable[[int], bytes]
) -> tuple[list[int], list[int]]:
    """The order in which a shard's objects are written, and those that go to a second file.

    Args:
        members: name of each object and whether it is present; those of a sample are adjacent,
            photo first.
        read: returns the bytes of a present object, by index.

    Returns:
        Indexes into the members. First the shard: five samples that have all columns and JSON
        fields of the same types, then the others in order. If there are fewer than five, only these
        are in the shard; the others are the second list. Samples are not divided.
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
    # A sample without objects is not in a shard.
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
    """Up to five complete samples whose JSON has fields of the same types."""
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
    """The largest set of fields; in a tie, one with the photo, then the most frequent."""
    photo = members[0][0].split(".", 1)[1] if members else ""
    return max(
        counts, key=lambda each: (len(each), photo in each, counts[each], each), default=None
    )
