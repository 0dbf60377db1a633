"""An nginx that runs with the project's own configuration, and servers for it to stand before.

Only addresses, files and passwords are those of the tests; what it should do is said by them.
"""

import base64
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from off_platform_tests.ports import free_port
from off_platform_tests.waiting import PATIENCE_SECONDS, end_with_the_tests

PROJECT = Path(__file__).resolve().parents[1]
DEPLOY = PROJECT / "deploy"
BIN = Path(sys.executable).parent
LOOK, OPERATE = "platform.example.org", "operators.example.org"
VIEWER, OPERATOR = "viewer:looks", "operator:works"
# Where nginx writes by default, which not everybody may.
OWN_FOLDERS = "access_log off; " + " ".join(
    f"{name}_temp_path {name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass
class Proxy:
    """An nginx that runs."""

    folder: Path
    port: int
    tls: ssl.SSLContext

    def ask(
        self,
        path: str = "/",
        *,
        host: str = LOOK,
        user: str | None = VIEWER,
        method: str = "GET",
        body: bytes | None = None,
        **headers: str,
    ) -> Answer:
        """Asks as a browser would that was given a user and password."""
        connection = http.client.HTTPSConnection(
            host, self.port, context=self.tls, timeout=PATIENCE_SECONDS
        )
        connection.sock = self.tls.wrap_socket(self.socket(), server_hostname=host)
        try:
            connection.request(
                method,
                path,
                body,
                {**login(user), **{k.replace("_", "-"): headers[k] for k in headers}},
            )
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def query(self, query: str, **how: Any) -> Any:
        """Asks GraphQL."""
        body = json.dumps({"query": query}).encode()
        answer = self.ask(
            "/graphql", method="POST", body=body, content_type="application/json", **how
        )
        assert answer.status == 200, answer
        return answer.json["data"]

    def listen(self, user: str | None, origin: str | None = None) -> ClientConnection:
        """Opens the WebSocket that the UI opens."""
        return connect(
            f"wss://{LOOK}:{self.port}/graphql", sock=self.socket(), ssl=self.tls, origin=origin,
            additional_headers=login(user), subprotocols=["graphql-ws"],
            open_timeout=PATIENCE_SECONDS,
        )  # fmt: skip

    def socket(self) -> socket.socket:
        """A connection to the proxy, whatever name it is asked by."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)


def login(user: str | None) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"} if user else {}


def tool(name: str, package: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed here (apt-get install {package})")
    return path


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    pytest.fail(f"{process.args!r} did not start.")


def set_up(folder: Path, port: int, upstreams: Mapping[str, int]) -> list[str]:
    """Puts configuration, certificate and passwords into a folder; gives the command of nginx."""
    nginx, htpasswd = tool("nginx", "nginx-light"), tool("htpasswd", "apache2-utils")
    names = ",".join(f"DNS:{name}" for name in (LOOK, OPERATE))
    certificate = [
        "-keyout",
        "server.key",
        "-out",
        "server.crt",
        "-addext",
        f"subjectAltName={names}",
    ]
    subprocess.run(  # noqa: S603 - a certificate for this test
        [tool("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test", *certificate],
        cwd=folder, check=True, capture_output=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    for name, user in (("viewers", VIEWER), ("operators", OPERATOR)):
        command = [htpasswd, "-cbB", f"{name}.htpasswd", *user.split(":")]
        subprocess.run(  # noqa: S603 - Apache's tool
            command, cwd=folder, check=True, capture_output=True, timeout=PATIENCE_SECONDS
        )
    shutil.copy(DEPLOY / "proxy" / "proxy_headers.conf", folder)
    text = (DEPLOY / "nginx.conf").read_text().replace("/etc/nginx/off-platform", str(folder))
    text = text.replace("listen 8443", f"listen 127.0.0.1:{port}")
    for name, upstream in upstreams.items():
        assert f"http://{name}:3000;" in text
        text = text.replace(f"http://{name}:3000;", f"http://127.0.0.1:{upstream};")
    (folder / "nginx.conf").write_text(text.replace("http {", f"http {{ {OWN_FOLDERS}", 1))
    # The folders of tests are closed to the user that nginx would otherwise become.
    user = "user root; " if os.geteuid() == 0 else ""
    about = f"{user}daemon off; pid {folder}/nginx.pid;"
    return [nginx, "-p", str(folder), "-e", "error.log", "-c", "nginx.conf", "-g", about]


@contextmanager
def running(
    command: list[str], folder: Path, port: int, log: str, **environment: str
) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / log).open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - nginx, and Dagster's own programs
            command, cwd=folder, stdout=output, stderr=output,
            env={"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(folder), **environment},
            preexec_fn=end_with_the_tests,  # noqa: PLW1509 - before any thread is started there
        )  # fmt: skip
    try:
        wait_for(port, process, folder / log)
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


@contextmanager
def proxy_to(folder: Path, upstreams: Mapping[str, int]) -> Iterator[Proxy]:
    """The proxy before two webservers, given by their ports."""
    port = free_port()
    command = set_up(folder, port, upstreams)
    tls = ssl.create_default_context(cafile=folder / "server.crt")
    with running(command, folder, port, "nginx.log"):
        yield Proxy(folder, port, tls)


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked, and by whom it was answered."""

    def do_GET(self) -> None:
        """Answers."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = {"port": self.server.server_address[1], "path": self.path, **self.headers}
        body = json.dumps(asked).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Referrer-Policy", "unsafe-url")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that Python's server looks for

    def log_message(self, *_: Any) -> None:
        """Says nothing."""
