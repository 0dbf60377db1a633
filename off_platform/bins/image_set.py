"""An image set of the bins bucket: photos with their labels. No Dagster here.

`choice.py` chooses the bins, `image_sets/` fetches and shows them; `exports.py` writes labels in
the formats of other projects.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from off_platform.bins.choice import (
    WING,
    BinChoice,
    candidates_query,
    known_query,
    objects_query,
)
from off_platform.bins.excluded import load_excluded
from off_platform.bins.exports import write_exports
from off_platform.bins.labels import labels_of, links_query
from off_platform.bins.object_schemas import BIN_METADATA, BIN_OBJECTS
from off_platform.bins.schemas import BIN_ITEMS, BIN_SPLITS, BINS
from off_platform.bins.splits import SHARES, units_of
from off_platform.image_sets.built_set import BuiltSet
from off_platform.image_sets.declaration.declared import UnusableChoiceError
from off_platform.image_sets.declaration.options import RunOptions
from off_platform.image_sets.files.set_files import LABELS_TABLE
from off_platform.image_sets.pages.about import About
from off_platform.image_sets.pages.card import CardKind
from off_platform.image_sets.request import Chosen, make_set, requested
from off_platform.image_sets.request import Request as SetRequest
from off_platform.settings import Settings
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake, NoSuchTableError
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.objects import Source
from off_platform.storage.progress import Display
from off_platform.storage.sql import file_literal
from off_platform.words import escaped

if TYPE_CHECKING:
    import duckdb

LICENCE = "CC BY-NC-SA 3.0 US"
LICENCE_URL = "https://creativecommons.org/licenses/by-nc-sa/3.0/us/"
ATTRIBUTION = "Amazon Bin Image Dataset (Amazon Fulfillment Technologies)"
ABOUT_URL = "https://registry.opendata.aws/amazon-bin-imagery/"
UNKNOWN_NAMED = 3
# The setting whose folder the path in `exclude` is relative to.
DECLARED_IN = "image_sets"
KINDS = (
    CardKind(name="photo", meaning="the photo of the bin", suffix=".jpg"),
    CardKind(name="metadata", meaning="what should be in the bin", suffix=".json", photo=False),
)
# One sentence per line.
LIMITS = tuple(
    """\
