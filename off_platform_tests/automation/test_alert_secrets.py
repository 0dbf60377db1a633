"""Secrets of alerts that Secrets Manager or Systems Manager holds, over a server of their APIs."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests

from off_platform.automation.alert_secrets import revealed
from off_platform.automation.alert_senders import Service
from off_platform.automation.alerts import Message
from off_platform.automation.sending import NotSentError
from off_platform_tests.automation.listeners import listening
from off_platform_tests.s3.moto_server import moto_server

MESSAGE = Message("Late: bins", "bins: 40 days", "", "same")
REGION = "eu-west-3"


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of Secrets Manager on this machine, where the AWS chain leads to."""
    with moto_server() as url:
        # All servers of one process share their secrets.
        requests.post(f"{url}/moto-api/reset", timeout=60)
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }.items():
            monkeypatch.setenv(name, value)
        yield boto3.client("secretsmanager")


def test_a_named_secret_is_read_by_name_and_by_arn(secrets: Any) -> None:
    made = secrets.create_secret(Name="alerts/slack", SecretString="https://hooks/1\n")
    assert revealed("secretsmanager:alerts/slack") == "https://hooks/1"
    assert revealed(f"secretsmanager:{made['ARN']}") == "https://hooks/1"


@pytest.mark.slow
@pytest.mark.usefixtures("secrets")
def test_a_named_parameter_is_read_and_decrypted() -> None:
    boto3.client("ssm").put_parameter(
        Name="/alerts/slack", Value="https://hooks/2", Type="SecureString"
    )
    assert revealed("ssm:/alerts/slack") == "https://hooks/2"
    with pytest.raises(NotSentError, match=r"secret /alerts/none .*: ParameterNotFound"):
        Service("ssm:/alerts/none", "none").send(MESSAGE)


@pytest.mark.slow
def test_an_alert_follows_a_rotated_secret(secrets: Any) -> None:
    with listening() as first, listening() as second:
        secrets.create_secret(Name="hook", SecretString=first.url)
        receiver = Service("secretsmanager:hook", "hook")
        receiver.send(MESSAGE)
        secrets.put_secret_value(SecretId="hook", SecretString=second.url)
        receiver.send(MESSAGE)
        assert [len(first.bodies), len(second.bodies)] == [1, 1]


@pytest.mark.usefixtures("secrets")
def test_an_alert_with_a_missing_secret_is_not_sent_and_says_why() -> None:
    with pytest.raises(NotSentError, match=r"secret hook .*: ResourceNotFoundException"):
        Service("secretsmanager:hook", "hook").send(MESSAGE)


def test_a_secret_that_is_not_a_url_is_refused_without_showing_it(secrets: Any) -> None:
    secrets.create_secret(Name="hook", SecretString="jsno://s3cr3t")
    with pytest.raises(NotSentError, match="no service jsno://; json:// may be meant") as caught:
        Service("secretsmanager:hook", "hook").send(MESSAGE)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("T0/B0/s3cr3t", "it is text, not a URL"),
        ("xoxb-s3cr3t:2", "it is text, not a URL"),
        ('{"url": "slack://s3cr3t"}', "it is JSON, not a URL"),
    ],
)
def test_a_secret_without_a_scheme_is_not_shown_at_all(secrets: Any, text: str, shown: str) -> None:
    secrets.create_secret(Name="hook", SecretString=text)
    with pytest.raises(NotSentError, match=shown) as caught:
        Service("secretsmanager:hook", "hook").send(MESSAGE)
    assert "s3cr3t" not in str(caught.value)


def test_what_names_no_secret_is_itself() -> None:
    assert revealed("https://hooks/1") == "https://hooks/1"
