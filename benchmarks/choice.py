"""Choosing photos from the key index, against the pipeline that the bucket's document gives."""

import json

from benchmarks.generated import KEY_LIST, Sizes, key_list_bucket, scratch, where
from benchmarks.measuring import Run, in_turns, python, run, shell
from benchmarks.report import Line, faster_by, show

PEER = "`zcat | grep '.jpg' | shuf`"
OURS, WARM = "choice from the key index", "the same in a process that has begun"
TIMES_LEAST = {OURS: 8, WARM: 10}

HOW = (
    "The pipeline, which is the document's, mixes raw photos and copies, and no two runs choose "
    "the same; ours chooses copies by a seed."
)


def compare(sizes: Sizes) -> None:
    """Prints the comparison."""
    bucket = key_list_bucket(sizes.keys)
    with scratch() as folder:
        lake = folder / "lake"
        run(python("benchmarks.ours", "month_made", lake, bucket))
        document = f"zcat '{bucket / KEY_LIST}' | grep '.jpg' | shuf -n {sizes.chosen}"
        measured = in_turns(
            {
                PEER: lambda: run(shell(document)),
                OURS: lambda: run(python("benchmarks.ours", "choice", lake, sizes.chosen)),
                WARM: lambda: _as_it_says(
                    run(python("benchmarks.ours", "choice_again", lake, sizes.chosen))
                ),
            },
            sizes.rounds,
        )
        peer = measured[PEER]
        lines = [Line(PEER, peer)] + [
            Line(
                name,
                measured[name],
                peer,
                (faster_by(TIMES_LEAST[name], measured[name], peer, "the pipeline"),),
            )
            for name in (OURS, WARM)
        ]
        show(f"choice: {sizes.chosen:,} of {sizes.keys:,} keys", lines, (HOW, where(folder)))


def _as_it_says(whole: Run) -> Run:
    """The seconds that a process measured itself, with the peak of all of it."""
    said = json.loads(whole.said)
    return Run(said["seconds"], said["cpu_seconds"], whole.peak_bytes)
