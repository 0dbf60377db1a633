"""The command line: what each command promises, and one sentence and a code when it cannot."""

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb
import pytest
from click.shell_completion import ShellComplete
from dagster._utils.interrupts import setup_interrupt_handlers
from typer.main import get_command

from off_platform.cli import main as cli
from off_platform.cli.signals import stoppable
from off_platform.images import sync
from off_platform.images.products import make_products
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage.lake import Lake
from off_platform_tests.command_line import Run, command_line, press_ctrl_c, started

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command line in a folder of its own; exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    # What is missing or out of reach here does not come by waiting.
    monkeypatch.setattr(sync, "LOOKS", 1)
    of = {
        "LAKE": tmp_path / "lake",
        "IMAGES_BUCKET": sandbox.images.folder,
        "BINS_BUCKET": sandbox.bins.folder,
    }
    return command_line(monkeypatch, capsys, of)


def test_keys_shows_directory_keys_and_urls_without_an_index(run: Run) -> None:
    code, out, _ = run(
        "keys", "4012359114303", "20065034", IMAGES_BUCKET="s3://openfoodfacts-images"
    )
    assert code == 0
    assert (
        "https://openfoodfacts-images.s3.eu-west-3.amazonaws.com/data/401/235/911/4303/1.jpg" in out
    )
    assert "data/000/002/006/5034/1.json.gz" in out
    assert "EAN-8" in out


def test_keys_in_the_documents_layout(run: Run) -> None:
    code, out, _ = run("keys", "20065034", "--layout", "document")
    assert code == 0
    assert "data/20065034/1.400.jpg" in out


def test_keys_are_those_of_the_index_once_there_is_one(run: Run, sandbox: Sandbox) -> None:
    assert run("images", "--n", "1", "--out", "set")[0] in {0, 1}
    (key, *_) = sandbox.images.awkward["image_id_1400"]
    barcode = "".join(key.split("/")[1:-1])
    _, out, _ = run("keys", barcode)
    assert key in out


def test_a_wrong_barcode_is_one_sentence(run: Run) -> None:
    code, _, err = run("keys", "301-762")
    assert code == 2
    assert "is not a barcode" in err


def test_index_writes_the_table_and_names_the_oddities(run: Run, sandbox: Sandbox) -> None:
    key_list = sandbox.images.folder / "data" / "data_keys.gz"
    code, out, _ = run("index", str(key_list), "index.parquet")
    # The sandbox has more lines that are not keys than a sound list may have.
    assert code == 1
    rows = duckdb.sql("SELECT count(*) FROM 'index.parquet'").fetchall()[0][0]
    odd = duckdb.sql("SELECT text FROM 'index.oddities.parquet'").fetchall()
    assert rows + len(odd) == sandbox.images.line_count
    assert ("data/data_keys.gz",) in odd
    assert "the key list itself" in out
    assert not list(Path().glob("*.part"))


@pytest.mark.parametrize("name", ["a:b.parquet", "s3:.parquet", "~.parquet"])
def test_an_index_may_have_a_name_that_looks_like_a_url(
    run: Run, sandbox: Sandbox, name: str
) -> None:
    assert run("index", str(sandbox.images.folder / "data" / "data_keys.gz"), name)[0] == 1
    assert (Path.cwd() / name).is_file()


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><p>Sorry", b"\x1f\x8b\x08\x00cut"])
def test_a_file_that_is_not_a_key_list_leaves_an_old_index(run: Run, content: bytes) -> None:
    Path("list.gz").write_bytes(content)
    Path("index.parquet").write_text("old")
    code, _, err = run("index", "list.gz", "index.parquet")
    assert code == 2
    assert "key list" in err
    assert Path("index.parquet").read_text() == "old"
    assert sorted(path.name for path in Path().iterdir()) == ["index.parquet", "list.gz"]