Contents of some bin images may not match the recorded inventory: items are sometimes misplaced.
For a few bins, the expected quantity exceeds the inventory; the labels have both numbers.
Neighbouring ids often show one bin moments apart: split by visit, or use the split in the labels.
Photos are blurred; items hide one another and are partly hidden by the tape across the bin.
The bucket no longer changes, and its licence forbids commercial use.
""".splitlines()
)


# The wing's own files of a set, with descriptions.
FILES = (
    (
        "labels.parquet",
        (
            "one row per bin with its photo: id, id_space, expected_quantity, "
            "items_quantity, difference (expected minus items), skus, difficulty, visit_id, split."
        ),
    ),
    (
        "verification_pairs.parquet",
        (
            "one row per photo and item, as many present as absent: sample, visit_id, split, asin, "
            "name, present, quantity."
        ),
    ),
    ("abid_metadata.json", "ABID's list of metadata: position i is bin i + 1 of the main set."),
    ("abid_random_trainset.txt", "ABID's random_train.txt: one bin number per line, from 1."),
    ("abid_random_valset.txt", "ABID's random_val.txt, for the validation split."),
    (
        "abid_counting_trainset.json",
        (
            "ABID's counting_train.json: position (from 0) and quantity "
            "of bins of fewer than 6 items."
        ),
    ),
    ("abid_counting_valset.json", "ABID's counting_val.json, for the validation split."),
    (
        "udacity_file_list.json",
        ("Udacity's file list: paths of the metadata of bins of 1 to 5 items, by quantity."),
    ),
)


Request = SetRequest[BinChoice, RunOptions]


def request_from(
    settings: Settings, name: str, choice: BinChoice, description: str, varied: dict[str, Any]
) -> Request:
    """A requested set, with some options varied; see `requested`."""
    of_wing = (*SHARES, DECLARED_IN) if varied.get("exclude") or choice.exclude else SHARES
    return requested(settings, name, choice, description, varied, RunOptions, *of_wing)


def make_bin_image_set(
    lake: Lake,
    source: Source,
    request: Request,
    folder: Folder,
    connection: "duckdb.DuckDBPyConnection",
    display: Display | None = None,
) -> BuiltSet:
    """Builds, resumes or refreshes a set in a folder.

    Raises:
        UnusableChoiceError: there are no bins yet, or none fits the options.
        off_platform.image_sets.fetching.build.SourceUnreachableError: the bucket cannot be reached.
        off_platform.image_sets.fetching.build.WrongSourceError: it lacks too many of the chosen
            objects.
        off_platform.image_sets.construction.moves.UnusableFolderError: the folder contains
            something else.
        off_platform.storage.locks.FolderInUseError: another run is using the folder.
    """
    chosen, about = chosen_for(lake, source, request, connection)
    return make_set(source, request, chosen, about, folder, connection, display)


def chosen_for(
    lake: Lake, source: Source, request: Request, connection: "duckdb.DuckDBPyConnection"
) -> tuple[Chosen, About]:
    """The objects of a requested set, and the facts about it; nothing is requested or written.

    Raises:
        UnusableChoiceError: there are no bins yet, or none fits the options.
    """
    try:
        bins, items, splits, texts = (
            lake.rows_of(table.name) for table in (BINS, BIN_ITEMS, BIN_SPLITS, BIN_METADATA)
        )
    except NoSuchTableError:
        raise UnusableChoiceError(
            "There are no bins yet; run `off-platform run`, or the job monthly."
        ) from None
    fitting = candidates_query(request.choice, bins, items, splits)
    left_out = ""
    if request.choice.exclude:
        table = load_excluded(connection, _excluded_in(request))
        left_out = _left_out(request, table, fitting, connection)
        fitting = candidates_query(request.choice, bins, items, splits, table)
    # Whole rows, as labels are made from them, and a set's photos and metadata must match its
    # labels.
    candidates, digest = connection.execute(
        f"SELECT count(*), coalesce(bit_xor(hash(fits)), 0) FROM ({fitting}) AS fits"
    ).fetchall()[0]
    if not candidates:
        why = _unknown_codes(request.choice, items, connection)
        raise UnusableChoiceError(
            f"{request.name}: no bin fits the options{why}; nothing was changed."
        )
    chosen = Chosen(
        objects_query(request.choice, fitting),
        # Older plans, whose rows do not refer to objects in the lake, are not resumed.
        {"bins": int(digest), "metadata": BIN_METADATA.name},
        candidates,
        f"the table bins{left_out}",
        [kind.name for kind in KINDS],
        lake,
        partial(units_of, bins=bins, seed=request.choice.split_seed),
        partial(labels_of, asked=request.choice.columns_of_labels, bins=bins, bin_items=items),
        # The metadata comes from the lake, from which the labels were made.
        texts=texts,
        exports=lambda to: write_exports(
            connection, _labelled(lake, to / MANIFEST), bins, items, to
        ),
        links=links_query(items) if request.choice.item_disjoint else None,
        sizes=_sizes(lake),
    )
    return chosen, _about(source, request, candidates, partial(_reached, connection, bins))


def _sizes(lake: Lake) -> str | None:
    is_listed = lake.has(BIN_OBJECTS.name)
    return f"SELECT key, bytes FROM {lake.rows_of(BIN_OBJECTS.name)}" if is_listed else None


def _excluded_in(request: Request) -> Path:
    declared = Path(str(request.settings[DECLARED_IN]))
    return declared.parent / str(request.choice.exclude)


def _left_out(
    request: Request, excluded: str, fitting: str, connection: "duckdb.DuckDBPyConnection"
) -> str:
    """How many bins that fit are left out, in words that follow the source of the choice."""
    ((listed, left_out),) = connection.execute(
        f"SELECT (SELECT count(*) FROM {excluded}), count(*) FROM ({fitting}) "
        f"WHERE id IN (SELECT id FROM {excluded})"
    ).fetchall()
    name = escaped(_excluded_in(request).name)
    return f", without {left_out:,} bins of the {listed:,} in {name}"


def _unknown_codes(
    choice: BinChoice, bin_items: str, connection: "duckdb.DuckDBPyConnection"
) -> str:
    """A hint on ASINs and FCSKUs that no bin has; empty when there are none."""
    unknown: list[str] = []
    for column, codes in (("asin", choice.asins), ("fcsku", choice.skus)):
        if codes:
            query = known_query(bin_items, column, codes)
            known = {code for (code,) in connection.execute(query).fetchall()}
            unknown += [code for code in codes if code not in known]
    named = ", ".join(map(repr, unknown[:UNKNOWN_NAMED]))
    more = f" and {len(unknown) - UNKNOWN_NAMED:,} more" if len(unknown) > UNKNOWN_NAMED else ""
    return f": no bin has {named}{more}" if unknown else ""


def _labelled(lake: Lake, manifest: Path) -> str:
    """The set's bins that have a photo, with their labels; the split is that of a split set."""
    photos = f"read_parquet({file_literal(manifest)})"
    bins, splits, metadata = (
        lake.rows_of(table.name) for table in (BINS, BIN_SPLITS, BIN_METADATA)
    )
    return f"""
        SELECT b.id, id_space, position, b.expected_quantity, items_quantity, difference, skus,
            difficulty, b.visit_id, coalesce(of_set, split) AS split, text
        FROM {bins} AS b
        JOIN (SELECT sample AS id, split AS of_set FROM {photos}
            WHERE kind = 'photo' AND status = 'fetched') USING (id)
        JOIN (SELECT id, split FROM {splits}) USING (id)
        JOIN (SELECT id, text FROM {metadata}) USING (id)"""


