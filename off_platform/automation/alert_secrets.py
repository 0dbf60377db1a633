"""A sender's secret: the setting itself, or the content of the AWS secret that it names.

`alert_senders.py` uses them.
"""

import warnings

import dagster as dg
from botocore.exceptions import BotoCoreError, ClientError
from dagster_aws.secretsmanager import SecretsManagerResource

from off_platform.settings import NAMED


class SecretNotReadError(OSError):
    """The secret could not be read; the message says which and why, without its content."""


def revealed(text: str) -> str:
    """The text itself, or the content of the secret that `secretsmanager:NAME` or its ARN names.

    It is read each time, so that a rotated secret is used without a restart.

    Raises:
        SecretNotReadError: it does not exist, is refused, cannot be reached or is not text.
    """
    return _content(text.removeprefix(NAMED)) if text.startswith(NAMED) else text


def _content(name: str) -> str:
    # arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME; else the region is that of the AWS chain.
    region = name.split(":")[3] if name.count(":") > 3 else None  # noqa: PLR2004 - as above
    try:
        with warnings.catch_warnings():
            # Dagster has it in beta since 2021.
            warnings.simplefilter("ignore", dg.BetaWarning)
            manager = SecretsManagerResource(region_name=region)
        answer = manager.get_client().get_secret_value(SecretId=name)
        return str(answer["SecretString"]).strip()
    except ClientError as error:
        reason = error.response.get("Error", {}).get("Code", "refused")
    except (BotoCoreError, KeyError) as error:
        reason = type(error).__name__
    raise SecretNotReadError(f"the secret {name} could not be read: {reason}")