def test_missing_objects_are_named_and_the_rest_counted(run: Run, sandbox: Sandbox) -> None:
    bucket = Path(shutil.copytree(sandbox.images.folder, "bucket"))
    for photo in sorted(bucket.rglob("*.400.jpg"))[::2]:
        photo.write_bytes(b"<html>busy</html>")

    options = ("--kind", "400", "--n", "all", "--out", "set")
    code, _, err = run("images", *options, IMAGES_BUCKET="bucket")

    absent = duckdb.sql("FROM 'set/manifest.parquet' WHERE status <> 'fetched'").fetchall()
    assert code == 1
    assert len(absent) > 5
    named = ("  corrupt: data/", "  missing: data/")
    assert len([line for line in err.splitlines() if line.startswith(named)]) == 5
    assert f"  and {len(absent) - 5} more; see manifest.parquet." in err


def test_a_list_with_too_many_oddities_is_indexed_and_exits_with_1(run: Run) -> None:
    lines = b"data/401/235/911/4303/1.jpg\nnothing\n"
    Path("list.gz").write_bytes(gzip.compress(lines))
    code, out, err = run("index", "list.gz", "index.parquet")
    assert code == 1
    assert "not keys: 1" in out
    assert "50.00% of the lines are not keys" in err
    assert Path("index.parquet").exists()


def test_a_list_without_a_key_is_refused(run: Run) -> None:
    Path("list.gz").write_bytes(gzip.compress(b"a\nb\n"))
    code, _, err = run("index", "list.gz", "index.parquet")
    assert code == 2
    assert "No line of list.gz is a key (2 lines)" in err
    assert not Path("index.parquet").exists()


def test_an_image_set_of_ones_own(run: Run) -> None:
    code, out, _ = run("images", "--kind", "400+ocr", "--n", "all", "--out", "photos")
    assert code == 1
    assert "fetched" in out
    assert "gallery.html" in out
    assert sorted(path.name for path in Path("photos").iterdir()) == [
        "00000.tar",
        "README.md",
        "contact_sheet.jpg",
        "croissant.json",
        "gallery.html",
        "manifest.parquet",
    ]
    with tarfile.open("photos/00000.tar") as shard:
        stems = {name.split(".", 1)[0] for name in shard.getnames()}
        assert {name.split(".", 1)[1] for name in shard.getnames()} == {"jpg", "json"}
    shown = duckdb.sql("SELECT DISTINCT sample FROM 'photos/manifest.parquet'").fetchall()
    assert stems <= {sample for (sample,) in shown}


@pytest.mark.slow
def test_loose_files_have_the_documents_names_and_leave_other_files_alone(run: Run) -> None:
    run("images", "--n", "3", "--layout", "files", "--out", "photos")
    Path("photos/mine.txt").write_text("mine")
    run("images", "--n", "2", "--seed", "9", "--layout", "files", "--out", "photos")
    paths = duckdb.sql(
        "SELECT path FROM 'photos/manifest.parquet' WHERE status = 'fetched'"
    ).fetchall()
    assert paths
    for (path,) in paths:
        assert Path("photos", path).is_file()
        assert Path(path).name.endswith(".400.jpg")
    assert len(list(Path("photos/00000").iterdir())) == len(paths)
    assert Path("photos/mine.txt").read_text() == "mine"


def test_a_declared_set_goes_into_the_lake_with_a_view(run: Run) -> None:
    Path("image_sets.toml").write_text("[images.few]\nn = 4\n")
    assert run("images", "few")[0] in {0, 1}
    found = duckdb.connect("lake/off_platform.duckdb", read_only=True)
    ((count, name),) = found.sql("SELECT count(*), any_value(image_set) FROM manifest").fetchall()
    assert (count, name) == (4, "few")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["images", "nope"], "There is no image set 'nope' in image_sets.toml"),
        (["images"], "Name a declared SET"),
        (
            ["images", "--kind", "raww", "--out", "x"],
            "Invalid value for '--kind': 'raww' is not one of 'raw', '400'",
        ),
        (["images", "--n", "ten", "--out", "x"], "the option n='ten' is wrong"),
        (["images", "--n", "0", "--out", "x"], "the option n=0 is wrong"),
        (["images", "--edited-from", "yesterday", "--out", "x"], "edited_from='yesterday'"),
        (["images", "--country", "en:france", "--out", "x"], "needs the table products"),
        (["images", "--barcode-prefix", "30'1", "--out", "x"], "barcode_prefixes"),
        (["images", "--month", "2020-01-01", "--n", "1", "--out", "x"], "2020-01 has no snapshot"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run: Run, words: list[str], sentence: str) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[images.few", "is not a TOML file"),
        ("[photos.few]\n", "has the table 'photos'"),
        ("[images.few]\nnumber = 3\n", "The options are n, seed, keep_formats, labels"),
        ("[images.'../few']\n", "cannot name an image set"),
        ("[images]\nfew = 3\n", "each set must be a table"),
    ],
)
def test_a_wrong_declaration_is_one_sentence(run: Run, toml: str, sentence: str) -> None:
    Path("image_sets.toml").write_text(toml)
    code, _, err = run("images", "few")
    assert code == 2
    assert sentence in err


