"""The proxy of a server: who is let in, to which webserver, and what is refused."""

import http.client
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest
import yaml
from websockets.exceptions import InvalidStatus

from off_platform_tests.nginx_proxy import (
    DEPLOY,
    LOOK,
    OPERATE,
    OPERATOR,
    VIEWER,
    Echo,
    Proxy,
    proxy_to,
    running,
    set_up,
    tool,
)
from off_platform_tests.ports import free_port
from off_platform_tests.waiting import PATIENCE_SECONDS

CODE = """
import dagster as dg
@dg.asset
def made(): ...
defs = dg.Definitions(assets=[made], jobs=[dg.define_asset_job("job", [made])])
"""
LAUNCH = """mutation { launchRun(executionParams: {selector: {repositoryLocationName: "tiny.py",
    repositoryName: "__repository__", pipelineName: "job"}, runConfigData: "{}", mode: "default"})
    { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
ALLOWED = "{ permissions { permission value } }"


@pytest.fixture(scope="module")
def echoes() -> Iterator[dict[str, int]]:
    """Ports of two servers in the webservers' places that echo."""
    with ExitStack() as stack:
        ports = {}
        for name in ("webserver-read-only", "webserver"):
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Echo))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            ports[name] = server.server_address[1]
        yield ports


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, echoes: dict[str, int]) -> Iterator[Proxy]:
    """The proxy before servers that echo."""
    with proxy_to(tmp_path_factory.mktemp("proxy"), echoes) as made:
        yield made


def test_nginx_accepts_the_configuration(tmp_path: Path) -> None:
    command = set_up(tmp_path, 8443, {})
    # Names of compose are looked up when they are needed, so that a webserver may come later.
    done = subprocess.run(  # noqa: S603 - nginx
        [*command, "-t"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert "test is successful" in done.stderr, done.stderr
    assert "warn" not in done.stderr


@pytest.mark.parametrize(
    ("host", "user"),
    [
        (LOOK, None), (LOOK, "viewer:wrong"), (LOOK, "nobody:looks"), (LOOK, OPERATOR),
        (OPERATE, None), (OPERATE, VIEWER), (OPERATE, "viewer:works"), (OPERATE, "operator:"),
    ],
)  # fmt: skip
def test_nobody_comes_in_without_the_password_of_the_place(
    proxy: Proxy, host: str, user: str | None
) -> None:
    for path in ("/", "/graphql", "/logs/x/y/z.out", "/server_info", "/static/x.js", "/../etc"):
        for method in ("GET", "POST"):
            answer = proxy.ask(path, host=host, user=user, method=method)
            assert answer.status in {401, 400} if ".." in path else answer.status == 401
            assert b"port" not in answer.body


def test_viewers_come_to_the_read_only_webserver_and_operators_to_the_other(
    proxy: Proxy, echoes: dict[str, int]
) -> None:
    for host in (LOOK, "127.0.0.1", "webserver", "operators", "x-operators.example.org"):
        found = proxy.ask("/", Host=host).json
        assert found["port"] == echoes["webserver-read-only"], host
    assert proxy.ask("/", host=OPERATE, user=OPERATOR).json["port"] == echoes["webserver"]


def test_the_webserver_gets_the_address_and_not_the_password(proxy: Proxy) -> None:
    found = proxy.ask("/runs/1?x=%2F..%2F").json
    assert found["path"] == "/runs/1?x=%2F..%2F"
    assert found["Host"] == f"{LOOK}:{proxy.port}"
    assert found["X-Forwarded-Proto"] == "https"
    assert "Authorization" not in found


def test_who_comes_by_http_is_sent_to_https_on_the_same_port(proxy: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE_SECONDS)
    connection.request("GET", "/runs?x=1", headers={"Host": f"{LOOK}:{proxy.port}"})
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{LOOK}:{proxy.port}/runs?x=1"


@pytest.mark.parametrize("user", [VIEWER, None])
def test_each_answer_has_the_headers_that_keep_browsers_safe(
    proxy: Proxy, user: str | None
) -> None:
    headers = proxy.ask("/", user=user).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["Server"] == "nginx"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        # A picture on a page elsewhere.
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Origin": "https://elsewhere.example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": f"https://{LOOK}.elsewhere.example.org"}, 403),
        ({"Origin": f"https://{LOOK}"}, 403),
    ],
)
def test_pages_elsewhere_cannot_ask_in_the_name_of_who_is_logged_in(
    proxy: Proxy, headers: dict[str, str], status: int
) -> None:
    path = "/graphql?query=mutation"
    assert proxy.ask(path, **headers).status == status
    assert proxy.ask(path, host=OPERATE, user=OPERATOR, **headers).status == status


def test_links_from_elsewhere_may_be_followed_and_forms_not(proxy: Proxy) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert proxy.ask("/runs/1", **elsewhere).status == 200
    assert proxy.ask("/runs/1", method="POST", body=b"", **elsewhere).status == 403
    own = {"Origin": f"https://{LOOK}:{proxy.port}", "Sec-Fetch-Site": "same-origin"}
    assert proxy.ask("/graphql", method="POST", body=b"{}", **own).status == 200


