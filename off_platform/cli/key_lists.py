"""What `off-platform keys` and `off-platform index` do; their options are in `main.py`."""

from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.markup import escape

from off_platform.barcodes.text import check_digit_holds, kind_of, normal_form
from off_platform.cli.configured import images_bucket, the_lake
from off_platform.cli.context import DONE, INCOMPLETE, err, out
from off_platform.cli.progress_bar import terminal_display
from off_platform.cli.written_files import demand_file
from off_platform.images import keys
from off_platform.images.key_index import KeyIndexFacts, write_key_index
from off_platform.images.key_list import RefusedKeyListError, room_beside
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform.storage.sql import literal
from off_platform.storage.unchanged import unchanged
from off_platform.words import duration


def show_keys(of: Settings, barcodes: list[str], layout: keys.Layout) -> None:
    """Prints where the photos of products are stored."""
    source, lake = images_bucket(of), the_lake(of)
    for barcode in barcodes:
        directory = keys.directory(barcode, layout)
        note = "" if check_digit_holds(barcode) else ", wrong check digit"
        out.print(f"[bold]{barcode}[/]  {kind_of(barcode)}{note}", highlight=False)
        out.print(f"  directory  {directory}", highlight=False)
        for key in _known_keys(lake, barcode, directory):
            line = f"  {key}\n    {source.public_url(key)}"
            out.print(escape(line), highlight=False, soft_wrap=True)


def _known_keys(lake: Lake, barcode: str, directory: str) -> list[str]:
    examples = [f"{directory}1{suffix}" for suffix in keys.SUFFIXES.values()]
    months = lake.partitions("key_index")
    if not months:
        return examples
    rows = lake.rows_of("key_index", ("month", months[-1]))
    with lake.connect() as connection:
        found = connection.execute(
            f"SELECT key FROM {rows} WHERE barcode = {literal(normal_form(barcode))} "
            "ORDER BY image_id, kind = 'ocr', kind DESC"
        ).fetchall()
    if not found:
        err.print(f"  The key index of {months[-1][:7]} has no photo of it; image 1 is an example.")
    return [key for (key,) in found] or examples


def make_index(of: Settings, key_list: Path, to: Path) -> int:
    """Writes a key index, and a second file with the lines that are not keys.

    Returns:
        The exit code.
    """
    _demand_place_for_index(key_list, to)
    odd = to.with_suffix(".oddities.parquet")
    room = room_beside(to.parent, of.key_list_disk_share)
    # Arrow reads a relative path such as `a:b` as a URL.
    made, made_odd = (path.absolute().with_name(path.name + ".part") for path in (to, odd))
    started = datetime.now(UTC)
    try:
        with unchanged(key_list), terminal_display("indexing") as display:
            facts = write_key_index(key_list, made, made_odd, room, display)
        if not facts.rows:
            raise RefusedKeyListError(_no_key(key_list, facts))
        made_odd.replace(odd)
        made.replace(to)
    finally:
        made.unlink(missing_ok=True)
        made_odd.unlink(missing_ok=True)
    took = duration((datetime.now(UTC) - started).total_seconds())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in facts.by_kind.items())
    out.print(f"{facts.rows:,} keys ({kinds}) in {to}, in {took}.", highlight=False)
    for reason, count in facts.oddities.most_common():
        out.print(f"  not keys: {count:,}, {escape(reason)}", highlight=False)
    if facts.oddities:
        out.print(f"  These lines are in {odd}.", highlight=False, soft_wrap=True)
    if not facts.sorted_and_unique:
        err.print(
            "The key list is not sorted, or repeats lines; the index keeps the order of the list."
        )
    share, most = facts.oddities.total() / facts.lines, of.oddities_share_most
    if share > most:
        err.print(
            f"{share:.2%} of the lines are not keys; at most {most:.2%} are allowed.",
            highlight=False,
        )
        return INCOMPLETE
    return DONE


def _no_key(key_list: Path, facts: KeyIndexFacts) -> str:
    """The message for a list without keys."""
    if not facts.lines:
        return f"The key list {key_list} is empty."
    reason, count = facts.oddities.most_common(1)[0]
    return f"No line of {key_list} is a key ({facts.lines:,} lines): {count:,}, {reason}."


def _demand_place_for_index(key_list: Path, to: Path) -> None:
    """Refuses swapped arguments, which would overwrite the key list."""
    if not key_list.exists() or key_list.is_dir():
        raise typer.BadParameter(f"the file {key_list} does not exist")
    if to.suffix != ".parquet" or to.is_dir():
        raise typer.BadParameter(f"the index {to} must be a file that ends in .parquet")
    demand_file(to)
    if to.exists() and key_list.exists() and to.samefile(key_list):
        raise typer.BadParameter(f"{to} is the key list itself")
