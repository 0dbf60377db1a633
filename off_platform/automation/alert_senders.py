"""Where alerts go: the services that apprise knows by their URLs, and topics of AWS SNS.

A URL is a secret: no message and no log of what is here contains one. What could not be sent is
kept, and sent again, by `alert_delivery.py`.
"""

import difflib
import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlsplit

from off_platform.automation.alert_secrets import NAMED, SecretNotReadError, revealed
from off_platform.automation.alerts import Message
from off_platform.settings import TOPIC, Settings, WrongSettingError

# Of a request, to connect and to answer, unless the URL has `cto` and `rto`.
SECONDS = 15
# SNS refuses longer subjects, and those that are not ASCII.
MOST_SUBJECT = 100
# Their URLs hold keys of AWS, which belong in the standard AWS chain.
_WITH_AWS_KEYS = {"sns", "ses", "awswhatsapp"}
_OF_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
# What apprise's JSON has is renamed or left out (an empty name) by these; a URL may change them.
_JSON_FIELDS = {"message": "text", "version": "", "attachments": "", "type": ""}
# In Discord or Mattermost these reach everybody; a zero-width space takes that from them.
_MENTION = re.compile(r"@(?=(?:everyone|here|channel|all)\b)", re.IGNORECASE)


class NotSentError(OSError):
    """An alert could not be sent; the message says by whom and why, and holds no secret.

    Attributes:
        had: digests of those recipients of one URL that accepted it.
    """

    def __init__(self, said: str, had: tuple[str, ...] = ()) -> None:
        """A sentence, and who has the alert nevertheless."""
        super().__init__(said)
        self.had = had


class PerhapsSentError(NotSentError):
    """All was handed over and no answer came in time: the receiver may have the alert."""


class WrongUrlError(ValueError):
    """apprise cannot send to a URL; the message says why, without the URL."""


class Sender(Protocol):
    """Sends a message to one receiver."""

    @property
    def name(self) -> str:
        """What people call the receiver."""

    def send(self, message: Message) -> None:
        """Sends it.

        Raises:
            NotSentError: it could not be sent.
            PerhapsSentError: it may have been; to send it again at once would repeat it.
        """


@dataclass(frozen=True)
class Service:
    """A service of apprise, by its URL or the name of the secret that holds the URL."""

    url: str = field(repr=False)
    name: str

    def send(self, message: Message) -> None:
        """See `Sender.send`."""
        from apprise import Apprise, NotifyFormat, NotifyType

        from off_platform.automation.alert_outcomes import heard

        try:
            service = service_of(revealed(self.url))
        except (SecretNotReadError, WrongUrlError) as error:
            raise NotSentError(f"The alert was not sent by {self.name}: {error}.") from None
        had = _without_repeats(service, message)
        title, body = _written(service, message)
        receiver = Apprise(asset=service.asset)
        receiver.add(service)
        with heard() as outcome:
            is_sent = receiver.notify(
                body=body,
                title=title,
                notify_type=NotifyType.WARNING,
                body_format=NotifyFormat.TEXT,
            )
        if not is_sent and outcome.is_unanswered:
            raise PerhapsSentError(
                f"The alert was handed over by {self.name}, and no answer came: {outcome.reason}.",
                tuple(had),
            )
        if not is_sent:
            raise NotSentError(
                f"The alert was not sent by {self.name}: {outcome.reason}.", tuple(had)
            )


@dataclass(frozen=True)
class Sns:
    """A topic of AWS SNS, signed by the ordinary AWS chain."""

    topic: str
    name: str = "sns"

    def send(self, message: Message) -> None:
        """See `Sender.send`."""
        from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

        from off_platform.storage.aws import client

        subject = " ".join(message.title.encode("ascii", "replace").decode().split())
        region = self.topic.split(":")[3]
        try:
            client("sns", region, attempts=1, seconds=SECONDS).publish(
                TopicArn=self.topic,
                Subject=subject[:MOST_SUBJECT],
                Message=f"{message.text}\n\n{message.link}".rstrip(),
            )
        except ReadTimeoutError as error:
            raise PerhapsSentError(
                f"The alert was handed over by {self.name}, and no answer came: "
                f"{type(error).__name__}."
            ) from None
        except (BotoCoreError, ClientError) as error:
            raise NotSentError(
                f"The alert was not sent by {self.name}: {type(error).__name__}."
            ) from None


