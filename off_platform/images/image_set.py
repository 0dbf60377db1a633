"""An image set of this bucket, from options to a finished folder. No Dagster here.

`choice.py` chooses the photos; `image_sets/` fetches and shows them, for every bucket.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from off_platform.dumps.published_files import at_hand
from off_platform.image_sets.built_set import BuiltSet
from off_platform.image_sets.declaration.declared import UnusableChoiceError
from off_platform.image_sets.pages.about import About
from off_platform.image_sets.pages.card import CardKeyList, CardKind
from off_platform.image_sets.request import Chosen, make_set, requested
from off_platform.image_sets.request import Request as SetRequest
from off_platform.images.categories import with_children
from off_platform.images.choice import WING, Choice, MonthOptions, candidates_query, choose
from off_platform.images.keys import SUFFIXES
from off_platform.images.labels import NO_DUMP, columns_of, labels_in
from off_platform.images.photo_order import units_of
from off_platform.images.product_schemas import PRODUCT_PHOTOS, PRODUCTS
from off_platform.images.schemas import KEY_INDEX, PHOTOS
from off_platform.images.snapshots import NoSnapshotError, Snapshot, snapshot_of
from off_platform.quality import Table
from off_platform.settings import Settings
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform.storage.progress import Display

if TYPE_CHECKING:
    import duckdb

LICENCE = "CC BY-SA 3.0"
LICENCE_URL = "https://creativecommons.org/licenses/by-sa/3.0/"
ATTRIBUTION = "Open Food Facts contributors"
ABOUT_URL = "https://world.openfoodfacts.org/data"

MEANINGS = {
    "raw": "the photo as sent by the contributor",
    "400": "the photo scaled to 400 pixels",
    "ocr": "Google Cloud Vision's OCR result of the photo",
}
# One sentence per line.
LIMITS = tuple(
    """\
