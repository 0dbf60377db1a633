"""What deploy/ has for clusters: checked by its own tools, and a run launched where that can be."""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import dagster as dg
import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type

from off_platform_tests.ports import free_port
from off_platform_tests.waiting import PATIENCE_SECONDS

PROJECT = Path(__file__).resolve().parents[1]
DEPLOY = PROJECT / "deploy"
BIN = Path(sys.executable).parent
KUBERNETES = "1.33"
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "the-token-of-this-test-is-not-secret"}
MONTH = f"{time.strftime('%Y-%m')}-01"


def loaded(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def command(*words: str | Path, env: dict[str, str] | None = None, cwd: Path = PROJECT) -> str:
    """Runs a program of this environment; gives its output, or fails with it."""
    done = subprocess.run(  # noqa: S603 - our own programs
        [BIN / words[0], *words[1:]],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_dockerfile_is_clean() -> None:
    if not (BIN / "hadolint").exists():
        pytest.skip("hadolint is only built for Linux")
    assert command("hadolint", DEPLOY / "Dockerfile") == ""


def test_pods_of_the_ray_job_are_valid() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    cluster = loaded("ray/rayjob.yaml")["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    assert len(groups) == 2
    for group in groups:
        template = {"apiVersion": "v1", "kind": "PodTemplate", "template": group["template"]}
        kubernetes_validate.validate(template, KUBERNETES, strict=True)
        (container,) = group["template"]["spec"]["containers"]
        assert {"name": "OFF_PLATFORM_FLEET", "value": "ray"} in container["env"]


def test_the_ray_job_has_the_locked_version() -> None:
    version = loaded("ray/rayjob.yaml")["spec"]["rayClusterSpec"]["rayVersion"]
    assert f"\nray=={version} " in (PROJECT / "requirements-cluster.lock").read_text()


@pytest.mark.cluster
def test_ray_understands_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    monkeypatch.chdir(PROJECT)
    config = prepare_config(loaded("ray/cluster.yaml"))
    validate_config(config)
    assert set(config["available_node_types"]) == {"head", "worker"}


def home(folder: Path, launcher: dict[str, Any]) -> dict[str, str]:
    """A home with a launcher; gives the environment for it, with small copies of the buckets."""
    at_once = {"module": "dagster.core.run_coordinator", "class": "DefaultRunCoordinator"}
    said = {"run_coordinator": at_once, **launcher, "telemetry": {"enabled": False}}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(said))
    command("off-platform", "sandbox", "--out", folder / "buckets")
    return {
        "DAGSTER_HOME": str(folder),
        "OFF_PLATFORM_LAKE": str(folder / "lake"),
        "OFF_PLATFORM_IMAGES_BUCKET": str(folder / "buckets" / "openfoodfacts-images"),
        "OFF_PLATFORM_BINS_BUCKET": str(folder / "buckets" / "aft-vbi-pds"),
        "OFF_PLATFORM_IMAGE_SETS": str(PROJECT / "image_sets.toml"),
    }


def launch_month(env: dict[str, str]) -> None:
    """Launches the monthly job as the daemon would: through the launcher of the home."""
    tags = json.dumps({"dagster/partition": MONTH})
    words = ("job", "launch", "-m", "off_platform.definitions", "-j", "monthly", "--tags", tags)
    command("dagster", *words, env=env)


@contextmanager
def listener(answers: dict[str, Any]) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """A server that records what is posted, and answers by the end of the path."""
    posted: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.path, json.loads(body)))
            self.answer(posted[-1][1])

        def do_GET(self) -> None:
            self.answer(next((v for k, v in answers.items() if self.path.endswith(k)), {}))

        def answer(self, what: Any) -> None:
            data = json.dumps(what).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", posted
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.cluster
def test_a_run_is_a_job_that_kubernetes_accepts(tmp_path: Path) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    launcher = loaded("launchers/kubernetes.yaml")
    with listener({}) as (url, posted):
        # Outside of a cluster, the launcher asks a server of its own.
        config = launcher["run_launcher"]["config"]
        config |= {"load_incluster_config": False, "kubeconfig_file": str(tmp_path / "kube.yaml")}
        (tmp_path / "kube.yaml").write_text(yaml.safe_dump(kubeconfig(url)))
        env = home(tmp_path, launcher)
        launch_month({**env, "DAGSTER_RUN_IMAGE": "off-platform:cluster"})
    ((path, job),) = posted
    assert path == "/apis/batch/v1/namespaces/off-platform/jobs"
    kubernetes_validate.validate(job, KUBERNETES, strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "off-platform:cluster"
    assert container["args"][:3] == ["dagster", "api", "execute_run"]
    assert {"configMapRef": {"name": "off-platform-settings"}} in container["envFrom"]


def kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "test"}}],
        "current-context": "here",
    }


