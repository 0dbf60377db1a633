"""All settings of the platform, from the environment and `.env`, with defaults.

Only this module reads the environment. Credentials are not settings: a signed bucket or
lake takes them from the standard AWS chain.
"""

import difflib
import logging
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from off_platform.credentials import secrets_among, without_credentials
from off_platform.setting_values import (
    AddressOfUi,
    Cron,
    Endpoint,
    LakeLocation,
    Location,
    Memory,
    Price,
    RayAddress,
    Receivers,
    Region,
    Share,
    receivers_in,
)

SANDBOX = Path("var/sandbox")
IN_SANDBOX = {
    "lake": str(SANDBOX / "lake"),
    "images_bucket": str(SANDBOX / "openfoodfacts-images"),
    "bins_bucket": str(SANDBOX / "aft-vbi-pds"),
    "products_dump": str(SANDBOX / "products.jsonl.gz"),
}
# The most common settings; docs/settings.md lists them first.
COMMON = (
    "sandbox",
    "lake",
    "images_bucket",
    "bins_bucket",
    "products_dump",
    "inbox",
    "import_folders",
    "image_sets",
    "concurrency",
    "unattended",
    "alerts",
    "alert_ui",
)
PREFIX = "OFF_PLATFORM_"
ENV_FILE = ".env"


class WrongSettingError(ValueError):
    """A setting is invalid; the message says which, what is wrong and what is valid."""


