"""What requests, storage and transfers of S3 cost, and who pays. Arithmetic only."""

from dataclasses import dataclass

from off_platform.image_sets.planning.estimates import Estimate
from off_platform.settings import Settings

GB = 10**9
# Of the defaults of the settings: S3 Standard in US East, and the first 50 TB. Other regions cost
# up to a fifth more.
PRICES_OF = "list prices of S3 Standard in us-east-1, mid 2025"


@dataclass(frozen=True)
class Prices:
    """Prices in dollars.

    Attributes:
        get: of 1,000 GET and HEAD requests.
        put: of 1,000 PUT, COPY and POST requests.
        storage: of a GB for a month.
        transfer: of a GB from one region to another.
    """

    get: float
    put: float
    storage: float
    transfer: float

    @property
    def source(self) -> str:
        """Where they are from, in words."""
        default = all(
            getattr(self, name) == Settings.model_fields[f"price_{name}"].default
            for name in vars(self)
        )
        return PRICES_OF if default else "the settings OFF_PLATFORM_PRICE_..."


def prices_from(settings: Settings) -> Prices:
    """The prices of the settings."""
    return Prices(
        settings.price_get, settings.price_put, settings.price_storage, settings.price_transfer
    )


@dataclass(frozen=True)
class Bill:
    """Dollars; None where the bytes are unknown.

    Attributes:
        get: requests to the source bucket.
        transfer: from the region of the source to that of the lake.
        put: requests that write to the lake.
        storage: of the set, for each month.
        for_owner: whether the owner of the source bucket pays for the first two, as of a bucket
            that is read anonymously.
    """

    get: float
    transfer: float | None
    put: float
    storage: float | None
    for_owner: bool


@dataclass(frozen=True)
class Way:
    """From where to where the objects go.

    Attributes:
        from_s3: whether the source is a bucket; a folder costs nothing.
        to_s3: whether the lake is in a bucket.
        regions_differ: those of source and lake, both in buckets.
        anonymous: whether the source is read anonymously.
    """

    from_s3: bool
    to_s3: bool
    regions_differ: bool
    anonymous: bool


def bill(
    prices: Prices,
    way: Way,
    *,
    gets: int,
    puts: int,
    fetched: Estimate | None,
    stored: Estimate | None,
) -> Bill:
    """The dollars of a set.

    Args:
        prices: of one unit each.
        way: of the objects.
        gets: requests to the source.
        puts: requests that write to the lake.
        fetched: bytes that are transferred.
        stored: bytes of the set.
    """
    return Bill(
        get=gets / 1000 * prices.get if way.from_s3 else 0.0,
        transfer=_of_gigabytes(fetched, prices.transfer) if way.regions_differ else 0.0,
        put=puts / 1000 * prices.put if way.to_s3 else 0.0,
        storage=_of_gigabytes(stored, prices.storage) if way.to_s3 else 0.0,
        for_owner=way.anonymous and way.from_s3,
    )


def _of_gigabytes(size: Estimate | None, price: float) -> float | None:
    return None if size is None else size.likely / GB * price
