"""Delivery of alerts: repeats are suppressed, and unsent alerts are kept and sent later.

State is stored in the instance's key-value store: run sensors have no state, and advance past a run
whether or not its alert was sent. Where alerts go is `alert_senders.py`.
"""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from queue import Empty, SimpleQueue
from uuid import uuid4

import dagster as dg

from off_platform.automation.alert_senders import Sender, Service, senders_from
from off_platform.automation.alerts import Message, bounded
from off_platform.automation.sending import NotSentError, PerhapsSentError
from off_platform.settings import Settings
from off_platform.words import counted

# Per sender; messages beyond it are counted and summed up in one message.
MOST_WAITING = 500
# A message that may have arrived is sent again after 10, 20 and 40 minutes, then no more.
MOST_REPEATS = 3
REPEAT_SECONDS = 600
# Dagster ends a tick after 60 s; a receiver that answers later is not waited for.
SECONDS_TO_SEND = 40
SECONDS_A_TICK = 10
# A later time than that is of a clock that was set back since, and says nothing.
CLOCKS_DIFFER_SECONDS = 300
_TOLD = "off_platform/alert"
_UNSENT = "off_platform/unsent"
_HOUR = 3600
# Sensors tick in threads of one process.
_keeping = threading.Lock()


@dataclass(frozen=True)
class Waiting:
    """A message that one sender could not send.

    Attributes:
        sender: its name.
        message: what it is to send.
        since: time of the first failure, in seconds since 1970.
        tried: time of the latest failure.
        perhaps: how often it was transmitted without an answer.
        more: number of messages it stands for, if it sums up those beyond the limit.
    """

    sender: str
    message: Message
    since: float
    tried: float
    perhaps: int = 0
    more: int = 0

    @property
    def due(self) -> float:
        """When it may be sent again: at once, unless the receiver may have it."""
        if not self.perhaps or self.tried > time.time() + CLOCKS_DIFFER_SECONDS:
            return 0
        return float(self.tried + REPEAT_SECONDS * 2 ** (self.perhaps - 1))


def deliver(settings: Settings, instance: dg.DagsterInstance, message: Message) -> str | None:
    """Sends to all senders; what one cannot send is kept for `deliver_waiting`.

    A sender is skipped if it got the same message within the set time, or if it is waiting already.

    Returns:
        Why it was not sent; None when it was.

    Raises:
        NotSentError: a sender failed; the tick fails, which makes it visible.
    """
    senders = senders_from(settings)
    if not senders:
        return f"No alert sender is set. {message.title}\n{message.text}"
    message = replace(message, key=uuid4().hex)
    waits = _waiting(instance, [sender.name for sender in senders])
    waiting = {(each.sender, each.message.same_as) for each in waits.values()}
    recently = time.time() - settings.alert_repeat_hours * _HOUR
    due = [
        (sender, message)
        for sender in senders
        if (sender.name, message.same_as) not in waiting
        and _last_sent(instance, sender.name, message) <= recently
    ]
    problems = []
    for name, problem in _sent(instance, due):
        if problem:
            now = time.time()
            perhaps = int(isinstance(problem, PerhapsSentError))
            had = replace(message, had=problem.had)
            _keep(instance, Waiting(name, had, now, now, perhaps))
            problems.append(str(problem))
    _complain(problems)
    if due:
        return None
    is_waiting = any(same_as == message.same_as for _, same_as in waiting)
    return f"{'Waits to be sent' if is_waiting else 'Sent before'}: {message.title}"


def deliver_all(
    settings: Settings, instance: dg.DagsterInstance, messages: Sequence[Message]
) -> list[str]:
    """Sends several messages, such as those of a run of many imports, as `deliver` does.

    The first is always sent. If a sender fails or the time of a tick is over, the others wait for
    `deliver_waiting`.

    Returns:
        Why some were not sent.

    Raises:
        NotSentError: a sender failed.
    """
    until = time.monotonic() + SECONDS_A_TICK
    said: list[str] = []
    for number, message in enumerate(messages):
        if number and time.monotonic() > until:
            _put_off(settings, instance, messages[number:])
            break
        try:
            why_not = deliver(settings, instance, message)
        except NotSentError:
            _put_off(settings, instance, messages[number + 1 :])
            raise
        said += [why_not] if why_not else []
    return said


