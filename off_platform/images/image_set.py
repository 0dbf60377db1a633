"""An image set of this bucket, from options to a finished folder. No Dagster here.

Which photos are chosen is `choice.py`; fetching and showing, whatever the bucket, `image_sets/`.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from off_platform.image_sets import building
from off_platform.image_sets.build import build_groups
from off_platform.image_sets.built_set import BuiltSet
from off_platform.image_sets.card import CardKeyList, CardKind
from off_platform.image_sets.claim import claimed
from off_platform.image_sets.command import command_line
from off_platform.image_sets.declared import (
    UnusableChoiceError,
    checked_choice,
    demand_name,
    varied_description,
)
from off_platform.image_sets.finish import About, finish, options_as_text
from off_platform.image_sets.how import How, checked_layout
from off_platform.images.choice import WING, Choice, candidates_query, choose
from off_platform.images.keys import SUFFIXES
from off_platform.images.monthly import NoSnapshotError, Snapshot, snapshot_of
from off_platform.images.schemas import KEY_INDEX, PRODUCTS
from off_platform.settings import Settings
from off_platform.storage.folders import Folder
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform.storage.progress import Display
from off_platform.storage.transfer import Limits

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
OCR results are unchecked; some contain no text, and for a few Cloud Vision failed.
Photos are as contributed: some are blurred or rotated, show several products, or show people.
""".splitlines()
)


@dataclass(frozen=True)
class Request:
    """A set to make.

    Attributes:
        name: of the set.
        choice: which objects it takes.
        description: what it is, in a sentence.
        group_samples: samples in one shard or folder.
        how: layout, bounds, share decoded.
        gallery_samples: samples shown in the gallery.
        month: of the key index to choose from; the newest by default.
    """

    name: str
    choice: Choice
    description: str
    group_samples: int
    how: How
    gallery_samples: int
    month: str | None = None


def request_from(
    settings: Settings, name: str, choice: Choice, description: str, varied: dict[str, Any]
) -> Request:
    """A set to make, with options varied for this time; what is None is as it was.

    Raises:
        UnusableChoiceError: an option is wrong.
    """
    options = choice.model_dump()
    options |= {key: value for key, value in varied.items() if key in options and value is not None}
    if varied.get("all"):
        options["n"] = None
    options["keep_formats"] |= settings.keep_formats
    made = checked_choice(Choice, options, name)
    layout = checked_layout(varied.get("layout") or settings.layout)
    limits = Limits(settings.concurrency, settings.attempts, settings.object_bytes_most)
    return Request(
        demand_name(name),
        made,
        varied_description(description, choice, made),
        settings.shard_samples,
        How(layout, limits, settings.decoded_share, made.keep_formats),
        settings.gallery_samples,
        _month(varied.get("month")),
    )


def _hint(choice: Choice, products: str | None, connection: "duckdb.DuckDBPyConnection") -> str:
    """The tags of the choice that no product has, each with the nearest that some have."""
    asked = {
        "countries": choice.countries,
        "categories": choice.categories,
        "languages": choice.languages,
    }
    hints = ""
    for column, tags in asked.items() if products else ():
        for tag in tags:
            nearest = connection.execute(
                f"""SELECT tag FROM (SELECT DISTINCT unnest({column}) AS tag FROM {products})
                ORDER BY tag = $tag DESC,
                    jaro_winkler_similarity(regexp_replace(tag, '^[a-z]{{2,3}}:', ''),
                        regexp_replace(lower($tag), '^[a-z]{{2,3}}:', '')) DESC, tag LIMIT 3""",
                {"tag": tag},
            ).fetchall()
            if nearest and nearest[0][0] != tag:
                names = ", ".join(repr(name[:40]) for (name,) in nearest)
                hints += f" No product has {tag[:40]!r} among its {column}; there are {names}."
    return hints


def _month(text: str | None) -> str | None:
    """A month as its first day, however it was written."""
    found = re.fullmatch(r"([0-9]{4}-(?:0[1-9]|1[0-2]))(-01)?", text) if text else None
    if text and not found:
        raise UnusableChoiceError(
            f"{text[:40]!r} is not a month; write it as 2026-11 or by its first day, 2026-11-01."
        )
    return f"{found[1]}-01" if found else None


