"""`off-platform init`, and what is used in a folder without it: the files that ship."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from off_platform.working_folder.making import files
from off_platform.working_folder.shipped import SHIPPED
from off_platform_tests.command_line import Run, command_line

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    return command_line(monkeypatch, capsys)


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_init_copies_the_files_at_the_top_and_says_what_to_do_next(run: Run) -> None:
    code, out, _ = run("init", "a place")
    made = contents(Path("a place"))
    assert code == 0
    assert made.keys() == files().keys()
    assert {name: made[name] for name in SHIPPED} == {
        name: (PROJECT / name).read_bytes() for name in SHIPPED
    }
    assert len(made["README.md"].splitlines()) <= 10
    assert "cd 'a place'" in out
    assert "off-platform ui" in out


def test_init_keeps_what_is_there(run: Run) -> None:
    shutil.copy(PROJECT / "workspace.yaml", "workspace.yaml")
    Path("README.md").write_text("mine")
    Path(".env.example").symlink_to("nowhere")
    (code, out, _), again = run("init", "."), run("init", ".")
    assert (code, again[0]) == (0, 0)
    assert Path("README.md").read_text() == "mine"
    assert not Path("nowhere").exists()
    assert "Kept, as it is there already: workspace.yaml\n" in out
    assert "differs from what ships with the package: .env.example, README.md" in out
    assert "Created" not in again[1]
    assert not list(Path().glob(".init-*"))


def test_init_refuses_what_is_not_a_folder(run: Run) -> None:
    Path("file").write_text("")
    assert [run("init", name)[0] for name in ("file", "", "file/below")] == [2, 2, 2]
    assert contents(Path()) == {"file": b""}


def test_dg_reads_the_same_of_a_folder_as_of_the_clone() -> None:
    own = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["dg"]
    made = tomllib.loads(files()["dg.toml"].read_text())
    local = {"root_module": own["project"]["defs_module"]}
    assert made == {**own, "project": {**own["project"], **local}}


def test_a_folder_without_declarations_has_the_sets_of_the_package(run: Run) -> None:
    shipped = tomllib.loads((PROJECT / "image_sets.toml").read_text())
    _, _, err = run("images", "nope")
    assert f"of the package, as there is none here; declared are: {', '.join(sorted(shipped['images']))}." in err  # fmt: skip  # noqa: E501
    Path("image_sets.toml").write_text("[images.mine]\nn = 1\n")
    assert "in image_sets.toml; declared are: mine." in run("images", "nope")[2]
    assert "the file does not exist" in run("images", "nope", IMAGE_SETS="other.toml")[2]


@pytest.mark.slow
def test_the_version_is_that_of_the_package_however_it_is_started() -> None:
    expected = f"off-platform {version('off-platform')}\n"
    for words in ([PYTHON, "-m", "off_platform"], [Path(PYTHON).with_name("off-platform")]):
        done = subprocess.run(  # noqa: S603 - our own program
            [*words, "--version"], capture_output=True, text=True, check=True
        )
        assert done.stdout == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "completed"),
    [("off-platform val", {"validate"}), ("off-platform images --keep", {"--keep-formats"})],
)
def test_the_shell_completes_commands_and_options(words: str, completed: set[str]) -> None:
    done = subprocess.run(  # noqa: S603 - our own program, as bash calls it
        [Path(PYTHON).with_name("off-platform")],
        env={
            "_OFF_PLATFORM_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == completed


def test_the_newest_change_is_of_this_version() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    newest, *_ = re.findall(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == project["version"]


def test_the_lowest_versions_are_those_that_are_tried() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    lock = (PROJECT / "requirements-lowest.lock").read_text()
    tried = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    texts = [*project["dependencies"], *project["optional-dependencies"]["ui"]]
    lowest = [
        (requirement.name, bound.version)
        for requirement in map(Requirement, texts)
        for bound in requirement.specifier
        if bound.operator == ">="
    ]
    assert len(lowest) >= len(project["dependencies"])
    assert [each for each in lowest if Version(tried[each[0]]) != Version(each[1])] == []
