"""Sends alerts by apprise: the meaning of a URL, the message's form, and the outcome.

Loaded only if there is such a URL: apprise takes 0.3 s. No error message contains the URL.
"""

import difflib
import hashlib
import re
import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, OverflowMode
from apprise.manager_plugins import NotificationManager

from off_platform.automation.alert_outcomes import heard
from off_platform.automation.alert_secrets import SecretNotReadError, revealed
from off_platform.automation.alerts import Message
from off_platform.automation.sending import SECONDS, NotSentError, PerhapsSentError
from off_platform.setting_values import TOPIC

# Their URLs hold keys of AWS, which belong in the standard AWS chain.
_WITH_AWS_KEYS = {"sns", "ses", "awswhatsapp"}
_FORM = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://")
_OF_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
# Fields of apprise's JSON are renamed, or omitted (empty name), by these; a URL may change them.
_JSON_FIELDS = {"message": "text", "version": "", "attachments": "", "type": ""}
# In Discord or Mattermost these notify everybody; a zero-width space prevents that.
_MENTION = re.compile(r"@(?=(?:everyone|here|channel|all)\b)", re.IGNORECASE)


class WrongUrlError(ValueError):
    """apprise cannot send to a URL; the message says why, without the URL."""


def send(url: str, name: str, message: Message) -> None:
    """Sends a message to the receiver of a URL.

    Args:
        url: of apprise, or the name of the secret that holds it.
        name: the receiver's name in messages.
        message: its `had` names the recipients that have it already.

    Raises:
        NotSentError: it could not be sent.
        PerhapsSentError: it may have been.
    """
    try:
        service = service_of(revealed(url))
    except (SecretNotReadError, WrongUrlError) as error:
        raise NotSentError(f"The alert was not sent by {name}: {error}.") from None
    had = _without_repeats(service, message)
    title, body = _written(service, message)
    receiver = Apprise(asset=service.asset)
    receiver.add(service)
    with heard() as outcome:
        is_sent = receiver.notify(
            body=body, title=title, notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT
        )
    if not is_sent and outcome.is_unanswered:
        raise PerhapsSentError(
            f"The alert was transmitted by {name}, and no answer came: {outcome.reason}.",
            tuple(had),
        )
    if not is_sent:
        raise NotSentError(f"The alert was not sent by {name}: {outcome.reason}.", tuple(had))


def service_of(url: str) -> Any:
    """Apprise's service of a URL, with our timeouts, without redirects and without its retries.

    Raises:
        WrongUrlError: apprise does not support it, or it is not safe.
    """
    if not _FORM.match(url):
        # Its beginning may be the secret itself.
        what = "JSON" if url.lstrip().startswith("{") else "text"
        raise WrongUrlError(f"it is {what}, not a URL such as slack://...; give the URL alone")
    scheme = url.partition(":")[0].lower()
    if scheme in _WITH_AWS_KEYS:
        raise WrongUrlError(
            f"{scheme}:// contains AWS keys; name the topic by its ARN, such as {TOPIC}, and leave "
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
    # A retry by apprise would repeat a message that got no answer.
    service.retry = 0
    if not _has(url, "cto"):
        service.socket_connect_timeout = SECONDS
    if not _has(url, "rto"):
        service.socket_read_timeout = SECONDS
    if not _has(url, "overflow"):
        # Otherwise a service with a length limit would refuse a long text every time.
        service.overflow_mode = OverflowMode.TRUNCATE
    return service


def _has(url: str, name: str) -> bool:
    return f"&{name}=" in f"&{url.partition('?')[2]}"


@cache
def _services() -> dict[str, str]:
    """The schemes that apprise supports, each with the page that describes its URLs."""
    with warnings.catch_warnings():
        # apprise tries to import `imghdr`, which is deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        plugins: Any = NotificationManager()  # type: ignore[no-untyped-call]
        return {scheme: str(plugins[scheme].setup_url) for scheme in sorted(plugins.schemas())}


def _why_unknown(scheme: str, services: Mapping[str, str]) -> str:
    if scheme in services:
        return f"apprise cannot read this {scheme}:// URL; {services[scheme]} shows its form"
    if scheme in ("http", "https"):
        return (
            f"{scheme}:// is not a service that apprise knows; for a webhook that accepts JSON, "
            f"use {'jsons' if scheme == 'https' else 'json'}://"
        )
    near = difflib.get_close_matches(scheme, services, 1)
    return f"apprise has no service {scheme}://" + (f"; {near[0]}:// may be meant" if near else "")


def _without_repeats(service: Any, message: Message) -> set[str]:
    """Makes a service skip recipients that have the alert; returns them, updated as it sends."""
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
