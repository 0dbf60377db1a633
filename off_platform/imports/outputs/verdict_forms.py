"""A verdict for programs: as values for JSON, and as workflow commands of GitHub.

`report.py` and `cli/validate_run.py` show it to users.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from off_platform.imports.outputs.report import Group, file_of, outcome_of, sentence
from off_platform.imports.outputs.verdict_models import BrokenRule, Example, ImportVerdict
from off_platform.imports.readers.cell_addresses import where
from off_platform.imports.specification.rules import Level
from off_platform.imports.whole_file.verdict import Verdict

# GitHub's names of the levels, see "Workflow commands for GitHub Actions".
_COMMANDS: Mapping[Level, str] = {"error": "error", "warning": "warning", "info": "notice"}


def described(path: str, verdict: Verdict, groups: Sequence[Group]) -> ImportVerdict:
    """The verdict, and the findings by rule with their first examples.

    Args:
        path: as it was given.
        verdict: of the import.
        groups: its findings by rule.
    """
    source = verdict.source
    return ImportVerdict(
        path=path,
        verdict=outcome_of(verdict),
        sentence=sentence(verdict),
        file=source.name if source else None,
        format=source.format if source else None,
        encoding=source.encoding if source else None,
        sha256=source.sha256 if source else None,
        records=verdict.records,
        accepted=verdict.accepted,
        quarantined=verdict.quarantined,
        seconds=round(verdict.seconds, 3),
        rules=[_rule(group) for group in groups],
    )


def not_received(path: str, message: str) -> ImportVerdict:
    """The verdict on a URL that could not be received.

    Args:
        path: as it was given, without its query.
        message: why, in a sentence.
    """
    return ImportVerdict(
        path=path,
        verdict="refused",
        sentence=message,
        file=None,
        format=None,
        encoding=None,
        sha256=None,
        records=0,
        accepted=0,
        quarantined=0,
        seconds=0.0,
        rules=[],
    )


def error_of_github(message: str) -> str:
    """A command for GitHub's log: an error that is about no file."""
    return f"::error::{_data(message)}"


def _rule(group: Group) -> BrokenRule:
    return BrokenRule(
        rule=group.rule.id,
        level=group.rule.level,
        heading=group.rule.heading,
        sentence=group.rule.sentence,
        fix=group.rule.fix,
        findings=group.findings,
        records=group.records,
        certain=group.certain,
        examples=[
            Example(**{name: example[name] for name in Example.model_fields})
            for example in group.examples
        ],
    )


def as_github(path: str, verdict: Verdict, groups: Sequence[Group]) -> Iterator[str]:
    """Commands for GitHub's log, one per line: the examples of each rule, then the verdict.

    Args:
        path: of the file or folder in the repository.
        verdict: its verdict.
        groups: its findings by rule.
    """
    for group in groups:
        for example in group.examples:
            line = f",line={example['line']}" if example["line"] else ""
            below = file_of(example, verdict)
            place = f"{path.rstrip('/')}/{below}" if below else path
            title = f",title={_property(group.rule.id)}"
            yield (
                f"::{_COMMANDS[group.rule.level]} file={_property(place)}{line}{title}"
                f"::{_data(_message(example))}"
            )
    level = "notice" if outcome_of(verdict) == "accepted" else "error"
    yield f"::{level} file={_property(path)}::{_data(sentence(verdict))}"


def _message(example: Mapping[str, Any]) -> str:
    # The line is a parameter of the command.
    at = where(example) if example["sheet"] else example["column"]
    column = f"{at}: " if at else ""
    proposal = f" Proposed: {example['proposal']!r}." if example["proposal"] is not None else ""
    return f"{column}{example['message']}{proposal}"


def _data(text: str) -> str:
    # Escapes line ends, which would end the command.
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", escaped)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
