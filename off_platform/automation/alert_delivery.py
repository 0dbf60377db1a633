"""An alert on its way: repeats are held back; what could not be sent waits and is sent later.

What is remembered lies in the instance's key-value store: sensors on runs have no state of their
own, and go past a run whether or not its alert was sent. Where alerts go is `alert_senders.py`.
"""

import json
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import dagster as dg

from off_platform.automation.alert_senders import NotSentError, Sender, senders_from
from off_platform.automation.alerts import Message
from off_platform.settings import Settings

MOST_WAITING = 100
# Dagster ends a tick after 60 s; a sender that does not answer takes up to 45 of them.
SECONDS_A_TICK = 10
_TOLD = "off_platform/alert"
_SLOTS = [f"off_platform/unsent/{number}" for number in range(MOST_WAITING)]
_HOUR = 3600


@dataclass(frozen=True)
class Waiting:
    """A message that one sender could not send.

    Attributes:
        sender: its name.
        message: what it is to send.
        since: when it could not first, seconds since 1970.
        tried: when it could not last.
    """

    sender: str
    message: Message
    since: float
    tried: float


def deliver(settings: Settings, instance: dg.DagsterInstance, message: Message) -> str | None:
    """Sends to all senders; what one cannot send waits for `deliver_waiting`.

    A sender that has had the same message within the set time, or for which it waits already, is
    left out.

    Returns:
        Why it was sent to nobody; None when it was sent.

    Raises:
        NotSentError: one could not send it, so that the tick fails and is seen.
    """
    senders = senders_from(settings)
    if not senders:
        return f"No alert sender is set. {message.title}\n{message.text}"
    waiting = {(each.sender, each.message.same_as) for each in _waiting(instance).values()}
    problems, sent = [], 0
    for sender in senders:
        recently = time.time() - settings.alert_repeat_hours * _HOUR
        known = (sender.name, message.same_as) in waiting
        if known or _told(instance, sender.name, message) > recently:
            continue
        if problem := _send(instance, sender, message):
            now = time.time()
            _keep(instance, Waiting(sender.name, message, now, now))
            problems.append(problem)
        else:
            sent += 1
    _complain(problems)
    if sent:
        return None
    is_waiting = any(same_as == message.same_as for _, same_as in waiting)
    return f"{'Waits to be sent' if is_waiting else 'Told before'}: {message.title}"


def deliver_waiting(settings: Settings, instance: dg.DagsterInstance) -> str:
    """Sends what waits, what was tried longest ago first; each sender until it cannot.

    What waits for a sender that is no longer set is forgotten.

    Returns:
        What became of it, a sentence.

    Raises:
        NotSentError: a sender could not send; what it has not sent waits on.
    """
    senders = {sender.name: sender for sender in senders_from(settings)}
    problems: dict[str, str] = {}
    sent, until = 0, time.monotonic() + SECONDS_A_TICK
    for slot, each in sorted(_waiting(instance).items(), key=lambda found: found[1].tried):
        sender = senders.get(each.sender)
        if each.sender in problems or time.monotonic() > until:
            continue
        # Sent already where a tick ended between sending and forgetting.
        if sender and _told(instance, each.sender, each.message) < each.since:
            if problem := _send(instance, sender, each.message):
                problems[each.sender] = problem
                _put(instance, slot, Waiting(each.sender, each.message, each.since, time.time()))
                continue
            sent += 1
        instance.run_storage.set_cursor_values({slot: ""})
    _complain(problems.values())
    return f"Sent of what waited: {sent}." if sent else "No alert waits."


def _send(instance: dg.DagsterInstance, sender: Sender, message: Message) -> str | None:
    """Sends, and remembers when; gives what went wrong."""
    try:
        sender.send(message)
    except NotSentError as error:
        return str(error)
    instance.run_storage.set_cursor_values({_told_key(sender.name, message): str(time.time())})
    return None


def _told_key(sender: str, message: Message) -> str:
    return f"{_TOLD}/{sender}/{message.same_as}"


def _told(instance: dg.DagsterInstance, sender: str, message: Message) -> float:
    key = _told_key(sender, message)
    return float(instance.run_storage.get_cursor_values({key}).get(key, 0))


def _waiting(instance: dg.DagsterInstance) -> Mapping[str, Waiting]:
    """What waits, by its slot."""
    kept = instance.run_storage.get_cursor_values(set(_SLOTS))
    told = {slot: json.loads(kept[slot]) for slot in _SLOTS if kept.get(slot)}
    return {
        slot: Waiting(**{**each, "message": Message(**each["message"])})
        for slot, each in told.items()
    }


def _keep(instance: dg.DagsterInstance, waiting: Waiting) -> None:
    """Puts it into a free slot; where there is none, the oldest makes room."""
    taken = _waiting(instance)
    # Two sensors that tick at once begin to look at different slots.
    start = zlib.crc32(f"{waiting.sender}/{waiting.message.same_as}".encode()) % MOST_WAITING
    free = [slot for slot in _SLOTS[start:] + _SLOTS[:start] if slot not in taken]
    oldest = min(taken, key=lambda slot: taken[slot].since, default="")
    _put(instance, free[0] if free else oldest, waiting)


def _put(instance: dg.DagsterInstance, slot: str, waiting: Waiting) -> None:
    instance.run_storage.set_cursor_values({slot: json.dumps(asdict(waiting))})


def _complain(problems: Iterable[str]) -> None:
    if told := " ".join(dict.fromkeys(problems)):
        raise NotSentError(told)