def test_a_filter_that_the_dump_cannot_answer_is_one_sentence(run: Run, sandbox: Sandbox) -> None:
    """The CSV dump has countries and no languages."""
    lake, dump = Lake("lake"), Path("dump.csv")
    codes = sorted({photo.product.code for photo in sandbox.images.photos})
    dump.write_text("code\tcountries_tags\n" + "".join(f"{code}\ten:france\n" for code in codes))
    with lake.connect() as connection:
        make_products(lake, str(dump), Settings(_env_file=None), connection)
    assert run("images", "--country", "en:france", "--n", "2", "--out", "x")[0] in {0, 1}
    code, _, err = run("images", "--language", "fr", "--n", "2", "--out", "x")
    assert code == 2
    assert "filters by languages, which the products dump does not have" in err


def test_a_wrong_setting_is_one_sentence(run: Run) -> None:
    code, _, err = run("images", "--n", "1", "--out", "x", CONCURRENCY="many")
    assert code == 2
    assert "OFF_PLATFORM_CONCURRENCY='many' is invalid" in err


def test_a_bucket_that_is_not_there_is_one_sentence(run: Run) -> None:
    code, _, err = run("images", "--n", "1", "--out", "x", IMAGES_BUCKET="/nowhere/at/all")
    assert code == 2
    assert "/nowhere/at/all does not exist" in err


def test_a_server_that_does_not_answer_is_one_sentence(run: Run) -> None:
    code, _, err = run("images", "--n", "1", "--out", "x", IMAGES_BUCKET="http://127.0.0.1:9/x")
    assert code == 3
    assert "could not be read" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_is_one_sentence(run: Run) -> None:
    Path("closed").mkdir(mode=0o500)
    code, _, err = run("images", "--n", "1", "--out", "closed/set")
    assert code == 2
    assert "Permission denied" in err


# Of root, too: a folder below a file, and one of the system's where nothing can be created.
@pytest.mark.parametrize("place", ["file/x", "/proc/x"])
@pytest.mark.parametrize(
    "words",
    [
        ("images", "--n", "1", "--out", "{}"),
        ("bins", "--n", "1", "--out", "{}"),
        ("sandbox", "--out", "{}"),
        ("export", "--out", "{}"),
        ("init", "{}"),
        ("index", "file", "{}.parquet"),
        ("plan", "--wing", "images", "--s3-batch", "{}.csv"),
        ("validate", "file", "--report", "{}.html"),
        ("validate", "file", "--findings", "{}.csv"),
        ("compare", "file", "--out", "{}.csv"),
        ("evaluate", "file", "--set", "few", "--json", "{}.json"),
    ],
    ids=" ".join,
)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    run: Run, words: tuple[str, ...], place: str
) -> None:
    Path("file").write_text("in the way")
    code, out, err = run(*(word.format(place) for word in words))
    assert code == 2
    assert f"{place}" in err
    assert "name a place that you may write" in " ".join(err.split())
    assert out == ""
    assert Path("file").read_text() == "in the way"
    assert [path.name for path in Path().iterdir()] == ["file"]


