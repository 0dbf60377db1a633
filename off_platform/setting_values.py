"""What a setting may be: the types of `settings.py`, each with the sentence that refuses others."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from off_platform.credentials import demand_no_credentials
from off_platform.cron import schedule_of

SCHEMES = ("s3://", "file://", "http://", "https://", "memory://")
TOPIC = "arn:aws:sns:eu-west-3:123456789012:alerts"
# Before the name or ARN of a secret in AWS Secrets Manager or the Parameter Store.
IN_SECRETS_MANAGER = "secretsmanager:"
IN_PARAMETER_STORE = "ssm:"
NAMED = (IN_SECRETS_MANAGER, IN_PARAMETER_STORE)
_ADDRESS = r"https?://[^/\s]+(/\S*)?"
_RECEIVER = re.compile(
    r"(?!arn:|secretsmanager:|ssm:)[A-Za-z][A-Za-z0-9+.-]*://\S+|arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]+:\S+"
    r"|(?:secretsmanager|ssm):\S+"
)
# A comma separates only before a scheme: mail addresses in a URL are separated by commas, too.
_BETWEEN_RECEIVERS = re.compile(r"\s+|,(?=[A-Za-z][A-Za-z0-9+.-]*:)")


def receivers_in(alerts: SecretStr) -> list[str]:
    """The receivers of alerts that a setting names; secrets."""
    parts = _BETWEEN_RECEIVERS.split(alerts.get_secret_value())
    return [part.strip(",") for part in parts if part.strip(",")]


def _of_the_form(pattern: str, refusal: str) -> AfterValidator:
    def demand(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(refusal)
        return value

    return AfterValidator(demand)


def _location(value: str) -> str:
    if "://" in value and not value.startswith(SCHEMES):
        raise ValueError(f"must be a folder or start with one of {', '.join(SCHEMES)}")
    if value.startswith("s3://") and not value[len("s3://") :].strip("/"):
        raise ValueError("must name a bucket, such as s3://bucket/prefix")
    if not value.strip():
        raise ValueError("must be a folder or a URL such as s3://bucket/prefix, not empty")
    return value


def _lake(value: str) -> str:
    # DuckDB looks for the log of the database `a?b/views` in `a.wal?b/views`.
    if "://" not in value and "?" in str(Path(value).expanduser().absolute()):
        raise ValueError(
            "must not be in a folder with a question mark in its name, as DuckDB cannot open it"
        )
    return value


def _cron(value: str) -> str:
    if not schedule_of(value).comes:
        raise ValueError("must have a day that its months have")
    return value


def _receivers(value: SecretStr) -> SecretStr:
    for number, entry in enumerate(receivers_in(value), 1):
        if not _RECEIVER.fullmatch(entry):
            raise ValueError(
                f"receiver {number} must be a URL of apprise such as mailtos://..., the ARN of a "
                f"topic such as {TOPIC}, {IN_SECRETS_MANAGER}NAME or {IN_PARAMETER_STORE}NAME"
            )
    return value


_NO_CREDENTIALS = AfterValidator(demand_no_credentials)

Location = Annotated[str, _NO_CREDENTIALS, AfterValidator(_location)]
LakeLocation = Annotated[Location, AfterValidator(_lake)]
Memory = Annotated[
    str,
    _of_the_form(r"[1-9][0-9]{0,6}(MB|GB)", "must be a whole number with MB or GB, such as 1GB"),
]
# Stores that are not Amazon's have names of their own, such as `RegionOne` or `auto`.
Region = Annotated[
    str,
    _of_the_form(
        r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", "must be the name of a region such as eu-west-3"
    ),
]
Endpoint = Annotated[
    str,
    _NO_CREDENTIALS,
    _of_the_form(_ADDRESS, "must be an address such as http://host:9000"),
]
AddressOfUi = Annotated[
    str,
    _NO_CREDENTIALS,
    _of_the_form(f"({_ADDRESS})?", "must be an address such as https://dagster.example.org"),
]
RayAddress = Annotated[
    str,
    _of_the_form(
        r"local|auto|[^/\s:@]+:[0-9]{1,5}",
        "must be local, auto or an address such as head:6379",
    ),
]
Cron = Annotated[str, AfterValidator(_cron)]
Receivers = Annotated[SecretStr, AfterValidator(_receivers)]
Share = Annotated[float, Field(ge=0, le=1)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
