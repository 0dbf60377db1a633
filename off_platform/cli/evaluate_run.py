"""The command `off-platform evaluate`: prints the figures and writes the requested files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from off_platform.cli.configured import the_lake
from off_platform.cli.context import DONE, INCOMPLETE, err, out
from off_platform.cli.written_files import replaced
from off_platform.evaluation.answers import Coverage
from off_platform.evaluation.evaluate import evaluate
from off_platform.evaluation.labelled_sets import labelled_set
from off_platform.evaluation.outputs import (
    TITLES,
    as_json,
    interval,
    part_name,
    shown,
    write_page,
)
from off_platform.evaluation.results import FIGURES, OF_CLASS, Evaluation, Figures, Part
from off_platform.settings import Settings
from off_platform.storage.unchanged import unchanged
from off_platform.words import counted, quoted, shortened

STDOUT = Path("-")
CLASSES_SHOWN = 12
PAIRS_SHOWN = 8
# In characters; a wider table is unreadable in a terminal of the usual size.
WIDEST = 72
_MOST_NAME = 40


def evaluate_file(
    of: Settings,
    predictions: Path,
    image_set: str,
    wing: str | None,
    asked: dict[str, Any],
    json: Path | None,
    report: Path | None,
) -> int:
    """Evaluates a file of predictions, prints the figures and returns the exit code.

    Args:
        of: the settings.
        predictions: the file.
        image_set: name or folder of the set.
        wing: `images` or `bins`, if both have a set of the name.
        asked: label, task and split, see `evaluate`.
        json: where to write all figures, if requested; `STDOUT` prints nothing else.
        report: where to write the page, if requested.
    """
    lake = the_lake(of)
    with lake.connect(of.duckdb_memory, of.threads) as connection:
        found = labelled_set(lake, connection, image_set, wing)
        with unchanged(predictions):
            made = evaluate(connection, found, predictions, **asked)
    if json is not None and json != STDOUT:
        with replaced(json) as part:
            part.write_text(as_json(made) + "\n", encoding="utf-8")
    if report is not None:
        with replaced(report) as part:
            write_page(made, predictions.name, part)
    if json == STDOUT:
        out.print(as_json(made), markup=False, highlight=False, soft_wrap=True)
    else:
        _print(made)
    for sentence in _problems(made.coverage):
        err.print(escape(sentence), highlight=False, soft_wrap=True)
    return DONE if made.coverage.is_whole else INCOMPLETE


def _print(made: Evaluation) -> None:
    held, coverage = made.held, made.coverage
    out.print(
        f"[bold]{escape(made.image_set)}[/], split {escape(held.split)}: {escape(held.label)} of "
        f"{counted(held.samples, 'sample')} of {counted(held.units, held.unit)}; "
        f"{coverage.predicted:,} have a prediction.",
        highlight=False,
        soft_wrap=True,
    )
    out.print(_figures(made))
    out.print(_classes(made))
    out.print(_confusions(made))
    notes = list(made.notes)
    if made.published:
        notes.append(made.published.warning)
    if made.leaked:
        notes.append(
            "Would leak: samples of which a random split of the same shares would have put a photo "
            f"of the same {held.unit} or duplicate group into train, each with its probability."
        )
    else:
        notes.append("A random split would not have leaked any of these samples.")
    for note in notes:
        out.print(escape(note), highlight=False, soft_wrap=True)


def _figures(made: Evaluation) -> Table:
    kinds = list(FIGURES[made.held.task])
    table = Table("", show_edge=False, pad_edge=False)
    for kind in kinds:
        table.add_column(TITLES[kind], justify="right")
    _add(table, "predictions", made.figures, kinds, style="bold")
    for part in _parts(made):
        _add(table, part_name(part), part.figures, kinds)
    table.add_section()
    for baseline in made.baselines:
        table.add_row(_name(baseline.name), *_values(baseline.figures, kinds))
    if made.published:
        table.add_section()
        cited = made.published.figures
        table.add_row(
            made.published.name,
            *(shown(kind, cited[kind]) if kind in cited else "" for kind in kinds),
        )
    return table


def _parts(made: Evaluation) -> "list[Part]":
    return [part for part in (made.leaked, made.rest) if part]


def _add(table: Table, name: str, figures: Figures, kinds: "list[str]", style: str = "") -> None:
    table.add_row(name, *_values(figures, kinds), style=style)
    intervals = (interval(kind, figures[kind]) for kind in kinds)
    table.add_row("  95 % interval", *intervals, style="dim")


def _values(figures: Figures, kinds: "list[str]") -> "list[str]":
    return [shown(kind, figures[kind].value) for kind in kinds]


def _classes(made: Evaluation) -> Table:
    kinds = OF_CLASS[made.held.task]
    table = Table("class", show_edge=False)
    for title in ("samples", *(TITLES[kind] for kind in kinds)):
        table.add_column(title, justify="right")
    for each in made.classes[:CLASSES_SHOWN]:
        values = (shown(kind, each.figures[kind]) for kind in kinds)
        table.add_row(_name(each.name), f"{each.samples:,}", *values)
    if len(made.classes) > CLASSES_SHOWN:
        table.add_row(f"and {len(made.classes) - CLASSES_SHOWN:,} more, see --json")
    return table


def _confusions(made: Evaluation) -> Table:
    grid = made.confusions.grid(CLASSES_SHOWN)
    names = (max(grid.labels, key=len), *grid.predicted)
    if len(made.classes) > CLASSES_SHOWN or sum(len(name) + 3 for name in names) > WIDEST:
        table = Table("label", "largest confusions: first guess", show_edge=False)
        for title in ("samples", "of the label"):
            table.add_column(title, justify="right")
        for pair in made.confusions.pairs(PAIRS_SHOWN, wrong=True):
            share = shown("accuracy", pair.share)
            table.add_row(_name(pair.label), _name(pair.predicted), f"{pair.samples:,}", share)
        return table
    table = Table("label, first guess", show_edge=False)
    for name in grid.predicted:
        table.add_column(_name(name), justify="right")
    for name, counts in zip(grid.labels, grid.counts, strict=True):
        table.add_row(_name(name), *(f"{count:,}" if count else "." for count in counts))
    return table


def _name(text: str) -> str:
    """A class's name comes from outside."""
    return escape(quoted(text, _MOST_NAME)[1:-1])


def _problems(coverage: Coverage) -> Iterable[str]:
    missing = coverage.samples - coverage.predicted
    if missing:
        yield (
            f"{counted(missing, 'sample')} of {coverage.samples:,} without a prediction, which "
            f"counts as wrong{_such_as(coverage.missing_first)}."
        )
    if coverage.conflicting:
        yield (
            f"{counted(coverage.conflicting, 'sample')} with different predictions, of which the "
            f"first one was used{_such_as(coverage.conflicting_first)}."
        )
    if coverage.repeated:
        yield f"{counted(coverage.repeated, 'row')} ignored: the sample has an earlier one."
    if coverage.unknown:
        yield (
            f"{counted(coverage.unknown, 'row')} ignored: the set does not have the sample"
            f"{_such_as(coverage.unknown_first)}.{coverage.hint}"
        )


def _such_as(names: tuple[str, ...]) -> str:
    return f": {', '.join(shortened(quoted(name), _MOST_NAME) for name in names)}" if names else ""
