"""A built set in Dagster: the metadata of its asset, and the checks of its manifest.

Making a set loads neither Dagster nor Pandera: together they take 1.3 s, half of all that a process
loads.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import dagster as dg

from off_platform.asset_checks import check_results
from off_platform.image_sets.built_set import BuiltSet
from off_platform.image_sets.declaration.options import SetChoice
from off_platform.image_sets.manifest_checks import check_manifest, read_again
from off_platform.image_sets.pages.contact_sheet import as_markdown
from off_platform.image_sets.pages.set_pages import CARD, GALLERY, SHEET
from off_platform.image_sets.set_states import set_facts
from off_platform.previews import REPORT_AT, VERDICT
from off_platform.quality import Finding, Table
from off_platform.storage.folder import Folder
from off_platform.storage.lake import NoSuchTableError
from off_platform.storage.lake_layout import MANIFEST
from off_platform.words import counted

if TYPE_CHECKING:
    import duckdb

Choice = TypeVar("Choice", bound=SetChoice)
_CHARTS = re.compile(r"^!\[[^\]]*\]\(chart_[a-z_]+\.svg\)\n\n", re.MULTILINE)


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


def set_findings(
    table: Table, folder: Folder, choice: SetChoice, connection: "duckdb.DuckDBPyConnection"
) -> dict[str, Finding]:
    """The findings of the rules of a stored set's manifest, by rule.

    Args:
        table: the manifest, with its rules.
        folder: the set's.
        choice: its options.
        connection: DuckDB that can read the folder.

    Raises:
        off_platform.storage.lake.NoSuchTableError: there is no manifest.
    """
    if not folder.exists(MANIFEST):
        raise NoSuchTableError(f"There is no set at {folder.address()}; materialise it first.")
    found = check_manifest(
        connection,
        table,
        folder.address(MANIFEST),
        samples=choice.n,
        decoded_share=choice.decoded_share,
        shares=choice.shares,
    )
    again = read_again(connection, folder)
    found["md5_recorded"].add(again.broken, again.examples)
    return found


def choice_of(folder: Folder, declared: Choice, connection: "duckdb.DuckDBPyConnection") -> Choice:
    """The options that a set was built with; those declared if its manifest does not say."""
    facts = set_facts(folder, connection) if folder.exists(MANIFEST) else None
    return type(declared).model_validate(facts.choice) if facts else declared


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
    found = set_findings(table, made.folder, choice, connection)
    metadata = set_metadata(made)
    if made.is_described:
        # With Matplotlib, which takes longer to load than everything else.
        from off_platform.image_sets.set_previews import preview  # noqa: PLC0415

        metadata |= preview(connection, made.folder, choice.stratify or choice.class_folders)
    return dg.MaterializeResult(
        metadata=metadata,
        check_results=check_results(table, asset, {**found, **(more or {})}),
    )
