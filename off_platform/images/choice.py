"""The objects of an image set: options, and the query that chooses by them.

A choice is the same on any machine, with any number of threads and any version of the libraries:
photos are ordered by barcode, image id and seed (`photo_order.py`), and the first n are taken, so
a larger n keeps what a smaller one chose. Fetching is `image_sets/`.
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from off_platform.barcodes.text import MOST_DIGITS
from off_platform.dumps.facts import MOST_NOVA
from off_platform.dumps.photos import SELECTED
from off_platform.image_sets.declaration.declared import UnusableChoiceError
from off_platform.image_sets.declaration.options import MOST, NONE, Name, RunOptions, SetChoice
from off_platform.images.keys import Kind, key_sql
from off_platform.images.labels import DEFAULT, LABELS
from off_platform.images.photo_order import SLICES, ranked, slices_in_order
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb

# As written in image_sets.toml.
WING = "images"
SetKind = Literal["raw", "400", "ocr", "raw+ocr", "400+ocr"]
Prefix = Annotated[str, StringConstraints(pattern=f"^[0-9]{{1,{MOST_DIGITS}}}$")]
# The pattern also refuses invalid Unicode, which a terminal can pass.
Tag = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]
Tags = tuple[Tag, ...]
Grade = Literal["a", "b", "c", "d", "e"]
Picture = Annotated[str, StringConstraints(pattern=f"^{SELECTED}$")]


class Choice(SetChoice):
    """The options of an image set of this bucket."""

    kind: SetKind = Field(
        default="400",
        description="Photos as sent, 400 px copies, OCR results, or photos with OCR.",
    )
    per_product: int | None = Field(
        default=None, ge=1, le=MOST, description="Maximum number of photos per product."
    )
    barcode_prefixes: tuple[Prefix, ...] = Field(
        default=(), description="Barcode prefixes, such as 301 or 20."
    )
    image_ids: tuple[int, ...] = Field(default=(), description="Image ids, such as 1.")
    last_editors: Tags = Field(default=(), description="Last editors of the products.")
    edited_from: date | None = Field(default=None, description="Earliest day of the last edit.")
    edited_until: date | None = Field(default=None, description="Latest day of the last edit.")
    countries: Tags = Field(default=(), description="Countries of sale, such as en:france.")
    categories: Tags = Field(default=(), description="Categories, such as en:spreads.")
    languages: Tags = Field(default=(), description="Languages on the product, such as fr.")
    product_labels: Tags = Field(
        default=(), description="Labels on the product, such as en:organic."
    )
    nutriscore: tuple[Grade, ...] = Field(default=(), description="Nutri-Score of the product.")
    nova: tuple[Annotated[int, Field(ge=1, le=MOST_NOVA)], ...] = Field(
        default=(), description="NOVA group of the product, 1 to 4."
    )
    pictures: tuple[Picture, ...] = Field(
        default=(),
        description="What the photo was selected as: front, ingredients, nutrition or packaging; "
        "in a language as front_fr.",
    )
    with_ocr: bool = Field(default=False, description="Only photos that have an OCR result.")
    least_width: int | None = Field(
        default=None, ge=1, le=MOST, description="Minimum width of the photo as sent, in pixels."
    )
    least_height: int | None = Field(
        default=None, ge=1, le=MOST, description="Minimum height of the photo as sent, in pixels."
    )
    known_labels = LABELS
    labels: tuple[Name, ...] = Field(
        default=DEFAULT,
        description=f"Labels of each sample, or `{NONE}`: {', '.join(LABELS)}.",
    )

    @model_validator(mode="after")
    def _some_day_fits(self) -> Self:
        if self.edited_from and self.edited_until and self.edited_from > self.edited_until:
            raise ValueError(
                f"edited_from {self.edited_from} is after edited_until {self.edited_until}, "
                "so no product fits"
            )
        return self

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of objects of a sample; samples are chosen by the first."""
        parts: dict[SetKind, tuple[Kind, ...]] = {
            "raw": ("raw",),
            "400": ("400",),
            "ocr": ("ocr",),
            "raw+ocr": ("raw", "ocr"),
            "400+ocr": ("400", "ocr"),
        }
        return parts[self.kind]

    @property
    def columns_of_products(self) -> set[str]:
        """The columns of `products` that the filters need; if empty, no dump is needed."""
        needed = {
            "last_editor": self.last_editors,
            "last_modified": self.edited_from or self.edited_until,
            "nutriscore": self.nutriscore,
            "nova": self.nova,
            **self.tags,
        }
        return {column for column, asked in needed.items() if asked}

    @property
    def tags(self) -> dict[str, Tags]:
        """The tags asked for, by the column of `products` that has them."""
        return {
            "countries": self.countries,
            "categories": self.categories,
            "languages": self.languages,
            "product_labels": self.product_labels,
        }

    @property
    def columns_of_photos(self) -> set[str]:
        """The columns of `product_photos` that the filters need."""
        needed = {
            "selected": self.pictures,
            "width": self.least_width,
            "height": self.least_height,
        }
        return {column for column, asked in needed.items() if asked}


