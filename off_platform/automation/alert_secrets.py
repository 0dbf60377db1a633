"""A secret of a sender: what is set, or what a secret of AWS Secrets Manager that is named holds.

Who uses them is `alert_senders.py`.
"""

import warnings
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster_aws.secretsmanager import SecretsManagerResource

NAMED = "secretsmanager:"


class SecretNotReadError(OSError):
    """The secret could not be read; the message says which and why, without its content."""


def revealed(text: str) -> str:
    """What is set; of `secretsmanager:NAME` or `secretsmanager:ARN`, what that secret holds.

    It is read each time, so that a rotated secret is used without a restart.

    Raises:
        SecretNotReadError: it is not there, refused, out of reach or not a text.
    """
    if not text.startswith(NAMED):
        return text
    from botocore.exceptions import BotoCoreError, ClientError

    name = text.removeprefix(NAMED)
    try:
        answer = _manager(name).get_client().get_secret_value(SecretId=name)
        return str(answer["SecretString"]).strip()
    except ClientError as error:
        reason = error.response.get("Error", {}).get("Code", "refused")
    except (BotoCoreError, KeyError) as error:
        reason = type(error).__name__
    raise SecretNotReadError(f"the secret {name} could not be read: {reason}")


def _manager(name: str) -> "SecretsManagerResource":
    """Secrets Manager, in the region of an ARN or else in that of the AWS chain."""
    from dagster_aws.secretsmanager import (
        SecretsManagerResource,
    )

    # arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME
    region = name.split(":")[3] if name.count(":") > 3 else None  # noqa: PLR2004 - as above
    with warnings.catch_warnings():
        # Dagster has it in beta since 2021.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return SecretsManagerResource(region_name=region)