def make_image_set(
    lake: Lake,
    source: Source,
    request: Request,
    folder: Folder,
    connection: "duckdb.DuckDBPyConnection",
    display: Display | None = None,
) -> BuiltSet:
    """Makes, continues or refreshes a set in a folder.

    Raises:
        NoSnapshotError: no month has been indexed yet.
        UnusableChoiceError: a filter needs products and there are none, or nothing fits.
        off_platform.image_sets.build.SourceUnreachableError: the bucket cannot be reached.
        off_platform.image_sets.build.WrongSourceError: it has too little of what was chosen.
        off_platform.image_sets.building.UnusableFolderError: the folder holds something else.
        off_platform.storage.locks.FolderInUseError: another run is at work in the folder.
    """
    month = request.month or newest_month(lake)
    snapshot = snapshot_of(lake, month, connection)
    if snapshot is None:
        months = ", ".join(other[:7] for other in lake.partitions(KEY_INDEX.name)) or "none"
        raise NoSnapshotError(f"{month[:7]} has no snapshot; months with a key index: {months}.")
    index = lake.rows_of(KEY_INDEX.name, ("month", month))
    products = _products(lake, request.choice, connection)
    candidates = _count(connection, candidates_query(request.choice, index, products))
    if not candidates:
        raise UnusableChoiceError(
            f"{request.name}: no object of {month[:7]} fits the options; nothing was changed."
            f"{_hint(request.choice, products, connection)}"
        )
    plan = building.Plan(
        request.name,
        _with_names(choose(connection, request.choice, index, products)),
        _identity(source, request, snapshot) | _identity_of(products, request.choice, connection),
        request.group_samples,
    )
    with claimed(folder, connection, SUFFIXES):
        continued = building.begin(folder, plan, connection)
        tally = build_groups(folder, source, request.how, connection, display)
        about = _about(source, request, month, snapshot, candidates)
        contents = finish(folder, about, connection, request.gallery_samples)
    chosen_from = f"the key index of {month[:7]}"
    asked = request.choice.n
    return BuiltSet(folder, chosen_from, asked, candidates, continued, tally, contents)


def newest_month(lake: Lake) -> str:
    """The newest month that was indexed.

    Raises:
        NoSnapshotError: there is none.
    """
    months = lake.partitions(KEY_INDEX.name)
    if not months:
        raise NoSnapshotError("No month has been indexed yet; run the monthly job first.")
    return months[-1]


def _products(lake: Lake, choice: Choice, connection: "duckdb.DuckDBPyConnection") -> str | None:
    """SQL for the products, with the columns that the choice needs; a dump may lack a column."""
    if not choice.columns_of_products or not lake.has(PRODUCTS.name):
        return None
    rows = lake.rows_of(PRODUCTS.name)
    for column in sorted(choice.columns_of_products):
        if not _count(connection, f"FROM {rows} WHERE {column} IS NOT NULL LIMIT 1"):
            raise UnusableChoiceError(
                f"This choice filters by {column}, which the products dump does not have; "
                "use another dump (JSONL and Parquet have all) or omit that filter."
            )
    return rows


def _with_names(objects: str) -> str:
    """The chosen objects with the names they get: the document's when loose, short in a shard.

    A sample's stem is its photo's, also where its OCR result is in another directory.
    """
    return f"""
        SELECT sample, first_value(split_part(file, '.', 1)) OVER (
                PARTITION BY sample ORDER BY kind = 'ocr') AS stem,
            key, file, kind, barcode, image_id,
            stem || CASE kind WHEN 'ocr' THEN '.json' ELSE '.jpg' END AS member
        FROM (SELECT *, replace(key[6:], '/', '_') AS file FROM ({objects}))
        ORDER BY sample, kind = 'ocr'"""


def _identity(source: Source, request: Request, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "choice": request.choice.model_dump(mode="json"),
        "key_list": snapshot.md5,
        "source": source.url,
        "layout": request.how.layout,
        "decoded_share": request.how.decoded_share,
    }


def _identity_of(
    products: str | None, choice: Choice, connection: "duckdb.DuckDBPyConnection"
) -> dict[str, Any]:
    """What of the products decides the choice; DuckDB's hash may change with its version.

    All that would cost is that a set interrupted before an upgrade is planned afresh after it.
    """
    if products is None:
        return {}
    columns = ", ".join(("code", *sorted(choice.columns_of_products)))
    found = connection.execute(
        f"SELECT count(*), coalesce(bit_xor(hash({columns})), 0) FROM {products}"
    ).fetchall()
    return {"products": [int(number) for number in found[0]]}


def _count(connection: "duckdb.DuckDBPyConnection", query: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0])


def _about(
    source: Source, request: Request, month: str, snapshot: Snapshot, candidates: int
) -> About:
    options = request.choice.model_dump(mode="json", exclude_defaults=True)
    shards = request.how.layout == "shards"
    suffixes = {"ocr": ".json"} if shards else {"400": ".400.jpg", "ocr": ".json.gz"}
    return About(
        name=request.name,
        title=f"Image set {request.name}",
        description=request.description,
        source=f"Open Food Facts images ({source.url})",
        source_url=ABOUT_URL,
        address=source.address,
        options=options_as_text(
            {"kind": request.choice.kind, "n": request.choice.n or "all", **options}
        ),
        seed=request.choice.seed,
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
        asked=request.choice.n,
    )


def command(request: Request, source: Source, month: str) -> str:
    """The command that builds the same set from the command line."""
    words = []
    for name, value in request.choice.model_dump(mode="json").items():
        option = f"--{name.replace('_', '-')}"
        if name == "n":
            words += [option, str(value or "all")]
        elif isinstance(value, list):
            words += [word for each in value for word in (_singular(option), str(each))]
        elif value is True:
            words.append(option)
        elif value is not None and value is not False:
            words += [option, str(value)]
    words += ["--month", month]
    return command_line(WING, words, request.name, source, request.how, request.group_samples)


def _singular(option: str) -> str:
    return {
        "--barcode-prefixes": "--barcode-prefix",
        "--image-ids": "--image-id",
        "--last-editors": "--last-editor",
        "--countries": "--country",
        "--categories": "--category",
        "--languages": "--language",
    }[option]