def service_of(url: str) -> Any:
    """Apprise's service of a URL, with our timeouts, and without redirects and own retries.

    Raises:
        WrongUrlError: apprise does not know it, or it is not safe.
    """
    from apprise import Apprise, AppriseAsset, OverflowMode

    from off_platform.automation.alert_outcomes import heard

    scheme = url.partition(":")[0].lower()
    if scheme in _WITH_AWS_KEYS:
        raise WrongUrlError(
            f"{scheme}:// holds keys of AWS; name the topic by its ARN, such as {TOPIC}, and leave "
            "the keys to the standard AWS chain"
        )
    asset = AppriseAsset(
        app_id="Off Platform",
        app_desc="Off Platform",
        http_redirects=False,
        async_mode=False,
        service_timeout=0,
    )
    services = _services()
    with heard():
        service: Any = Apprise.instantiate(url, asset=asset)
    if service is None:
        raise WrongUrlError(_why_unknown(scheme, services))
    is_open = getattr(service, "secure_mode", "") == "insecure" and service.password
    if is_open and service.host not in _OF_THIS_MACHINE:
        raise WrongUrlError(f"{scheme}:// would send its password unencrypted; use {scheme}s://")
    # A retry of apprise's own would repeat what got no answer.
    service.retry = 0
    if not _has(url, "cto"):
        service.socket_connect_timeout = SECONDS
    if not _has(url, "rto"):
        service.socket_read_timeout = SECONDS
    if not _has(url, "overflow"):
        # As is, a service with a limit would refuse a long text for ever.
        service.overflow_mode = OverflowMode.TRUNCATE
    return service


def _has(url: str, name: str) -> bool:
    return f"&{name}=" in f"&{url.partition('?')[2]}"


@cache
def _services() -> dict[str, str]:
    """The schemes that apprise knows, each with the page that describes its URLs."""
    from apprise.manager_plugins import NotificationManager

    with warnings.catch_warnings():
        # apprise looks whether Python has `imghdr` still.
        warnings.simplefilter("ignore", DeprecationWarning)
        plugins: Any = NotificationManager()  # type: ignore[no-untyped-call]
        return {scheme: str(plugins[scheme].setup_url) for scheme in sorted(plugins.schemas())}


def _why_unknown(scheme: str, services: Mapping[str, str]) -> str:
    if scheme in services:
        return f"apprise cannot read this {scheme}:// URL; {services[scheme]} has its form"
    if scheme in ("http", "https"):
        return (
            f"{scheme}:// is the address of no service that apprise knows; a webhook that takes "
            f"JSON is {'jsons' if scheme == 'https' else 'json'}://"
        )
    near = difflib.get_close_matches(scheme, services, 1)
    return f"apprise has no service {scheme}://" + (f"; {near[0]}:// may be meant" if near else "")


def _without_repeats(service: Any, message: Message) -> set[str]:
    """Has a service pass over the recipients that have the alert; gives them, as it goes on."""
    had = set(message.had)

    def is_delivered(key: Any, per_message: bool = False) -> bool:  # noqa: ARG001, FBT001, FBT002 - apprise's
        return _digest(key) in had

    def mark_delivered(key: Any, per_message: bool = False) -> None:  # noqa: ARG001, FBT001, FBT002 - apprise's
        had.add(_digest(key))

    service.is_delivered = is_delivered
    service.mark_delivered = mark_delivered
    return had


def _digest(recipient: object) -> str:
    return hashlib.sha256(repr(recipient).encode()).hexdigest()[:16]


def _written(service: Any, message: Message) -> tuple[str, str]:
    """Title and body for a service; webhooks get the other fields, and the key of the alert."""
    if message.key and "headers" in service.template_kwargs:
        service.headers = {"Idempotency-Key": message.key, **service.headers}
    if "payload" in service.template_kwargs:
        fields = {
            "link": message.link,
            "same_as": message.same_as,
            "idempotency_key": message.key,
        }
        if service.schema in ("json", "jsons"):
            fields |= _JSON_FIELDS
        service.payload_extras = {**fields, **service.payload_extras}
        return message.title, message.text
    body = f"{message.text}\n\n{message.link}".rstrip()
    return " ".join(_quiet(message.title).split()), _quiet(body)


def _quiet(text: str) -> str:
    return _MENTION.sub("@\u200b", text)


def senders_from(settings: Settings) -> list[Sender]:
    """The receivers that are set.

    Each is called by its scheme, and a further one of the same scheme by its number, too: what
    waits for a receiver is sent once its URL is corrected.
    """
    found: list[Sender] = []
    seen: Counter[str] = Counter()
    for entry in settings.alert_receivers:
        is_topic = entry.startswith("arn:")
        kind = "sns" if is_topic else entry if entry.startswith(NAMED) else urlsplit(entry).scheme
        seen[kind] += 1
        name = kind if seen[kind] == 1 else f"{kind}-{seen[kind]}"
        found.append(Sns(entry, name) if is_topic else Service(entry, name))
    return found


def demand_known(settings: Settings) -> None:
    """Refuses receivers that no alert could be sent to; a named secret is read when it is used.

    Raises:
        WrongSettingError: which, and why, without its URL.
    """
    for number, entry in enumerate(settings.alert_receivers, 1):
        if entry.startswith(("arn:", NAMED)):
            continue
        try:
            service_of(entry)
        except WrongUrlError as error:
            raise WrongSettingError(f"OFF_PLATFORM_ALERTS, receiver {number}: {error}.") from None
