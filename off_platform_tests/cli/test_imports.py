"""`off-platform validate` and `import`: the verdict, its forms and files, and the exit codes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import openpyxl
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_graphql.schema import create_schema

from off_platform.cli.imports_run import add_partition
from off_platform.imports import importing
from off_platform.partitions import IMPORT_FILES
from off_platform_tests.command_line import Run, command_line, press_ctrl_c, started
from off_platform_tests.waiting import PATIENCE_SECONDS

PROJECT = Path(__file__).resolve().parents[2]
NUTELLA, OREO = "3017620422003", "7622210449283"
GOOD = f"barcode,product_name,fat_g\n{NUTELLA},Nutella,30.9\n"
SOME = f'barcode,product_name,fat_g\n{NUTELLA},Nutella,"30,9"\n{OREO},"=1+1 [red]",20.5\n'
BAD = "shelf,row\n1,2\n"
FILES = {"good.csv": GOOD, "some.csv": SOME, "bad.csv": BAD}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in a folder with files; exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)
    return command_line(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("name", "code", "shown"),
    [
        ("good.csv", 0, "1 record accepted."),
        ("some.csv", 1, "Of 2 records, 1 accepted and 1 in quarantine"),
        ("bad.csv", 2, "Refused: no record was imported. No column identifies the products"),
    ],
)
def test_the_verdict_is_shown_and_is_the_exit_code(
    run: Run, name: str, code: int, shown: str
) -> None:
    found, out, _ = run("validate", name)
    assert found == code
    assert shown in out


def test_the_output_says_where_what_and_what_to_do(run: Run) -> None:
    _, out, _ = run("validate", "some.csv")
    assert "line 2 (fat_g): '30,9' -> '30.9'" in out
    assert "1. Use a period instead of the comma. (1 finding)" in out


@pytest.mark.slow
@pytest.mark.usefixtures("run")
def test_what_a_killed_command_left_is_removed_by_the_next(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    Path("large.csv").write_text("barcode,product_name\n" + f"{NUTELLA},x\n" * 300_000)
    program = Path(sys.executable).with_name("off-platform")
    with subprocess.Popen(  # noqa: S603 - our own program
        [program, "validate", "large.csv"],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None and not list(temporary.glob("*/*/*")):
            time.sleep(0.01)
        process.kill()
    (left,) = temporary.glob("*/*")
    # A younger one may be a command's that has not locked it yet.
    os.utime(left, (time.time() - 120,) * 2)
    subprocess.run(  # noqa: S603 - our own program
        [program, "validate", "good.csv"], env={**os.environ, "TMPDIR": str(temporary)}, check=True
    )
    assert not list(temporary.glob("*/*"))


@pytest.mark.slow
def test_ctrl_c_ends_a_validation_and_leaves_nothing(tmp_path: Path) -> None:
    """Batches are read, checked and written by several threads; all of them end."""
    file = tmp_path / "large.csv"
    file.write_text("barcode,product_name\n" + f"{NUTELLA},x\n" * 2_000_000)
    outputs = ("--report", "r.html", "--findings", "f.csv", "--corrected", "c.csv")
    with started(tmp_path, "validate", file.name, *outputs) as process:
        while process.poll() is None and not any(map(_size, tmp_path.glob("off-*/*/first_*"))):
            time.sleep(0.05)
        said = press_ctrl_c(process)
    assert process.returncode == 130
    assert said == "off-platform: Stopped. Run the same command again to resume."
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


def _size(path: Path) -> int:
    """Of a file that may be gone by now."""
    return path.stat().st_size if path.exists() else 0


def test_programs_get_json(run: Run) -> None:
    code, out, _ = run("validate", "some.csv", "--format", "json")
    shown = json.loads(out)
    assert code == 1
    assert (shown["verdict"], shown["records"], shown["accepted"], shown["quarantined"]) == (
        "some", 2, 1, 1,
    )  # fmt: skip
    (rule,) = [each for each in shown["rules"] if each["level"] == "error"]
    assert rule["rule"] == "number_decimal_comma"
    assert rule["examples"] == [
        {
            "file": "some.csv", "row": 2, "line": 2, "sheet": None, "cell": None,
            "column": "fat_g", "value": "30,9", "proposal": "30.9", "certain": True,
            "message": rule["examples"][0]["message"],
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("text", "b.csv, line 2 (fat_g): '30,9' -> '30.9'"),
        ("json", '"file": "b.csv"'),
        ("github", "::error file=several/b.csv,line=2,title=number_decimal_comma::"),
    ],
)
def test_a_finding_in_a_folder_is_shown_with_its_file(run: Run, form: str, shown: str) -> None:
    Path("several").mkdir()
    Path("several/a.csv").write_text(f"barcode,product_name\n{NUTELLA},Nutella\n")
    Path("several/b.csv").write_text(f'barcode,fat_g\n{NUTELLA},"30,9"\n')
    code, out, _ = run("validate", "several", "--format", form)
    assert code == 1
    assert shown in out


def test_a_refused_file_in_a_folder_is_named_once(run: Run) -> None:
    Path("several").mkdir()
    Path("several/a.csv").write_text(GOOD)
    Path("several/b.csv").write_text("barcode,fat_g\n")
    code, out, _ = run("validate", "several")
    assert code == 2
    assert "b.csv: There is a header" in out
    assert "b.csv: b.csv" not in out


def test_github_gets_commands_that_no_file_can_forge(run: Run) -> None:
    Path("x.csv").write_text(f'barcode,fat_g\n{NUTELLA},"a\n::error::forged%0A"\n')
    code, out, _ = run("validate", "x.csv", "--format", "github")
    assert code == 1
    lines = out.splitlines()
    assert all(line.startswith(("::error file=x.csv", "::warning", "::notice")) for line in lines)
    assert any("file=x.csv,line=2,title=not_a_number::" in line for line in lines)
    assert any("%0A::error::forged%250A" in line for line in lines)


def test_report_corrected_copy_and_findings_are_written(run: Run) -> None:
    code, _, err = run(
        "validate", "some.csv", "--report", "r.html", "--corrected", "c.csv", "--findings", "f.xlsx"
    )
    assert code == 1
    assert err.count("Written: ") == 3
    assert "30,9" in Path("r.html").read_text()
    assert Path("c.csv").read_text().splitlines()[1] == f'{NUTELLA},Nutella,"30.9",fat_g -> 30.9'
    assert openpyxl.load_workbook("f.xlsx").active.max_row == 2
    assert run("validate", "c.csv")[0] == 0
    assert not [path.name for path in Path().iterdir() if path.name.endswith(".part")]


def test_findings_that_a_sheet_cannot_hold_are_counted(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("off_platform.imports.outputs.findings_sheet.MOST_ROWS", 1)
    Path("x.csv").write_text(f'barcode,product_name,a,b,fat\n{NUTELLA},Nutella,1,2,"0,5"\n')
    _, _, err = run("validate", "x.csv", "--findings", "f.xlsx")
    assert "Written: f.xlsx (the first 1 of 3 findings; use .csv for all)" in err
    _, _, err = run("validate", "x.csv", "--findings", "f.csv")
    assert "Written: f.csv (all findings)" in err


def test_a_terminal_gets_no_control_sequences(run: Run) -> None:
    Path("x.csv").write_text(f"barcode,product_name,\x1b[31mred\x07\n{NUTELLA},\x1b]0;x\x07,1\n")
    Path("x\n.csv").write_text(GOOD)
    _, out, err = run("validate", "x.csv", "x\n.csv")
    assert "\\u001b[31mred" in out
    # A line of the output is no file's to write.
    assert "x\\n.csv  " in out
    assert not {"\x1b", "\x07"} & set(out + err)


def test_a_folder_that_is_the_import_is_not_written_into(run: Run) -> None:
    Path("several").mkdir()
    Path("several/a.csv").write_text(GOOD)
    code, _, err = run("validate", "several", "--report", "several/r.html")
    assert code == 2
    assert "is part of the import itself" in err


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("none.csv",), "the file or folder none.csv does not exist"),
        (("good.csv", "--corrected", "good.csv"), "good.csv is part of the import itself"),
        (("good.csv", "--report", "a.html", "--corrected", "a.html"), "is named twice"),
        (("good.csv", "--report", "/dev/null"), "/dev/null cannot be written"),
        (("/dev/zero",), "is neither a regular file nor a folder"),
        (("good.csv", "--report", "none/r.html"), "none/r.html cannot be written"),
        (("good.csv", "--report", "."), ". cannot be written"),
        (("good.csv", "--findings", "f.txt"), "must end in .csv or .xlsx"),
        (("good.csv", "--report", "r.txt"), "r.txt must end in .html or .htm"),
        (("good.csv", "--corrected", "c.xlsx"), "c.xlsx must end in .csv"),
        (("good.csv", "--format", "xml"), "is not one of"),
    ],
)
def test_slips_are_one_sentence_and_cost_nothing(
    run: Run, words: tuple[str, ...], shown: str
) -> None:
    code, _, err = run("validate", *words)
    assert code == 2
    assert shown in err
    assert {path.name: path.read_text() for path in Path().iterdir()} == FILES


def test_a_file_without_a_corrected_copy_says_why(run: Run) -> None:
    code, _, err = run("validate", "bad.csv", "--corrected", "c.csv")
    assert code == 2
    assert "There is no corrected copy" in err
    assert not Path("c.csv").exists()


TIMELINE = """query($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs { results {
    pipelineName status repositoryOrigin { repositoryName repositoryLocationName } } } } }"""


@pytest.mark.slow
def test_imports_are_kept_with_their_reports_and_shown_in_the_ui(run: Run, tmp_path: Path) -> None:
    shutil.copy(PROJECT / "dagster.yaml", tmp_path)
    code, out, _ = run("import", "good.csv", "some.csv", "good.csv")
    assert code == 1
    assert out.count("1 record accepted.") == 2
    assert out.index("good.csv  1 record") < out.index("some.csv  Of 2 records")
    assert "failed     numbers: Broken by 1 of 2, 50.00%: number_decimal_comma." in out
    kept = sorted(path.name for path in Path("var/lake/imports").iterdir())
    assert [name.split("@")[0] for name in kept] == ["good.csv", "some.csv"]
    assert all((Path("var/lake/imports") / name / "report.html").exists() for name in kept)
    # The UI's timeline leaves out a run without an origin.
    for of in ({"statuses": ["SUCCESS"]}, of_the_page_of("import_batch")):
        for shown in asked(tmp_path, TIMELINE, of, runs=1):
            assert shown["pipelineName"] == "import_batch"
            assert shown["status"] == "SUCCESS"
            assert shown["repositoryOrigin"] == {
                "repositoryName": "__repository__",
                "repositoryLocationName": "off_platform",
            }
    asked(tmp_path, TIMELINE, of_the_page_of("monthly"), runs=0)
    # The daemon does not start what a user started with rights of its own.
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        died = instance.get_runs()[0]
        instance.report_run_failed(died, "The process of the run is gone")
        ended = instance.get_run_by_id(died.run_id)
        assert ended
        assert ended.tags["dagster/will_retry"] == "false"


def of_the_page_of(job: str) -> dict[str, object]:
    label = {"key": ".dagster/repository", "value": "__repository__@off_platform"}
    return {"pipelineName": job, "tags": [label]}


def asked(home: Path, query: str, of: dict[str, object], *, runs: int) -> list[dict[str, Any]]:
    """Number of runs that the webserver would show."""
    with (
        dg.DagsterInstance.from_config(str(home)) as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace,
    ):
        context = workspace.create_request_context()
        answer = create_schema().execute(query, variables={"filter": of}, context_value=context)
    assert not answer.errors
    found: list[dict[str, Any]] = answer.data["runsOrError"]["results"]
    assert len(found) == runs
    return found


@pytest.mark.slow
@pytest.mark.parametrize("names", [("good.csv",), ("good.csv", "some.csv")])
def test_an_unexpected_error_in_a_run_has_its_own_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: tuple[str, ...]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(importing, "store_original", fails)
    code, _, err = run("import", *names)
    assert code == 4
    (file,) = tmp_path.glob("off-platform-error-*.txt")
    assert str(file) in err
    assert "nobody thought of this" in file.read_text()
    assert "in fails" in file.read_text()


def test_imports_are_refused_before_any_is_stored(run: Run) -> None:
    code, _, err = run("import", "good.csv", "none.csv")
    assert code == 2
    assert "the file or folder none.csv does not exist" in err
    assert not Path("var").exists()


@pytest.mark.slow
def test_a_refused_import_is_reported_without_a_traceback(run: Run) -> None:
    code, out, err = run("import", "bad.csv")
    assert code == 2
    assert "Refused: no record was imported." in out
    assert "Traceback" not in out + err


@pytest.mark.slow
def test_commands_at_once_may_add_the_same_import(tmp_path: Path) -> None:
    keys = [f"{number}.csv@00000000" for number in range(20)]
    instances = [dg.DagsterInstance.local_temp(str(tmp_path)) for _ in range(3)]
    together = threading.Barrier(len(instances))

    def add(instance: dg.DagsterInstance) -> None:
        for key in keys:
            together.wait(PATIENCE_SECONDS)
            add_partition(instance, key)

    with ThreadPoolExecutor(len(instances)) as pool:
        list(pool.map(add, instances))
    assert instances[0].get_dynamic_partitions(str(IMPORT_FILES.name)) == keys
