"""The table `months`: what each snapshot has, and which products are new or gone since the last.

`key_changes.py` compares objects; `story.py` puts a month into words.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from off_platform.barcodes import sql
from off_platform.images.key_changes import distinct_keys
from off_platform.images.keys import PHOTO_KINDS
from off_platform.images.schemas import KEY_CHANGES, KEY_INDEX, MONTH_FIGURES, PHOTOS
from off_platform.images.snapshots import month_before
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import MONTH
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class MonthFigures:
    """A row of `months`, with its month; see there for the others.

    Attributes:
        month: first day of the month.
    """

    month: str
    since: str | None
    objects: int
    products: int
    photos: int
    copies: int
    ocr: int
    photos_with_ocr: int
    objects_added: int | None
    objects_removed: int | None
    products_new: int | None
    products_gone: int | None

    @property
    def coverage(self) -> float | None:
        """Share of the photos that have an OCR result; None without photos."""
        return self.photos_with_ocr / self.photos if self.photos else None


def file_month(lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection") -> None:
    """Writes a month's row of `months`; `key_changes` of the month must exist."""
    lake.replace_from_query(
        MONTH_FIGURES.name,
        (MONTH, month),
        MONTH_FIGURES.arrow,
        connection,
        _figures_query(lake, month, connection),
    )


def months_to_file(lake: Lake, month: str) -> list[str]:
    """Earlier months that could have a row and have none, such as those of an older version."""
    parts = (KEY_INDEX.name, PHOTOS.name, KEY_CHANGES.name)
    ready = set.intersection(*(set(lake.partitions(table)) for table in parts))
    filed = set(lake.partitions(MONTH_FIGURES.name))
    return sorted(each for each in ready - filed if each < month)


def all_months(
    lake: Lake, connection: "duckdb.DuckDBPyConnection", until: str | None = None
) -> list[MonthFigures]:
    """The rows of `months`, the oldest first.

    Args:
        lake: which has the table.
        connection: DuckDB that can read it.
        until: the last month to return; by default the newest.
    """
    months = [each for each in lake.partitions(MONTH_FIGURES.name) if not until or each <= until]
    if not months:
        return []
    columns = ", ".join(column.name for column in MONTH_FIGURES.columns)
    rows = {month: lake.rows_of(MONTH_FIGURES.name, (MONTH, month)) for month in months}
    each = (f"SELECT {literal(month)} AS month, {columns} FROM {of}" for month, of in rows.items())
    found = connection.execute(f"{' UNION ALL '.join(each)} ORDER BY month").fetchall()
    return [MonthFigures(*row) for row in found]


class OfCountry(NamedTuple):
    """The new and gone products of a country.

    Attributes:
        country: name of the country of their GS1 prefix, or what the prefix is for.
        new: products that had no objects in the previous snapshot.
        gone: products that have none any more.
    """

    country: str
    new: int
    gone: int


def by_country(lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection") -> list[OfCountry]:
    """The new and gone products of a month by country, most changes first."""
    since = month_before(lake, KEY_INDEX.name, month)
    if since is None:
        return []
    found = connection.execute(f"""
        SELECT {sql.country("barcode")} AS country, count_if(is_new), count_if(NOT is_new)
        FROM ({_changed_products(lake, month, since)})
        GROUP BY country ORDER BY count(*) DESC, country""").fetchall()
    return [OfCountry(*each) for each in found]


def _figures_query(lake: Lake, month: str, connection: "duckdb.DuckDBPyConnection") -> str:
    index = lake.rows_of(KEY_INDEX.name, (MONTH, month))
    since = month_before(lake, KEY_INDEX.name, month)
    counted = f"""
        SELECT count(*)::BIGINT AS products,
            {", ".join(f"sum({name})::BIGINT AS {name}" for name in _OF)}
        FROM (SELECT {", ".join(f"count_if({has}) AS {name}" for name, has in _OF.items())}
            FROM {lake.rows_of(PHOTOS.name, (MONTH, month))} GROUP BY barcode)"""
    changes = _since(lake, month, since) if since else _NOTHING_BEFORE
    return f"""
        SELECT since, {distinct_keys(connection, index)}::BIGINT AS objects, products,
            {", ".join(f"coalesce({name}, 0) AS {name}" for name in _OF)},
            objects_added, objects_removed, products_new, products_gone
        FROM ({counted}), ({changes})"""


def _since(lake: Lake, month: str, since: str) -> str:
    return f"""
        SELECT {literal(since)} AS since, * FROM (
            SELECT {_summed("added")} AS objects_added, {_summed("removed")} AS objects_removed
            FROM {lake.rows_of(KEY_CHANGES.name, (MONTH, month))}), (
            SELECT count_if(is_new)::BIGINT AS products_new,
                count_if(NOT is_new)::BIGINT AS products_gone
            FROM ({_changed_products(lake, month, since)}))"""


def _changed_products(lake: Lake, month: str, since: str) -> str:
    """SQL for the products that are only in one of two indexes, with whether they are new.

    Most products have not changed: only those in `key_changes` are looked up.
    """
    now, before = (lake.rows_of(KEY_INDEX.name, (MONTH, each)) for each in (month, since))
    changed = f"SELECT barcode FROM {lake.rows_of(KEY_CHANGES.name, (MONTH, month))}"
    return f"""
        SELECT barcode, bool_or(is_now) AS is_new FROM (
            SELECT barcode, true AS is_now FROM {now} WHERE barcode IN ({changed})
            UNION ALL SELECT barcode, false FROM {before} WHERE barcode IN ({changed}))
        GROUP BY barcode HAVING bool_and(is_now) OR NOT bool_or(is_now)"""


def _summed(change: str) -> str:
    return f"coalesce(sum(objects) FILTER (change = '{change}'), 0)::BIGINT"


def _with(*kinds: str) -> str:
    """The SQL condition that a photo has objects of all these kinds."""
    having = (each for each in PHOTO_KINDS if {*kinds} <= {*each.split("+")})
    return f"kinds IN ({', '.join(map(literal, having))})"


_OF = {
    "photos": _with("raw"),
    "copies": _with("400"),
    "ocr": _with("ocr"),
    "photos_with_ocr": _with("raw", "ocr"),
}
_NOTHING_BEFORE = """
    SELECT NULL::VARCHAR AS since, NULL::BIGINT AS objects_added, NULL::BIGINT AS objects_removed,
        NULL::BIGINT AS products_new, NULL::BIGINT AS products_gone"""
