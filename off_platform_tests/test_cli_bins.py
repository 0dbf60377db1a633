"""`off-platform bins` as a user runs it: what it makes, its exit codes, and a sentence when not."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import duckdb
import pytest

from off_platform.bins.inspection import inspect
from off_platform.sandbox.make import Sandbox
from off_platform.settings import Settings
from off_platform.storage import fetch, throttle
from off_platform.storage.lake import Lake
from off_platform.storage.objects import Source
from off_platform.storage.views import VIEWS
from off_platform_tests.bins.conftest import FILES, BinsDesk
from off_platform_tests.command_line import Run, command_line
from off_platform_tests.images_desk import tree
from off_platform_tests.s3.server import Faults, S3Server

# Nearly every one of them runs a command to its end.
pytestmark = pytest.mark.slow

# Of Debian and most other systems.
NOBODY = 65_534
SETTINGS = {f"OFF_PLATFORM_{name.upper()}" for name in Settings.model_fields}
PADDED = re.compile(r"/\d{5,}\.json")
MADE = sorted({"00000.tar", *FILES})


@pytest.fixture(scope="session")
def readable(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sandbox's bucket without the metadata that cannot be read; to be looked at only."""
    bucket = tmp_path_factory.mktemp("readable") / "bins"
    shutil.copytree(sandbox.bins.folder, bucket)
    for path in (bucket / "metadata").iterdir():
        if not inspect(path.read_bytes(), path.stem).usable:
            path.unlink()
    return bucket


