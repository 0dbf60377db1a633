"""The house: which room may import which, and what is loaded where a start has to be fast."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import off_platform

ROOT = Path(off_platform.__file__).parent
# Each imports only from its own floor's other rooms where those do not import it, and from below.
FLOORS = (
    {"definitions", "components", "cli", "documentation", "open_findings", "__main__"},
    {"automation", "images", "bins", "imports", "sandbox"},
    {
        *(
            "image_sets",
            "evaluation",
            "quality",
            "pandera_checks",
            "table_bounds",
            "partitions",
            "arrivals",
            "asset_checks",
            "table_assets",
        ),
        *("resources", "previews", "dumps"),
    },
    {"storage", "stable_order", "templates", "working_folder"},
    {"settings", "setting_values", "credentials", "cron", "barcodes", "words"},
)
# In the order of the flow.
ROOMS = {
    "imports": (
        *("specification", "readers", "values", "records", "whole_file", "intake"),
        *("validation", "outputs", "products_imported", "export", "comparison"),
    ),
    "image_sets": (
        *("manifest", "files", "declaration", "photos", "construction", "fetching"),
        *(
            "division",
            "layouts",
            "pages",
            "set_states",
            "finish",
            "manifest_checks",
            "set_previews",
            "built_set",
            "set_results",
            "request",
        ),
        *("publishing", "planning", "set_step"),
    ),
}
MOST_MODULES = 9
FEWER_DOORS_THAN = 46
# What takes longest to import of all that works.
HEAVY = {"numpy", "pandas", "pyarrow", "pandera", "duckdb", "obstore", "jinja2", "boto3", "PIL"}


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports_of(name: str) -> frozenset[str]:
    """The modules of the package that a module imports, at any position in it."""
    known = modules()

    def targets(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("off_platform"):
            package = (node.module or "").removeprefix("off_platform").removeprefix(".")
            for each in node.names:
                inner = f"{package}.{each.name}" if package else each.name
                yield inner if inner in known else package

    tree = ast.parse(known[name].read_text(encoding="utf-8"))
    return frozenset(target for node in ast.walk(tree) for target in targets(node) if target)


def room(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room(name) in rooms)


def test_every_module_has_a_floor() -> None:
    rooms = {room(name) for name in modules() if name}
    assert rooms == set().union(*FLOORS)


@pytest.mark.slow
def test_imports_run_downwards() -> None:
    names = filter(None, modules())
    arrows = [(name, target) for name in names for target in imports_of(name)]
    assert len(arrows) > len(modules())
    assert not [arrow for arrow in arrows if floor(arrow[1]) < floor(arrow[0])]


@pytest.mark.parametrize("wing", ["images", "bins", "imports", "automation"])
def test_no_wing_imports_another(wing: str) -> None:
    wings = {"images", "bins", "imports", "automation"} - {wing}
    inside = [name for name in modules() if room(name) == wing]
    assert not [(name, each) for name in inside for each in imports_of(name) if room(each) in wings]


@pytest.mark.parametrize("house", ROOMS)
def test_rooms_are_in_the_order_of_the_flow(house: str) -> None:
    rooms = ROOMS[house]
    upwards = []
    for name in modules():
        parts = name.split(".")
        if parts[0] != house or len(parts) == 1 or parts[1] not in rooms:
            continue
        allowed = rooms[: rooms.index(parts[1]) + 1]
        for target in imports_of(name):
            inner = target.split(".")[1:2]
            if room(target) == house and inner and inner[0] not in allowed:
                upwards.append((name, target))
    assert not upwards


@pytest.mark.parametrize("house", ROOMS)
def test_no_room_has_more_modules_than_one_can_look_over(house: str) -> None:
    rooms = [ROOT / house, *(path for path in (ROOT / house).rglob("*") if path.is_dir())]
    sizes = {path: len([*path.glob("[!_]*.py")]) for path in rooms}
    assert not {path: size for path, size in sizes.items() if size > MOST_MODULES}


def test_there_is_no_circle() -> None:
    above: list[str] = []
    done: set[str] = set()

    def walk(name: str) -> None:
        assert name not in above, f"a circle: {[*above[above.index(name) :], name]}"
        if name in done:
            return
        above.append(name)
        for target in imports_of(name):
            walk(target)
        done.add(above.pop())

    for name in filter(None, modules()):
        walk(name)


@pytest.mark.slow
def test_few_functions_import_inside() -> None:
    """Where one may is held by the linter."""
    functions = [
        (path.name, node.name)
        for path in modules().values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(isinstance(each, ast.Import | ast.ImportFrom) for each in ast.walk(node))
    ]
    assert functions
    assert len(functions) < FEWER_DOORS_THAN, functions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "left_out"),
    [
        ("cli.main", {"dagster", "pydantic", *HEAVY}),
        ("barcodes.text", {"dagster", *HEAVY}),
        # A file is checked in the time that its readers take.
        ("imports.validation", {"dagster", "boto3", "fsspec", "obstore", "pandas"}),
        # Photos are chosen in less time than these take.
        ("storage.lake", {"dagster", "boto3", "fsspec", "obstore", "pyarrow"}),
        # A small set is made in less time than these take.
        ("images.image_set", {"dagster", "boto3", "fsspec", "pandas", "pandera"}),
        ("bins.image_set", {"dagster", "boto3", "fsspec", "pandas", "pandera"}),
    ],
)
def test_modules_load_only_what_they_need(module: str, left_out: set[str], tmp_path: Path) -> None:
    program = f"import off_platform.{module}, json, sys; print(json.dumps([*sys.modules]))"
    shown = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in json.loads(shown.stdout)}
    assert not loaded & left_out
