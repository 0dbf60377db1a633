"""The proxy that compose starts with only `.env`: for this machine, and for no other."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from off_platform_tests.nginx_proxy import DEPLOY, OWN_FOLDERS, Echo, running, tool
from off_platform_tests.ports import free_port
from off_platform_tests.waiting import PATIENCE_SECONDS


def script(folder: Path, port: int, upstream: int) -> list[str]:
    """The start script, with the folders and ports of this test."""
    text = (DEPLOY / "start_proxy.sh").read_text().replace("/etc/nginx", str(folder))
    # The folders of tests are closed to the user that nginx would otherwise become.
    user = "user root; " if os.geteuid() == 0 else ""
    text = text.replace("daemon off;", f"{user}daemon off; pid {folder}/nginx.pid;")
    text = text.replace("exec nginx", f"exec {tool('nginx', 'nginx-light')} -e error.log")
    (folder / "start_proxy.sh").write_text(text)
    (folder / "off-platform").mkdir(exist_ok=True)
    shutil.copy(DEPLOY / "proxy" / "proxy_headers.conf", folder / "off-platform")
    text = (DEPLOY / "this_machine.conf").read_text().replace("/etc/nginx", str(folder))
    text = text.replace("listen 8443", f"listen 127.0.0.1:{port}")
    text = text.replace("http://webserver:3000", f"http://127.0.0.1:{upstream}")
    text = text.replace("http {", f"http {{ {OWN_FOLDERS}", 1)
    (folder / "this_machine.conf").write_text(text)
    return ["sh", "start_proxy.sh"]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the proxy listens that was started without a certificate."""
    folder, port = tmp_path_factory.mktemp("this_machine"), free_port()
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = script(folder, port, server.server_address[1])
        with running(command, folder, port, "proxy.log"):
            assert "without passwords, from this machine only" in (folder / "proxy.log").read_text()
            yield port
        server.shutdown()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8443", "Origin": "http://localhost:8443"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Origin": "https://elsewhere.example.org"}, 403),
        ({"Origin": "null"}, 403),
        # A name of theirs that points to this machine.
        ({"Host": "elsewhere.example.org"}, 421),
        ({"Host": "elsewhere.example.org", "Origin": "http://elsewhere.example.org"}, 421),
    ],
)
def test_this_machine_is_served_and_pages_elsewhere_are_not(
    port: int, headers: dict[str, str], status: int
) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    connection.request("GET", "/graphql?query=mutation", headers=headers)
    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.parametrize(
    ("files", "password", "said"),
    [
        ([], "yes", "deploy/proxy has no server.crt"),
        (["server.crt"], "", "POSTGRES_PASSWORD is not set"),
    ],
)
def test_other_machines_are_served_with_a_certificate_and_a_password_only(
    tmp_path: Path, files: list[str], password: str, said: str
) -> None:
    command = script(tmp_path, 1, 1)
    for name in files:
        (tmp_path / "off-platform" / name).touch()
    environment = {"PROXY_ADDRESS": "0.0.0.0", "POSTGRES_PASSWORD_IS_SET": password}  # noqa: S104
    done = subprocess.run(  # noqa: S603 - our own script
        command, cwd=tmp_path, env={"PATH": "/usr/bin:/bin", **environment}, text=True,
        capture_output=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"does not start at 0.0.0.0: {said}" in done.stderr


def test_compose_needs_no_file_but_env_and_publishes_to_this_machine() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    assert re.findall(r"\$\{\w+(?!\w)(?!:-|:\+)", text) == []
    services = yaml.safe_load(text)["services"]
    for service in services.values():
        for file in service.get("env_file", ()):
            assert (DEPLOY / file["path"]).exists() or not file.get("required", True)
        # The later file wins: settings of .env and secrets before what is there without them.
        assert [file["path"] for file in service.get("env_file", ())][:1] in ([], ["defaults.env"])
    assert services["proxy"]["ports"] == ["${PROXY_ADDRESS:-127.0.0.1}:8443:8443"]
    # What start_proxy.sh goes by.
    assert "PROXY_ADDRESS: ${PROXY_ADDRESS:-127.0.0.1}\n" in text
    assert "POSTGRES_PASSWORD_IS_SET: ${POSTGRES_PASSWORD:+yes}\n" in text


def test_the_lake_of_compose_is_a_volume_that_the_platform_may_write() -> None:
    _, lake = (DEPLOY / "defaults.env").read_text().strip().splitlines()[-1].split("=")
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert f"lake:{lake}" in compose["services"]["code"]["volumes"]
    assert "lake" in compose["volumes"]
    # A new volume belongs to whom the image's folder belongs to.
    (made,) = re.findall(r"--owner platform (.*)", (DEPLOY / "Dockerfile").read_text())
    assert Path(lake).name in made.split()
    assert f"WORKDIR {Path(lake).parent}\n" in (DEPLOY / "Dockerfile").read_text()
