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
# SNS refuses longer subjects, and such as are no ASCII.
MOST_SUBJECT = 100


class NotSentError(OSError):
    """An alert could not be sent; the message says by whom and why, and holds no secret."""


class Sender(Protocol):
    """Sends a message to one place."""

    @property
    def name(self) -> str:
        """What people call the place."""

    def send(self, message: Message) -> None:
        """Sends it.

        Raises:
            NotSentError: it could not be sent.
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
        _post(self.name, self.url, {"text": f"*{title}*\n{text}{link}"})


@dataclass(frozen=True)
class Webhook:
    """Any address that takes JSON: `title`, `text`, `link`, `same_as`."""

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
            },
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
        mail.set_content(f"{message.text}\n\n{message.link}".rstrip() + "\n")
        failure: Exception | None = None
        for _ in range(TRIES):
            try:
                self._deliver(mail, password)
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
        server.send_message(mail)


@dataclass(frozen=True)
class Sns:
    """A topic of AWS SNS, signed by the ordinary AWS chain."""

    topic: str
    name: str = "SNS"

    def send(self, message: Message) -> None:
        """See `Sender.send`."""
        import boto3  # noqa: PLC0415 - 0.7 s, only where it is used
        from botocore.config import Config  # noqa: PLC0415 - with it
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - with it

        subject = message.title.encode("ascii", "replace").decode()[:MOST_SUBJECT]
        body = f"{message.text}\n\n{message.link}".rstrip()
        try:
            config = Config(retries={"max_attempts": TRIES}, read_timeout=SECONDS)
            region = self.topic.split(":")[3]
            client = boto3.client("sns", region_name=region, config=config)
            client.publish(TopicArn=self.topic, Subject=" ".join(subject.split()), Message=body)
        except (BotoCoreError, ClientError, IndexError) as error:
            raise NotSentError(
                f"The alert was not sent by {self.name}: {type(error).__name__}."
            ) from None


def _revealed(name: str, secret: str) -> str:
    try:
        return revealed(secret)
    except SecretNotReadError as error:
        raise NotSentError(f"The alert was not sent by {name}: {error}.") from None


def _post(name: str, url: str, body: Mapping[str, Any]) -> None:
    import requests  # noqa: PLC0415 - 0.1 s, only where it is used
    from requests.adapters import HTTPAdapter  # noqa: PLC0415 - with it
    from urllib3.util import Retry  # noqa: PLC0415 - with it

    address = _revealed(name, url)
    again = Retry(
        TRIES - 1, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None, raise_on_status=False,
    )  # fmt: skip
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=again))
        try:
            answer = session.post(address, json=body, timeout=SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            raise NotSentError(
                f"The alert was not sent by {name}: {type(error).__name__}."
            ) from None
    if not answer.ok:
        raise NotSentError(f"The alert was not sent by {name}: it answered {answer.status_code}.")


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