def test_a_lake_that_cannot_be_written_is_one_sentence(run: Run) -> None:
    code, _, err = run("status", LAKE="/proc/x")
    assert code == 3
    assert err.strip() == (
        "off-platform: No such file or directory: /proc/x. Check that this place exists and can "
        "be read and written, or name another."
    )


def test_a_lake_whose_bucket_does_not_answer_is_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    code, _, err = run("status", LAKE="s3://bucket/lake", LAKE_ENDPOINT="http://127.0.0.1:9")
    assert code == 3
    assert err.startswith("off-platform: The lake s3://bucket/lake cannot be used (Generic S3")
    assert "check OFF_PLATFORM_LAKE, its region, endpoint and credentials" in err


SETS = """
[images.tryout]
[images.own]
[images.french_products]
[bins.tryout]
[bins.counting]
"""


def test_the_shell_completes_the_names_of_sets(run: Run) -> None:
    Path("image_sets.toml").write_text(SETS)
    run("--version")  # Reads the settings of this test.
    shell = ShellComplete(get_command(cli.app), {}, "off-platform", "_OFF_PLATFORM_COMPLETE")

    def names(*words: str) -> list[str]:
        return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]

    assert names("images", "") == ["tryout", "own", "french_products"]
    assert names("images", "fre") == ["french_products"]
    assert names("bins", "") == ["tryout", "counting"]
    assert sorted(names("plan", "")) == ["counting", "french_products", "own", "tryout"]
    assert names("run", "--set", "o") == ["own"]
    assert names("publish", "tr") == names("evaluate", "p.csv", "--set", "tr") == ["tryout"]
    Path("image_sets.toml").write_text("[images")
    assert names("images", "") == []


COMPLETED = """
import sys
from off_platform.cli.main import app
try:
    app(prog_name="off-platform")
finally:
    print({"numpy", "pyarrow", "pandas", "duckdb", "dagster"} & sys.modules.keys())
"""


def test_a_completion_loads_nothing_heavy(tmp_path: Path) -> None:
    typed = {"COMP_WORDS": "off-platform images nutri", "COMP_CWORD": "2"}
    made = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", COMPLETED],
        cwd=tmp_path,
        env={"_OFF_PLATFORM_COMPLETE": "complete_bash", **typed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.stdout.split(), made.stderr) == (["nutriscore", "set()"], "")


