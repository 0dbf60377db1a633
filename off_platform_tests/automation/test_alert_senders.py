"""Where alerts go: over servers on this machine, and never with a secret in sight."""

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import boto3
import dagster as dg
import pytest
from moto import mock_aws

from off_platform.automation.alert_delivery import deliver, deliver_waiting
from off_platform.automation.alert_senders import senders_from
from off_platform.automation.alerts import Message
from off_platform.automation.sending import NotSentError
from off_platform.definitions import definitions
from off_platform.setting_values import TOPIC
from off_platform.settings import Settings, WrongSettingError
from off_platform_tests.automation.listeners import listening, mailbox

TEXT = "error, a <b>: row 2\n    row 3: '  x'"
MESSAGE = Message("2 checks failed: imports, x.csv", TEXT, "http://ui/runs/1", "k", "key-1")
# A port of this machine that nothing listens to.
CLOSED = 1


def settings_of(*receivers: str) -> Settings:
    return Settings(_env_file=None, alerts="\n".join(receivers))


def send(url: str, message: Message = MESSAGE) -> None:
    (sender,) = senders_from(settings_of(url))
    sender.send(message)


def test_a_webhook_gets_json_and_the_key_in_a_header_too() -> None:
    with listening() as server:
        send(server.url)
    assert server.bodies == [
        {
            "title": MESSAGE.title,
            "text": MESSAGE.text,
            "link": MESSAGE.link,
            "same_as": "k",
            "idempotency_key": "key-1",
        }
    ]
    assert server.keys == ["key-1"]


def test_a_url_may_name_the_fields_of_its_json() -> None:
    with listening() as server:
        send(f"{server.url}?:message=body&:team=data&:type=level")
    (body,) = server.bodies
    assert (body["body"], body["team"], body["level"]) == (MESSAGE.text, "data", "warning")
    assert "text" not in body


def test_a_chat_gets_text_and_link_without_mentions_of_everybody() -> None:
    with listening() as server:
        send(server.chat, Message("x@here.csv", "row 2: '@channel'", "http://ui/runs/1", "k"))
    (body,) = server.bodies
    assert body["text"].replace("\r", "") == (
        "x@\u200bhere.csv\nrow 2: '@\u200bchannel'\n\nhttp://ui/runs/1"
    )


def test_a_text_that_is_too_long_for_a_service_is_cut() -> None:
    with listening() as server:
        send(server.chat, Message("title", "x" * 6000, "", "k"))
    assert 1000 < len(server.bodies[0]["text"]) <= 4000


@pytest.mark.parametrize("status", [302, 404, 429, 500, 503])
def test_an_unsent_alert_reports_the_answer_without_the_url(status: int) -> None:
    with listening() as server:
        server.answers = [status]
        with pytest.raises(NotSentError, match=f"not sent by json: it answered {status}") as caught:
            send(server.url)
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_an_e_mail_is_delivered_to_each_recipient() -> None:
    with mailbox() as (port, mails):
        send(f"mailto://127.0.0.1:{port}?from=a@x.org&to=b@x.org,c@x.org")
    assert [(mail["Subject"], mail["To"]) for mail in mails] == [
        (MESSAGE.title, "b@x.org"),
        (MESSAGE.title, "c@x.org"),
    ]
    text = mails[0].get_content()
    assert "error, a <b>: row 2" in text
    assert MESSAGE.link in text
    assert mails[0]["Idempotency-Key"] == "key-1"


def test_an_e_mail_demands_encryption_where_the_url_does() -> None:
    # The server here cannot encrypt.
    with mailbox() as (port, mails), pytest.raises(NotSentError, match="mailtos"):
        send(f"mailtos://u:s3cr3t@127.0.0.1:{port}?from=a@x.org&to=b@x.org")
    assert mails == []


