"""The outcome of building a set, for the command line and the asset's metadata."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from off_platform.image_sets.declaration.options import SetChoice
from off_platform.image_sets.finish import CARD, GALLERY, SHEET
from off_platform.image_sets.manifest_checks import check_manifest, read_again
from off_platform.image_sets.pages.contact_sheet import as_markdown
from off_platform.image_sets.pages.set_contents import InSet
from off_platform.previews import REPORT_AT, VERDICT
from off_platform.quality import Finding, Table
from off_platform.storage.folders import Folder
from off_platform.storage.lake_layout import MANIFEST
from off_platform.storage.progress import Tally
from off_platform.words import counted

if TYPE_CHECKING:
    import duckdb

_CHARTS = re.compile(r"^!\[[^\]]*\]\(chart_[a-z_]+\.svg\)\n\n", re.MULTILINE)


@dataclass(frozen=True)
class BuiltSet:
    """A built set.

    Attributes:
        folder: where it is stored.
        chosen_from: the source of the choice, such as the month of a key index.
        requested: number of samples requested; None for all that fit.
        candidates: number of samples that fit the options.
        continued: whether an interrupted run was resumed.
        tally: counts of this run.
        contents: what is in it.
        is_described: whether its samples have labels, splits or groups of near duplicates.
        note: what the set lacks that was asked for, in a sentence; empty if there is nothing.
    """

    folder: Folder
    chosen_from: str
    requested: int | None
    candidates: int
    continued: bool
    tally: Tally
    contents: InSet
    note: str = ""
    is_described: bool = False

    @property
    def shortfall(self) -> str:
        """The message that fewer samples fit than were requested; empty otherwise."""
        samples = self.contents.samples
        if self.requested is None or samples >= self.requested:
            return ""
        return f"{self.requested:,} were requested; only {samples:,} fit"


def set_metadata(made: BuiltSet) -> dict[str, dg.MetadataValue | str | int]:
    """Contact sheet, card, counts and locations, for the UI."""
    folder, contents = made.folder, made.contents
    return {
        VERDICT: f"{counted(contents.samples, 'sample')}: {_outcomes(contents.by_status)}.",
        REPORT_AT: dg.MetadataValue.path(folder.address(GALLERY)),
        "contact_sheet": dg.MetadataValue.md(as_markdown(folder.read(SHEET))),
        "gallery": dg.MetadataValue.path(folder.address(GALLERY)),
        "card": dg.MetadataValue.md(_shown(folder.read(CARD).decode())),
        "path": dg.MetadataValue.path(folder.address()),
        "chosen_from": f"{made.candidates:,} candidates of {made.chosen_from}",
        **({"too_few": made.shortfall} if made.shortfall else {}),
        **({"note": made.note} if made.note else {}),
        "this_run": made.tally.sentence(),
        "continued": str(made.continued),
        "samples": contents.samples,
        "bytes": contents.size,
        **{f"objects_{status}": count for status, count in contents.by_status.items()},
        "dagster/partition_row_count": contents.by_status.total(),
    }


def _outcomes(by_status: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} objects {status}" for status, count in by_status.items())


def _shown(card: str) -> str:
    """A card without its front matter and its charts, which the UI cannot open."""
    return _CHARTS.sub("", card.split("---\n", 2)[-1])


def set_result(
    asset: str,
    table: Table,
    made: BuiltSet,
    choice: SetChoice,
    connection: "duckdb.DuckDBPyConnection",
    more: Mapping[str, Finding] | None = None,
) -> "dg.MaterializeResult[Any]":
    """The result of a set's asset: metadata, and the checks of its manifest.

    Args:
        asset: its name.
        table: the manifest, with the rules of the wing.
        made: the set.
        choice: its options.
        connection: DuckDB that can read the folder.
        more: findings of the wing's own rules.
    """
    found = check_manifest(
        connection,
        table,
        made.folder.address(MANIFEST),
        samples=made.requested,
        decoded_share=choice.decoded_share,
        shares=choice.shares,
    )
    again = read_again(connection, made.folder)
    found["md5_recorded"].add(again.broken, again.examples)
    metadata = set_metadata(made)
    if made.is_described:
        # With Matplotlib, which takes longer to load than everything else.
        from off_platform.image_sets.set_previews import preview  # noqa: PLC0415

        metadata |= preview(connection, made.folder, choice.stratify or choice.class_folders)
    return dg.MaterializeResult(
        metadata=metadata,
        check_results=table.check_results(asset, {**found, **(more or {})}),
    )
