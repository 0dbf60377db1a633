"""What the step of `open_findings` does, and what the UI shows of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from off_platform.automation.ticks import month_due
from off_platform.open_findings import shown, state
from off_platform.open_findings.schemas import OPEN_FINDINGS
from off_platform.open_findings.table import findings_of, stored_items, write_table
from off_platform.previews import SUMMARY, VERDICT
from off_platform.quality import Finding
from off_platform.table_assets import Step


class TableStep(Step):
    """The step of the table."""

    def make(self) -> "dg.MaterializeResult[Any]":
        """Looks through the lake and lists what is open."""
        now = datetime.now(UTC)
        is_due = month_due(self.settings.monthly_cron, now) is not None
        this_month = f"{now:%Y-%m-01}"
        found = state.open_findings(
            self.lake, self.connection, this_month=this_month, is_due=is_due
        )
        write_table(self.lake, found)
        return self.made(
            OPEN_FINDINGS,
            findings_of(found),
            {
                VERDICT: state.sentence(found),
                SUMMARY: shown.summary(found),
                "chart": shown.chart(found, now),
            },
        )

    def stored(self) -> Mapping[str, Finding]:
        """The findings of its rules, in what is stored."""
        return findings_of(stored_items(self.lake))