@contextmanager
def ray_head(folder: Path) -> Iterator[str]:
    """A Ray cluster of one node with its job server; gives the job server's address."""
    port, jobs = free_port(), free_port()
    words = ["start", "--head", "--block", "--num-cpus=2", "--object-store-memory=80000000"]
    words += ["--disable-usage-stats", f"--port={port}", f"--dashboard-port={jobs}"]
    with (
        (folder / "ray.log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - a program of this environment
            [BIN / "ray", *words, "--include-dashboard=true"],
            env={
                **os.environ,
                **TOKEN,
                "RAY_raylet_start_wait_time_s": "180",
                # Jobs name their program, as the image has it in its path.
                "PATH": f"{BIN}:{os.environ['PATH']}",
            },
            stdout=log,
            stderr=log,
            # Its children are stopped with it, and no others.
            start_new_session=True,
        ) as process,
    ):
        try:
            wait_for_answer(f"http://127.0.0.1:{jobs}/api/version", process)
            yield f"http://127.0.0.1:{jobs}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE_SECONDS)


def wait_for_answer(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - of this machine
                return
        except HTTPError:
            # It asks for a token, which the launcher has.
            return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(f"{url} does not answer; the process ended with {process.poll()}")


@pytest.mark.cluster
def test_a_run_is_a_job_of_a_ray_cluster(tmp_path: Path) -> None:
    with ray_head(tmp_path) as jobs:
        launcher = loaded("launchers/ray.yaml")
        # The sources of a server are the real buckets.
        more = ("DAGSTER_HOME", "IMAGES_BUCKET", "BINS_BUCKET", "IMAGE_SETS")
        launcher["run_launcher"]["config"]["ray"]["env_vars"] += [
            name if name.startswith("DAGSTER") else f"OFF_PLATFORM_{name}" for name in more
        ]
        env = {**TOKEN, "RAY_JOB_SERVER": jobs, **home(tmp_path, launcher)}
        names = ("DAGSTER_PG_HOST", "DAGSTER_PG_PORT", "DAGSTER_PG_USER", "DAGSTER_PG_DB")
        env |= dict.fromkeys((*names, "DAGSTER_PG_PASSWORD"), "not used by SQLite")
        launch_month(env)
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            assert ended(instance).status is dg.DagsterRunStatus.SUCCESS
            assert instance.get_materialized_partitions(dg.AssetKey("key_index")) == {MONTH}


def ended(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """The only run, once it has ended."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        (run,) = instance.get_runs()
        if run.is_finished or time.monotonic() > end:
            return run
        time.sleep(0.5)


def test_dagster_understands_the_launcher_of_ecs() -> None:
    launcher = loaded("launchers/ecs.yaml")["run_launcher"]
    of_class = getattr(importlib.import_module(launcher["module"]), launcher["class"])
    checked = process_config(resolve_to_config_type(of_class.config_type()), launcher["config"])
    assert checked.success, checked.errors
    wrong = {**launcher["config"], "container_names": ["daemon"]}
    assert not process_config(resolve_to_config_type(of_class.config_type()), wrong).success
