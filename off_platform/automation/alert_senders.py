"""Where alerts go: Slack and what understands its form, a webhook, e-mail, AWS SNS.

Each tries a few times and then says so, without its address: that is a secret, often.
"""

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Protocol

from off_platform.automation.alert_secrets import SecretNotReadError, revealed
from off_platform.automation.alerts import Message
from off_platform.settings import Settings

TRIES = 3
SECONDS = 15
# 502 and 504: of a gateway that had no answer of the receiver.
_OF_GATEWAYS = (502, 504)
# SNS refuses longer subjects, and those that are not ASCII.
MOST_SUBJECT = 100


class NotSentError(OSError):
    """An alert could not be sent; the message says by whom and why, and holds no secret."""


class PerhapsSentError(NotSentError):
    """All was handed over and no answer came in time: the receiver may have the alert."""


class Sender(Protocol):
    """Sends a message to one place."""

    @property
    def name(self) -> str:
        """What people call the place."""

    def send(self, message: Message) -> None:
        """Sends it.

        Raises:
            NotSentError: it could not be sent.
            PerhapsSentError: it may have been; to send it again at once would repeat it.
        """


@dataclass(frozen=True)
class SlackWebhook:
    """An incoming webhook of Slack, Mattermost, Rocket.Chat or whatever else takes `text`."""

    url: str
    name: str = "slack"

    def send(self, message: Message) -> None:
        """See `Sender.send`."""
        # Slack's own escapes: nothing of a producer's file becomes a link or a mention.
        text = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        title = message.title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        link = f"\n<{message.link}|Open the run>" if message.link else ""
        _post(self.name, self.url, {"text": f"*{title}*\n{text}{link}"}, message.key)


@dataclass(frozen=True)
class Webhook:
    """Any address that takes JSON: `title`, `text`, `link`, `same_as`, `idempotency_key`."""

    url: str
    name: str = "webhook"

    def send(self, message: Message) -> None:
        """See `Sender.send`."""
        _post(
            self.name,
            self.url,
            {
                "title": message.title,
                "text": message.text,
                "link": message.link,
                "same_as": message.same_as,
                "idempotency_key": message.key,
            },
            message.key,
        )


@dataclass(frozen=True)
class Email:
    """E-mail by SMTP, encrypted unless the server is this machine's."""

    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str
    to: tuple[str, ...]
    name: str = "e-mail"

    def send(self, message: Message) -> None:
        """See `Sender.send`."""
        password = _revealed(self.name, self.password)
        mail = EmailMessage()
        mail["Subject"] = " ".join(message.title.split())
        mail["From"], mail["To"] = self.sender, ", ".join(self.to)
        if message.key:
            mail["Message-ID"] = f"<{message.key}@off-platform>"
        mail.set_content(f"{message.text}\n\n{message.link}".rstrip() + "\n")
        failure: Exception | None = None
        for _ in range(TRIES):
            try:
                self._deliver(mail, password)
            except PerhapsSentError:
                raise
            except (OSError, smtplib.SMTPException) as error:
                failure = error
            else:
                return
        raise NotSentError(f"The alert was not sent by {self.name}: {type(failure).__name__}.")

    def _deliver(self, mail: EmailMessage, password: str) -> None:
        context = ssl.create_default_context()
        if self.security == "ssl":
            with smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=context) as server:
                self._hand_over(server, mail, password)
            return
        with smtplib.SMTP(self.host, self.port, timeout=SECONDS) as server:
            if self.security == "starttls":
                server.starttls(context=context)
            self._hand_over(server, mail, password)

    def _hand_over(self, server: smtplib.SMTP, mail: EmailMessage, password: str) -> None:
        if self.user:
            server.login(self.user, password)
        try:
            server.send_message(mail)
        except (TimeoutError, smtplib.SMTPServerDisconnected) as error:
            raise _no_answer(self.name, error) from None


@dataclass(frozen=True)
class Sns:
    """A topic of AWS SNS, signed by the ordinary AWS chain."""

    topic: str
    name: str = "SNS"

    def send(self, message: Message) -> None:
        """See `Sender.send`."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ReadTimeoutError,
        )

        subject = message.title.encode("ascii", "replace").decode()[:MOST_SUBJECT]
        body = f"{message.text}\n\n{message.link}".rstrip()
        try:
            # One attempt: boto3 would repeat what got no answer.
            config = Config(retries={"total_max_attempts": 1}, read_timeout=SECONDS)
            region = self.topic.split(":")[3]
            client = boto3.client("sns", region_name=region, config=config)
            client.publish(TopicArn=self.topic, Subject=" ".join(subject.split()), Message=body)
        except ReadTimeoutError as error:
            raise _no_answer(self.name, error) from None
        except (BotoCoreError, ClientError, IndexError) as error:
            raise NotSentError(
                f"The alert was not sent by {self.name}: {type(error).__name__}."
            ) from None


def _revealed(name: str, secret: str) -> str:
    try:
        return revealed(secret)
    except SecretNotReadError as error:
        raise NotSentError(f"The alert was not sent by {name}: {error}.") from None


def _no_answer(name: str, error: Exception) -> PerhapsSentError:
    return PerhapsSentError(
        f"The alert was handed over by {name}, and no answer came: {type(error).__name__}."
    )


def _post(name: str, url: str, body: Mapping[str, Any], key: str) -> None:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    address = _revealed(name, url)
    # Not after a read timeout, nor after answers of a gateway whose receiver may have it.
    again = Retry(
        TRIES - 1, read=0, backoff_factor=0.5, status_forcelist=(429, 503),
        allowed_methods=None, raise_on_status=False,
    )  # fmt: skip
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=again))
        try:
            answer = session.post(
                address, json=body, timeout=SECONDS, allow_redirects=False,
                headers={"Idempotency-Key": key} if key else None,
            )  # fmt: skip
        except requests.RequestException as error:
            if _is_unanswered(error):
                raise _no_answer(name, error) from None
            raise NotSentError(
                f"The alert was not sent by {name}: {type(error).__name__}."
            ) from None
    if answer.status_code in _OF_GATEWAYS:
        raise PerhapsSentError(
            f"The alert of {name} may be lost: it answered {answer.status_code}."
        )
    if not answer.ok:
        raise NotSentError(f"The alert was not sent by {name}: it answered {answer.status_code}.")


def _is_unanswered(error: Exception) -> bool:
    """Whether a request was on its way when it failed; urllib3 names that in what it raises."""
    from requests.exceptions import ConnectTimeout, ReadTimeout
    from urllib3.exceptions import (
        MaxRetryError,
        ProtocolError,
        ReadTimeoutError,
    )

    if isinstance(error, ConnectTimeout):
        return False
    cause = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    return isinstance(error, ReadTimeout) or isinstance(cause, ReadTimeoutError | ProtocolError)


def senders_from(settings: Settings) -> list[Sender]:
    """The senders that are set; several at once."""
    found: list[Sender] = []
    if settings.alert_slack_webhook:
        found.append(SlackWebhook(settings.alert_slack_webhook.get_secret_value()))
    if settings.alert_webhook:
        found.append(Webhook(settings.alert_webhook.get_secret_value()))
    if settings.alert_email_to:
        found.append(
            Email(
                settings.alert_smtp_host,
                settings.alert_smtp_port,
                settings.alert_smtp_security,
                settings.alert_smtp_user,
                settings.alert_smtp_password.get_secret_value(),
                settings.alert_email_from,
                tuple(each.strip() for each in settings.alert_email_to.split(",") if each.strip()),
            )
        )
    if settings.alert_sns_topic:
        found.append(Sns(settings.alert_sns_topic))
    return found