def _put_off(settings: Settings, instance: dg.DagsterInstance, messages: Iterable[Message]) -> None:
    """Keeps messages for all senders that did not get them within the set time."""
    now = time.time()
    recently = now - settings.alert_repeat_hours * _HOUR
    senders = senders_from(settings)
    waits = _waiting(instance, [sender.name for sender in senders])
    waiting = {(each.sender, each.message.same_as) for each in waits.values()}
    for message in messages:
        keyed = replace(message, key=uuid4().hex)
        for sender in senders:
            if (sender.name, message.same_as) not in waiting and (
                _last_sent(instance, sender.name, message) <= recently
            ):
                _keep(instance, Waiting(sender.name, keyed, now, now))


def deliver_waiting(settings: Settings, instance: dg.DagsterInstance) -> str:
    """Sends the waiting messages, least recently tried first; a sender stops at its first failure.

    Messages for a sender that is no longer configured are kept until it is configured again, with
    or without TLS.

    Returns:
        The outcome, in a sentence.

    Raises:
        NotSentError: a sender failed; its unsent messages are kept.
    """
    senders = _with_twins(senders_from(settings))
    problems: dict[str, str] = {}
    sent, until = 0, time.monotonic() + SECONDS_A_TICK
    waits = _due(instance, senders)
    while waits and time.monotonic() < until:
        # One message per receiver at a time: a slow receiver does not hold up the others.
        first = {each.sender: (slot, each) for slot, each in reversed(waits)}
        waits = [found for found in waits if found not in first.values()]
        # Already sent, if a tick ended between sending and forgetting.
        todo = [
            (senders[name], each.message)
            for name, (_, each) in first.items()
            if _last_sent(instance, name, each.message) < each.since
        ]
        answers = dict(_sent(instance, todo))
        sent += sum(problem is None for problem in answers.values())
        for name, (slot, each) in first.items():
            if problem := answers.get(name):
                problems[name] = str(problem)
                waits = [(place, other) for place, other in waits if other.sender != name]
                perhaps = each.perhaps + isinstance(problem, PerhapsSentError)
                if perhaps <= MOST_REPEATS:
                    had = replace(each.message, had=problem.had)
                    tried = replace(each, message=had, tried=time.time(), perhaps=perhaps)
                    _put(instance, slot, tried)
                    continue
            _forget(instance, slot, each)
    _complain(problems.values())
    return f"Sent of what waited: {sent}." if sent else "No alert waits."


def _with_twins(senders: Iterable[Sender]) -> dict[str, Sender]:
    """The senders by name, also under the one that they would have with TLS, or without.

    Whoever corrects `json://` to `jsons://` wants what waited to be sent there, too.
    """
    found = {sender.name: sender for sender in senders}
    for name, sender in [*found.items()]:
        kind, dash, number = name.partition("-")
        twin = f"{kind.removesuffix('s') if kind.endswith('s') else kind + 's'}{dash}{number}"
        if isinstance(sender, Service):
            found.setdefault(twin, replace(sender, name=twin))
    return found


def _due(instance: dg.DagsterInstance, senders: Iterable[str]) -> list[tuple[str, Waiting]]:
    """The messages that may be sent now, by slot, least recently tried first."""
    found = [(slot, each) for slot, each in _waiting(instance, senders).items()]
    due = [(slot, each) for slot, each in found if each.due <= time.time()]
    return sorted(due, key=lambda place: place[1].tried)


def _sent(
    instance: dg.DagsterInstance, todo: Sequence[tuple[Sender, Message]]
) -> Iterator[tuple[str, NotSentError | None]]:
    """Sends to several receivers concurrently, and records the time.

    Yields:
        The name of each as it answers, and its error.
    """
    answers: SimpleQueue[tuple[str, NotSentError | None]] = SimpleQueue()
    left = {sender.name: message for sender, message in todo}
    for sender, message in todo:
        # A daemon thread: one that never ends must not keep the process alive.
        send = threading.Thread(target=_send, args=(sender, message, answers), daemon=True)
        send.start()
    until = time.monotonic() + SECONDS_TO_SEND
    while left:
        try:
            name, problem = answers.get(timeout=max(0, until - time.monotonic()))
        except Empty:
            name, problem = next(iter(left)), None
            problem = PerhapsSentError(f"The alert was transmitted by {name}, and no answer came.")
        message = left.pop(name)
        if problem is None:
            sent_at = {_sent_key(name, message): str(time.time())}
            instance.run_storage.set_cursor_values(sent_at)
        yield name, problem


