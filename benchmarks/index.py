"""The key list parsed into a typed table, against merely unpacking it and counting its lines."""

import sys
from pathlib import Path

from benchmarks.generated import KEY_LIST, Sizes, key_list_bucket, scratch, where
from benchmarks.measuring import Run, in_turns, python, run, shell
from benchmarks.report import Line, at_most_times, memory_below, show

TIMES_MOST, MEMORY_MOST = 2.0, 1e9
PEER, OURS, COMMAND = "`zcat | wc -l`", "key index", "`off-platform index`"


def compare(sizes: Sizes, *, large: bool = False) -> None:
    """Prints the comparison; a second one with `large`, to show that time grows with the keys."""
    for keys in (sizes.keys, sizes.many_keys) if large else (sizes.keys,):
        _compare(keys, sizes.rounds)


def _compare(keys: int, rounds: int) -> None:
    key_list = key_list_bucket(keys) / KEY_LIST
    # Else whoever comes first would read it from the disk.
    run(shell(f"cat '{key_list}' > /dev/null"))
    with scratch() as folder:
        made = folder / "index.parquet"
        measured = in_turns(
            {
                PEER: lambda: run(shell(f"zcat '{key_list}' | wc -l")),
                OURS: lambda: run(python("benchmarks.ours", "index", key_list, made)),
                COMMAND: lambda: run([_command(), "index", str(key_list), str(made)]),
            },
            rounds,
        )
        size = made.stat().st_size
        notes = (_note(measured, keys, size), where(folder))
        show(f"index: {keys:,} keys", _lines(measured), notes)


def _command() -> str:
    return str(Path(sys.executable).with_name("off-platform"))


def _lines(measured: dict[str, Run]) -> list[Line]:
    peer = measured[PEER]
    return [
        Line(PEER, peer),
        *(
            Line(
                name,
                measured[name],
                peer,
                (
                    at_most_times(TIMES_MOST, measured[name], peer, "zcat"),
                    memory_below(MEMORY_MOST, measured[name]),
                ),
            )
            for name in (OURS, COMMAND)
        ),
    ]


def _note(measured: dict[str, Run], keys: int, size: int) -> str:
    each = measured[OURS].seconds / keys * 1e6
    return f"{each:.3f} s a million keys; the table has {size / 1e6:,.0f} MB."
