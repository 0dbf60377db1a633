"""A product import with all rules and all tables, against frictionless with types and bounds."""

from functools import partial
from pathlib import Path

from benchmarks.generated import Sizes, import_file, scratch, where
from benchmarks.measuring import REPOSITORY, Run, in_turns, python, run
from benchmarks.report import Line, Want, faster_by, memory_below, seconds_below, show

FASTER_BY = 6.0
MEMORY_MOST = 500e6
XLSX_SECONDS_MOST = 30.0
MANY_TIMES = 10
# A peer with its own dependencies, some of which are other than ours.
FRICTIONLESS = REPOSITORY / "var" / "peers" / "bin" / "frictionless"
HOW = (
    "Ours: `validate_import`, as a whole process: every rule, duplicates and damage of the whole "
    "file, and the three tables written. frictionless: `validate` with a Table Schema of the same "
    "40 columns, numbers with their bounds, no unique key and no tables."
)


def compare(sizes: Sizes, *, large: bool) -> None:
    """Prints the comparison."""
    workbook = import_file(sizes.import_rows // 10, "xlsx")
    lines = _of_tables(sizes.import_rows)
    ours = lines[0].run
    of_workbook = _ours(workbook)
    lines.append(
        Line(
            f"{sizes.import_rows // 10:,} rows of XLSX",
            of_workbook,
            None,
            (seconds_below(XLSX_SECONDS_MOST, of_workbook), memory_below(MEMORY_MOST, of_workbook)),
        )
    )
    if large:
        many = _ours(import_file(sizes.import_rows * MANY_TIMES, "csv"))
        lines.append(
            Line(
                f"{sizes.import_rows * MANY_TIMES:,} rows of CSV",
                many,
                None,
                (memory_below(MEMORY_MOST, many), _linear(many, ours)),
            )
        )
    without = () if FRICTIONLESS.exists() else ("frictionless is not installed; see the README.",)
    with scratch() as folder:
        show("imports: every rule, all tables", lines, (HOW, *without, where(folder)))


def _of_tables(rows: int) -> list[Line]:
    """The lines of both files, each with frictionless beside it; the sound file is the first."""
    lines: list[Line] = []
    for form, name in (("csv", "rows of CSV"), ("odd", "rows of CSV, every one broken")):
        table = import_file(rows, form)
        measured = {"ours": partial(_ours, table)}
        if FRICTIONLESS.exists():
            measured["frictionless"] = partial(_frictionless, table)
        runs = in_turns(measured, 1)
        peer = runs.get("frictionless")
        wants: list[Want] = [memory_below(MEMORY_MOST, runs["ours"])]
        if peer:
            wants.insert(0, faster_by(FASTER_BY, runs["ours"], peer, "frictionless"))
        lines.append(Line(f"{rows:,} {name}", runs["ours"], peer, tuple(wants)))
        if peer:
            lines.append(Line("frictionless, types and bounds", peer))
    return lines


def _linear(many: Run, one: Run) -> Want:
    ratio = many.seconds / one.seconds / MANY_TIMES
    return Want("linear: at most 1.1 x the time a row", f"{ratio:.2f}", ratio <= 1.1)  # noqa: PLR2004


def _ours(path: Path) -> Run:
    with scratch() as folder:
        return run(python("benchmarks.ours", "validate", path, folder))


def _frictionless(path: Path) -> Run:
    schema = path.with_name("schema.json")
    # Two records in 1,000 break a bound: its exit code is 1, and every row is looked at.
    options = f"--schema {schema} --limit-errors 1000000 --trusted --json"
    command = f"{FRICTIONLESS} validate {options} {path} > /dev/null; test $? -le 1"
    return run(["sh", "-c", command])
