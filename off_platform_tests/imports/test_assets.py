"""The assets of the imports wing: a file in, tables, checks and report out; again, and over all."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from off_platform.definitions import definitions
from off_platform.images.schemas import KEY_INDEX
from off_platform.imports.intake.taking_in import key_of
from off_platform.imports.specification.rules import CHECKS
from off_platform.partitions import IMPORT_FILES
from off_platform.settings import Settings
from off_platform.storage.lake import Lake

# Nearly every one of them runs Dagster.
pytestmark = pytest.mark.slow

NUTELLA, OREO = "3017620422003", "7622210449283"
HEADER = "barcode,product_name,fat_g\n"
GOOD = f"{HEADER}{NUTELLA},Nutella,30.9\n{OREO},Oreo,20.5\n"
SOME = f'{HEADER}{NUTELLA},Nutella,"30,9"\n{OREO},<b>Oreo</b>,20.5\n'


class Desk:
    """A lake, an instance, and files to hand in."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        """See the class."""
        self.root, self.instance = root, instance
        self.settings = Settings(_env_file=None, lake=str(root / "lake"), import_folders="/")
        self.lake = Lake(self.settings.lake)

    def hand_in(self, name: str, text: str | bytes) -> dg.ExecuteInProcessResult:
        """Writes a file and takes it in."""
        path = self.root / "files" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return self.run(key_of(path), path)

    def run(self, key: str, path: Path | None) -> dg.ExecuteInProcessResult:
        """Runs the job for an import."""
        self.instance.add_dynamic_partitions(str(IMPORT_FILES.name), [key])
        config = {"ops": {"import_file": {"config": {"path": str(path)}}}} if path else {}
        return (
            definitions(of=self.settings)
            .resolve_job_def("imports")
            .execute_in_process(
                partition_key=key, instance=self.instance, run_config=config, raise_on_error=False
            )
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the lake's views answer."""
        with duckdb.connect(self.root / "lake" / "off_platform.duckdb", read_only=True) as lake:
            return lake.execute(query).fetchall()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield Desk(tmp_path, instance)


class Digests:
    """How often a file was read for its digest, by name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Counts from here on."""
        self.by_name: Counter[str] = Counter()
        digest = hashlib.file_digest

        def counted(file: Any, name: Any) -> Any:
            self.by_name[Path(file.name).name] += 1
            return digest(file, name)

        monkeypatch.setattr(hashlib, "file_digest", counted)


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {
        found.check_name: found
        for found in result.get_asset_check_evaluations()
        if found.asset_key == dg.AssetKey("products_accepted")
    }


TWICE = f"{SOME}{NUTELLA},Nutella,30.9\n{NUTELLA},Nutella,30.9\n"
WRITTEN_BY_EXCEL = HEADER + "".join(f"7.6222E+12,Oreo {number},20.5\n" for number in range(400))


