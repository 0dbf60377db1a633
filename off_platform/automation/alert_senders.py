"""Where alerts go: the services that apprise knows by their URLs, and topics of AWS SNS.

Sending by apprise is in `apprise_services.py`; `alert_delivery.py` keeps unsent alerts and sends
them again. A URL is a secret: no message and no log contains one.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from off_platform.automation.alerts import Message
from off_platform.automation.sending import SECONDS, NotSentError, PerhapsSentError
from off_platform.setting_values import NAMED
from off_platform.settings import Settings, WrongSettingError

# SNS refuses longer subjects, and those that are not ASCII.
MOST_SUBJECT = 100


class Sender(Protocol):
    """Sends a message to one receiver."""

    @property
    def name(self) -> str:
        """The receiver's name in messages."""

    def send(self, message: Message) -> None:
        """Sends it.

        Raises:
            NotSentError: it could not be sent.
            PerhapsSentError: it may have been sent; sending it again at once could repeat it.
        """


@dataclass(frozen=True)
class Service:
    """A service of apprise, by its URL or the name of the secret that holds the URL."""

    url: str = field(repr=False)
    name: str

    def send(self, message: Message) -> None:
        """See `Sender.send`."""
        from off_platform.automation.apprise_services import send

        send(self.url, self.name, message)


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
                f"The alert was transmitted by {self.name}, and no answer came: "
                f"{type(error).__name__}."
            ) from None
        except (BotoCoreError, ClientError) as error:
            raise NotSentError(
                f"The alert was not sent by {self.name}: {type(error).__name__}."
            ) from None


def senders_from(settings: Settings) -> list[Sender]:
    """The configured receivers.

    Each is named after its scheme, and a further one of the same scheme has a number: so its
    waiting alerts are sent once its URL is corrected.
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
    """Refuses receivers that cannot work; a named secret is read when it is used.

    Raises:
        WrongSettingError: which, and why, without its URL.
    """
    urls = {
        number: entry
        for number, entry in enumerate(settings.alert_receivers, 1)
        if not entry.startswith(("arn:", *NAMED))
    }
    if not urls:
        return
    from off_platform.automation.apprise_services import WrongUrlError, service_of

    for number, entry in urls.items():
        try:
            service_of(entry)
        except WrongUrlError as error:
            raise WrongSettingError(f"OFF_PLATFORM_ALERTS, receiver {number}: {error}.") from None
