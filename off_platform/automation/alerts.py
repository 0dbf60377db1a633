"""What is reported, and the text of the messages. Pure: `alert_senders.py` sends them.

A run is reported once: its failure, its failed checks of error level, and frequent warnings.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from off_platform.arrivals import IMPORT
from off_platform.words import counted, few

# Senders have their own limits; Slack's is 40,000 characters, a reader's is lower.
MOST_CHECKS = 12
MOST_TEXT = 6_000
MOST_EXAMPLES = 5


@dataclass(frozen=True)
class Failed:
    """A check that did not pass.

    Attributes:
        asset: the asset it belongs to.
        check: its name.
        is_error: whether it is of error level.
        what: its message.
        share: share of the rows that break it, if known.
        examples: a few, with their rows.
    """

    asset: str
    check: str
    is_error: bool
    what: str
    share: float | None = None
    examples: Sequence[str] = ()


@dataclass(frozen=True)
class RunEnded:
    """A finished run: what an alert about it needs.

    Attributes:
        job: its job, or its assets where they were picked.
        run_id: its id.
        partition: of its assets, if they have one.
        failed: why it failed, in a sentence; None when it succeeded.
        checks: the failed checks.
    """

    job: str
    run_id: str
    partition: str | None
    failed: str | None
    checks: Sequence[Failed]


@dataclass(frozen=True)
class Message:
    """An alert.

    Attributes:
        title: one line.
        text: what, where, how many, examples, what to do.
        link: into the UI; empty if its URL is not set.
        same_as: messages with an equal value are repeats of each other.
        key: unique to this alert; the same for each attempt to send it.
        had: digests of the recipients of a receiver that have accepted it.
    """

    title: str
    text: str
    link: str
    same_as: str
    key: str = ""
    had: Sequence[str] = ()


def message_of(run: RunEnded, *, warning_share: float, ui: str) -> Message | None:
    """The message of a run; None when there is nothing to report.

    Args:
        run: the run.
        warning_share: a warning is reported when a larger share of the rows breaks it.
        ui: address of the UI, or empty.
    """
    reported = [
        check
        for check in run.checks
        if check.is_error or (check.share is not None and check.share > warning_share)
    ]
    if not reported and run.failed is None:
        return None
    reported.sort(key=lambda check: (not check.is_error, check.asset, check.check))
    about = f"{run.job}, {run.partition}" if run.partition else run.job
    link = f"{ui.rstrip('/')}/runs/{run.run_id}" if ui else ""
    lines = [*_of_failure(run.failed), *_of_checks(reported), _what_to_do(run, link)]
    return Message(
        _title(run, reported, about),
        bounded("\n".join(filter(None, lines))),
        link,
        _same_as(run, reported),
    )


def late_message(assets: Mapping[str, str], *, ui: str) -> Message:
    """The message that assets are late.

    Args:
        assets: name -> a phrase about their age.
        ui: address of the UI, or empty.
    """
    lines = [f"- {name}: {what}" for name, what in sorted(assets.items())]
    link = f"{ui.rstrip('/')}/assets" if ui else ""
    lines.append(
        "What to do: check that daemon, schedules and sensors are running, whether the last runs "
        "failed, and, for imports, whether files still arrive."
    )
    digest = _digest(["late", *sorted(assets)])
    return Message(f"Late: {few(sorted(assets))}", bounded("\n".join(lines)), link, digest)


def open_message(said: str, summary: str, run_id: str, *, ui: str) -> Message:
    """The message that sums up what is open; each is another, so that none counts as a repeat.

    Args:
        said: how much is open, in a sentence.
        summary: one line for each.
        run_id: of the run that listed it.
        ui: address of the UI, or empty.
    """
    link = f"{ui.rstrip('/')}/assets/open_findings" if ui else ""
    text = bounded(f"{said}\n{summary}")
    return Message(f"Open: {said.rstrip('.')}", text, link, _digest(["open", run_id]))


def tick_message(name: str, number: int, why: str | None, *, ui: str) -> Message:
    """The message that a sensor or schedule fails or works again.

    Args:
        name: of the sensor or schedule.
        number: how many times it has begun to fail.
        why: the error's message; None when it works again.
        ui: address of the UI, or empty.
    """
    link = f"{ui.rstrip('/')}/automation" if ui else ""
    if why is None:
        digest = _digest(["works again", name, str(number)])
        return Message(f"Works again: {name}", f"{name} is evaluated without errors.", link, digest)
    text = (
        f"Each evaluation of {name} fails: {why}\nIt starts nothing until this is fixed. "
        "What to do: fix the cause; it is evaluated again automatically."
    )
    return Message(f"Fails: {name}", bounded(text), link, _digest(["fails", name, str(number)]))


def _title(run: RunEnded, reported: Sequence[Failed], about: str) -> str:
    errors = sum(check.is_error for check in reported)
    if run.failed is not None and not errors:
        return f"Failed: {about}"
    what = f"{counted(errors, 'check')} failed" if errors else "Warnings"
    return f"{what}: {about}"


def _of_failure(failed: str | None) -> list[str]:
    return [] if failed is None else [f"The run failed: {failed}"]


def _of_checks(reported: Sequence[Failed]) -> list[str]:
    lines = []
    for check in reported[:MOST_CHECKS]:
        level = "error" if check.is_error else "warning"
        lines.append(f"{level}, {check.asset}: {check.check}: {check.what}")
        lines += [f"    {example}" for example in check.examples[:MOST_EXAMPLES]]
    if len(reported) > MOST_CHECKS:
        lines.append(f"... and {len(reported) - MOST_CHECKS} more checks")
    return lines


def _what_to_do(run: RunEnded, link: str) -> str:
    # A run that failed before its checks has no report, and it is not the producer's fault.
    if run.job == IMPORT and run.partition and run.checks:
        where = f"imports/{run.partition}/report.html in the lake"
        return (
            f"What to do: send the report, {where}, to the producer; it says how to fix each "
            "finding."
        )
    where = f" ({link})" if link else ""
    return f"What to do: open the run{where}; once the cause is fixed, run it again; it resumes."


def _same_as(run: RunEnded, reported: Iterable[Failed]) -> str:
    """The same job on the same file or partition, with the same checks failing.

    Files of one name with different bytes are different: two producers may use one name.
    """
    failure = re.sub(r"[0-9]+", "0", run.failed or "")
    checks = (f"{check.asset}:{check.check}" for check in reported)
    return _digest([run.job, run.partition or "", failure, *checks])


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def bounded(text: str) -> str:
    """The text, cut to what is sent."""
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]} ..."
