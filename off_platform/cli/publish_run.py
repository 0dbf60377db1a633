"""The command `off-platform publish`: finds the set, checks it, shows it, sends it."""

import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from off_platform.cli.configured import the_lake
from off_platform.cli.context import DONE, err, out
from off_platform.cli.progress_bar import terminal_display
from off_platform.credentials import without_credentials
from off_platform.image_sets.declaration.names import NAME
from off_platform.image_sets.publishing.bucket_target import BucketTarget, access_from
from off_platform.image_sets.publishing.publishable import (
    Publishable,
    UnpublishableSetError,
    changed_objects,
    publishable,
)
from off_platform.image_sets.publishing.publishing import Difference, Target, difference, publish
from off_platform.settings import Settings
from off_platform.storage.engine import bounded
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import BIN_IMAGE_SETS, IMAGE_SETS, MANIFEST
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.objects import BUCKET_NAME
from off_platform.words import counted, size

if TYPE_CHECKING:
    import duckdb

WINGS = {"images": IMAGE_SETS, "bins": BIN_IMAGE_SETS}
# Files listed by name; more are shown by folder and ending.
LISTED = 30
NAMED = 3
_HUB = re.compile(r"hf://datasets/([A-Za-z0-9][\w.-]*)/([A-Za-z0-9][\w.-]*)")


class WrongTargetError(ValueError):
    """The option --to is invalid; the message says what is valid."""


class NoSuchSetError(LookupError):
    """There is no such set; the message says where it was looked for."""


@dataclass(frozen=True)
class Asked:
    """The options of the command; see its help."""

    to: str
    wing: str | None = None
    dry_run: bool = False
    delete: bool = False
    private: bool = False
    check_bytes: bool = False


def publish_set(of: Settings, named: str, asked: Asked) -> int:
    """Publishes a set, prints what is sent and returns the exit code.

    Args:
        of: the settings.
        named: name of a set in the lake, or a folder.
        asked: the options.

    Raises:
        NoSuchSetError: there is no such set.
        WrongTargetError: the target is none.
        UnpublishableSetError: the set is not whole, or has files of somebody else.
        off_platform.storage.locks.FolderInUseError: a run is building it.
        off_platform.image_sets.publishing.publishing.TargetRefusedError: this user may not write
            there.
        off_platform.image_sets.publishing.publishing.TargetUnreachableError: the target cannot be
            reached.
    """
    target = _target(of, asked)
    with _set_in(of, named, asked.wing) as (name, folder, connection), folder.locked():
        if folder.address().rstrip("/") == asked.to.rstrip("/"):
            raise WrongTargetError(f"{asked.to} is the set itself; name another prefix.")
        made = publishable(folder, connection)
        if asked.check_bytes:
            _demand_unchanged(folder, connection)
        _print_terms(made, target)
        if asked.dry_run:
            _print_files(made)
            with err.status(f"asking {escape(target.address)} ..."):
                found = difference(made, target)
            _print_difference(found, asked)
            return DONE
        with terminal_display(name) as display:
            found = publish(made, name, target, display, delete=asked.delete)
        _print_published(made, found, target, asked)
    return DONE


def _target(of: Settings, asked: Asked) -> Target:
    if found := _HUB.fullmatch(asked.to):
        try:
            from off_platform.image_sets.publishing.hub_target import HubTarget
        except ImportError:
            raise WrongTargetError(
                "Publishing on the Hugging Face Hub needs its library: "
                "pip install 'off-platform[publish]'."
            ) from None
        return HubTarget(*found.groups(), private=asked.private)
    bucket, _, prefix = asked.to.removeprefix("s3://").partition("/")
    if not asked.to.startswith("s3://") or not BUCKET_NAME.fullmatch(bucket):
        raise WrongTargetError(
            f"--to {without_credentials(asked.to)!r} is not a target: write "
            "hf://datasets/OWNER/NAME or s3://bucket/prefix."
        )
    if asked.private:
        raise WrongTargetError(
            "--private is for the Hugging Face Hub; who may read a bucket is set there."
        )
    region = of.lake_region if "lake_region" in of.model_fields_set else None
    return BucketTarget(
        bucket, prefix.strip("/"), access_from(region, of.lake_endpoint, of.lake_region)
    )


