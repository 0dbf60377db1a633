"""What a run found: its tags, by which the Runs page filters, and a sentence with the report.

Runs get it at their end from their executor (`workers.py`), those from the command line from
`runs.py`. What is sent to people is in `alerts.py`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.events import EngineEventData

from off_platform.partitions import IMPORT_FILES, MONTHS
from off_platform.previews import REPORT_AT, VERDICT
from off_platform.words import counted

# Imports of one run that have a tag of their own.
MOST_IMPORTS = 20
MOST_SENTENCES = 3
PARTITION = "dagster/partition"
CHECKS, FAILED, WARNED = "checks", "checks_failed", "checks_warned"


@dataclass
class Verdict:
    """What the events of a run say.

    Attributes:
        kind: of its partitions: `import`, `month`, `image_set`, or empty.
        checks: number of evaluated checks.
        failed: failed checks of error level, by partition.
        warned: the others that did not pass.
        said: what its materializations say about themselves, by partition.
        reports: paths of the reports, by partition.
    """

    kind: str = ""
    checks: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    warned: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    reports: dict[str, str] = field(default_factory=dict)

    def add(self, event: dg.DagsterEvent) -> None:
        """Adds an event of the run, if it is of a check or a materialization."""
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            found = event.asset_check_evaluation_data
            self.checks += 1
            if not found.passed:
                is_error = found.severity == dg.AssetCheckSeverity.ERROR
                (self.failed if is_error else self.warned)[found.partition or ""] += 1
        elif event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            made = event.step_materialization_data.materialization
            if VERDICT in made.metadata:
                said = self.said.get(made.partition or "", "")
                text = f"{said} {made.metadata[VERDICT].value}".strip()
                self.said[made.partition or ""] = text
            if REPORT_AT in made.metadata:
                self.reports[made.partition or ""] = str(made.metadata[REPORT_AT].value)

    def tags(self, partition: str | None) -> dict[str, str]:
        """The tags of a run: whether its checks passed, how many did not, and what it made.

        Args:
            partition: of the run; None if it has none, as a run of several imports.
        """
        found: dict[str, str] = {}
        if self.checks:
            outcome = "failed" if self.failed else "warned" if self.warned else "passed"
            found[CHECKS] = outcome
        for name, counts in ((FAILED, self.failed), (WARNED, self.warned)):
            if counts:
                found[name] = str(counts.total())
        if partition and self.kind:
            found[self.kind] = partition[:7] if self.kind == "month" else partition
        elif self._imports:
            found |= self._of_imports()
        return found

    def _of_imports(self) -> dict[str, str]:
        """Of several imports: how many, and those with failed checks, each with how many."""
        named = {
            f"import/{key}": f"{FAILED}={number}"
            for key, number in self.failed.most_common(MOST_IMPORTS)
            if key
        }
        return {"imports": str(len(self._imports)), **named}

    @property
    def _imports(self) -> list[str]:
        return [key for key in self.reports if key]

    @property
    def sentence(self) -> str:
        """What was found, in a few sentences; empty if nothing was checked or made."""
        if not (self.checks or self.said):
            return ""
        counts = ((self.failed, "failed"), (self.warned, "warned"))
        said = " and ".join(f"{number.total():,} {how}" for number, how in counts if number)
        verdict = f"Of {counted(self.checks, 'check')}, {said or 'none failed'}."
        if not self.checks:
            verdict = "No check was evaluated."
        # Those with failed checks first.
        worst = sorted(self.said, key=lambda key: -self.failed[key])
        shown = [
            f"{key}: {self.said[key]}" if len(self.said) > 1 and key else self.said[key]
            for key in worst[:MOST_SENTENCES]
        ]
        more = len(self.said) - len(shown)
        rest = [f"And {more:,} more."] if more else []
        return " ".join([verdict, *shown, *rest])

    @property
    def metadata(self) -> dict[str, Any]:
        """The reports, those with failed checks first."""
        worst = sorted(self.reports, key=lambda key: -self.failed[key])[:MOST_SENTENCES]
        named = len(self.reports) > 1
        return {
            f"report of {key}" if named and key else REPORT_AT: dg.MetadataValue.path(
                self.reports[key]
            )
            for key in worst
        }


def kind_of(job: dg.JobDefinition) -> str:
    """What the partitions of a job are: `import`, `month`, `image_set`, or nothing."""
    layer = job.asset_layer
    checks = [check for each in layer.data for check in each.assets_def.check_keys]
    found = {
        *(layer.asset_graph.get(key).partitions_def for key in layer.selected_asset_keys),
        *(layer.asset_graph.get(key).partitions_def for key in checks),
    } - {None}
    if not found:
        return ""
    if IMPORT_FILES in found:
        return "import"
    return "month" if MONTHS in found else "image_set"


def with_verdict(events: Iterator[dg.DagsterEvent], plan_context: Any) -> Iterator[dg.DagsterEvent]:
    """The events of a run's steps, then its verdict as one more; the run gets its tags.

    Args:
        events: of the steps.
        plan_context: Dagster's, of the run; it does not publish the class.
    """
    verdict = Verdict(kind_of(plan_context.job.get_definition()))
    for event in events:
        verdict.add(event)
        yield event
    run = plan_context.dagster_run
    plan_context.instance.add_run_tags(run.run_id, verdict.tags(run.tags.get(PARTITION)))
    if verdict.sentence:
        data = EngineEventData(metadata=verdict.metadata)
        yield dg.DagsterEvent.engine_event(plan_context, verdict.sentence, data)


def report_verdict(
    instance: dg.DagsterInstance, job: dg.JobDefinition, result: dg.ExecuteInProcessResult
) -> None:
    """Adds tags and verdict to a run that has ended in this process.

    Args:
        instance: where the run is stored.
        job: that was run.
        result: of the run.
    """
    verdict, run = Verdict(kind_of(job)), result.dagster_run
    for event in result.all_events:
        verdict.add(event)
    instance.add_run_tags(run.run_id, verdict.tags(run.tags.get(PARTITION)))
    if verdict.sentence:
        data = EngineEventData(metadata=verdict.metadata)
        instance.report_engine_event(verdict.sentence, run, data)
