"""A newer import of a product settles what is in quarantine of it; the view says so."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from off_platform.imports.assets import STAGED
from off_platform.imports.intake.originals import key_of, record, store_original
from off_platform.imports.products_imported import make_products_imported
from off_platform.imports.specification.tables import IMPORT, IMPORTS, PRODUCTS_QUARANTINED
from off_platform.imports.specification.views import DERIVED
from off_platform.imports.still_open import State, open_imports, settled_by, states, still_open
from off_platform.imports.validation import validate_import
from off_platform.storage.lake import Lake

# Nearly every one of them runs Dagster.
pytestmark = pytest.mark.slow

OREO, NUTELLA, COLA, UPC = "7622210449283", "3017620422003", "5449000000996", "012345678905"
HEADER = "barcode,product_name,fat_g\n"
VIEW = "products_quarantined"

Row = tuple[str, str | None, str, str | None]


class Imports:
    """A lake that files are taken into, without runs of Dagster."""

    def __init__(self, root: Path) -> None:
        """See the class."""
        self.root, self.lake = root, Lake(str(root / "lake"), derived=DERIVED)

    def take(self, name: str, text: str, day: int, *, validated: bool = True) -> str:
        """Takes a file in on a day of a month; gives its key."""
        path = self.root / name
        path.write_text(text)
        key = key_of(path)
        store_original(self.lake, path, key)
        with self.lake.connect() as connection:
            record(self.lake, key, connection, datetime(2026, 1, day, tzinfo=UTC))
        if validated:
            self.validate(name)
        return key

    def validate(self, name: str) -> None:
        """Makes the tables of a file that was taken in."""
        with self.lake.root.scratch() as made:
            validate_import(self.root / name, made)
            for table, file in STAGED:
                partition = (IMPORT, key_of(self.root / name))
                self.lake.replace(table.name, partition, table.arrow, (made / file).replace)

    def rows(self) -> list[Row]:
        """The rows of the view: file, product as in the file, status, file that settled it."""
        with duckdb.connect(self.lake.root.address("off_platform.duckdb"), read_only=True) as of:
            return of.execute(
                """SELECT split_part("import", '@', 1), product, status,
                split_part(settled_by, '@', 1) FROM products_quarantined ORDER BY ALL"""
            ).fetchall()


@pytest.fixture
def imports(tmp_path: Path) -> Imports:
    return Imports(tmp_path)


def bad(*codes: str, name: str = "Bad") -> str:
    return HEADER + "".join(f"{code},{name},lots\n" for code in codes)


def good(*codes: str) -> str:
    return HEADER + "".join(f"{code},Good,1\n" for code in codes)


def test_bad_then_good_then_bad_again(imports: Imports) -> None:
    imports.take("a.csv", bad(OREO, NUTELLA), 1)
    assert imports.rows() == [("a.csv", NUTELLA, "open", None), ("a.csv", OREO, "open", None)]
    imports.take("b.csv", good(OREO, COLA), 2)
    after_good = [("a.csv", NUTELLA, "open", None), ("a.csv", OREO, "settled", "b.csv")]
    assert imports.rows() == after_good
    imports.take("c.csv", bad(OREO, NUTELLA, name="Bad again"), 3)
    after_bad = [
        ("a.csv", NUTELLA, "superseded", "c.csv"),
        ("a.csv", OREO, "settled", "b.csv"),
        ("c.csv", NUTELLA, "open", None),
        ("c.csv", OREO, "open", None),
    ]
    assert imports.rows() == after_bad
    # The one that accepted it settles, also where another import had it in quarantine between.
    imports.take("d.csv", good(NUTELLA), 4)
    assert imports.rows()[0] == ("a.csv", NUTELLA, "settled", "d.csv")
    # The same file again is not a newer import.
    imports.take("a.csv", bad(OREO, NUTELLA), 5)
    assert imports.rows()[:2] == [
        ("a.csv", NUTELLA, "settled", "d.csv"),
        ("a.csv", OREO, "settled", "b.csv"),
    ]


def test_the_time_of_import_counts_not_that_of_validation(imports: Imports) -> None:
    imports.take("bad.csv", bad(OREO), 2, validated=False)
    imports.take("late.csv", good(OREO), 3)
    imports.take("early.csv", good(OREO), 1)
    imports.validate("bad.csv")
    assert imports.rows() == [("bad.csv", OREO, "settled", "late.csv")]


def test_an_older_import_settles_nothing(imports: Imports) -> None:
    imports.take("new.csv", bad(OREO), 9)
    imports.take("old.csv", good(OREO), 1)
    assert imports.rows() == [("new.csv", OREO, "open", None)]


def test_records_without_a_product_stay_open(imports: Imports) -> None:
    rows = (",Nameless,1", "N/A,Odd,1", "0,Zero,1", "00000000,Zeros,1", f'{OREO},"a"b,1')
    broken = HEADER + "".join(f"{row}\n" for row in rows)
    imports.take("a.csv", broken, 1)
    imports.take("b.csv", broken.replace("Odd", "Odder"), 2)
    assert {(status, by) for _, _, status, by in imports.rows()} == {("open", None)}
    assert len(imports.rows()) == 10


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (UPC, f"0{UPC}"),
        # Excel took the zero.
        (UPC.lstrip("0"), UPC),
        (f" {OREO} ", OREO),
        (f"0{OREO}", OREO),
    ],
)
def test_a_product_is_the_same_in_every_spelling_of_its_barcode(
    imports: Imports, before: str, after: str
) -> None:
    imports.take("a.csv", bad(before), 1)
    imports.take("b.csv", good(after), 2)
    assert [row[2:] for row in imports.rows()] == [("settled", "b.csv")]


def test_a_wrong_barcode_is_superseded_but_never_settled(imports: Imports) -> None:
    wrong = f"{OREO[:-1]}4"
    imports.take("a.csv", good(wrong), 1)
    imports.take("b.csv", f"{good(wrong)}\n", 2)
    imports.take("c.csv", good(OREO), 3)
    assert [row[2:] for row in imports.rows()] == [("superseded", "b.csv"), ("open", None)]


def test_records_without_a_barcode_are_identified_by_the_producers_id(imports: Imports) -> None:
    text = "barcode,product_id,product_name,fat_g\n,A-1,Tea,{}\n"
    imports.take("a.csv", text.format("lots"), 1)
    imports.take("b.csv", text.format("1"), 2)
    assert [row[2:] for row in imports.rows()] == [("settled", "b.csv")]


def test_damaged_barcodes_are_settled_by_their_originals(imports: Imports) -> None:
    stems = [f"40000{number * 7919 % 10**7:07d}" for number in range(1, 61)]
    codes = [stem + _check_digit(stem) for stem in stems]
    imports.take("a.csv", good(*(f"{code}0" for code in codes)), 1)
    assert {row[2] for row in imports.rows()} == {"open"}
    imports.take("b.csv", good(*codes), 2)
    assert [row[2:] for row in imports.rows()] == [("settled", "b.csv")] * 60


def _check_digit(stem: str) -> str:
    digits = map(int, stem)
    return str(-sum(digit * (1, 3)[at % 2] for at, digit in enumerate(digits)) % 10)


def test_duplicates_in_quarantine_are_settled_too(imports: Imports) -> None:
    imports.take("a.csv", good(OREO, OREO), 1)
    assert imports.rows() == [("a.csv", OREO, "open", None)]
    imports.take("b.csv", f"{good(OREO)}\n", 2)
    assert imports.rows() == [("a.csv", OREO, "settled", "b.csv")]


def test_folders_settle_files(imports: Imports, tmp_path: Path) -> None:
    imports.take("a.csv", bad(OREO, NUTELLA), 1)
    folder = tmp_path / "both"
    folder.mkdir()
    (folder / "a.csv").write_text(f"barcode,product_name\n{NUTELLA},N\n{OREO},O\n")
    (folder / "b.csv").write_text(f"barcode,fat_g\n{OREO},1\n{NUTELLA},lots\n")
    store_original(imports.lake, folder, key_of(folder))
    with imports.lake.connect() as connection:
        record(imports.lake, key_of(folder), connection, datetime(2026, 1, 2, tzinfo=UTC))
    imports.validate("both")
    assert imports.rows() == [
        ("a.csv", NUTELLA, "superseded", "both"),
        ("a.csv", OREO, "settled", "both"),
        ("both", NUTELLA, "open", None),
    ]


def test_records_quarantined_without_a_normal_form_are_open(imports: Imports) -> None:
    key = imports.take("a.csv", bad(OREO), 1)
    table = imports.lake.address(VIEW, (IMPORT, key))
    old = pq.read_table(table).drop_columns(["normal_form"])
    pq.write_table(old, table)
    imports.take("b.csv", good(OREO), 2)
    assert imports.rows() == [("a.csv", OREO, "open", None)]
    imports.validate("a.csv")
    assert imports.rows() == [("a.csv", OREO, "settled", "b.csv")]


def test_the_states_of_imports_are_counted(imports: Imports) -> None:
    first = imports.take("a.csv", bad(OREO, NUTELLA, COLA), 1)
    second = imports.take("b.csv", good(OREO) + f"{NUTELLA},N,lots\n", 2)
    with imports.lake.connect() as connection:
        rows = imports.lake.view_of(PRODUCTS_QUARANTINED.name)
        both = [State(first, 1, 1, 1, [second]), State(second, 1, 0, 0, [])]
        assert states(connection, rows) == both
        assert still_open(connection, rows) == both
        assert settled_by(both, second) == both[:1]
        assert settled_by(both, first) == []
    assert both[0].sentence == f"1 of 3 open, 1 settled, 1 superseded by {second}"
    assert both[1].sentence == "1 of 1 open"


def test_without_the_other_tables_the_view_shows_its_own(imports: Imports) -> None:
    key = imports.take("a.csv", bad(OREO), 1)
    imports.lake.root.remove(f"tables/{IMPORTS.name}/{IMPORT}={key}/part.parquet")
    imports.lake.refresh_views()
    with duckdb.connect(imports.lake.root.address("off_platform.duckdb"), read_only=True) as of:
        assert of.execute("SELECT product FROM products_quarantined").fetchall() == [(OREO,)]


def test_open_imports_are_those_of_the_view_and_refused_files(imports: Imports) -> None:
    """They are read from other files than the view."""
    days = (
        ("a.csv", bad(OREO, NUTELLA)),
        ("b.csv", bad(OREO)),
        ("c.csv", good(NUTELLA, COLA)),
        ("d.csv", bad(COLA)),
        ("e.csv", bad("")),
        ("a.csv", "\0"),
        ("f.csv", "\0\0"),
        ("a.csv", good(UPC)),
        ("g.csv", bad(UPC)),
        ("h.csv", good(UPC)),
    )
    for day, (name, text) in enumerate(days, 1):
        imports.take(name, text, day)
        with imports.lake.connect() as connection:
            make_products_imported(imports.lake, connection)
            found = open_imports(imports.lake, connection)
            of_view = states(connection, imports.lake.view_of(VIEW))
        still = {each.key: each.open for each in found if each.open}
        assert still == {each.key: each.open for each in of_view if each.open}
    refused = {each.key.split("@")[0]: each.since.day for each in found if each.refused}
    # The first was replaced by a file of its name that can be read.
    assert refused == {"f.csv": 7}
    assert {each.key.split("@")[0]: each.since.day for each in found if each.open} == {
        "b.csv": 2,
        "d.csv": 4,
        "e.csv": 5,
    }
