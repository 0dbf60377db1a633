"""The package as users install it: a wheel, an empty environment, an empty folder.

With the locked versions of all dependencies, and with the lowest that pyproject.toml allows.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from off_platform.working_folder.shipped import SHIPPED
from off_platform_tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.package

PROJECT = Path(__file__).resolve().parents[1]
LOCKS = {"locked": "requirements.lock", "lowest": "requirements-lowest.lock"}
COMPONENT = "type: off_platform.ImageSet\nattributes:\n  n: 3\n"


class Installed:
    """An environment with the package, and how its programs are run: with no setting of others."""

    def __init__(self, root: Path) -> None:
        """Takes the environment's folder."""
        self.root = root
        self.home = root.with_name(f"{root.name}-home")
        self.home.mkdir()

    def words(self, *words: str) -> list[str]:
        """A command line that starts a program of the environment."""
        return [str(self.root / "bin" / words[0]), *words[1:]]

    def environment(self, **settings: str) -> dict[str, str]:
        """Nothing but the path, an empty home, and these settings."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), **settings}

    def run(self, folder: Path, *words: str, **settings: str) -> tuple[int, str]:
        """Runs a program in a folder; its exit code, and what it wrote."""
        done = subprocess.run(  # noqa: S603 - a program of the environment
            self.words(*words),
            cwd=folder,
            env=self.environment(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout


def _build(project: Path, to: Path, *targets: str) -> None:
    words = [sys.executable, "-m", "hatchling", "build", "-d", str(to)]
    words += [word for target in targets for word in ("-t", target)]
    subprocess.run(words, cwd=project, check=True, capture_output=True)  # noqa: S603 - our own words


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sdist and wheel."""
    to = tmp_path_factory.mktemp("built")
    _build(PROJECT, to, "sdist", "wheel")
    return to


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module", params=LOCKS)
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    root = tmp_path_factory.mktemp("installed") / request.param
    uv = [sys.executable, "-m", "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--python", sys.executable, str(root)], check=True)  # noqa: S603 - the same
    install = [*uv, "pip", "install", "--python", str(root / "bin" / "python")]
    locked = ["--constraint", str(PROJECT / LOCKS[request.param])]
    subprocess.run([*install, *locked, f"off-platform[ui] @ {wheel.as_uri()}"], check=True)  # noqa: S603 - the same
    return Installed(root)


@pytest.fixture(scope="module")
def folder(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `off-platform init` makes, with a component of its user."""
    made = tmp_path_factory.mktemp("work") / "place"
    code, said = installed.run(made.parent, "off-platform", "init", "place")
    assert code == 0, said
    (made / "off_platform_defs/mine").mkdir()
    (made / "off_platform_defs/mine/defs.yaml").write_text(COMPONENT)
    return made


def test_the_wheel_has_the_package_and_what_ships_with_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        shipped = {
            name: archive.read(f"off_platform/working_folder/{name}").decode() for name in SHIPPED
        }
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    assert tops == {"off_platform", f"off_platform-{version}.dist-info"}
    assert shipped == {name: (PROJECT / name).read_text() for name in SHIPPED}


def test_the_sdist_makes_the_same_wheel(built: Path, wheel: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (project,) = tmp_path.iterdir()
    _build(project, tmp_path / "again", "wheel")
    assert (tmp_path / "again" / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_platform_runs_in_an_empty_folder(installed: Installed, tmp_path: Path) -> None:
    code, said = installed.run(tmp_path, "off-platform", "run", OFF_PLATFORM_SANDBOX="1")
    assert code == 0, said
    assert re.search(r"\d+ of \d+ checks passed", said)
    assert "OFF_PLATFORM_SANDBOX=1 off-platform ui" in said
    assert [path.name for path in tmp_path.iterdir()] == ["var"]
    file = "var/sandbox/inbox/producer.csv"
    code, said = installed.run(tmp_path, "off-platform", "validate", file, "--format", "json")
    assert code == 1, said
    assert json.loads(said[said.index("{") : said.rindex("}") + 1])


def test_dg_loads_the_folder_that_init_makes(installed: Installed, folder: Path) -> None:
    code, said = installed.run(folder, "dg", "check", "defs", DAGSTER_HOME=str(folder))
    assert (code, "All definitions loaded successfully" in said) == (0, True), said
    code, said = installed.run(folder, "off-platform", "images", "nope")
    assert (code, "mine" in said.split("declared are: ")[-1]) == (2, True), said
    # No usage statistics.
    assert not (installed.home / ".dagster").exists()


@pytest.mark.parametrize("has_init", [True, False])
def test_the_ui_opens(
    installed: Installed, folder: Path, tmp_path: Path, *, has_init: bool
) -> None:
    log = tmp_path / "log"
    place = folder if has_init else tmp_path / "empty"
    place.mkdir(exist_ok=True)
    with ui(installed, place, log):
        answered = wait_until(lambda: bool(_locations(log)), lambda: log.stat().st_size)
        assert answered, log.read_text()
        entries = _locations(log)
    loaded = {"name": "off_platform", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
    assert entries == [loaded]


def _locations(log: Path) -> list[object]:
    """The code locations of the UI, once it answers."""
    served = re.search(r"Serving dagster-webserver on http://[^:]+:(\d+)", log.read_text())
    if not served:
        return []
    entries = "locationEntries { name locationOrLoadError { __typename } }"
    query = {"query": f"{{ workspaceOrError {{ ... on Workspace {{ {entries} }} }} }}"}
    address = f"http://127.0.0.1:{served[1]}/graphql"
    try:
        said = requests.post(address, json=query, timeout=PATIENCE_SECONDS).json()
    except requests.ConnectionError:
        return []
    found: list[object] = said["data"]["workspaceOrError"]["locationEntries"]
    return found


@contextmanager
def ui(installed: Installed, folder: Path, log: Path) -> Iterator[None]:
    """A UI, started as a user does, and stopped with Ctrl-C."""
    with (
        log.open("w") as said,
        subprocess.Popen(  # noqa: S603 - a program of the environment
            installed.words("off-platform", "ui"),
            cwd=folder,
            env=installed.environment(OFF_PLATFORM_SANDBOX="1", OFF_PLATFORM_UNATTENDED="false"),
            stdout=said,
            stderr=subprocess.STDOUT,
            # A shell's background jobs ignore Ctrl-C, and so does what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        ) as process,
    ):
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_SECONDS)