class Settings(BaseSettings):
    """All settings; each is read from `OFF_PLATFORM_` and its name in capitals.

    Options that differ between sets are declared with the set, see
    `image_sets/declaration/options.py`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        # `OFF_PLATFORM_PRODUCTS_DUMP=` in .env.example means the default.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    sandbox: bool = Field(
        default=False,
        description="Work on small generated copies of the buckets under var/sandbox.",
    )
    lake: LakeLocation = Field(
        default="var/lake", description="Location of tables and image sets: a folder or s3://."
    )
    images_bucket: Location = Field(
        default="s3://openfoodfacts-images", description="The Open Food Facts images bucket."
    )
    images_region: Region = Field(default="eu-west-3", description="Region of the images bucket.")
    bins_bucket: Location = Field(
        default="s3://aft-vbi-pds", description="The Amazon Bin Image Dataset's bucket."
    )
    bins_region: Region = Field(default="us-east-1", description="Region of the bins bucket.")
    sources_access: Literal["anonymous", "signed"] = Field(
        default="anonymous", description="How the source buckets are read: anonymous or signed."
    )
    sources_endpoint: Endpoint | None = Field(
        default=None, description="Custom S3 endpoint of the sources, such as http://host:9000."
    )
    lake_region: Region = Field(default="eu-west-3", description="Region of a lake on S3.")
    lake_endpoint: Endpoint | None = Field(
        default=None, description="Custom S3 endpoint of the lake, such as http://host:9000."
    )
    products_dump: Location | None = Field(
        default=None,
        description="Open Food Facts' database dump (CSV, Parquet or JSONL): a file or a URL.",
    )
    categories_taxonomy: Location | None = Field(
        default=None,
        description="Open Food Facts' taxonomy of categories (categories.json): a file or a URL. "
        "Images are then also chosen by the categories below those asked for.",
    )
    inbox: Location | None = Field(
        default=None, description="Where producers' files arrive: a folder or s3://bucket/prefix."
    )
    import_folders: str = Field(
        default="",
        description="Comma-separated folders, besides the inbox, whose files the launchpad of "
        "`import_file` may import. The command line may import any file.",
    )
    image_sets: Path = Field(
        default=Path("image_sets.toml"),
        description="The file that declares the image sets. Without the default one, there are the "
        "sets that ship with the package.",
    )
    concurrency: int = Field(
        default=64, ge=1, le=1024, description="Maximum number of objects fetched concurrently."
    )
    attempts: int = Field(
        default=6, ge=1, le=100, description="Maximum number of attempts per object."
    )
    request_seconds: float = Field(
        default=60,
        gt=0,
        le=86_400,
        description="Timeout of a request, in seconds, after which it is retried.",
    )
    shrunk_share_most: Share = Field(
        default=0.05,
        description="Maximum share of its keys that a key list may lose; beyond it, the month "
        "stops.",
    )
    oddities_share_most: Share = Field(
        default=0.001, description="Maximum share of lines of a key list that are not keys."
    )
    key_list_disk_share: Share = Field(
        default=0.5,
        description="Maximum size of an unpacked key list, as a share of the free disk space.",
    )
    bins_train_share: Share = Field(
        default=0.8, description="Share of the bins in train; visits stay whole."
    )
    bins_validation_share: Share = Field(
        default=0.1, description="Share of the bins in validation; the rest is test."
    )
    bins_split_seed: int = Field(default=0, description="Seed of the bin splits.")
    unattended: bool = Field(
        default=True,
        description="Start schedules, inbox and alerts with the daemon; otherwise start each of "
        "them in the UI.",
    )
    monthly_cron: Cron = Field(
        default="0 3 4 * *",
        description="Cron schedule of the monthly run, in UTC.",
    )
    weekly_cron: Cron | Literal[""] = Field(
        default="0 7 * * 1",
        description="Cron schedule, in UTC, of the asset `open_findings` and its alert, which sums "
        "up open imports, months and image sets; empty for none.",
    )
    history_days: int = Field(
        default=180,
        ge=1,
        le=36_500,
        description="Days after which Dagster's runs, logs and results of checks are deleted, once "
        "a week, unless the UI needs them to show a month, set or import.",
    )
    alerts: Receivers = Field(
        default=SecretStr(""),
        description="Receivers of alerts, separated by spaces, commas or lines: URLs of apprise "
        "(`slack://...`, `mailtos://...`, `jsons://...`), ARNs of AWS SNS topics, or "
        "`secretsmanager:NAME` or `ssm:NAME`, a secret in AWS Secrets Manager or the Parameter "
        "Store of Systems Manager that holds such a URL.",
    )
    alert_repeat_hours: float = Field(
        default=24, ge=0, le=87_600, description="Hours before the same alert is sent again."
    )
    alert_warning_share: Share = Field(
        default=0.2, description="Share of rows above which a warning raises an alert."
    )
    alert_ui: AddressOfUi = Field(
        default="",
        description="URL of the UI for links in alerts, such as https://dagster.example.org.",
    )
    duckdb_memory: Memory = Field(
        default="512MB", description="Memory limit of DuckDB; beyond it, data is spilled to disk."
    )
    threads: int = Field(default=2, ge=1, le=256, description="Threads of DuckDB.")
    fleet: Literal["here", "ray"] = Field(
        default="here",
        description="Where the objects of image sets are fetched and imports are validated: "
        "`here`, in the process of the run, or `ray`, as tasks on Ray.",
    )
    ray_address: RayAddress = Field(
        default="local",
        description="Ray with OFF_PLATFORM_FLEET=ray: local starts processes on this machine, auto "
        "is the cluster that this machine belongs to, host:port any other.",
    )
    fleet_places: int = Field(
        default=0, ge=0, le=100_000, description="Tasks on Ray at the same time; 0 for all CPUs."
    )
    part_groups: int = Field(
        default=4, ge=1, le=1000, description="Shards per task on Ray; a lost task is done again."
    )
    price_get: Price = Field(
        default=0.0004, description="Dollars for 1,000 GET or HEAD requests, for plans."
    )
    price_put: Price = Field(
        default=0.005, description="Dollars for 1,000 PUT or COPY requests, for plans."
    )
    price_storage: Price = Field(
        default=0.023, description="Dollars for a GB in the lake's bucket for a month."
    )
    price_transfer: Price = Field(
        default=0.02, description="Dollars for a GB from one region to another."
    )

    @property
    def alert_receivers(self) -> list[str]:
        """The receivers of alerts; secrets."""
        return receivers_in(self.alerts)

    @field_validator("bins_validation_share")
    @classmethod
    def _at_most_all(cls, share: float, info: ValidationInfo) -> float:
        if share + info.data.get("bins_train_share", 0) > 1:
            raise ValueError("together with OFF_PLATFORM_BINS_TRAIN_SHARE it exceeds 1")
        return share

    @model_validator(mode="before")
    @classmethod
    def _sandbox_in_place_of_the_public_buckets(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Gives the sandbox its own lake: its snapshot must never pass for the month's real one.

        It overrides a lake and buckets of `.env`. A configured inbox is kept: its files go into the
        sandbox's lake.
        """
        if str(values.get("sandbox", "")).lower() not in {"1", "true", "yes", "on", "t", "y"}:
            return values
        return {"inbox": str(SANDBOX / "inbox")} | values | IN_SANDBOX


