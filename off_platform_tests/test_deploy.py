"""What a server needs: parsed by its own tools where they are, and run where that can be."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import yaml
from packaging.requirements import Requirement

from deploy.back_up_sqlite import back_up
from off_platform.sandbox.make import Sandbox
from off_platform_tests.waiting import PATIENCE_SECONDS

PROJECT = Path(__file__).resolve().parents[1]
DEPLOY = PROJECT / "deploy"
BIN = Path(sys.executable).parent


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


def test_each_service_runs_a_program_that_there_is() -> None:
    for name, service in compose()["services"].items():
        if "command" in service:
            program = service["command"].split()[0]
            assert (BIN / program).exists(), name
            assert service["environment"]["DAGSTER_PG_PASSWORD"].startswith("${POSTGRES_PASSWORD:-")


def test_only_the_proxy_can_be_reached_from_outside() -> None:
    published = [name for name, service in compose()["services"].items() if "ports" in service]
    assert published == ["proxy"]
    proxy = (DEPLOY / "nginx.conf").read_text()
    assert proxy.count("auth_basic_user_file") == proxy.count("proxy_pass") == 2
    assert "--read-only" in compose()["services"]["webserver-read-only"]["command"]


def test_what_is_mounted_and_copied_is_there() -> None:
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY") and "--from=" not in line:
            *sources, _ = line.split()[1:]
            assert all((PROJECT / source).exists() for source in sources), line
    for volume in compose()["services"]["proxy"]["volumes"]:
        assert (DEPLOY / volume.split(":")[0]).exists()


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").iterdir()), ids=lambda unit: unit.name)
def test_systemd_understands_its_units(unit: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed here")
    done = subprocess.run(  # noqa: S603 - systemd's own tool
        [tool, "verify", str(unit)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    problems = [line for line in done.stderr.splitlines() if unit.name in line]
    # The programs lie on the server, not here.
    assert all("is not executable: No such file" in line for line in problems), problems


@pytest.mark.parametrize("path", [PROJECT / "dagster.yaml", DEPLOY / "dagster.yaml"])
def test_a_backfill_takes_one_run_at_a_time(path: Path) -> None:
    limits = yaml.safe_load(path.read_text())["concurrency"]["runs"]["tag_concurrency_limits"]
    each = {"applyLimitPerUniqueValue": True}
    assert {"key": "dagster/backfill", "value": each, "limit": 1} in limits


def test_a_backup_of_dagsters_state_is_whole_while_others_write(tmp_path: Path) -> None:
    state, backup = tmp_path / "state", tmp_path / "backup"
    (state / "runs").mkdir(parents=True)
    with sqlite3.connect(state / "runs" / "x.db") as open_file:
        open_file.execute("PRAGMA journal_mode = WAL")
        open_file.execute("CREATE TABLE t (n)")
        open_file.execute("INSERT INTO t VALUES (1)")
        open_file.commit()
        open_file.execute("INSERT INTO t VALUES (2)")
        assert back_up(state, backup) == 1
    with sqlite3.connect(backup / "runs" / "x.db") as copy:
        assert copy.execute("SELECT n FROM t").fetchall() == [(1,)]
    open_file.close()
    copy.close()


@pytest.mark.slow
def test_back_up_and_restore_bring_state_and_lake_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in ("deploy", "var/dagster", "var/lake/tables", "var/lake/.scratch"):
        (home / name).mkdir(parents=True)
    for name in ("back_up.sh", "restore.sh", "back_up_sqlite.py"):
        shutil.copy(DEPLOY / name, home / "deploy" / name)
    (home / ".venv").symlink_to(BIN.parent)
    with sqlite3.connect(home / "var/dagster/x.db") as state:
        state.execute("CREATE TABLE t (n)")
    state.close()
    (home / "var/lake/tables/x").write_text("stale")
    (home / "elsewhere/tables").mkdir(parents=True)
    (home / "elsewhere/.scratch").mkdir()
    (home / "elsewhere/tables/x").write_text("table")
    (home / "elsewhere/.scratch/x").write_text("half")
    # As a server has it, and from any folder.
    (home / ".env").write_text("OFF_PLATFORM_LAKE=elsewhere\n")

    def run(script: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - our own script
            [str(home / "deploy" / script), "backup"], cwd=tmp_path,
            env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
            timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip

    assert "Backed up" in run("back_up.sh").stdout
    shutil.rmtree(home / "var")
    shutil.rmtree(home / "elsewhere")
    assert "Restored" in run("restore.sh").stdout
    assert (home / "elsewhere/tables/x").read_text() == "table"
    assert (home / "var/dagster/x.db").exists()
    assert not (home / "elsewhere/.scratch").exists()
    shutil.rmtree(home / "elsewhere")
    done = run("back_up.sh")
    assert (done.returncode, "There is no lake at elsewhere" in done.stderr) == (1, True)
    shutil.rmtree(home / "var")
    done = run("back_up.sh")
    assert (done.returncode, "No Dagster state was found" in done.stderr) == (1, True)


def runs_at_once(root: Path, environment: Mapping[str, str], sandbox: Sandbox) -> None:
    """Months and imports at once, two of them the same; nothing is lost, nothing double."""
    (root / "image_sets.toml").write_text("[images.few]\nn = 4\n")
    settings = {"LAKE": str(root / "lake"), "IMAGES_BUCKET": str(sandbox.images.folder),
                "BINS_BUCKET": str(sandbox.bins.folder)}  # fmt: skip
    own = {"PATH": os.environ["PATH"], "HOME": str(root), "DAGSTER_HOME": str(root)}
    of_platform = {f"OFF_PLATFORM_{name}": value for name, value in settings.items()}
    whole = {**own, **environment, **of_platform}
    for number in range(3):
        rows = "".join(f"P{number}{row},Name,1\n" for row in range(1000))
        (root / f"{number}.csv").write_text(f"product_id,product_name,fat_g\n{rows}")

    def start(*words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(  # noqa: S603 - our own program
            [BIN / "off-platform", *words], cwd=root, env=whole, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    # The first makes Dagster's state: two that begin a fresh one at once would meet.
    first = start("import", "0.csv")
    said, _ = first.communicate(timeout=PATIENCE_SECONDS)
    assert first.returncode == 0, said
    running = [start("import", f"{number}.csv") for number in (1, 1, 2)]
    running += [start("run", "--set", "few") for _ in range(2)]
    said = [process.communicate(timeout=PATIENCE_SECONDS)[0] for process in running]
    codes = [process.returncode for process in running]
    assert codes[:3] == [0, 0, 0], said
    assert "database is locked" not in "".join(said)
    # The set's folder is held by one run at a time; the other says so.
    assert set(codes[3:]) <= {0, 1}, said
    assert 0 in codes[3:] or any("Another run is using" in each for each in said), said
    with duckdb.connect(root / "lake" / "off_platform.duckdb", read_only=True) as lake:
        assert lake.execute(
            "SELECT count(*), count(DISTINCT product) FROM products_imported"
        ).fetchall() == [(3000, 3000)]
        assert lake.execute("SELECT count(*) FROM imports").fetchall() == [(3,)]
        keys = lake.execute("SELECT count(*), count(DISTINCT key) FROM key_index").fetchall()[0]
        assert keys[0] == keys[1] > 0


@pytest.mark.soak
def test_concurrent_runs_on_sqlite(tmp_path: Path, sandbox: Sandbox) -> None:
    shutil.copy(PROJECT / "dagster.yaml", tmp_path / "dagster.yaml")
    runs_at_once(tmp_path, {}, sandbox)


@pytest.mark.soak
def test_concurrent_runs_on_postgres(
    tmp_path: Path, sandbox: Sandbox, postgres: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "home"
    root.mkdir()
    shutil.copy(DEPLOY / "dagster.yaml", root / "dagster.yaml")
    runs_at_once(root, postgres, sandbox)
    for name, value in postgres.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.from_config(str(root)) as instance:
        runs = instance.get_runs(dg.RunsFilter(job_name="imports"))
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * 4


def locked_packages(name: str) -> dict[str, str]:
    """What a lock names, by package: the version and the hashes, whatever systems need it."""
    lock = re.sub(r" ; [^\\]*(?=\\)", " ", (PROJECT / name).read_text())
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", lock)
    return {block.split("==")[0].split("[")[0]: block.strip() for block in blocks if block.strip()}


def needed(*requirements: str) -> set[str]:
    """All packages that requirements bring on this machine, by what is installed here."""
    found: set[str] = set()
    waiting = [Requirement(each) for each in requirements]
    seen = set()
    while waiting:
        one = waiting.pop()
        if str(one) in seen:
            continue
        seen.add(str(one))
        found.add(re.sub(r"[-_.]+", "-", one.name).lower())
        for text in metadata.requires(one.name) or ():
            each = Requirement(text)
            extras = one.extras or {""}
            if each.marker is None or any(each.marker.evaluate({"extra": of}) for of in extras):
                waiting.append(each)
    return found


def test_the_image_has_what_a_server_needs_and_no_tools_of_tests() -> None:
    server, all_of_it = (
        locked_packages("requirements-server.lock"),
        locked_packages("requirements.lock"),
    )
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    needs = needed(*project["dependencies"], *project["optional-dependencies"]["server"])
    assert needs <= set(server)
    assert {name: all_of_it[name] for name in server} == server
    assert not {"pytest", "moto", "mypy", "ruff", "hypothesis", "hatchling"} & set(server)
    *_, packages, runtime = (DEPLOY / "Dockerfile").read_text().split("\nFROM ")
    assert "requirements-server.lock" in packages
    assert "COPY --from=packages " in runtime
    assert "requirements.lock" not in packages + runtime


def test_each_container_is_hardened() -> None:
    for name, service in compose()["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_only_the_code_server_gets_the_secrets_of_alerts() -> None:
    services = compose()["services"].items()
    gets = [name for name, of in services if "alerts.env" in str(of.get("env_file"))]
    assert gets == ["code"]
    units = (DEPLOY / "systemd").glob("*.service")
    gets = [unit.stem for unit in units if "/etc/off-platform/alerts" in unit.read_text()]
    assert gets == ["off-platform-daemon"]


def test_what_opens_dagsters_tables_waits_for_the_one_that_makes_them() -> None:
    for name, service in compose()["services"].items():
        if service["image"] == "off-platform" and name != "home":
            assert service["depends_on"]["home"]["condition"] == "service_completed_successfully"
    for name in ("daemon", "webserver"):
        unit = (DEPLOY / "systemd" / f"off-platform-{name}.service").read_text()
        assert "ExecStartPre=/srv/off-platform/.venv/bin/off-platform home\n" in unit