def _send(
    sender: Sender, message: Message, answers: "SimpleQueue[tuple[str, NotSentError | None]]"
) -> None:
    """Sends in a separate thread; puts the error, if any, into the queue."""
    problem: NotSentError | None = None
    try:
        sender.send(message)
    except NotSentError as error:
        problem = error
    except Exception as error:  # noqa: BLE001 - its message may hold the URL
        problem = NotSentError(f"The alert was not sent by {sender.name}: {type(error).__name__}.")
    answers.put((sender.name, problem))


def _sent_key(sender: str, message: Message) -> str:
    return f"{_TOLD}/{sender}/{message.same_as}"


def _last_sent(instance: dg.DagsterInstance, sender: str, message: Message) -> float:
    key = _sent_key(sender, message)
    sent = float(instance.run_storage.get_cursor_values({key}).get(key, 0))
    return sent if sent <= time.time() + CLOCKS_DIFFER_SECONDS else 0


def _places(sender: str) -> list[str]:
    return [f"{_UNSENT}/{sender}/{number}" for number in range(MOST_WAITING)]


def _summary_place(sender: str) -> str:
    return f"{_UNSENT}/{sender}/more"


def _waiting(instance: dg.DagsterInstance, senders: Iterable[str]) -> Mapping[str, Waiting]:
    """The waiting messages, by slot."""
    places = [place for name in senders for place in (*_places(name), _summary_place(name))]
    kept = instance.run_storage.get_cursor_values(set(places))
    found = {place: json.loads(kept[place]) for place in places if kept.get(place)}
    return {
        place: Waiting(**{**each, "message": Message(**each["message"])})
        for place, each in found.items()
    }


def _keep(instance: dg.DagsterInstance, waiting: Waiting) -> None:
    """Puts it into a free slot of its sender, or adds it to the summary if there is none."""
    with _keeping:
        taken = _waiting(instance, [waiting.sender])
        free = next((place for place in _places(waiting.sender) if place not in taken), None)
        if free:
            _put(instance, free, waiting)
            return
        place = _summary_place(waiting.sender)
        _put(instance, place, _summed(taken.get(place), waiting))


def _summed(before: Waiting | None, waiting: Waiting) -> Waiting:
    """The summary of the messages beyond the limit, with one more."""
    more = before.more + 1 if before else 1
    titles = f"{before.message.text}\n" if before else ""
    message = Message(
        _summary_title(more, waiting.sender),
        bounded(f"{titles}- {waiting.message.title}"),
        waiting.message.link,
        before.message.same_as if before else f"more/{waiting.message.key}",
        before.message.key if before else waiting.message.key,
    )
    since = before.since if before else waiting.since
    return Waiting(waiting.sender, message, since, waiting.tried, waiting.perhaps, more)


def _summary_title(more: int, sender: str) -> str:
    return f"{counted(more, 'more alert')}, while {sender} could not be reached"


def _put(instance: dg.DagsterInstance, place: str, waiting: Waiting) -> None:
    instance.run_storage.set_cursor_values({place: json.dumps(asdict(waiting))})


def _forget(instance: dg.DagsterInstance, place: str, sent: Waiting) -> None:
    """Frees a slot, unless the summary in it has grown since it was read."""
    with _keeping:
        now = _waiting(instance, [sent.sender]).get(place)
        if now is None or now.more == sent.more:
            instance.run_storage.set_cursor_values({place: ""})
            return
        more, key = now.more - sent.more, uuid4().hex
        title = _summary_title(more, sent.sender)
        message = replace(now.message, title=title, same_as=f"more/{key}", key=key)
        _put(instance, place, replace(now, message=message, more=more, since=time.time()))


def _complain(problems: Iterable[str]) -> None:
    if message := " ".join(dict.fromkeys(problems)):
        raise NotSentError(message)