Some recent photos are likely missing: the bucket is synchronized monthly with Open Food Facts.
The key list may name objects that no longer exist, and lacks the newest ones.
Objects can be replaced under the same key: ETag and MD5 in the manifest identify the version.
OCR results are unchecked: some contain no text, and for a few, Cloud Vision failed.
Photos are as contributed: some are blurred or rotated, show several products, or show people.
""".splitlines()
)


Request = SetRequest[Choice, MonthOptions]


def request_from(
    settings: Settings, name: str, choice: Choice, description: str, varied: dict[str, Any]
) -> Request:
    """A requested set, with some options varied; see `requested`."""
    taxonomy = "categories_taxonomy"
    return requested(settings, name, choice, description, varied, MonthOptions, taxonomy)


class _Dump(NamedTuple):
    """SQL for the rows of the tables made from a dump, those that a choice filters by."""

    products: str | None
    photos: str | None


def _hint(choice: Choice, dump: _Dump, connection: "duckdb.DuckDBPyConnection") -> str:
    """A hint on the tags of the choice that no product has, with similar tags that exist."""
    asked = [(column, tags, dump.products) for column, tags in choice.tags.items()]
    asked.append(("selected", choice.pictures, dump.photos))
    hints = ""
    for column, tags, rows in asked:
        for tag in tags if rows else ():
            nearest = connection.execute(
                f"""SELECT tag FROM (SELECT DISTINCT unnest({column}) AS tag FROM {rows})
                ORDER BY tag = $tag OR starts_with(tag, $tag || '_') DESC,
                    jaro_winkler_similarity(regexp_replace(tag, '^[a-z]{{2,3}}:', ''),
                        regexp_replace(lower($tag), '^[a-z]{{2,3}}:', '')) DESC, tag LIMIT 3""",
                {"tag": tag},
            ).fetchall()
            if nearest and nearest[0][0] != tag and not nearest[0][0].startswith(f"{tag}_"):
                names = ", ".join(repr(name[:40]) for (name,) in nearest)
                whose = "photo was selected as" if column == "selected" else "product has"
                among = "" if column == "selected" else f" among its {column}"
                hints += f" No {whose} {tag[:40]!r}{among}; there are {names}."
    return hints


def make_image_set(
    lake: Lake,
    source: Source,
    request: Request,
    folder: Folder,
    connection: "duckdb.DuckDBPyConnection",
    display: Display | None = None,
) -> BuiltSet:
    """Builds, resumes or refreshes a set in a folder.

    Raises:
        NoSnapshotError: no month has been indexed yet.
        UnusableChoiceError: a filter needs a table of the dump that is missing, or nothing fits.
        off_platform.images.categories.UnknownTaxonomyError: the file of the setting is not one.
        off_platform.dumps.published_files.NoFileError: it does not exist.
        off_platform.storage.download.DownloadError: it cannot be fetched.
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
        As `make_image_set`, apart from the errors of the transfer and the folder.
    """
    month = request.run.month or newest_month(lake)
    snapshot = snapshot_of(lake, month, connection)
    if snapshot is None:
        months = ", ".join(other[:7] for other in lake.partitions(KEY_INDEX.name)) or "none"
        raise NoSnapshotError(f"{month[:7]} has no snapshot; months with a key index: {months}.")
    index, photos = (lake.rows_of(each.name, ("month", month)) for each in (KEY_INDEX, PHOTOS))
    choice = _with_categories_below(lake, source, request)
    dump = _dump(lake, choice, connection)
    candidates = _count(connection, candidates_query(choice, photos, *dump))
    if not candidates:
        raise UnusableChoiceError(
            f"{request.name}: no object of {month[:7]} fits the options; nothing was changed."
            f"{_hint(request.choice, dump, connection)}"
        )
    chosen = Chosen(
        _with_names(choose(connection, choice, photos, index, *dump, candidates), choice.kinds),
        {"key_list": snapshot.md5, **_identity_of(dump, choice, connection)},
        candidates,
        f"the key index of {month[:7]}",
        SUFFIXES,
        lake,
        partial(units_of, seed=request.choice.split_seed),
        lambda planned: labels_in(lake, request.choice, planned, connection),
        no_labels=NO_DUMP,
    )
    return chosen, _about(source, request, month, snapshot, candidates)


def candidates_in(
    lake: Lake, source: Source, request: Request, connection: "duckdb.DuckDBPyConnection"
) -> str:
    """SQL for the photos that a request may choose from: slice, barcode, image_id.

    Raises:
        As `make_image_set`.
    """
    month = request.run.month or newest_month(lake)
    choice = _with_categories_below(lake, source, request)
    photos = lake.rows_of(PHOTOS.name, ("month", month))
    return candidates_query(choice, photos, *_dump(lake, choice, connection))


def newest_month(lake: Lake) -> str:
    """The newest month with a key index.

    Raises:
        NoSnapshotError: there is none.
    """
    months = lake.partitions(KEY_INDEX.name)
    if not months:
        raise NoSnapshotError(
            "No month has been indexed yet; run `off-platform run`, or the job monthly."
        )
    return months[-1]


def _with_categories_below(lake: Lake, source: Source, request: Request) -> Choice:
    """The choice, with the categories below those asked for if there is a taxonomy."""
    taxonomy = request.settings.get("categories_taxonomy")
    if not taxonomy or not request.choice.categories:
        return request.choice
    how = (source.access, request.limits.attempts)
    with at_hand(lake, str(taxonomy), "categories_taxonomy", *how) as file:
        categories = with_children(file, request.choice.categories)
    return request.choice.model_copy(update={"categories": categories})


def _dump(lake: Lake, choice: Choice, connection: "duckdb.DuckDBPyConnection") -> _Dump:
    """The tables that the choice filters by; checks that the needed columns are filled."""
    return _Dump(
        _filled(lake, PRODUCTS, choice.columns_of_products, connection),
        _filled(lake, PRODUCT_PHOTOS, choice.columns_of_photos, connection),
    )


def _filled(
    lake: Lake, table: Table, columns: set[str], connection: "duckdb.DuckDBPyConnection"
) -> str | None:
    if not columns or not lake.has(table.name):
        return None
    rows = lake.rows_of(table.name)
    there = columns_of(connection, rows)
    for column in sorted(columns):
        if column not in there:
            raise UnusableChoiceError(
                f"This choice filters by {column}, which the table {table.name} does not have: an "
                "earlier version made it; materialise products again."
            )
        is_filled = "len(selected) > 0" if column == "selected" else f"{column} IS NOT NULL"
        if not _count(connection, f"FROM {rows} WHERE {is_filled} LIMIT 1"):
            raise UnusableChoiceError(
                f"This choice filters by {column}, which the products dump does not have; "
                "use another dump (JSONL and Parquet have all) or omit that filter."
            )
    return rows


def _with_names(objects: str, kinds: Sequence[str]) -> str:
    """The chosen objects with their file names: the document's for loose files, short in shards.

    A sample's stem is that of its photo, even if its OCR result is in another directory.
    """
    stem, order = "split_part(file, '.', 1)", ""
    if len(kinds) > 1:
        # Sorts all objects twice more, which is half of the work of a plan.
        stem = f"first_value({stem}) OVER (PARTITION BY sample ORDER BY kind = 'ocr')"
        order = "ORDER BY sample, kind = 'ocr'"
    return f"""
        SELECT sample, {stem} AS stem, key, file, kind, barcode, image_id,
            stem || CASE kind WHEN 'ocr' THEN '.json' ELSE '.jpg' END AS member
        FROM (SELECT *, replace(key[6:], '/', '_') AS file FROM ({objects})) {order}"""


def _identity_of(
    dump: _Dump, choice: Choice, connection: "duckdb.DuckDBPyConnection"
) -> dict[str, Any]:
    """The identity of the facts that determine the choice: those it filters by, and categories.

    DuckDB's hash may change with its version; then only an interrupted set is planned again.
    """
    identity: dict[str, Any] = {}
    of_products = ("code", *sorted(choice.columns_of_products))
    of_photos = ("code", "image_id", *sorted(choice.columns_of_photos))
    for name, rows, columns in zip(_Dump._fields, dump, (of_products, of_photos), strict=True):
        if rows is not None:
            found = connection.execute(
                f"SELECT count(*), coalesce(bit_xor(hash({', '.join(columns)})), 0) FROM {rows}"
            ).fetchall()
            identity[name] = [int(number) for number in found[0]]
    if choice.categories:
        # With those below them, which another taxonomy may change.
        identity["categories"] = hashlib.sha256("\n".join(choice.categories).encode()).hexdigest()
    return identity


def _count(connection: "duckdb.DuckDBPyConnection", query: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0])


def _about(
    source: Source, request: Request, month: str, snapshot: Snapshot, candidates: int
) -> About:
    shards = request.how.layout == "shards"
    suffixes = {"ocr": ".json"} if shards else {"400": ".400.jpg", "ocr": ".json.gz"}
    return About(
        **request.facts(source, "kind"),
        source=f"Open Food Facts images ({source.url})",
        source_url=ABOUT_URL,
        candidates=candidates,
        key_list=CardKeyList(
            month=month[:7],
            etag=snapshot.etag or None,
            md5=snapshot.md5,
            keys=snapshot.keys,
            url=snapshot.url,
        ),
        kinds=tuple(
            CardKind(
                name=kind,
                meaning=MEANINGS[kind],
                suffix=suffixes.get(kind, ".jpg"),
                photo=kind != "ocr",
            )
            for kind in request.choice.kinds
        ),
        command=command(request, source, month),
        licence=LICENCE,
        licence_id="cc-by-sa-3.0",
        licence_url=LICENCE_URL,
        attribution=ATTRIBUTION,
        tags=("food", "products"),
        limits=LIMITS,
    )


def command(request: Request, source: Source, month: str) -> str:
    """The command line that builds the same set."""
    return request.command(WING, source, "--month", month)