@cache
def settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        WrongSettingError: one line: which setting, what is wrong and what is valid.
    """
    try:
        _demand_known(os.environ)
        _demand_readable()
        _demand_known(dotenv_values(ENV_FILE))
        read = Settings()
    except ValidationError as error:
        raise WrongSettingError(_in_one_line(error)) from None
    except UnicodeDecodeError:
        raise WrongSettingError(f"{ENV_FILE} is not UTF-8 text; save it as UTF-8.") from None
    except SettingsError as error:
        raise WrongSettingError(f"The settings cannot be read: {error}.") from None
    _trust_one_bundle()
    if read.sandbox:
        _settle_what_the_sandbox_replaces()
    return read


def _trust_one_bundle() -> None:
    """Makes all libraries trust the certificates configured for one of them.

    boto3 reads AWS_CA_BUNDLE, obstore SSL_CERT_FILE, requests REQUESTS_CA_BUNDLE.
    """
    names = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    set_to = [path for name in names if (path := os.environ.get(name))]
    for name in names if set_to else ():
        os.environ.setdefault(name, set_to[0])


def _settle_what_the_sandbox_replaces() -> None:
    """Refuses a lake or bucket set in the environment with the sandbox; warns of one in `.env`.

    Dagster copies `.env` into the environment of its processes: an equal value comes from `.env`.
    """
    in_file = dotenv_values(ENV_FILE)
    for name, replaced_by in IN_SANDBOX.items():
        setting = f"{PREFIX}{name.upper()}"
        value = os.environ.get(setting) or in_file.get(setting)
        if not value or value == replaced_by:
            continue
        if value != in_file.get(setting):
            raise WrongSettingError(
                f"{setting} and {PREFIX}SANDBOX are both set, but the sandbox has its own at "
                f"{replaced_by}; unset one of them."
            )
        logging.getLogger(__name__).warning(
            "%s of %s is not used: the sandbox has its own at %s.", setting, ENV_FILE, replaced_by
        )


def secret_texts() -> list[str]:
    """Values of the environment and `.env` that must not be written to files, longest first."""
    return secrets_among({**dotenv_values(ENV_FILE), **os.environ})


def _demand_readable() -> None:
    """Refuses unreadable lines, which would silently leave a default in effect."""
    path = Path(ENV_FILE)
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as file:
        for line in parse_stream(file):
            if line.error:
                raise WrongSettingError(
                    f"{ENV_FILE}, line {line.original.line}, cannot be read: "
                    f"{line.original.string.strip().partition('=')[0][:80]!r}. Write NAME=value."
                )


def _demand_known(names: Iterable[str]) -> None:
    """Refuses misspelt settings, which would silently leave a default in effect."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in names:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, 1)
            hint = f"; {near[0]} may be meant" if near else ""
            raise WrongSettingError(f"There is no setting {name}{hint}.")


def _in_one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    field = str(first["loc"][0]) if first["loc"] else "sandbox"
    wrong = first["msg"].removeprefix("Value error, ")
    setting = Settings.model_fields[field]
    given = first["input"] if setting.annotation is not SecretStr else "***"
    given = without_credentials(given) if isinstance(given, str) else given
    default, meaning = setting.default, setting.description
    return (
        f"OFF_PLATFORM_{field.upper()}={given!r} is invalid: {wrong}. "
        f"{meaning} The default is {default!s}."
    )
