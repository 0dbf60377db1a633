"""What `off-platform plan` does: plans a set and prints what building it takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from off_platform.bins import image_set as bin_sets
from off_platform.bins.choice import WING as BINS
from off_platform.bins.choice import BinChoice
from off_platform.cli.configured import bins_bucket, images_bucket, the_lake
from off_platform.cli.context import DONE, INCOMPLETE, OUT_OF_REACH, err
from off_platform.cli.image_sets import options_of_wing
from off_platform.cli.image_sets_run import numbered
from off_platform.cli.plan_shown import as_json, show
from off_platform.cli.written_files import replaced
from off_platform.image_sets.declaration.declared import (
    UnusableChoiceError,
    declared_choice,
    declared_sets,
)
from off_platform.image_sets.planning.batch_manifest import write_batch_manifest
from off_platform.image_sets.planning.effort import bits_a_second
from off_platform.image_sets.planning.planner import SetPlan, conditions_from, plan_set
from off_platform.images import image_set as photo_sets
from off_platform.images.choice import WING as IMAGES
from off_platform.images.choice import Choice
from off_platform.settings import Settings
from off_platform.storage.lake_layout import BIN_IMAGE_SETS, IMAGE_SETS

UNNAMED = "unnamed"


@dataclass(frozen=True)
class Asked:
    """The options of `plan` that are not those of a set; see there."""

    bandwidth: str
    requests: bool
    as_json: bool
    s3_batch: Path | None


def show_plan(
    of: Settings, image_set: str | None, wing: str | None, varied: dict[str, Any], asked: Asked
) -> int:
    """Prints a plan and returns the exit code.

    Args:
        of: the settings.
        image_set: name of a declared set.
        wing: `images` or `bins`; by default the one that declares the set.
        varied: the options given, by name; None for the declared value.
        asked: what to show, and how.
    """
    try:
        bits = bits_a_second(asked.bandwidth)
    except ValueError as error:
        raise typer.BadParameter(f"--bandwidth: {error}") from None
    where = wing or _wing_of(of, image_set or "")
    _demand_options_of(where, varied)
    name = image_set or UNNAMED
    if where == IMAGES:
        model: Any = Choice
        sets: Any = photo_sets
        source, folder_of_sets = images_bucket(of), IMAGE_SETS
    else:
        model, sets, source, folder_of_sets = BinChoice, bin_sets, bins_bucket(of), BIN_IMAGE_SETS
    choice, described = model(), ""
    if image_set:
        choice, described = declared_choice(of.image_sets, where, model, image_set)
    request = sets.request_from(of, name, choice, described, numbered(varied))
    lake = the_lake(of)
    conditions = conditions_from(of, bits, requests=asked.requests)
    with (
        lake.connect(of.duckdb_memory, of.threads) as connection,
        lake.spill() as scratch,
        err.status(f"plan of {name}"),
    ):
        chosen, _ = sets.chosen_for(lake, source, request, connection)
        folder = lake.root.below(f"{folder_of_sets}/{name}")
        plan, planned = plan_set(connection, source, request, chosen, folder, conditions, scratch)
        if asked.s3_batch:
            with replaced(asked.s3_batch) as part:
                write_batch_manifest(connection, f"FROM {planned.rows}", source.url, part)
    if asked.as_json:
        typer.echo(as_json(name, where, chosen, plan, conditions))
    else:
        show(name, where, chosen, plan, conditions)
        if asked.s3_batch:
            err.print(
                f"{asked.s3_batch} names {plan.objects:,} objects.", highlight=False, soft_wrap=True
            )
    return _code(plan, asked)


def _code(plan: SetPlan, asked: Asked) -> int:
    if plan.room.fits is False:
        return INCOMPLETE
    if plan.fetched is None and asked.requests:
        return OUT_OF_REACH
    return DONE


def _wing_of(of: Settings, name: str) -> str:
    """The wing that declares a set.

    Raises:
        UnusableChoiceError: both do.
        off_platform.image_sets.declaration.declared.UnknownSetError: none does.
    """
    wings = [wing for wing in (IMAGES, BINS) if name in declared_sets(of.image_sets, wing)]
    if len(wings) > 1:
        raise UnusableChoiceError(f"Both wings declare a set {name}: give --wing images or bins.")
    return wings[0] if wings else IMAGES


def _demand_options_of(wing: Any, varied: dict[str, Any]) -> None:
    """Refuses options that only sets of the other wing have."""
    known = {option.name for option in options_of_wing(wing)}
    for name, value in varied.items():
        if value is not None and name not in known:
            flag = name.replace("_", "-")
            raise typer.BadParameter(f"sets of {wing} have no option --{flag}")
