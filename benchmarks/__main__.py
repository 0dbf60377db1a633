"""`python -m benchmarks [index] [choice] [transfer] [bins] [imports] ...`: some, or all."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace

from benchmarks import (
    bins,
    choice,
    fleet,
    history,
    imports,
    inbox,
    index,
    month,
    scale,
    start,
    status,
    training,
    transfer,
)
from benchmarks.generated import QUICK, Sizes


def main() -> None:
    """Runs what was asked for, one after the other."""
    names = _comparisons(QUICK, large=False)
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="smaller sizes, one round")
    parser.add_argument(
        "--large", action="store_true", help="30 million keys, all bins, 10 million rows, too"
    )
    parser.add_argument(
        "--millions", type=int, nargs="+", metavar="N", help="scale: key lists of N million keys"
    )
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(names):
        parser.error(f"no comparison is called {', '.join(sorted(unknown))}; see --help")
    sizes = QUICK if asked.quick else Sizes()
    if asked.millions:
        sizes = replace(sizes, millions=tuple(asked.millions))
    if asked.quick:
        sys.stdout.write("Quick: start-up outweighs the rest, so whether it is met means little.\n")
    busy, processors = os.getloadavg()[0], os.cpu_count()
    sys.stdout.write(f"{processors} processors; {busy:.1f} were busy on average when it began.\n")
    comparisons = _comparisons(sizes, large=asked.large)
    for name in asked.names or comparisons:
        comparisons[name]()


def _comparisons(sizes: Sizes, *, large: bool) -> dict[str, Callable[[], None]]:
    return {
        "index": lambda: index.compare(sizes, large=large),
        "choice": lambda: choice.compare(sizes),
        "transfer": lambda: transfer.compare(sizes),
        "bins": lambda: bins.measure(sizes, large=large),
        "imports": lambda: imports.compare(sizes, large=large),
        "inbox": lambda: inbox.compare(sizes),
        "start": start.compare,
        "status": status.measure,
        "history": lambda: history.measure(sizes),
        "month": lambda: month.measure(sizes),
        "training": lambda: training.compare(sizes),
        "scale": lambda: scale.measure(sizes.millions),
        "fleet": lambda: fleet.compare(sizes),
    }


if __name__ == "__main__":
    main()
