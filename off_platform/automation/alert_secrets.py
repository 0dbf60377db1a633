"""A sender's secret: the setting itself, or what AWS holds under the name that it gives.

A secret of Secrets Manager, or a parameter of Systems Manager. `alert_senders.py` uses them.
"""

import warnings
from collections.abc import Callable, Mapping

import dagster as dg
from botocore.exceptions import BotoCoreError, ClientError
from dagster_aws.secretsmanager import SecretsManagerResource
from dagster_aws.ssm import SSMResource

from off_platform.setting_values import IN_PARAMETER_STORE, IN_SECRETS_MANAGER


class SecretNotReadError(OSError):
    """The secret could not be read; the message says which and why, without its content."""


def revealed(text: str) -> str:
    """The text itself, or what `secretsmanager:NAME` or `ssm:NAME` names; NAME may be an ARN.

    It is read each time, so that a rotated secret is used without a restart.

    Raises:
        SecretNotReadError: it does not exist, is refused, cannot be reached or is not text.
    """
    store = next((store for store in _STORES if text.startswith(store)), None)
    return _content(store, text.removeprefix(store)) if store else text


def _content(store: str, name: str) -> str:
    # arn:aws:SERVICE:REGION:ACCOUNT:...; else the region is that of the AWS chain.
    region = name.split(":")[3] if name.count(":") > 3 else None  # noqa: PLR2004 - as above
    try:
        with warnings.catch_warnings():
            # Dagster has both in beta since 2021.
            warnings.simplefilter("ignore", dg.BetaWarning)
            return _STORES[store](name, region).strip()
    except ClientError as error:
        reason = error.response.get("Error", {}).get("Code", "refused")
    except (BotoCoreError, KeyError) as error:
        reason = type(error).__name__
    raise SecretNotReadError(f"the secret {name} could not be read: {reason}")


def _of_secrets_manager(name: str, region: str | None) -> str:
    client = SecretsManagerResource(region_name=region).get_client()
    return str(client.get_secret_value(SecretId=name)["SecretString"])


def _of_systems_manager(name: str, region: str | None) -> str:
    client = SSMResource(region_name=region).get_client()
    return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


_STORES: Mapping[str, Callable[[str, str | None], str]] = {
    IN_SECRETS_MANAGER: _of_secrets_manager,
    IN_PARAMETER_STORE: _of_systems_manager,
}
