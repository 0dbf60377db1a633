"""`python -m benchmarks [index] [choice] [transfer] [bins] [imports] ...`: some, or all."""

import argparse
import os
import sys

from benchmarks import bins, choice, imports, index, month, start, training, transfer
from benchmarks.generated import QUICK, Sizes

NAMES = ("index", "choice", "transfer", "bins", "imports", "start", "month", "training")


def main() -> None:
    """Runs what was asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="smaller sizes, one round")
    parser.add_argument(
        "--large", action="store_true", help="30 million keys, all bins, 10 million rows, too"
    )
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"no comparison is called {', '.join(sorted(unknown))}; see --help")
    sizes = QUICK if asked.quick else Sizes()
    if asked.quick:
        sys.stdout.write("Quick: start-up outweighs the rest, so whether it is met means little.\n")
    busy, processors = os.getloadavg()[0], os.cpu_count()
    sys.stdout.write(f"{processors} processors; {busy:.1f} were busy on average when it began.\n")
    for name in asked.names or NAMES:
        if name == "index":
            index.compare(sizes, large=asked.large)
        elif name == "choice":
            choice.compare(sizes)
        elif name == "transfer":
            transfer.compare(sizes)
        elif name == "bins":
            bins.measure(sizes, large=asked.large)
        elif name == "imports":
            imports.compare(sizes, large=asked.large)
        elif name == "start":
            start.compare()
        elif name == "training":
            training.compare(sizes)
        else:
            month.measure(sizes)


if __name__ == "__main__":
    main()