@pytest.fixture
def fresh(
    readable: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs `off-platform bins` in a folder without a lake; exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    of = {"LAKE": tmp_path / "lake", "BINS_BUCKET": readable}
    return command_line(monkeypatch, capsys, of, "bins")


@pytest.fixture(scope="session")
def tables(readable: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake in which the tables were made; to be copied only."""
    lake = Lake(str(tmp_path_factory.mktemp("tables") / "lake"))
    with lake.connect() as connection:
        desk = BinsDesk(lake, Source(str(readable)), connection)
        desk.collect()
        desk.make()
    return Path(lake.url)


@pytest.fixture
def run(fresh: Run, tables: Path) -> Run:
    """The same where the tables are there already."""
    shutil.copytree(tables, "lake")
    return fresh


def names_in(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_set_is_built_from_a_lake_that_may_only_be_read(run: Run, readable: Path) -> None:
    assert run("--n", "3", "--out", "own")[0] == 0
    as_reader: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may write anywhere")
        # Without its capabilities, root may write only what is its own.
        as_reader = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    lake = [Path("lake"), *Path("lake").rglob("*")]
    for path in lake:
        path.chmod(0o555)
        if as_reader:
            os.chown(path, NOBODY, NOBODY)
    command = [sys.executable, "-m", "off_platform", "bins", "--no-refresh", "--n=3", "--out=set"]
    done = subprocess.run(  # noqa: S603 - our own program
        [*as_reader, *command],
        env={"PATH": os.environ["PATH"], "HOME": str(Path.cwd())}
        | {"OFF_PLATFORM_LAKE": "lake", "OFF_PLATFORM_BINS_BUCKET": str(readable)},
        capture_output=True,
        text=True,
        check=False,
    )
    for path in lake:
        path.chmod(0o755)
    assert (done.returncode, done.stderr.count("Permission denied")) == (0, 0)
    assert names_in("set") == names_in("own")


@pytest.mark.parametrize("folder", ["a:b", "s3:", "file:", "~", "$HOME", "100%", "-x", "e\u0301"])
def test_a_folder_may_have_a_name_that_looks_like_something_else(run: Run, folder: str) -> None:
    for _ in range(2):
        code, _, err = run("--n", "3", f"--out={folder}")
        assert (code, err) == (0, "")
    assert (Path.cwd() / folder / "00000.tar").is_file()
    assert sorted(path.name for path in Path.cwd().iterdir()) == sorted([folder, "lake"])


def test_the_first_time_the_bins_are_listed_and_fetched(fresh: Run, sandbox: Sandbox) -> None:
    code, out, err = fresh("--n", "all", "--id-space", "both", "--out", "photos")
    assert code == 0
    assert "No bins are known yet; listing and fetching their metadata first." in err
    assert "53 metadata and 56 photos are listed; 109 objects are new or changed, 0 gone." in err
    assert "52 of 52 candidates, chosen from the table bins." in out
    assert "open gallery.html there" in out
    assert names_in("photos") == MADE
    with tarfile.open("photos/00000.tar") as shard:
        for member in shard:
            folder = "bin-images" if member.name.endswith(".jpg") else "metadata"
            file = shard.extractfile(member)
            assert file
            assert file.read() == (sandbox.bins.folder / folder / member.name).read_bytes()
    assert len(json.loads(Path("photos/abid_metadata.json").read_text())) > 40
    # The next one knows them.
    code, _, err = fresh("--n", "3", "--out", "others")
    assert (code, err) == (0, "")


def test_run_again_it_fetches_nothing_and_changes_nothing(run: Run) -> None:
    run("--n", "9", "--out", "photos")
    before = tree(Path("photos"))
    code, out, _ = run("--n", "9", "--out", "photos")
    assert code == 0
    assert "9 of 37 candidates" in out
    assert tree(Path("photos")) == before


def test_options_choose(run: Run) -> None:
    code, out, _ = run(
        "--n", "4", "--difficulty", "moderate", "--least-quantity", "2", "--most-quantity", "5",
        "--per-class", "2", "--one-per-visit", "--exact", "--split", "train", "--seed", "3",
        "--layout", "files", "--out", "photos",
    )  # fmt: skip
    assert code == 0
    assert "4 of " in out
    labels = duckdb.sql("FROM 'photos/labels.parquet'").fetchall()
    columns = duckdb.sql("FROM 'photos/labels.parquet'").columns
    for label in (dict(zip(columns, row, strict=True)) for row in labels):
        assert 2 <= label["expected_quantity"] <= 5
        assert (label["difference"], label["split"], label["id_space"]) == (0, "train", "main")
        assert Path("photos/00000", f"{label['id']}.jpg").is_file()
    assert len(labels) == 4


def test_bins_are_chosen_by_their_items(run: Run, sandbox: Sandbox) -> None:
    (differs,) = sandbox.bins.awkward["key and ASIN of an item differ"]
    _, out, _ = run("--sku", "ZZ00SANDBX", "--out", "photos")
    assert "1 of 1 candidates" in out
    assert duckdb.sql("SELECT id FROM 'photos/labels.parquet'").fetchall() == [(differs,)]
    (planned,) = [each for each in sandbox.bins.bins if each.id == differs]
    asins = [item.fields["asin"] for item in planned.items]
    run("--asin", asins[0], "--asin", asins[-1], "--n", "all", "--out", "photos")
    found = {
        bin_id for (bin_id,) in duckdb.sql("SELECT id FROM 'photos/labels.parquet'").fetchall()
    }
    assert differs in found
    assert len(found) > 1


def test_a_declared_set_goes_into_the_lake_and_can_be_varied(run: Run) -> None:
    Path("image_sets.toml").write_text(
        '[bins.few]\ndescription = "Six of the pilot set."\nid_space = "pilot"\nn = 6\n'
    )
    code, out, _ = run("few")
    assert code == 0
    assert "6 of 15 candidates" in out
    folder = Path("lake/bin_image_sets/few")
    assert "Six of the pilot set." in (folder / "README.md").read_text()
    assert run("few", "--n", "2", "--out", "photos")[0] == 0
    query = "SELECT count(*), any_value(image_set), min(length(sample)) < 5 FROM '{}'"
    for place, objects in ((folder, 12), (Path("photos"), 4)):
        found = duckdb.sql(query.format(place / "manifest.parquet")).fetchall()
        assert found == [(objects, "few", True)]


def test_the_cards_command_makes_the_same_set(run: Run, tmp_path: Path) -> None:
    run("--n", "6", "--seed", "-4", "--per-class", "2", "--asin", "x y", "--out", "few")
    run("--n", "6", "--seed", "-4", "--per-class", "2", "--one-per-visit", "--out", "few")
    card = Path("few/README.md").read_text()
    (line,) = [line for line in card.splitlines() if " off-platform bins " in line]
    before, after = line.split(" off-platform bins ")
    varied = dict(word.removeprefix("OFF_PLATFORM_").split("=", 1) for word in shlex.split(before))
    made = tree(tmp_path / "few")
    shutil.rmtree("few")
    assert run(*shlex.split(after), **varied)[0] == 0
    assert tree(tmp_path / "few") == made


def test_missing_objects_are_reported_and_set_the_exit_code(run: Run, readable: Path) -> None:
    bucket = Path(shutil.copytree(readable, "bucket"))
    (bucket / "bin-images" / "00001.jpg").unlink()
    code, out, err = run("--n", "all", "--no-refresh", "--out", "photos", BINS_BUCKET="bucket")
    assert code == 1
    assert re.search(r"based on the listing on \d{4}-\d\d-\d\d at \d\d:\d\d UTC; run without", err)
    assert "missing: bin-images/00001.jpg" in err
    assert "missing" in out
    labels = duckdb.sql("SELECT id FROM 'photos/labels.parquet'").fetchall()
    assert ("00001",) not in labels
    assert len(labels) == 36


def test_a_second_run_follows_new_changed_and_removed_bins(run: Run, readable: Path) -> None:
    bucket = Path(shutil.copytree(readable, "bucket"))
    assert run("--n", "all", "--out", "photos", BINS_BUCKET="bucket")[0] == 0
    ids = [row[0] for row in duckdb.sql("SELECT id FROM 'photos/labels.parquet'").fetchall()]
    changed, gone, new = ids[0], ids[1], "00999"
    path = bucket / "metadata" / f"{changed}.json"
    top = json.loads(path.read_text())
    path.write_text(json.dumps(top | {"EXPECTED_QUANTITY": 77}))
    for folder, suffix in (("metadata", "json"), ("bin-images", "jpg")):
        source = bucket / folder / f"{ids[2]}.{suffix}"
        shutil.copy(source, bucket / folder / f"{new}.{suffix}")
        (bucket / folder / f"{gone}.{suffix}").unlink()
    code, _, err = run("--n", "all", "--out", "photos", BINS_BUCKET="bucket")
    assert code == 0
    assert "2 gone" in err
    labels = dict(
        duckdb.sql("SELECT id, expected_quantity FROM 'photos/labels.parquet'").fetchall()
    )
    assert labels.keys() == {*ids, new} - {gone}
    assert labels[changed] == 77
    with tarfile.open("photos/00000.tar") as shard:
        for bin_id, quantity in labels.items():
            file = shard.extractfile(f"{bin_id}.json")
            assert file
            assert json.load(file)["EXPECTED_QUANTITY"] == quantity


def test_metadata_that_cannot_be_read_is_counted_and_tried_again(run: Run, readable: Path) -> None:
    bucket = Path(shutil.copytree(readable, "bucket"))
    spoiled = sorted((bucket / "metadata").glob("0000*.json"))[:3]
    texts = {path: path.read_bytes() for path in spoiled}
    shutil.rmtree("lake")
    for path in spoiled:
        path.write_text("<html>busy</html>")
    for _ in range(2):
        code, _, err = run("--n", "5", "--out", "photos", BINS_BUCKET="bucket")
        assert code == 1
        assert "3 of " in err
        assert "could not be read (3 html, such as metadata/0000" in err
        assert "Run again to retry them." in err
    for path, text in texts.items():
        path.write_bytes(text)
    code, out, err = run("--n", "all", "--out", "photos", BINS_BUCKET="bucket")
    assert code == 0
    assert "37 of 37 candidates" in out
    assert "could not be read" not in err


@pytest.mark.parametrize(
    ("faults", "oddity"),
    [
        (Faults(missing=0.2, seed=2), "missing"),
        (Faults(slow_down=0.08, slow_down_burst=10**6, seed=3), "failed"),
    ],
    ids=["404", "503"],
)
def test_metadata_that_does_not_come_is_counted_and_tried_again(
    fresh: Run, readable: Path, faults: Faults, oddity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A store that keeps refusing some objects is retried for minutes.
    monkeypatch.setattr(fetch, "PATIENCE", 2)
    monkeypatch.setattr(throttle, "LONGEST_PAUSE", throttle.FIRST_PAUSE)
    keys = [f"metadata/{path.name}" for path in (readable / "metadata").iterdir()]
    with S3Server({"bins": readable}, faults=faults) as server:
        hit = sum(server.fault_of(key) is not None for key in keys if PADDED.search(key))
        assert hit > 1
        of = {"BINS_BUCKET": "s3://bins", "SOURCES_ENDPOINT": server.url, "ATTEMPTS": "1"}
        for _ in range(2):
            server.requests.clear()
            code, _, err = fresh("--n", "5", "--out", "photos", **of)
            assert code == 1
            assert f"could not be read ({hit} {oddity}, such as metadata/" in err
            # The second time, too, each of them is asked for.
            asked = {seen.path.removeprefix("/bins/") for seen in server.requests}
            assert {key for key in keys if server.fault_of(key)} <= asked
        server.faults = Faults()
        code, out, err = fresh("--n", "all", "--out", "photos", **of)
    assert code == 0
    assert "37 of 37 candidates" in out
    assert "could not be read" not in err


def test_metadata_that_is_unreadable_in_the_bucket_is_not_tried_again(
    fresh: Run, readable: Path
) -> None:
    bucket = Path(shutil.copytree(readable, "bucket"))
    spoiled = min((bucket / "metadata").glob("0000*.json"))
    spoiled.write_text("<html>busy</html>")
    with S3Server({"bins": bucket}) as server:
        of = {"BINS_BUCKET": "s3://bins", "SOURCES_ENDPOINT": server.url}
        for is_known in (False, True):
            server.requests.clear()
            code, _, err = fresh("--n", "5", "--out", "photos", **of)
            assert code == 1
            assert "They are so in the bucket" in err
            assert "Run again" not in err
            asked = {Path(seen.path).name for seen in server.requests}
            assert (spoiled.name in asked) != is_known


def test_a_bucket_of_which_most_is_gone_leaves_the_tables(run: Run, readable: Path) -> None:
    bucket = Path(shutil.copytree(readable, "bucket"))
    for path in sorted((bucket / "bin-images").iterdir())[:50]:
        path.unlink()
        (bucket / "metadata" / f"{path.stem}.json").unlink(missing_ok=True)
    before = tree(Path("lake"))
    code, _, err = run("--n", "5", "--out", "photos", BINS_BUCKET="bucket")
    assert code == 2
    assert "check the bucket's URL, or use another lake" in err
    after = tree(Path("lake"))
    # Views are compared in every run, and name this lake's folder.
    assert {**after, VIEWS: ""} == {**before, VIEWS: ""}


def test_fewer_bins_than_requested_are_reported(run: Run) -> None:
    code, _, err = run("--n", "100000", "--out", "photos")
    assert code == 1
    assert "100,000 were requested; only 37 fit." in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Name a declared SET, or give --out to build one of your own."),
        (
            ["nope"],
            "of the package, as there is none here; declared are: counting, counting_test, tryout.",
        ),
        (["../few"], "There is no image set '../few'"),
        (["--n", "ten", "--out", "x"], "the option n='ten' is wrong"),
        (["--n", "0", "--out", "x"], "the option n=0 is wrong"),
        (["--per-class", "0", "--out", "x"], "the option per_class=0 is wrong"),
        (["--least-quantity", "-1", "--out", "x"], "the option least_quantity=-1 is wrong"),
        (["--asin", "", "--out", "x"], "the option asins.0='' is wrong"),
        (["--split", "val", "--out", "x"], "'val' is not one of 'train', 'validation', 'test'"),
        (["--difficulty", "easy", "--out", "x"], "'easy' is not one of 'moderate', 'hard'"),
        (["--id-space", "1", "--out", "x"], "'1' is not one of 'main', 'pilot', 'both'"),
        (["--layout", "zip", "--out", "x"], "'zip' is not one of 'shards', 'files'"),
        (["--kind", "raw", "--out", "x"], "No such option"),
        (["--out", ""], "must not be empty; name a folder"),
        (["--out", "x[1]"], "contains one of * ? [ ]"),
        (["--out", "x\\y"], "contains one of * ? [ ] \\, which would be read as a wildcard"),
    ],
)
def test_a_slip_is_one_sentence_and_costs_nothing(
    fresh: Run, words: list[str], sentence: str
) -> None:
    code, _, err = fresh(*words)
    assert code == 2
    assert sentence in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    assert "listed" not in err
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--sku", "B0NOSUCH01"], "x: no bin fits the options: no bin has 'B0NOSUCH01'"),
        (["--asin", "B0'; --"], 'x: no bin fits the options: no bin has "B0\'; --"'),
        (["--least-quantity", "5000"], "x: no bin fits the options; nothing was changed."),
        (["--least-quantity", "1" + "0" * 30], "x: no bin fits the options"),
        (["--split", "test", "--id-space", "pilot", "--difficulty", "hard"], "no bin fits"),
    ],
)
def test_a_choice_without_matches_is_one_sentence(
    run: Run, words: list[str], sentence: str
) -> None:
    code, _, err = run(*words, "--out", "x")
    assert code == 2
    assert sentence in err
    assert not Path("x").exists() or not list(Path("x").iterdir())


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[bins.few", "is not a TOML file"),
        (
            "[bins.few]\nsplit = 'val'\n",
            "bins.few: split: 'val' is not one of 'train', 'validation'",
        ),
        ("[bins.few]\nkind = 'raw'\n", "The options are n, seed, keep_formats, labels"),
        ("[bins.few]\nskus = 'ZZ00SANDBX'\n", "the option skus='ZZ00SANDBX' is wrong"),
        ("[bins.'../few']\n", "cannot name an image set"),
        ("[bins]\nfew = 3\n", "each set must be a table such as [bins.breakfast]"),
        ("[images.few]\n", "There is no image set 'few' in image_sets.toml; declared are: none."),
    ],
)
def test_a_wrong_declaration_is_one_sentence(fresh: Run, toml: str, sentence: str) -> None:
    Path("image_sets.toml").write_text(toml)
    code, _, err = fresh("few")
    assert code == 2
    assert sentence in err
    assert "listed" not in err


@pytest.mark.parametrize(
    ("bucket", "sentence"),
    [
        ("/nowhere/at/all", "/nowhere/at/all does not exist"),
        ("empty", "has no bins below metadata/ and bin-images/; nothing was changed."),
    ],
)
def test_an_invalid_bucket_is_one_sentence(fresh: Run, bucket: str, sentence: str) -> None:
    Path("empty").mkdir()
    code, _, err = fresh("--n", "1", "--out", "x", BINS_BUCKET=bucket)
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err
    assert not list(Path("lake").glob("tables/*/part.parquet"))


@pytest.mark.parametrize(
    "varied",
    [
        {"BINS_BUCKET": "s3://aft-vbi-pds", "SOURCES_ENDPOINT": "http://127.0.0.1:9"},
        {"BINS_BUCKET": "http://127.0.0.1:9/aft-vbi-pds"},
    ],
)
def test_a_server_that_does_not_answer_is_one_sentence(fresh: Run, varied: dict[str, str]) -> None:
    code, _, err = fresh("--n", "1", "--out", "x", ATTEMPTS="1", **varied)
    assert code == 3
    assert "could not be listed" in err
    assert "Traceback" not in err


def test_another_bucket_than_the_tables_leaves_the_set_as_it_is(run: Run) -> None:
    run("--n", "5", "--out", "photos")
    before = tree(Path("photos"))
    Path("empty").mkdir()
    code, _, err = run("--n", "5", "--out", "photos", BINS_BUCKET="empty")
    assert code == 2
    assert "has no bins below" in err
    code, _, err = run("--n", "5", "--no-refresh", "--out", "photos", BINS_BUCKET="empty")
    assert code == 2
    assert "none of 5 objects were found" in err
    assert {name: tree(Path("photos"))[name] for name in before} == before


def test_a_folder_with_other_things_is_refused_before_anything_is_fetched(fresh: Run) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    code, _, err = fresh("--n", "2", "--out", "mine")
    assert code == 2
    assert "is not an image set" in err
    assert names_in("mine") == ["notes.txt"]
    assert "listed" not in err
    assert not list(Path("lake").rglob("*.parquet"))


def test_files_of_the_user_next_to_a_set_stay(run: Run) -> None:
    run("--n", "5", "--layout", "files", "--out", "photos")
    Path("photos/notes.txt").write_text("mine")
    assert run("--n", "2", "--out", "photos")[0] == 0
    assert Path("photos/notes.txt").read_text() == "mine"
    assert names_in("photos") == sorted([*MADE, "notes.txt"])


def test_the_help_names_every_option() -> None:
    """In a process of its own: the installed command, as users have it."""
    command = Path(sys.executable).with_name("off-platform")
    shown = subprocess.run(  # noqa: S603 - our own command
        [command, "bins", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "Build an image set of bins" in shown
    for option in (
        "out", "n", "seed", "id-space", "difficulty", "least-quantity", "most-quantity",
        "per-class", "one-per-visit", "exact", "asin", "sku", "split", "layout", "keep-formats",
    ):  # fmt: skip
        assert f"--{option} " in shown


def test_the_card_lists_every_file_and_the_classes(
    run: Run, readable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Path(shutil.copytree(readable, "bucket"))
    monkeypatch.setenv("OFF_PLATFORM_BINS_BUCKET", str(bucket))
    few = ("--n", "all", "--most-quantity", "5", "--per-class", "2", "--no-refresh")
    run(*few, "--out", "before")
    photos = duckdb.sql(
        "SELECT min(key) AS key FROM 'before/manifest.parquet' WHERE kind = 'photo'"
    )
    (bucket / photos.fetchall()[0][0]).unlink()

    assert run(*few, "--layout", "files", "--out", "photos")[0] == 1
    card = Path("photos/README.md").read_text()
    made = [path.name for path in Path("photos").glob("*.*")]
    assert [name for name in made if f"`{name}`" not in card] == ["README.md"]
    for table in ("labels", "manifest", "metadata"):
        columns = duckdb.sql(f"FROM 'photos/{table}.parquet'").columns
        assert [column for column in columns if column not in card.replace("\\_", "_")] == []
    reached = duckdb.sql("""SELECT before.expected_quantity, count(*), count(photos.id)
        FROM 'before/labels.parquet' AS before LEFT JOIN 'photos/labels.parquet' AS photos
        USING (id) GROUP BY 1""").fetchall()
    assert sum(chosen - here for _, chosen, here in reached) == 1
    for quantity, chosen, here in reached:
        assert f"| expected quantity {quantity} | {chosen} | {here} |" in card
