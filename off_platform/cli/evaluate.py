"""`off-platform evaluate`: its arguments and options; the work is in `evaluate_run.py`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from off_platform.cli.context import settings
from off_platform.cli.set_names import WingOfSet, complete_sets
from off_platform.cli.written_files import demand_apart, demand_ending

# In place of a file: standard output.
STDOUT = Path("-")
Label = Annotated[
    str | None,
    typer.Option(
        help="Column of the manifest to compare with; by default expected_quantity for bins, "
        "else the label that the set is stratified by, or category."
    ),
]
Task = Annotated[
    Literal["counting", "classification"] | None,
    typer.Option(help="By default counting if the label is a number."),
]
Split = Annotated[
    str | None,
    typer.Option(
        help="Split to evaluate, or `all`; by default test, or all samples of a set without splits."
    ),
]


def evaluate(  # noqa: PLR0913 - one for each option
    predictions: Annotated[
        Path, typer.Argument(help="A .csv, .tsv, .jsonl or .parquet file; see below.")
    ],
    image_set: Annotated[
        str,
        typer.Option(
            "--set",
            help="Name of a built set, or the folder of one.",
            metavar="SET",
            autocompletion=complete_sets,
        ),
    ],
    *,
    wing: WingOfSet = None,
    label: Label = None,
    task: Task = None,
    split: Split = None,
    json: Annotated[
        Path | None,
        typer.Option(help="Write all figures to this file; - for standard output.", metavar="FILE"),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a page with a chart of the confusions to this file (.html)."),
    ] = None,
) -> None:
    """Compare the predictions of a model with the labels of an image set.

    PREDICTIONS has one row per sample: its name in the column sample (or file_name, __key__ or id;
    a folder and an ending such as .jpg are ignored), and a number or class in the column
    prediction. For the top-5 accuracy, give prediction_1 to prediction_5, a list in prediction, or
    a score for each class in a column score:CLASS.

    Prints accuracy, errors and F1 with 95 % intervals, beside trivial baselines and the part of the
    samples that a random split would have leaked. A sample without a prediction counts as wrong.

    Exit codes: 0 done, 1 a sample has no prediction or two different ones, 2 the file, set, label
    or split is wrong; for the others see `off-platform --help`.
    """
    written = None if json == STDOUT else json
    demand_apart(predictions, written, report, what="the file of predictions")
    demand_ending(report, ".html", ".htm")
    from off_platform.cli.evaluate_run import evaluate_file

    raise typer.Exit(
        evaluate_file(
            settings(),
            predictions,
            image_set,
            wing,
            {"label": label, "task": task, "split": split},
            json,
            report,
        )
    )