def test_the_help_names_exit_codes_and_every_option() -> None:
    """In a process of its own: the installed command, as users have it."""
    command = Path(sys.executable).with_name("off-platform")
    shown = subprocess.run([command, "--help"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own command
    assert "Exit codes" in shown
    for name in ("run", "keys", "index", "images", "sandbox"):
        assert f" {name} " in shown


def test_a_full_disk_that_is_not_named_is_looked_for(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "off_platform", "keys", "4012359114303"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - our own command
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
        )
    assert done.returncode == 3
    assert "off-platform: No space left on device (free now: " in done.stderr
    assert f"B for the lake in {tmp_path}" in done.stderr
    assert "). Free some space and run again." in done.stderr


def test_the_documentation_is_at_hand_without_a_clone(run: Run) -> None:
    code, out, _ = run("docs", "docs/settings.md")
    assert (code, out) == (0, (PROJECT / "docs" / "settings.md").read_text())
    code, listed, _ = run("docs")
    names = {line.split()[0] for line in listed.splitlines()}
    assert names == {"readme", *(path.stem for path in (PROJECT / "docs").glob("*.*"))}
    code, _, err = run("docs", "nope")
    assert (code, "there are: readme, architecture" in err) == (2, True)
    files = [PROJECT / ".env.example", *PROJECT.glob("off_platform/**/*.py")]
    texts = (path.read_text() for path in files)
    referred = re.findall(r"off-platform docs\s+\"?\s*\"?([a-z_.]+[a-z])`", "\n".join(texts))
    assert {"settings", "export", "server", "validate.schema"} <= set(referred) <= names
    packed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    included = packed["targets"]["wheel"]["force-include"]
    pages = [f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.*")]
    assert {"README.md", *pages} <= set(included)


def test_the_shown_addresses_lead_to_the_objects(run: Run) -> None:
    run("images", "--n", "5", "--out", "photos")
    rows = duckdb.sql("SELECT url, status FROM 'photos/manifest.parquet'").fetchall()
    for url, status in rows:
        there = Path(unquote(urlsplit(url).path)).is_file()
        assert there is (status != "missing")


@pytest.mark.parametrize("n", ["0", "-1", "²", "ten", "1" + "0" * 30])
def test_an_invalid_number_is_one_sentence(run: Run, n: str) -> None:
    code, _, err = run("images", "--n", n, "--out", "set")
    assert code == 2
    assert "the option n=" in err
    assert not Path("set").exists()


def test_a_month_may_be_written_short(run: Run) -> None:
    assert run("images", "--n", "2", "--out", "first")[0] == 0
    code, _, err = run("images", "--n", "2", "--out", "set", "--month", "2020-1")
    assert code == 2
    assert "write a month as 2026-11" in err
    code, _, err = run("images", "--n", "2", "--out", "set", "--month", "2020-01")
    assert code == 2
    assert f"2020-01 has no snapshot; months with a key index: {datetime.now(UTC):%Y-%m}." in err


def test_an_empty_folder_name_is_refused(run: Run) -> None:
    code, _, err = run("images", "--n", "2", "--out", "")
    assert code == 2
    assert "must not be empty" in err


def test_a_folder_with_other_things_is_refused_before_anything_is_fetched(run: Run) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    code, _, err = run("images", "--n", "2", "--out", "mine")
    assert code == 2
    assert "is not an image set" in err
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]
    assert not list(Path("lake").glob("key_index/*"))


def test_fewer_photos_than_requested_are_reported(run: Run) -> None:
    _, _, err = run("images", "--n", "100000", "--out", "set")
    assert "100,000 were requested; only" in err


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("list.gz", "ends in .parquet"),
        ("folder.parquet", "ends in .parquet"),
        ("none/x.parquet", "name a file in a folder that exists"),
        ("same.parquet", "the key list itself"),
    ],
)
def test_an_index_never_overwrites_other_files(
    run: Run, sandbox: Sandbox, to: str, why: str
) -> None:
    Path("folder.parquet").mkdir()
    key_list = (sandbox.images.folder / "data" / "data_keys.gz").read_bytes()
    for name in ("list.gz", "same.parquet"):
        Path(name).write_bytes(key_list)
    code, _, err = run("index", "same.parquet" if to == "same.parquet" else "list.gz", to)
    assert code == 2
    assert why in " ".join(err.split())
    assert Path("list.gz").read_bytes() == key_list == Path("same.parquet").read_bytes()


def test_a_set_that_is_not_declared_stops_the_run_before_it_begins(run: Run) -> None:
    Path("image_sets.toml").write_text("[images.few]\nn = 4\n")
    code, _, err = run("run", "--set", "nosuch")
    assert code == 2
    assert "declared are: few" in err
    assert not Path("lake").exists()


def test_a_key_list_that_is_missing_in_a_folder_is_reported_at_once(run: Run) -> None:
    Path("empty").mkdir()
    code, _, err = run("images", "--n", "2", "--out", "set", IMAGES_BUCKET="empty")
    assert code == 3
    assert "data/data_keys.gz is not there" in err
    assert "Trying again" not in err


@pytest.mark.slow
def test_a_view_missing_after_a_killed_run_is_created_by_the_next(run: Run) -> None:
    assert run("images", "--n", "1", "--out", "set")[0] in {0, 1}
    Path("lake/off_platform.duckdb").unlink()
    assert run("images", "--n", "1", "--out", "set")[0] in {0, 1}
    with duckdb.connect("lake/off_platform.duckdb", read_only=True) as connection:
        ((rows,),) = connection.execute("SELECT count(*) FROM key_index").fetchall()
    assert rows > 0