@pytest.mark.parametrize("text", [GOOD, TWICE, WRITTEN_BY_EXCEL])
def test_a_file_is_read_for_its_digest_once_in_each_place(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    digests = Digests(monkeypatch)
    assert "products_accepted" in str(desk.hand_in("some.csv", text).get_asset_check_evaluations())
    # The producer's, the copy of it that is kept, and what the next step finds kept.
    assert digests.by_name == {"some.csv": 3}
    key = key_of(desk.root / "files" / "some.csv")
    digests.by_name.clear()
    desk.run(key, None)
    assert digests.by_name == {"some.csv": 2}


def test_files_of_a_folder_are_read_for_their_digest_once_in_each_place(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests, folder = Digests(monkeypatch), desk.root / "several"
    folder.mkdir()
    (folder / "a.csv").write_text(GOOD)
    (folder / "b.csv").write_text(f"barcode,brands\n{NUTELLA},Ferrero\n")
    assert desk.run(key_of(folder), folder).success
    assert digests.by_name == {"a.csv": 3, "b.csv": 3}


def test_a_good_file_is_taken_in(desk: Desk) -> None:
    result = desk.hand_in("good.csv", GOOD)
    assert result.success
    checks = checks_of(result)
    assert checks.keys() == {"shape", *(check.id for check in CHECKS)}
    assert all(check.passed for check in checks.values())
    assert desk.rows("SELECT product, fat_g FROM products_accepted ORDER BY row") == [
        (NUTELLA, 30.9),
        (OREO, 20.5),
    ]
    assert desk.rows("SELECT name, format, columns FROM imports") == [
        ("good.csv", "csv", ["barcode", "product_name", "fat_g"])
    ]
    kept = desk.lake.root.below(f"imports/{key_of(desk.root / 'files' / 'good.csv')}")
    assert kept.read("original/good.csv") == GOOD.encode()
    assert b"All 2 records accepted" in kept.read("report.html")
    assert kept.names() == ["findings.csv", "findings.xlsx", "original/good.csv", "report.html"]


def test_the_ui_shows_what_is_open_and_what_settled_the_rest(desk: Desk) -> None:
    desk.hand_in("some.csv", SOME)
    older = key_of(desk.root / "files" / "some.csv")
    result = desk.hand_in("good.csv", GOOD)
    newer = key_of(desk.root / "files" / "good.csv")
    assert desk.rows("SELECT product, status, settled_by FROM products_quarantined") == [
        (NUTELLA, "settled", newer)
    ]
    (event,) = result.get_asset_observation_events()
    seen = event.asset_observation_data.asset_observation
    assert (seen.asset_key.to_user_string(), seen.partition) == ("products_quarantined", older)
    assert seen.metadata["still_open"].value == f"0 of 1 open, 1 settled by {newer}"
    made = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert f"| `{older}` | `0` | `1` | `0` |" in str(made["products_quarantined"]["settles"].value)
    assert made["products_quarantined"]["still_open"].value == "Nothing is in quarantine."
    assert made["products_imported"]["open_in_quarantine"].value == 0


def test_every_check_says_which_import_it_looked_at(desk: Desk) -> None:
    """After the good file the checks of the bad one can still be found."""
    desk.hand_in("some.csv", SOME)
    desk.hand_in("good.csv", GOOD)
    check = dg.AssetCheckKey(dg.AssetKey("products_accepted"), "numbers")
    history = desk.instance.event_log_storage.get_asset_check_execution_history(check, 10)
    found = {str(each.partition).split("@", 1)[0]: each.status.value for each in history}
    assert found == {"good.csv": "SUCCEEDED", "some.csv": "FAILED"}


def test_a_bad_record_is_quarantined_and_its_check_says_where(desk: Desk) -> None:
    result = desk.hand_in("some.csv", SOME)
    assert result.success
    failed = {name: check for name, check in checks_of(result).items() if not check.passed}
    assert failed.keys() == {"numbers"}
    check = failed["numbers"]
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.metadata["broken"].value == 1
    assert check.metadata["share"].value == 0.5
    assert "line 2 (fat_g): '30,9' -> '30.9'" in str(check.metadata["examples"].value)
    assert desk.rows("SELECT product FROM products_accepted") == [(OREO,)]
    assert desk.rows("SELECT rules, record['fat_g'] FROM products_quarantined") == [
        (["number_decimal_comma"], "30,9")
    ]
    kept = desk.lake.root.below(f"imports/{key_of(desk.root / 'files' / 'some.csv')}")
    assert b"30.9" in kept.read("corrected.csv")


def test_a_file_that_is_no_import_stops_the_run_but_leaves_a_report(desk: Desk) -> None:
    desk.hand_in("good.csv", GOOD)
    result = desk.hand_in("page.csv", "<!DOCTYPE html><p>Sorry</p>")
    assert not result.success
    failed = [name for name, check in checks_of(result).items() if not check.passed]
    assert failed == ["readable"]
    assert checks_of(result)["numbers"].description == (
        "Not looked at, as the file was refused: see the checks readable and header."
    )
    kept = desk.lake.root.below(f"imports/{key_of(desk.root / 'files' / 'page.csv')}")
    assert b"web page" in kept.read("report.html")
    # What was taken in before stays.
    assert len(desk.rows("FROM products_imported")) == 2


def test_the_newest_record_of_a_product_counts(desk: Desk) -> None:
    desk.hand_in("a.csv", GOOD)
    desk.hand_in("b.csv", f"{HEADER}0{NUTELLA},Nutella 2,31\n".replace("barcode", "gtin"))
    found = desk.rows(
        "SELECT product, product_name, photos FROM products_imported ORDER BY product"
    )
    assert found == [(NUTELLA, "Nutella 2", None), (OREO, "Oreo", None)]
    # The first file again is no newer than it was.
    desk.run(key_of(desk.root / "files" / "a.csv"), desk.root / "files" / "a.csv")
    assert desk.rows("SELECT product_name FROM products_imported ORDER BY product") == [
        ("Nutella 2",),
        ("Oreo",),
    ]
    assert desk.rows("SELECT count(*) FROM imports") == [(2,)]


def test_photos_are_counted_in_the_newest_key_index(desk: Desk) -> None:
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
        desk.lake.replace(
            "key_index",
            ("month", month),
            KEY_INDEX.arrow,
            lambda to, t=table: pq.write_table(t, to),
        )
    result = desk.hand_in("a.csv", GOOD)
    assert desk.rows("SELECT product, photos FROM products_imported ORDER BY product") == [
        (NUTELLA, 2),
        (OREO, 0),
    ]
    (photos,) = [
        each for each in result.get_asset_check_evaluations() if each.check_name == "have_photos"
    ]
    assert photos.passed


def test_an_import_can_be_looked_at_again_without_its_file(desk: Desk) -> None:
    desk.hand_in("some.csv", SOME)
    key = key_of(desk.root / "files" / "some.csv")
    shutil.rmtree(desk.root / "files")
    assert desk.run(key, None).success
    assert desk.rows("SELECT product FROM products_accepted") == [(OREO,)]


@pytest.mark.parametrize(
    ("key", "message"),
    [("none.csv@00000000", "hand its file in"), ("../../x@00000000", "is not an import")],
)
def test_an_import_that_was_never_handed_in_says_so(desk: Desk, key: str, message: str) -> None:
    result = desk.run(key, None)
    assert not result.success
    (event,) = [each for each in result.all_events if each.is_step_failure]
    error = event.step_failure_data.error
    assert error
    assert error.cause
    assert message in error.cause.message


def test_a_file_that_changed_since_its_key_was_made_is_not_taken_in(desk: Desk) -> None:
    path = desk.root / "x.csv"
    path.write_text(GOOD)
    key = key_of(path)
    path.write_text(SOME)
    assert not desk.run(key, path).success
    assert not (desk.root / "lake" / "imports").exists()


def test_a_folder_is_one_import(desk: Desk) -> None:
    folder = desk.root / "several"
    folder.mkdir()
    (folder / "a.csv").write_text(f"barcode,product_name\n{NUTELLA},Nutella\n")
    (folder / "b.csv").write_text(f"barcode,fat_g\n{NUTELLA},30.9\n")
    assert desk.run(key_of(folder), folder).success
    assert desk.rows("SELECT product_name, fat_g FROM products_accepted") == [("Nutella", 30.9)]
    assert desk.rows("SELECT name, format FROM imports") == [("several", "folder")]


def test_a_finding_in_a_folder_is_shown_with_its_file(desk: Desk) -> None:
    folder = desk.root / "several"
    folder.mkdir()
    (folder / "a.csv").write_text(f"barcode,product_name\n{NUTELLA},Nutella\n")
    (folder / "b`.csv").write_text(f"barcode,fat_g\n{NUTELLA},lots\n")
    result = desk.run(key_of(folder), folder)
    examples = str(checks_of(result)["numbers"].metadata["examples"].value)
    assert examples == "- `b'.csv, line 2 (fat_g): 'lots' (not_a_number)`"
    shown = str(report_of(result)["findings_by_rule"].value)
    assert "| level | rule | findings | file | first place |" in shown
    assert "b'.csv" in shown


def report_of(result: dg.ExecuteInProcessResult) -> Mapping[str, Any]:
    """What the UI shows of the report."""
    (report,) = [
        event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("import_report")
    ]
    return report


def test_what_stands_in_a_file_is_no_markup_in_the_ui(desk: Desk) -> None:
    result = desk.hand_in("x.csv", f"{HEADER}{NUTELLA},Name,`<img src=x>`|\n")
    check = checks_of(result)["numbers"]
    shown = str(check.metadata["examples"].value)
    assert shown.count("`") == 2
    assert "`'<img src=x>'¦`" in str(report_of(result)["findings_by_rule"].value)