def _reached(
    connection: "duckdb.DuckDBPyConnection", bins: str, manifest: str
) -> tuple[tuple[str, int, int], ...]:
    """For each expected quantity the number of chosen bins, and of photos in the set."""
    found = connection.execute(f"""
        SELECT expected_quantity, count(*), count_if(fetched) FROM {bins}
        JOIN (SELECT sample AS id, status = 'fetched' AS fetched FROM {manifest}
            WHERE kind = 'photo') USING (id)
        GROUP BY 1 ORDER BY 1""").fetchall()
    return tuple((f"expected quantity {quantity}", *numbers) for quantity, *numbers in found)


def _about(
    source: Source,
    request: Request,
    candidates: int,
    reached: Callable[[str], tuple[tuple[str, int, int], ...]],
) -> About:
    return About(
        **request.facts(source),
        source=f"Amazon Bin Image Dataset ({source.url})",
        source_url=ABOUT_URL,
        candidates=candidates,
        key_list=None,
        kinds=KINDS,
        command=command(request, source),
        licence=LICENCE,
        licence_id="cc-by-nc-sa-3.0",
        licence_url=LICENCE_URL,
        attribution=ATTRIBUTION,
        tags=("counting", "warehouse"),
        limits=LIMITS,
        files=FILES,
        reached=reached,
        describe=described,
        labels=LABELS_TABLE,
    )


def described(metadata: bytes) -> tuple[str, str]:
    """Heading and text of what a bin should contain, from its metadata."""
    top = json.loads(metadata)
    lines = [
        f"{item['quantity']} x {item.get('name') or fcsku} ({fcsku})"
        for fcsku, item in top["BIN_FCSKU_DATA"].items()
    ]
    return f"Expected quantity: {top['EXPECTED_QUANTITY']}", "\n".join(lines) or "No items."


def command(request: Request, source: Source) -> str:
    """The command line that builds the same set."""
    return request.command(WING, source)
