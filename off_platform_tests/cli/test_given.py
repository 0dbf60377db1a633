"""What `validate` and `import` take: several paths, standard input, URLs; and the JSON of verdicts.

The server is one of this process at 127.0.0.1; it sends whatever a path asks for.
"""

import gzip
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from off_platform.imports.intake import received
from off_platform.imports.intake.received import name_of, shown_url
from off_platform_tests.command_line import Run, command_line

PROJECT = Path(__file__).resolve().parents[2]
NUTELLA, OREO = "3017620422003", "7622210449283"
GOOD = f"barcode,product_name,fat_g\n{NUTELLA},Nutella,30.9\n"
SOME = f'barcode,product_name,fat_g\n{NUTELLA},Nutella,"30,9"\n{OREO},Oreo,20.5\n'
BAD = "shelf,row\n1,2\n"
FILES = {"good.csv": GOOD, "some.csv": SOME, "bad.csv": BAD}


class Server(BaseHTTPRequestHandler):
    """Answers by the first part of the path."""

    def do_GET(self) -> None:
        """Answers."""
        kind, _, rest = self.path[1:].partition("/")
        body = GOOD.encode()
        match kind:
            case "again":
                times = int(rest.split("/")[0])
                self._answer(302, b"", Location=f"/again/{times - 1}/x.csv" if times else "/x.csv")
            case "out":
                self._answer(302, b"", Location="file:///etc/passwd")
            case "status":
                self._answer(int(rest.split("/")[0]), body)
            case "cut":
                self._answer(200, body, length=len(body) + 1)
            case "endless":
                self._answer(200, body * 100, length=None)
            case "packed":
                self._answer(200, gzip.compress(body), **{"Content-Encoding": "gzip"})
            case _:
                self._answer(
                    200, body, **{"Content-Disposition": 'attachment; filename="../../evil.csv"'}
                )

    def _answer(self, status: int, body: bytes, length: int | None = -1, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length < 0 else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of the server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in a folder with files; exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name, text in FILES.items():
        Path(name).write_text(text)
    return command_line(monkeypatch, capsys)


def verdicts(out: str) -> dict[str, Any]:
    """The output as JSON, which the published schema describes."""
    shown: dict[str, Any] = json.loads(out)
    schema = json.loads((PROJECT / "docs" / "validate.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(shown, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(shown | {"more": 1}, schema)
    return shown


def test_several_paths_have_a_verdict_each_and_the_worst_exit_code(run: Run) -> None:
    code, out, _ = run("validate", "good.csv", "some.csv", "bad.csv", "--format", "json")
    shown = verdicts(out)
    assert (code, shown["verdict"]) == (2, "refused")
    assert [(each["path"], each["verdict"], each["accepted"]) for each in shown["imports"]] == [
        ("good.csv", "accepted", 1), ("some.csv", "some", 1), ("bad.csv", "refused", 0),
    ]  # fmt: skip
    code, out, _ = run("validate", "good.csv", "--format", "json")
    assert (code, verdicts(out)["path"]) == (0, "good.csv")
    code, out, _ = run("validate", "good.csv", "some.csv")
    assert code == 1
    assert out.index("good.csv  1 record accepted.") < out.index("some.csv  Of 2 records")


def test_standard_input_that_is_closed_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    code, _, err = run("validate", "-")
    assert (code, "Standard input is closed." in err) == (2, True)


def test_standard_input_is_a_file_with_a_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def given(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    given(SOME)
    code, out, err = run(
        "validate", "-", "--name", "acme.csv", "--corrected", "c.csv", "--format", "json"
    )
    shown = verdicts(out)
    assert (code, shown["path"], shown["file"]) == (1, "-", "acme.csv")
    assert "Written: c.csv" in err
    given(Path("c.csv").read_text())
    assert run("validate", "-")[0] == 0


def test_a_url_is_checked_under_its_name_alone(run: Run, server: str, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*.csv"))
    with_password = server.replace("//", "//user:secret@")
    code, out, err = run("validate", f"{with_password}/a%2F..%2F%2e%2e%2Fx.csv?token=secret")
    assert code == 0
    assert "x.csv  1 record accepted." in out
    assert "secret" not in out + err
    assert set(tmp_path.rglob("*.csv")) == before
    assert run("validate", f"{server}/again/4/x.csv")[0] == 0


@pytest.mark.parametrize(
    ("path", "code", "shown"),
    [
        ("status/404/x.csv", 2, "/status/404/x.csv answers 404 Not Found."),
        ("status/206/x.csv", 2, "answers 206 Partial Content."),
        ("status/429/x.csv", 3, "answers 429 Too Many Requests; try again later."),
        ("status/503/x.csv", 3, "answers 503 Service Unavailable; try again later."),
        ("again/9/x.csv", 2, "is redirected more than 5 times."),
        ("out", 2, "leads to one that is not http."),
        ("cut/x.csv", 3, "was cut off; try again."),
        ("packed/x.csv", 2, "is sent compressed (gzip), which was not asked for."),
        ("x.csv:wrong", 3, "cannot be read: "),
        ("http://u:s3cr3t@[::1/x.csv?t=s3cr3t", 2, "is not a URL."),
    ],
)
def test_a_url_that_is_not_a_file_is_one_sentence(
    path: str, code: int, shown: str, run: Run, server: str, tmp_path: Path
) -> None:
    url = "http://127.0.0.1:1/x.csv" if path == "x.csv:wrong" else f"{server}/{path}"
    found, out, err = run("validate", path if "://" in path else url)
    assert found == code
    assert "s3cr3t" not in out + err
    assert shown in err
    assert len(err.splitlines()) == 1
    assert {each.name for each in tmp_path.rglob("*.csv")} == FILES.keys()


def test_a_url_that_cannot_be_received_does_not_stop_the_others(run: Run, server: str) -> None:
    wrong = f"{server}/status/404/x.csv?token=s3cr3t"
    code, out, err = run("validate", wrong, "good.csv", "--format", "json")
    shown = verdicts(out)
    assert (code, shown["verdict"]) == (2, "refused")
    first, second = shown["imports"]
    assert (first["path"], first["verdict"]) == (f"{server}/status/404/x.csv", "refused")
    assert first["sentence"] in err
    assert second["verdict"] == "accepted"
    assert "s3cr3t" not in out + err
    code, out, _ = run("validate", "http://127.0.0.1:1/x.csv", "--format", "json")
    assert (code, verdicts(out)["verdict"]) == (3, "refused")


@pytest.mark.slow
def test_a_url_that_cannot_be_received_stops_no_other_import(run: Run, server: str) -> None:
    code, out, err = run("import", f"{server}/status/404/x.csv", "good.csv")
    assert (code, "1 record accepted." in out) == (2, True)
    assert "answers 404 Not Found." in err


@pytest.mark.parametrize(
    ("bound", "path", "code", "shown"),
    [
        (("MOST_BYTES", 1_000), "endless/x.csv", 2, "is larger than"),
        (("MOST_BYTES", 10), "x.csv", 2, "is larger than"),
        (("MOST_SECONDS", -1.0), "x.csv", 3, "takes longer than"),
    ],
)
def test_a_download_is_bounded(
    bound: tuple[str, float], path: str, code: int, shown: str,
    run: Run, server: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(received, *bound)
    found, _, err = run("validate", f"{server}/{path}")
    assert found == code
    assert shown in err


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://x.org/a/products.csv?b=/c", "products.csv"),
        ("https://x.org/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "-..-etc-passwd"),
        ("https://x.org/a/..", "download"),
        ("https://x.org", "download"),
        ("https://x.org/..%5c%00%0ax", "---x"),
    ],
)
def test_the_name_of_a_url_is_no_path(url: str, name: str) -> None:
    assert name_of(url) == name


def test_a_shown_url_has_no_secrets() -> None:
    assert shown_url("https://u:p@x.org:81/a.csv?token=1#f") == "https://x.org:81/a.csv"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("-", "-"), "- is given twice"),
        (("good.csv", "--name", "x.csv"), "--name is the name of one file"),
        (("-", "--name", "../x.csv"), "--name is a file's name, without folders"),
        (("good.csv", "some.csv", "--report", "r.html"), "are about one path"),
        (("x.csv.gz", "--corrected", "c.json"), "c.json must end in .csv"),
    ],
)
def test_slips_are_one_sentence(run: Run, words: tuple[str, ...], shown: str) -> None:
    Path("x.csv.gz").write_bytes(gzip.compress(SOME.encode()))
    code, _, err = run("validate", *words)
    assert code == 2
    assert shown in re.sub(r"[│\s]+", " ", err)


@pytest.mark.slow
def test_an_import_keeps_standard_input_as_it_was_given(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = gzip.compress(SOME.encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    code, out, _ = run("import", "-", "--name", "acme.csv.gz")
    assert (code, "partition  acme.csv.gz@" in out) == (1, True)
    (kept,) = (tmp_path / "var/lake/imports").glob("acme.csv.gz@*")
    assert (kept / "original" / "acme.csv.gz").read_bytes() == packed
    assert "30.9" in (kept / "corrected.csv").read_text()


def test_the_hook_of_pre_commit_takes_tables_and_runs_this_command() -> None:
    (hook,) = yaml.safe_load((PROJECT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert (hook["entry"], hook["language"]) == ("off-platform validate", "python")
    taken = [
        name
        for name in ("a/x.csv", "X.XLSX", "x.tsv.gz", "x.json", "x.csv.txt", "README.md")
        if re.search(hook["files"], name)
    ]
    assert taken == ["a/x.csv", "X.XLSX", "x.tsv.gz"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("paths", "code", "shown"),
    [
        ("some.csv\nwith space/*.csv", 1, "::notice file=with space/x.csv::1 record accepted."),
        ("$(touch forged)\n`touch forged`;touch forged", 2, "does not exist"),
        ("none*.csv", 2, "::error::No file matches the input 'paths'."),
    ],
)
def test_the_action_of_github_annotates_and_ends_with_the_exit_code(
    run: Run, paths: str, code: int, shown: str, tmp_path: Path
) -> None:
    assert run
    action = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
    step = action["runs"]["steps"][-1]
    assert step["env"] == {"PATHS": "${{ inputs.paths }}"}
    assert "${{" not in step["run"]
    (tmp_path / "with space").mkdir()
    (tmp_path / "with space/x.csv").write_text(GOOD)
    bin_folder = Path(sys.executable).parent
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env={
            "PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(tmp_path), "PATHS": paths,
            "GITHUB_OUTPUT": str(tmp_path / "output"), "TMPDIR": str(tmp_path),
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert shown in done.stdout + done.stderr
    assert (tmp_path / "output").read_text() == f"exit-code={code}\n"
    assert not (tmp_path / "forged").exists()
