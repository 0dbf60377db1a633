"""The assets of the imports wing: a file in, tables, checks and report out; again, and over all."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from off_platform.definitions import definitions
from off_platform.images.schemas import KEY_INDEX
from off_platform.imports.intake.originals import key_of
from off_platform.imports.specification.rules import CHECKS
from off_platform.partitions import IMPORT_FILES
from off_platform.settings import Settings
from off_platform.storage.folder import Folder
from off_platform.storage.lake import Lake

# They look at runs of Dagster.
pytestmark = pytest.mark.slow

NUTELLA, OREO = "3017620422003", "7622210449283"
HEADER = "barcode,product_name,fat_g\n"
GOOD = f"{HEADER}{NUTELLA},Nutella,30.9\n{OREO},Oreo,20.5\n"
NEWER = f"gtin,product_name,fat_g\n0{NUTELLA},Nutella 2,31\n"
SOME = f'{HEADER}{NUTELLA},Nutella,"30,9"\n{OREO},<b>Oreo</b>,20.5\n'


TWICE = f"{SOME}{NUTELLA},Nutella,30.9\n{NUTELLA},Nutella,30.9\n"
WRITTEN_BY_EXCEL = HEADER + "".join(f"7.6222E+12,Oreo {number},20.5\n" for number in range(400))
# What the lake holds after a run.
QUERIES = {
    "accepted": "SELECT product, fat_g FROM products_accepted WHERE import = ? ORDER BY row",
    "quarantined": "SELECT product, rules, record['fat_g'] FROM products_quarantined "
    "WHERE import = ? ORDER BY row",
    "settled": "SELECT product, status, settled_by FROM products_quarantined WHERE import <> ?",
    "imports": "SELECT name, format, columns FROM imports WHERE import = ?",
}
IMPORTED = "SELECT product, product_name, photos FROM products_imported ORDER BY product"


@dataclass
class Run:
    """A run of the job, and what there was after it.

    Attributes:
        result: Dagster's.
        key: of the import.
        rows: what each of `QUERIES` answered for the import.
        imported: the table `products_imported`.
        digests: how often a file was read for its digest, by name.
    """

    result: dg.ExecuteInProcessResult
    key: str
    rows: dict[str, list[tuple[Any, ...]]]
    imported: list[tuple[Any, ...]]
    digests: Counter[str]

    @property
    def checks(self) -> dict[str, dg.AssetCheckEvaluation]:
        """Of the accepted records, by name."""
        return {
            found.check_name: found
            for found in self.result.get_asset_check_evaluations()
            if found.asset_key == dg.AssetKey("products_accepted")
        }

    @property
    def failed(self) -> set[str]:
        """The names of the checks that failed."""
        return {name for name, check in self.checks.items() if not check.passed}

    def shown(self, asset: str) -> Mapping[str, Any]:
        """What the UI shows of an asset."""
        (metadata,) = [
            event.step_materialization_data.materialization.metadata
            for event in self.result.get_asset_materialization_events()
            if event.asset_key == dg.AssetKey(asset)
        ]
        return metadata


class Desk:
    """A lake, an instance, and files to hand in."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        """See the class."""
        self.root, self.instance = root, instance
        self.files = root / "files"
        self.settings = Settings(_env_file=None, lake=str(root / "lake"), import_folders="/")
        self.lake = Lake(self.settings.lake)
        # Loaded once, as by a code server.
        self.job = definitions(of=self.settings).resolve_job_def("imports")

    def hand_in(self, name: str, text: str | bytes) -> Run:
        """Writes a file and takes it in."""
        path = self.files / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return self.run(key_of(path), path)

    def run(self, key: str, path: Path | None) -> Run:
        """Runs the job for an import."""
        self.instance.add_dynamic_partitions(str(IMPORT_FILES.name), [key])
        config = {"ops": {"import_file": {"config": {"path": str(path)}}}} if path else {}
        with counted_digests() as digests:
            result = self.job.execute_in_process(
                partition_key=key,
                instance=self.instance,
                run_config=config,
                raise_on_error=False,
            )
        with duckdb.connect(self.root / "lake" / "off_platform.duckdb", read_only=True) as lake:
            rows = {name: lake.execute(query, [key]).fetchall() for name, query in QUERIES.items()}
            return Run(result, key, rows, lake.execute(IMPORTED).fetchall(), digests)

    def kept(self, key: str) -> Folder:
        """The folder of an import in the lake."""
        return self.lake.root.below(f"imports/{key}")


@contextmanager
def counted_digests() -> Iterator[Counter[str]]:
    """How often a file is read for its digest, by name."""
    counts: Counter[str] = Counter()
    digest = hashlib.file_digest

    def counted(file: Any, name: Any) -> Any:
        counts[Path(file.name).name] += 1
        return digest(file, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashlib, "file_digest", counted)
        yield counts


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("imports")
    with dg.DagsterInstance.ephemeral(tempdir=str(root)) as instance:
        yield Desk(root, instance)


@pytest.fixture(scope="module")
def runs(desk: Desk) -> dict[str, Run]:
    """Imports one after another into one lake; to be looked at only."""
    made = {
        "some": desk.hand_in("some.csv", SOME),
        "good": desk.hand_in("good.csv", GOOD),
        "page": desk.hand_in("page.csv", "<!DOCTYPE html><p>Sorry</p>"),
    }
    put_key_index(desk.lake)
    made["newer"] = desk.hand_in("newer.csv", NEWER)
    made["good again"] = desk.run(made["good"].key, desk.files / "good.csv")
    shutil.rmtree(desk.files)
    made["some without its file"] = desk.run(made["some"].key, None)
    made["twice"] = desk.hand_in("twice.csv", TWICE)
    made["written by Excel"] = desk.hand_in("excel.csv", WRITTEN_BY_EXCEL)
    folder = desk.root / "several"
    folder.mkdir()
    (folder / "a.csv").write_text(f"barcode,product_name\n{NUTELLA},Nutella\n{OREO},Oreo\n")
    (folder / "b`.csv").write_text(f"barcode,fat_g\n{NUTELLA},30.9\n{OREO},`<img src=x>`|\n")
    made["folder"] = desk.run(key_of(folder), folder)
    return made


def put_key_index(lake: Lake) -> None:
    """Two months, of which the newest has photos of Nutella alone."""

    def index(*photos: tuple[str, int, str]) -> pa.Table:
        rows = [
            {"key": f"data/{code}/{number}.jpg", "barcode": code, "image_id": number, "kind": kind}
            for code, number, kind in photos
        ]
        return pa.Table.from_pylist(
            [{**row, "layout": "current"} for row in rows], schema=KEY_INDEX.arrow
        )

    for month, table in (
        ("2026-01-01", index((OREO, 1, "raw"))),
        ("2026-02-01", index((NUTELLA, 1, "raw"), (NUTELLA, 1, "400"), (NUTELLA, 2, "raw"))),
    ):
        lake.replace(
            "key_index",
            ("month", month),
            KEY_INDEX.arrow,
            lambda to, t=table: pq.write_table(t, to),
        )


@pytest.mark.parametrize(
    ("run", "read"),
    [
        # The key was made of the producer's before; the copy of it that is kept, and what the next
        # step finds kept.
        ("good", {"good.csv": 2}),
        ("twice", {"twice.csv": 2}),
        ("written by Excel", {"excel.csv": 2}),
        ("folder", {"a.csv": 2, "b`.csv": 2}),
        ("some without its file", {"some.csv": 2}),
    ],
)
def test_a_file_is_read_for_its_digest_once_in_each_place(
    runs: dict[str, Run], run: str, read: dict[str, int]
) -> None:
    assert runs[run].checks
    assert runs[run].digests == read


def test_a_good_file_is_imported(desk: Desk, runs: dict[str, Run]) -> None:
    good = runs["good"]
    assert good.result.success
    assert good.checks.keys() == {"shape", *(check.id for check in CHECKS)}
    assert good.failed == set()
    assert good.rows["accepted"] == [(NUTELLA, 30.9), (OREO, 20.5)]
    assert good.rows["imports"] == [("good.csv", "csv", ["barcode", "product_name", "fat_g"])]
    kept = desk.kept(good.key)
    assert kept.read("original/good.csv") == GOOD.encode()
    assert b"All 2 records accepted" in kept.read("report.html")
    assert kept.names() == ["findings.csv", "findings.xlsx", "original/good.csv", "report.html"]


def test_the_ui_shows_open_records_and_what_settled_the_others(runs: dict[str, Run]) -> None:
    older, newer = runs["some"].key, runs["good"].key
    assert runs["good"].rows["settled"] == [(NUTELLA, "settled", newer)]
    (event,) = runs["good"].result.get_asset_observation_events()
    seen = event.asset_observation_data.asset_observation
    assert (seen.asset_key.to_user_string(), seen.partition) == ("products_quarantined", older)
    assert seen.metadata["still_open"].value == f"0 of 1 open, 1 settled by {newer}"
    quarantined = runs["good"].shown("products_quarantined")
    assert f"| `{older}` | `0` | `1` | `0` |" in str(quarantined["settles"].value)
    assert quarantined["still_open"].value == "No records in quarantine."
    assert runs["good"].shown("products_imported")["open_in_quarantine"].value == 0


def test_every_check_has_its_import(desk: Desk, runs: dict[str, Run]) -> None:
    """After the good file the checks of the bad one can still be found."""
    check = dg.AssetCheckKey(dg.AssetKey("products_accepted"), "numbers")
    history = desk.instance.event_log_storage.get_asset_check_execution_history(check, 100)
    found = {str(each.partition): each.status.value for each in history}
    assert found[runs["good"].key] == "SUCCEEDED"
    assert found[runs["some"].key] == "FAILED"


def test_a_bad_record_is_quarantined_and_its_check_says_where(
    desk: Desk, runs: dict[str, Run]
) -> None:
    some = runs["some"]
    assert some.result.success
    assert some.failed == {"numbers"}
    check = some.checks["numbers"]
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.metadata["broken"].value == 1
    assert check.metadata["share"].value == 0.5
    assert "line 2 (fat_g): '30,9' -> '30.9'" in str(check.metadata["examples"].value)
    assert some.rows["accepted"] == [(OREO, 20.5)]
    assert some.rows["quarantined"] == [(NUTELLA, ["number_decimal_comma"], "30,9")]
    assert b"30.9" in desk.kept(some.key).read("corrected.csv")


def test_a_file_that_is_not_an_import_stops_the_run_but_leaves_a_report(
    desk: Desk, runs: dict[str, Run]
) -> None:
    page = runs["page"]
    assert not page.result.success
    assert page.failed == {"readable"}
    assert page.checks["numbers"].description == (
        "Not checked, as the file was refused: see the checks readable and header."
    )
    assert b"web page" in desk.kept(page.key).read("report.html")
    # What was imported before stays.
    assert page.imported == runs["good"].imported


def test_the_newest_record_of_a_product_counts(runs: dict[str, Run]) -> None:
    assert runs["good"].imported == [(NUTELLA, "Nutella", None), (OREO, "Oreo", None)]
    newest = [(NUTELLA, "Nutella 2", 2), (OREO, "Oreo", 0)]
    assert runs["newer"].imported == newest
    # The first file again is no newer than it was.
    again = runs["good again"]
    assert again.result.success
    assert again.imported == newest
    assert len(again.rows["imports"]) == 1


def test_photos_are_counted_in_the_newest_key_index(runs: dict[str, Run]) -> None:
    assert [photos for *_, photos in runs["newer"].imported] == [2, 0]
    evaluations = runs["newer"].result.get_asset_check_evaluations()
    (photos,) = [each for each in evaluations if each.check_name == "have_photos"]
    assert photos.passed


def test_an_import_can_be_checked_again_without_its_file(runs: dict[str, Run]) -> None:
    again = runs["some without its file"]
    assert again.result.success
    assert again.rows["accepted"] == [(OREO, 20.5)]


@pytest.mark.parametrize(
    ("key", "message"),
    [("none.csv@00000000", "import its file"), ("../../x@00000000", "is not an import")],
)
def test_an_import_that_does_not_exist_is_reported(
    desk: Desk, runs: dict[str, Run], key: str, message: str
) -> None:
    result = desk.run(key, None).result
    assert runs
    assert not result.success
    (event,) = [each for each in result.all_events if each.is_step_failure]
    error = event.step_failure_data.error
    assert error
    assert error.cause
    assert message in error.cause.message


def test_a_file_that_changed_since_its_key_was_made_is_not_imported(
    desk: Desk, runs: dict[str, Run]
) -> None:
    before = desk.lake.root.folders("imports")
    path = desk.root / "x.csv"
    path.write_text(GOOD)
    key = key_of(path)
    path.write_text(SOME)
    assert not desk.run(key, path).result.success
    assert desk.lake.root.folders("imports") == before
    assert runs["good"].key in before
    assert key not in before


def test_a_folder_is_one_import(runs: dict[str, Run]) -> None:
    folder = runs["folder"]
    assert folder.result.success
    assert folder.rows["accepted"] == [(NUTELLA, 30.9)]
    assert [row[:2] for row in folder.rows["imports"]] == [("several", "folder")]


def test_a_finding_in_a_folder_is_shown_with_its_file_and_without_markup(
    runs: dict[str, Run],
) -> None:
    examples = str(runs["folder"].checks["numbers"].metadata["examples"].value)
    assert examples == "- `b'.csv, line 3 (fat_g): ''<img src=x>'|' (not_a_number)`"
    shown = str(runs["folder"].shown("import_report")["findings_by_rule"].value)
    assert "| level | rule | findings | file | first place |" in shown
    assert "b'.csv" in shown
    assert "`'<img src=x>'¦`" in shown