def test_a_request_is_not_larger_than_what_the_ui_asks(proxy: Proxy) -> None:
    assert proxy.ask("/graphql", method="POST", body=b"x" * 3_000_000).status == 200
    assert proxy.ask("/graphql", method="POST", body=b"x" * 5_000_000).status == 413


def test_who_guesses_passwords_is_slowed_down(tmp_path: Path, echoes: dict[str, int]) -> None:
    with proxy_to(tmp_path, echoes) as fresh:
        guesses = [fresh.ask("/", user=f"viewer:{number}").status for number in range(700)]
    assert guesses[:300] == [401] * 300
    assert set(guesses[300:]) == {401, 429}


@dataclass
class Served:
    """Dagster's webservers behind the proxy, and the state that they show."""

    proxy: Proxy
    instance: dg.DagsterInstance


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The webservers as compose starts them, over a code location of one asset."""
    folder = tmp_path_factory.mktemp("served")
    tool("nginx", "nginx-light")
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    (folder / "workspace.yaml").write_text("load_from: [{python_file: tiny.py}]\n")
    (folder / "tiny.py").write_text(CODE)
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    upstreams = {name: free_port() for name in ("webserver-read-only", "webserver")}
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(folder)))
        # It makes the state; two webservers that begin a fresh one at once would meet.
        instance.get_runs_count()
        for name, port in upstreams.items():
            words = services[name]["command"].replace("0.0.0.0", "127.0.0.1").split()  # noqa: S104 - replaced
            command = [str(port) if word == "3000" else word for word in words]
            stack.enter_context(
                running(command, folder, port, f"{name}.log", DAGSTER_HOME=str(folder))
            )
        yield Served(stack.enter_context(proxy_to(folder, upstreams)), instance)


@pytest.mark.slow
def test_viewers_see_the_ui_and_what_they_ask_for(served: Served) -> None:
    page = served.proxy.ask("/locations")
    assert page.status == 200
    assert "script-src 'nonce-" in page.headers["Content-Security-Policy"]
    allowed = served.proxy.query(ALLOWED)["permissions"]
    assert len(allowed) > 10
    assert [each for each in allowed if each["value"]] == []
    assets = served.proxy.query("{ assetNodes { assetKey { path } } }")["assetNodes"]
    assert assets == [{"assetKey": {"path": ["made"]}}]


@pytest.mark.slow
def test_the_ui_comes_compressed(served: Served) -> None:
    page = served.proxy.ask("/").body.decode()
    script = next(part.split('"')[0] for part in page.split('src="') if ".js" in part[:200])
    plain = served.proxy.ask(script)
    small = served.proxy.ask(script, Accept_Encoding="gzip")
    assert small.headers["Content-Encoding"] == "gzip"
    assert len(small.body) < len(plain.body) / 2


@pytest.mark.slow
def test_viewers_can_start_and_change_nothing(served: Served) -> None:
    assert served.proxy.query(LAUNCH) == {"launchRun": {"__typename": "UnauthorizedError"}}
    asked = f"/graphql?query={quote(LAUNCH)}"
    for method in ("GET", "POST"):
        answer = served.proxy.ask(asked, method=method)
        assert answer.json["data"]["launchRun"]["__typename"] == "UnauthorizedError"
    refused = served.proxy.query("""mutation {
        wipe: wipeAssets(assetPartitionRanges: [{assetKey: {path: ["made"]}}]) { __typename }
        report: reportRunlessAssetEvents(eventParams: {eventType: ASSET_MATERIALIZATION,
            assetKey: {path: ["made"]}}) { __typename }
        delete: deletePipelineRun(runId: "x") { __typename }
        reload: reloadWorkspace { __typename }
        stop: shutdownRepositoryLocation(repositoryLocationName: "tiny.py") { __typename }
        }""")
    assert {each["__typename"] for each in refused.values()} == {"UnauthorizedError"}
    for what in ("materialization", "check", "observation"):
        answer = served.proxy.ask(
            f"/report_asset_{what}/made?check_name=x&passed=true", method="POST"
        )
        assert answer.status == 401, what
    assert served.instance.get_runs_count() == 0
    assert served.instance.get_asset_keys() == []


@pytest.mark.slow
def test_operators_start_runs_and_viewers_follow_them_by_websocket(served: Served) -> None:
    launched = served.proxy.query(LAUNCH, host=OPERATE, user=OPERATOR)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]
    with served.proxy.listen(VIEWER, f"https://{LOOK}:{served.proxy.port}") as socket_of_ui:
        socket_of_ui.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket_of_ui.recv(30)) == {"type": "connection_ack"}
        query = """subscription { pipelineRunLogs(runId: "%s") {
            ... on PipelineRunLogsSubscriptionSuccess { run { runId } } } }"""
        start = {"id": "1", "type": "start", "payload": {"query": query % run_id}}
        socket_of_ui.send(json.dumps(start))
        found = json.loads(socket_of_ui.recv(30))
    assert found["payload"]["data"]["pipelineRunLogs"]["run"]["runId"] == run_id


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "origin", "status"),
    [(None, None, 401), (OPERATOR, None, 401), (VIEWER, "https://elsewhere.example.org", 403)],
)
def test_a_websocket_is_refused_like_anything_else(
    served: Served, user: str | None, origin: str | None, status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        served.proxy.listen(user, origin)
    assert refused.value.response.status_code == status