def _first_day(month: str) -> str:
    """A month as its first day."""
    found = re.fullmatch(r"([0-9]{4}-(?:0[1-9]|1[0-2]))(-01)?", month)
    if not found:
        raise ValueError("write a month as 2026-11 or by its first day, 2026-11-01")
    return f"{found[1]}-01"


class MonthOptions(RunOptions):
    """The options of a run that are not declared with a set."""

    month: Annotated[str, AfterValidator(_first_day)] | None = Field(
        default=None,
        description="Month of the key index, such as 2026-11; by default the newest.",
    )


def candidates_query(
    choice: Choice, photos: str, products: str | None, product_photos: str | None = None
) -> str:
    """SQL for the photos that may be chosen: slice, barcode, image_id.

    Args:
        choice: the options.
        photos: SQL for the rows of `photos`, to use after FROM.
        products: the same for `products`, if the table exists.
        product_photos: the same for `product_photos`.

    Raises:
        UnusableChoiceError: a filter needs one of these tables and it is missing.
    """
    kinds = dict.fromkeys((*choice.kinds, "ocr")) if choice.with_ocr else choice.kinds
    conditions = [f"contains(kinds, {literal(kind)})" for kind in kinds]
    conditions += [_prefixes(choice), _ids(choice)]
    if choice.columns_of_products:
        conditions.append(f"barcode IN (SELECT code FROM {_chosen_products(choice, products)})")
    if choice.columns_of_photos:
        of_dump = _chosen_photos(choice, product_photos)
        conditions.append(f"(barcode, image_id) IN (SELECT (code, image_id) FROM {of_dump})")
    where = " AND ".join(filter(None, conditions))
    return f"SELECT slice, barcode, image_id FROM {photos} WHERE {where}"


def choose(
    connection: "duckdb.DuckDBPyConnection",
    choice: Choice,
    photos: str,
    index: str,
    products: str | None = None,
    product_photos: str | None = None,
    candidates: int | None = None,
) -> str:
    """Chooses objects; returns SQL for them in order.

    Their columns are sample (its number, from 0), key, barcode, image_id, kind; a sample's objects
    are adjacent, the photo first.

    Slices are read in the order of the seed, only as many as should have a few times n photos. If
    that is not enough, because a product has many, more are read. The result equals that of
    ordering everything.

    Args:
        connection: DuckDB that can read the tables; the choice is stored in it.
        choice: the options.
        photos: see `candidates_query`.
        index: SQL for the rows of the key index.
        products: see there.
        product_photos: see there.
        candidates: number of photos that may be chosen, if known.

    Raises:
        UnusableChoiceError: see `candidates_query`.
    """
    query = candidates_query(choice, photos, products, product_photos)
    if choice.n and candidates is None:
        candidates = _count(connection, f"({query})")
    slices = slices_in_order(choice.seed)
    read = 1 + FIRST_LOOK * SLICES * choice.n // max(candidates or 0, 1) if choice.n else SLICES
    while True:
        some = ", ".join(map(str, slices[:read]))
        _look(connection, choice, ranked(f"{query} AND slice IN ({some})", choice.seed))
        if read >= SLICES or _count(connection, "chosen") == choice.n:
            return _objects_query(choice, index)
        read *= FIRST_LOOK


FIRST_LOOK = 4
_ORDER = "place, barcode, image_id"