def test_a_topic_of_sns_gets_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        queue = boto3.client("sqs", region_name="eu-west-3").create_queue(QueueName="q")["QueueUrl"]
        sns = boto3.client("sns", region_name="eu-west-3")
        topic = sns.create_topic(Name="alerts")["TopicArn"]
        arn = "arn:aws:sqs:eu-west-3:123456789012:q"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        send(topic)
        found = boto3.client("sqs", region_name="eu-west-3").receive_message(QueueUrl=queue)
        assert "row 2" in found["Messages"][0]["Body"]
        with pytest.raises(NotSentError, match="sns"):
            send("arn:aws:sns:eu-west-3:123456789012:none")


def test_receivers_are_separated_by_spaces_commas_and_lines() -> None:
    alerts = (
        f" slack://a/b/c,json://h/1?x=1,2 , json://h/2\n{TOPIC},secretsmanager:team/hook\n"
        "mailto://127.0.0.1?from=a@x.org&to=b@x.org,c@x.org,"
    )
    found = Settings(_env_file=None, alerts=alerts)
    assert found.alert_receivers == [
        "slack://a/b/c",
        "json://h/1?x=1,2",
        "json://h/2",
        TOPIC,
        "secretsmanager:team/hook",
        "mailto://127.0.0.1?from=a@x.org&to=b@x.org,c@x.org",
    ]
    names = [sender.name for sender in senders_from(found)]
    assert names == ["slack", "json", "json-2", "sns", "secretsmanager:team/hook", "mailto"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("jsno://s3cr3t/x", "apprise has no service jsno://; json:// may be meant"),
        ("zzzzzzzz://s3cr3t/x", "apprise has no service zzzzzzzz://"),
        ("slack://s3cr3t", "apprise cannot read this slack:// URL; https://"),
        ("https://hooks.example.org/s3cr3t", "for a webhook that accepts JSON, use jsons://"),
        ("http://localhost/s3cr3t", "for a webhook that accepts JSON, use json://"),
        ("sns://AKIA/s3cr3t/eu-west-3/topic", "name the topic by its ARN, such as arn:aws:sns:"),
        ("mailto://me:s3cr3t@mail.example.org", "password unencrypted; use mailtos://"),
    ],
)
def test_a_receiver_that_no_alert_could_reach_is_refused_at_the_start(url: str, why: str) -> None:
    with pytest.raises(WrongSettingError) as caught:
        definitions(of=settings_of(TOPIC, url))
    assert str(caught.value).startswith("OFF_PLATFORM_ALERTS, receiver 2: ")
    assert why in str(caught.value)
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def test_secrets_are_shown_nowhere(
    kept: dg.DagsterInstance, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever becomes of an alert: in logs of all levels, errors, the UI, Dagster's files."""
    caplog.set_level(logging.DEBUG)
    said = []
    with listening() as refuses, listening() as late, listening() as takes:
        refuses.answers, late.is_late = [403] * 9, True
        settings = settings_of(
            refuses.url,
            f"{late.url}?rto=0.2&-token=s3cr3t",
            takes.url,
            refuses.chat,
            f"json://user:s3cr3t@127.0.0.1:{CLOSED}/s3cr3t?+Authorization=s3cr3t",
            f"mailto://user:s3cr3t@127.0.0.1:{CLOSED}?from=a@x.org&to=b@x.org",
            f"mailtos://user:s3cr3t@127.0.0.1:{refuses.port}?from=a@x.org&to=b@x.org&cto=1",
            # A host that no server has.
            "jsons://nowhere.invalid/s3cr3t",
        )
        for attempt in (
            lambda: deliver(settings, kept, MESSAGE),
            lambda: deliver_waiting(settings, kept),
        ):
            with pytest.raises(NotSentError) as caught:
                attempt()
            said.append("".join(traceback.format_exception(caught.value)))
        made = definitions(of=settings).get_repository_def()
    assert len(takes.bodies) == 1
    assert "json-2, and no answer came: ReadTimeout" in said[0]
    shown = str(made.get_top_level_resources()["settings"].description)
    assert "OFF_PLATFORM_ALERTS" in shown
    for place in (*said, shown, repr(settings), repr(senders_from(settings)), caplog.text):
        assert "s3cr3t" not in place
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"off_platform/unsent/json" in path.read_bytes() for path in files)
    assert [path for path in files if b"s3cr3t" in path.read_bytes()] == []