@contextmanager
def _set_in(
    of: Settings, named: str, wing: str | None
) -> "Iterator[tuple[str, Folder, duckdb.DuckDBPyConnection]]":
    """Name and folder of a set, and DuckDB that can read it."""
    lake = the_lake(of)
    found = _in_lake(lake, named, wing) if NAME.fullmatch(named) else {}
    if len(found) > 1:
        raise NoSuchSetError(
            f"The lake has two sets {named!r}, of images and of bins; say which with --wing."
        )
    if found:
        (folder,) = found.values()
        with lake.connect(of.duckdb_memory, of.threads) as connection:
            yield named, folder, connection
        return
    path = Path(named)
    if wing or not path.is_dir():
        raise NoSuchSetError(
            f"There is no image set {named!r} in the lake ({of.lake}), and no such folder; build "
            "it first, with `off-platform images` or `bins`."
        )
    with (
        tempfile.TemporaryDirectory(prefix="off-platform-") as scratch,
        bounded(Path(scratch), of.duckdb_memory, of.threads) as connection,
    ):
        yield path.absolute().name, LocalFolder(path, Path(scratch)), connection


def _in_lake(lake: Lake, name: str, wing: str | None) -> dict[str, Folder]:
    """The folders of the lake's sets of a name, by wing."""
    folders = {
        each: lake.root.below(f"{place}/{name}")
        for each, place in WINGS.items()
        if wing in {None, each}
    }
    return {each: folder for each, folder in folders.items() if folder.entries()}


def _demand_unchanged(folder: Folder, connection: "duckdb.DuckDBPyConnection") -> None:
    changed = list(changed_objects(folder, connection))
    if changed:
        named = ", ".join(f"{key} in {path}" for path, key in changed[:NAMED])
        raise UnpublishableSetError(
            f"{counted(len(changed), 'object')} of {folder.address()} changed after they were "
            f"fetched, against the MD5 in {MANIFEST}: {named}; build the set again."
        )


def _say(text: str) -> None:
    out.print(escape(text), highlight=False, soft_wrap=True)


def _warn(text: str) -> None:
    err.print(escape(text), highlight=False, soft_wrap=True)


def _print_terms(made: Publishable, target: Target) -> None:
    _say(f"{made.folder.address()} to {target.address}")
    _say(f"Licence: {made.licence} ({made.licence_id}); attribution: {made.attribution}")
    if made.is_non_commercial:
        _warn(f"The licence {made.licence} forbids commercial use, also of what you publish.")
    for sentence in target.advice(made.files):
        _warn(sentence)


def _print_files(made: Publishable) -> None:
    table = Table("file", "files", "size", show_edge=False)
    for name, (files, total) in _shown(made.files).items():
        table.add_row(escape(name), f"{files:,}", size(total))
    table.add_row("all", f"{len(made.files):,}", size(made.size))
    out.print(table)


def _shown(files: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Number and size of files by name, or by folder and ending if there are many."""
    if len(files) <= LISTED:
        return {name: (1, total) for name, total in files.items()}
    counts: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for name, total in files.items():
        folder, _, file = name.rpartition("/")
        shown = f"{folder}/*{Path(file).suffix}" if folder else name
        counts[shown] = (counts[shown][0] + 1, counts[shown][1] + total)
    return counts


def _print_difference(found: Difference, asked: Asked) -> None:
    others = "would be removed" if asked.delete else "would stay"
    _say(
        f"{counted(len(found.to_send), 'file')} would be sent, {len(found.same):,} are there "
        f"already; {counted(len(found.only_there), 'other file')} there {others}."
    )


def _print_published(made: Publishable, found: Difference, target: Target, asked: Asked) -> None:
    sent = sum(made.files[name] for name in found.to_send)
    _say(
        f"Published at {target.address}: {counted(len(found.to_send), 'file')} sent "
        f"({size(sent)}), {len(found.same):,} were there already."
    )
    if found.only_there and asked.delete:
        _say(f"{counted(len(found.only_there), 'other file')} removed there.")
    elif found.only_there:
        _warn(
            f"{counted(len(found.only_there), 'file')} there that the set does not have: "
            f"{', '.join(found.only_there[:NAMED])}; remove them with --delete."
        )