def _look(connection: "duckdb.DuckDBPyConnection", choice: Choice, seen: str) -> None:
    """Creates the table `chosen` of the first photos in order of their places."""
    of_product = f"""QUALIFY row_number() OVER (PARTITION BY barcode ORDER BY {_ORDER})
        <= {choice.per_product}"""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE chosen AS
        SELECT row_number() OVER (ORDER BY {_ORDER}) - 1 AS sample, barcode, image_id
        FROM (FROM ({seen}) {of_product if choice.per_product else ""})
        ORDER BY {_ORDER} {f"LIMIT {choice.n}" if choice.n else ""}""")


def _count(connection: "duckdb.DuckDBPyConnection", table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def _objects_query(choice: Choice, index: str) -> str:
    objects = " UNION ALL ".join(
        f"SELECT sample, barcode, image_id, {literal(kind)} AS kind FROM chosen"
        for kind in choice.kinds
    )
    return f"""
        WITH moved AS MATERIALIZED (
            SELECT DISTINCT barcode FROM {index}
            WHERE layout <> 'current' AND barcode IN (SELECT barcode FROM chosen)),
        elsewhere AS (
            SELECT barcode, image_id, kind, min_by(key, (layout, key)) AS key FROM {index}
            WHERE barcode IN (FROM moved) GROUP BY ALL)
        SELECT sample, coalesce(elsewhere.key, {_CURRENT_KEY}) AS key, barcode, image_id, kind
        FROM ({objects}) LEFT JOIN elsewhere USING (barcode, image_id, kind)
        ORDER BY sample, kind = 'ocr'"""


# Reading the keys of 7.5 million photos to keep 1,000 would double the time, so keys of the current
# layout are made from their parts. Only products with keys of another layout are looked up; of
# several keys the current one is taken, otherwise the first by layout and bytes.
_CURRENT_KEY = key_sql("barcode", "image_id", "kind")


def _prefixes(choice: Choice) -> str:
    tests = (f"starts_with(barcode, {literal(prefix)})" for prefix in choice.barcode_prefixes)
    joined = " OR ".join(tests)
    return f"({joined})" if joined else ""


def _ids(choice: Choice) -> str:
    return f"image_id IN {tuple_of(choice.image_ids)}" if choice.image_ids else ""


def tuple_of(values: tuple[int, ...]) -> str:
    """Whole numbers as an SQL list."""
    return f"({', '.join(str(int(value)) for value in values)})"


def _chosen_products(choice: Choice, products: str | None) -> str:
    if products is None:
        raise _missing("products", choice.columns_of_products)
    conditions = [
        f"last_editor IN ({_texts(choice.last_editors)})" if choice.last_editors else "",
        f"last_modified >= DATE '{choice.edited_from}'" if choice.edited_from else "",
        f"last_modified < DATE '{choice.edited_until}' + 1" if choice.edited_until else "",
        f"nutriscore IN ({_texts(choice.nutriscore)})" if choice.nutriscore else "",
        f"nova IN {tuple_of(choice.nova)}" if choice.nova else "",
        *(
            f"list_has_any({column}, [{_texts(tags)}])" if tags else ""
            for column, tags in choice.tags.items()
        ),
    ]
    return f"{products} WHERE {' AND '.join(filter(None, conditions))}"


def _chosen_photos(choice: Choice, product_photos: str | None) -> str:
    if product_photos is None:
        raise _missing("product_photos", choice.columns_of_photos)
    pictures = " OR ".join(
        # A picture without a language is one of any.
        f"len(list_filter(selected, lambda each: each = {literal(name)}"
        + ("" if "_" in name else f" OR starts_with(each, {literal(name + '_')})")
        + ")) > 0"
        for name in choice.pictures
    )
    conditions = [
        f"({pictures})" if pictures else "",
        f"width >= {choice.least_width}" if choice.least_width else "",
        f"height >= {choice.least_height}" if choice.least_height else "",
    ]
    return f"{product_photos} WHERE {' AND '.join(filter(None, conditions))}"


def _missing(table: str, columns: Iterable[str]) -> UnusableChoiceError:
    return UnusableChoiceError(
        f"This choice filters by {', '.join(sorted(columns))}, which needs the table {table}: set "
        "OFF_PLATFORM_PRODUCTS_DUMP to a dump of Open Food Facts and materialise products."
    )


def _texts(values: Iterable[str]) -> str:
    return ", ".join(literal(value) for value in values)
