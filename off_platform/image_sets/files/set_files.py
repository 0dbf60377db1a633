"""The names of the files of a set, and of those of a set under construction.

Only files with these names are replaced or removed in a set's folder (`fetching/claim.py`,
`construction/`).
"""

import re

BUILDING = ".building"
# All loose files of a set that is not split are in one folder: ABID's loader reads
# `root/00001.jpg`, and torchvision treats folders as classes.
LOOSE = "00000"

# The table of loose files (`layouts/image_folder.py`).
TABLE_OF_FILES = "metadata.parquet"
# The labels of bins (`bins/exports.py`).
LABELS_TABLE = "labels.parquet"

_NUMBER = r"[0-9]{5,}"
_SPLIT = r"[a-z][a-z0-9_]{0,30}"
_FILE = r"[0-9A-Za-z_][0-9A-Za-z._-]*"
# The folder of a class, inside that of its split.
_CLASS = r"[0-9A-Za-z_][0-9A-Za-z._-]{0,80}"
_PARTS = rf"({_SPLIT}-)?{_NUMBER}\.(tar|parquet)|{_NUMBER}_incomplete\.tar"
# Where the manifest says that an object is.
STORED = re.compile(rf"{_PARTS}|({_NUMBER}|{_SPLIT})/({_CLASS}/)?{_FILE}")
# What distinguishes the files of two makers of a group.
ATTEMPT = re.compile(r"[0-9a-f]{8}")
_CHART = r"chart_(classes|photo_sizes|languages|splits)\.svg"
_OURS = re.compile(
    rf"{_PARTS}|{_NUMBER}|README\.md|gallery\.html|contact_sheet\.jpg"
    rf"|manifest\.parquet|labels\.parquet|metadata\.parquet|samples\.parquet|verification_pairs\.parquet"
    rf"|(abid|udacity)_[a-z_]+\.(json|txt)|croissant\.json|{_CHART}"
)
# Files that an earlier version or choice wrote, and this one does not.
LISTS = re.compile(
    r"metadata\.parquet|verification_pairs\.parquet|(abid|udacity)_[a-z_]+\.(json|txt)"
    rf"|croissant\.json|{_CHART}"
)
# A container of one maker of a group, until it is moved or arranged; earlier versions had only one.
ATTEMPTED = re.compile(rf"(staged-)?{_NUMBER}(-{ATTEMPT.pattern})?((_incomplete)?\.tar)?")
# The rows and the draft of a group.
_OF_GROUP = re.compile(rf"{_NUMBER}(-{ATTEMPT.pattern})?\.rows\.jsonl|{_NUMBER}\.draft")
_STALE = re.compile(rf"{_NUMBER}|{STORED.pattern}|{LISTS.pattern}")


def is_ours(name: str) -> bool:
    """Whether a name in a set's folder is one that sets use."""
    return _OURS.fullmatch(name) is not None


def is_moved(name: str) -> bool:
    """Whether a name under construction is one that is moved into the set's folder."""
    return is_ours(name) or re.fullmatch(_SPLIT, name) is not None


def is_of_build(name: str) -> bool:
    """Whether a name under construction is that of a container, of its rows, or of a draft."""
    return bool(ATTEMPTED.fullmatch(name) or _OF_GROUP.fullmatch(name))


def is_container(name: str) -> bool:
    """Whether a name in a set's folder is that of a shard or Parquet file."""
    return re.fullmatch(_PARTS, name) is not None


def is_stale(name: str) -> bool:
    """Whether a name in a set's folder is one that a later run may remove."""
    return _STALE.fullmatch(name) is not None


def set_aside(shard: str) -> str:
    """The file next to a shard for samples that differ from its first (`files/shard_order.py`)."""
    return shard.replace(".tar", "_incomplete.tar")


def staged_name(number: int) -> str:
    """The shard in which the objects of a group wait to be arranged (`layouts/arranging.py`)."""
    return f"staged-{number:05d}.tar"


def attempted(name: str, attempt: str) -> str:
    """The name of a container that one of several makers of a group has built.

    Args:
        name: of the container, such as `00012.tar`, or of the folder of loose files.
        attempt: eight hexadecimal digits, of one maker alone.
    """
    return re.sub(r"^((?:staged-)?[0-9]+)", rf"\g<1>-{attempt}", name)


def part_name(split: str | None, number: int, ending: str) -> str:
    """A shard or Parquet file of a split, such as `train-00000.tar`."""
    return f"{split}-{number:05d}{ending}" if split else f"{number:05d}{ending}"


def class_folder(value: str | None) -> str:
    """The name of the folder of a class: ASCII, bounded, never a path.

    Two values may have the same name; `layouts/arranging.py` makes them differ.
    """
    name = re.sub(r"[^0-9A-Za-z._-]+", "_", value or "").strip("._-")[:60]
    return name or "unlabelled"
