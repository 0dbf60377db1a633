"""The commands `off-platform images` and `bins`: build an image set without Dagster."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from off_platform.bins import collect, declared_pairs, listing, splits, tables
from off_platform.bins import image_set as bin_sets
from off_platform.bins.choice import WING as BINS
from off_platform.bins.choice import BinChoice
from off_platform.cli.configured import bins_bucket, images_bucket, the_lake
from off_platform.cli.context import DONE, INCOMPLETE, WRONG, err, out
from off_platform.cli.progress_bar import terminal_display
from off_platform.image_sets.built_set import BuiltSet
from off_platform.image_sets.declaration.declared import (
    Model,
    UnusableChoiceError,
    declared_choice,
    name_from,
)
from off_platform.image_sets.fetching import claim
from off_platform.image_sets.files.set_files import BUILDING
from off_platform.images import image_set as photo_sets
from off_platform.images.choice import WING as IMAGES
from off_platform.images.choice import Choice
from off_platform.images.keys import SUFFIXES
from off_platform.images.monthly import index_month
from off_platform.images.sync import SyncRequest, bounds_from, sync_month
from off_platform.settings import Settings
from off_platform.storage.damaged_file import DamagedFileError
from off_platform.storage.folder import Folder
from off_platform.storage.lake import READ_ONLY, Lake
from off_platform.storage.lake_layout import BIN_IMAGE_SETS, IMAGE_SETS
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.objects import Source
from off_platform.storage.transfer import limits_from
from off_platform.words import size

# A bucket that lost a larger share of the bins is taken for the wrong bucket.
GONE_SHARE_MOST = 0.5
# Number of missing objects shown; the manifest lists all.
PROBLEMS_SHOWN = 5


def make_images(
    of: Settings, image_set: str | None, to: Path | None, varied: dict[str, Any]
) -> int:
    """Builds a set of photos, prints a summary and returns the exit code.

    Args:
        of: the settings.
        image_set: name of a declared set.
        to: the folder of the set; by default inside the lake.
        varied: the options given, by name; None for the declared value.
    """
    made = _make_images(of, image_set, to, varied)
    _print_made(made)
    return max(_code(made), _compare_views(of))


def make_bins(
    of: Settings, image_set: str | None, to: Path | None, varied: dict[str, Any], *, refresh: bool
) -> int:
    """Builds a set of bin photos; see `make_images`.

    Args:
        of: the settings.
        image_set: name of a declared set.
        to: the folder of the set; by default inside the lake.
        varied: the options given, by name; None for the declared value.
        refresh: whether to list the bucket first, and fetch new or changed metadata.
    """
    made, whole = _make_bins(of, image_set, to, varied, refresh=refresh)
    _print_made(made)
    return max(_code(made), DONE if whole else INCOMPLETE, _compare_views(of))


def _make_bins(
    of: Settings, image_set: str | None, to: Path | None, varied: dict[str, Any], *, refresh: bool
) -> tuple[BuiltSet, bool]:
    """Builds the set; returns it, and whether all metadata of candidate bins was read."""
    name, choice, description = _declared(of, BINS, BinChoice, image_set, to)
    request = bin_sets.request_from(of, name, choice, description, numbered(varied))
    lake, source = the_lake(of), bins_bucket(of)
    folder = _set_folder(lake, f"{BIN_IMAGE_SETS}/{name}", to)
    with lake.connect(of.duckdb_memory, of.threads) as connection, _views_compared(lake):
        claim.demand_ours(folder, connection, [kind.name for kind in bin_sets.KINDS])
        whole = _renew_bins(of, lake, source, connection, request.choice.id_space, refresh=refresh)
        with terminal_display(name) as display:
            made = bin_sets.make_bin_image_set(lake, source, request, folder, connection, display)
        shared = _name_shared_bins(of, lake, connection, image_set, request.choice)
    return made, whole and not shared


def _name_shared_bins(
    of: Settings, lake: Lake, connection: Any, image_set: str | None, choice: Any
) -> bool:
    """Reports bins shared with declared sets that must not have them; true if there are any."""
    if image_set is None:
        return False
    declared = declared_pairs.declared_choices(of.image_sets)
    declared[image_set] = declared[image_set]._replace(choice=choice)
    shared = list(declared_pairs.shared_bins(lake, connection, declared, image_set))
    for each in shared:
        err.print(escape(f"{each.sentence}."), highlight=False, soft_wrap=True)
    return bool(shared)


def _renew_bins(
    of: Settings,
    lake: Lake,
    source: Source,
    connection: Any,
    id_space: str,
    *,
    refresh: bool,
) -> bool:
    """Lists the bucket, fetches new metadata, and rebuilds the tables made from it.

    Returns:
        Whether all metadata could be read.
    """
    known = lake.has("bin_splits")
    if refresh or not known:
        _list_and_fetch(of, lake, source, connection, known=known)
    else:
        err.print(
            f"The tables of bins are based on the listing {listing.last_listed(lake)}; run "
            "without --no-refresh to list the bucket again.",
            highlight=False,
            soft_wrap=True,
        )
    if not tables.are_current(lake, connection):
        tables.make_all(lake, connection, splits.shares_from(of))
    unread = collect.unreadable(lake, connection, id_space)
    for sentence in filter(None, (unread.sentence, tables.unknown_units(lake, connection))):
        err.print(escape(sentence), highlight=False, soft_wrap=True)
    return not unread.objects


def _list_and_fetch(
    of: Settings, lake: Lake, source: Source, connection: Any, *, known: bool
) -> None:
    if not known:
        err.print("No bins are known yet; listing and fetching their metadata first.")
    limits = limits_from(of)
    with terminal_display("listing") as display:
        listed = listing.list_objects(
            lake, source, connection, limits, display, GONE_SHARE_MOST if known else 1.0
        )
    if listed.added or listed.gone or not known:
        err.print(listed.sentence)
    with terminal_display("metadata") as display:
        collect.collect_metadata(lake, source, connection, limits, display)


def _declared(
    of: Settings, wing: str, model: type[Model], image_set: str | None, to: Path | None
) -> tuple[str, Model, str]:
    """Name, options and description of a declared set, or of one built in a folder."""
    if image_set:
        return (image_set, *declared_choice(of.image_sets, wing, model, image_set))
    if to is None:
        raise UnusableChoiceError("Name a declared SET, or give --out to build one of your own.")
    return name_from(to), model(), "An image set built from the command line."


def _set_folder(lake: Lake, name: str, to: Path | None) -> Folder:
    # Only the set itself is left in the user's folder.
    scratch = to / BUILDING / "scratch" if to else None
    return LocalFolder(to, scratch) if to else lake.root.below(name)


def _make_images(
    of: Settings, image_set: str | None, to: Path | None, varied: dict[str, Any]
) -> BuiltSet:
    name, choice, description = _declared(of, IMAGES, Choice, image_set, to)
    request = photo_sets.request_from(of, name, choice, description, numbered(varied))
    lake, source = the_lake(of), images_bucket(of)
    folder = _set_folder(lake, f"{IMAGE_SETS}/{name}", to)
    with lake.connect(of.duckdb_memory, of.threads) as connection, _views_compared(lake):
        claim.demand_ours(folder, connection, SUFFIXES)
        index_if_none(of, lake, source, connection)
        with terminal_display(name) as display:
            made = photo_sets.make_image_set(lake, source, request, folder, connection, display)
    return made


def index_if_none(of: Settings, lake: Lake, source: Source, connection: Any) -> None:
    """Builds what the monthly job would build; without it there is nothing to choose from."""
    if lake.partitions("key_index"):
        return
    month = f"{datetime.now(UTC):%Y-%m-01}"
    err.print(f"No month is indexed yet; copying and indexing the key list of {month[:7]} first.")
    bounds = bounds_from(of, lake)
    with terminal_display("key list") as display:
        sync_month(
            lake,
            source,
            SyncRequest(month),
            connection,
            bounds,
            err.print,
            display,
        )
    with terminal_display("key index") as display:
        index_month(lake, month, connection, bounds.unpacked_most, display)


@contextmanager
def _views_compared(lake: Lake) -> Iterator[None]:
    """Compares the views even if no set is built: an earlier run may have written only a table."""
    try:
        yield
    except Exception:
        # The first error is reported; damage found while updating the views would hide it.
        with suppress(DamagedFileError, OSError):
            lake.refresh_views()
        raise


def _compare_views(of: Settings) -> int:
    """Updates the lake's views; reports a damaged table.

    The set is built by then, so damage adds a message and changes the exit code.
    """
    try:
        the_lake(of).refresh_views()
    except DamagedFileError as damaged:
        err.print(escape(str(damaged)), highlight=False, soft_wrap=True)
        return WRONG
    except OSError as error:
        # Whoever may only read the lake has added no table to it.
        if error.errno not in READ_ONLY:
            raise
    return DONE


def numbered(varied: dict[str, Any]) -> dict[str, Any]:
    """Converts the number of photos; invalid numbers are refused with the options."""
    n = varied["n"]
    return {**varied, "n": int(n) if n and n.isascii() and n.isdigit() else n}


def _code(made: BuiltSet) -> int:
    """The exit code: 0 if everything requested is present and up to date."""
    objects = made.contents.by_status
    whole = objects.total() == objects["fetched"] and not made.contents.earlier
    whole = whole and not made.shortfall
    return DONE if whole else INCOMPLETE


def _print_made(made: BuiltSet) -> None:
    table = Table("kind", "status", "objects", "size", show_edge=False)
    for tally in made.contents.tallies:
        table.add_row(tally.kind, tally.status, f"{tally.objects:,}", size(tally.size))
    out.print(table)
    out.print(
        f"{made.contents.samples:,} of {made.candidates:,} candidates, chosen from "
        f"{made.chosen_from}.\nThe set is in {made.folder.address()}; open gallery.html there.",
        highlight=False,
        soft_wrap=True,
    )
    if made.note:
        err.print(escape(made.note), highlight=False, soft_wrap=True)
    if made.shortfall:
        err.print(f"{made.shortfall}.", highlight=False)
    if made.contents.earlier:
        err.print(
            f"{made.contents.earlier:,} objects are copies from an earlier run, as current ones "
            "could not be fetched.",
            highlight=False,
        )
    for problem in made.contents.problems[:PROBLEMS_SHOWN]:
        err.print(
            escape(f"  {problem.status}: {problem.key}: {problem.reason}"),
            highlight=False,
            soft_wrap=True,
        )
    absent = sum(each.objects for each in made.contents.tallies if each.status != "fetched")
    if absent > PROBLEMS_SHOWN:
        err.print(f"  and {absent - PROBLEMS_SHOWN:,} more; see manifest.parquet.", highlight=False)