def test_a_missing_view_is_created_even_if_no_set_can_be_built(run: Run) -> None:
    assert run("images", "--n", "1", "--out", "set")[0] in {0, 1}
    Path("lake/off_platform.duckdb").unlink()
    assert run("images", "--n", "1", "--barcode-prefix", "99999999", "--out", "none")[0] == 2
    with duckdb.connect("lake/off_platform.duckdb", read_only=True) as connection:
        connection.execute("SELECT count(*) FROM key_index")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_kill_are_one_sentence_and_their_own_code(
    sandbox: Sandbox, tmp_path: Path, sent: signal.Signals
) -> None:
    key_list = sandbox.images.folder / "data" / "data_keys.gz"
    fifo = tmp_path / "endless"
    os.mkfifo(fifo)
    with (
        started(tmp_path, "index", str(fifo), "out.parquet") as process,
        # Opened once the reader waits at the other end.
        fifo.open("wb") as feed,
    ):
        feed.write(key_list.read_bytes()[:100])
        feed.flush()
        said = press_ctrl_c(process, sent)
    assert process.returncode == 130
    assert said == "off-platform: Stopped. Run the same command again to resume."


def test_a_script_can_stop_what_it_started_in_the_background() -> None:
    # A shell lets its background jobs ignore Ctrl-C, and `nohup` what a closed terminal sends.
    before = [signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGHUP)]
    try:
        with stoppable():
            setup_interrupt_handlers()
            for sent in (signal.SIGINT, signal.SIGTERM):
                with pytest.raises(KeyboardInterrupt):
                    signal.raise_signal(sent)
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGHUP, before[1])


@pytest.mark.slow
def test_a_set_takes_no_other_buckets_place(run: Run) -> None:
    # 1: the sandbox has metadata that cannot be read.
    assert run("bins", "--n", "2", "--out", "set")[0] == 1
    before = sorted(Path("set").iterdir())
    code, _, err = run("images", "--n", "2", "--out", "set")
    assert code == 2
    assert "set contains a set of another bucket" in err
    assert sorted(Path("set").iterdir()) == before


def test_the_card_of_a_varied_set_says_how(run: Run) -> None:
    assert run("images", "--n", "2", "--seed", "3", "--out", "set")[0] == 0
    assert "Here with n = 2, seed = 3." in Path("set/README.md").read_text()


DAMAGES = {
    "empty": lambda data: data[:0],
    "cut": lambda data: data[: len(data) // 2],
    "zeros": lambda data: bytes(len(data)),
    "footer": lambda data: data[:-40] + bytes(byte ^ 0x5A for byte in data[-40:-8]) + data[-8:],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "damage"), [("views", "cut"), *(("choice", how) for how in DAMAGES)]
)
def test_a_damaged_table_is_named_with_what_to_do(
    run: Run, tmp_path: Path, at: str, damage: str
) -> None:
    """A table that a set does not need costs no set; one that it needs ends the command."""
    words = ("images", "--n", "3", "--out", "set")
    assert run(*words)[0] == 0
    table = "key_index_oddities" if at == "views" else "key_index"
    (part,) = (tmp_path / "lake" / "tables" / table).rglob("*.parquet")
    part.write_bytes(DAMAGES[damage](part.read_bytes()))
    (tmp_path / "lake" / "off_platform.duckdb").unlink()
    code, out, err = run(*words)
    assert code == 2
    assert ("3 of" in out) == (at == "views")
    (line,) = (line for line in err.splitlines() if "damaged" in line)
    assert f"The file {part} is damaged" in line
    assert f"make the table {table} again" in line
    part.unlink()
    assert run(*words)[0] == 0


@pytest.mark.slow
def test_a_sandbox_can_have_another_size_and_folder(run: Run, tmp_path: Path) -> None:
    words = ("sandbox", "--out", "small", "--products", "12", "--bins", "45")
    assert run(*words) == (0, "The sandbox is in small.\n", "")
    photos = (tmp_path / "small" / "aft-vbi-pds" / "bin-images").iterdir()
    # One has no photo; 15 are of the pilot set, two have six digits.
    assert len([*photos]) == 45 - 1 + 15 + 2
    assert not (tmp_path / "var").exists()
    for wrong in (("--out", "small", "--bins", "39"), ("--bins", "50")):
        code, _, err = run("sandbox", *wrong)
        assert code == 2
        assert "--bins" in err
