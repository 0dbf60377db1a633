"""Several files as one import: joined on the product, and every finding in its own file and row."""

import os
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from off_platform.imports.intake.joining import open_whole
from off_platform.imports.readers.batches import UnreadableError
from off_platform.imports.specification.tables import FINDINGS
from off_platform.imports.validation import validate_import
from off_platform_tests.imports.conftest import Judged, Validate

NUTELLA, OREO, UPC = "3017620422003", "7622210449283", "012345678905"
Files = dict[str, str | bytes]

PRODUCTS = f"barcode,product_name\n{NUTELLA},Nutella\n{OREO},Oreo\n"
NUMBERS = f"barcode,fat_g,sugars_g\n{OREO},20,30\n{NUTELLA},30.9,56.3\n"


def judged(validate: Validate, files: Files) -> Judged:
    def write(folder: Path) -> None:
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)

    return validate(write, "import")


def test_a_product_is_one_record_of_all_files(validate: Validate) -> None:
    found = judged(validate, {"a_products.csv": PRODUCTS, "b_numbers.csv": NUMBERS})
    assert [
        (record["product"], record["product_name"], record["fat_g"], record["sugars_g"])
        for record in found.accepted
    ] == [(NUTELLA, "Nutella", 30.9, 56.3), (OREO, "Oreo", 20, 30)]
    assert (found.findings, found.quarantined) == ([], [])
    assert found.verdict.source is not None
    assert found.verdict.source.format == "folder"


def test_formats_and_spellings_of_a_barcode_may_differ(validate: Validate) -> None:
    found = judged(
        validate,
        {
            "a.csv": f"barcode,product_name\n{UPC},Pasta\n",
            "b.json": f'[{{"code": "0{UPC}", "fat_g": "1"}}]',
            "c.tsv": f"gtin\tbrand\n00{UPC}\tOurs\n",
        },
    )
    (record,) = found.accepted
    assert (record["product"], record["fat_g"], record["brand"]) == (f"0{UPC}", 1, ["Ours"])


def test_a_finding_has_its_file_and_row(validate: Validate) -> None:
    found = judged(
        validate,
        {
            "a.csv": PRODUCTS,
            "b.csv": f"barcode,fat_g\n{OREO},20\n{NUTELLA},lots\n",
            "c.csv": f"barcode,brand\n{NUTELLA}, Ferrero\n",
        },
    )
    places = [(each["rule"], each["file"], each["row"], each["column"]) for each in found.findings]
    assert sorted(places) == [
        ("not_a_number", "b.csv", 3, "fat_g"),
        ("text_trimmed", "c.csv", 2, "brand"),
    ]
    assert [record["product_name"] for record in found.accepted] == ["Oreo"]
    assert found.verdict.quarantined == 1


def test_the_name_is_required_only_after_the_join(validate: Validate) -> None:
    files = {"a.csv": f"barcode,fat_g\n{NUTELLA},1\n{OREO},2\n",
             "b.csv": f"barcode,product_name\n{OREO},Oreo\n"}  # fmt: skip
    (finding,) = judged(validate, files).findings
    assert (finding["rule"], finding["file"], finding["row"]) == (
        "product_name_missing",
        "a.csv",
        2,
    )


def test_files_with_different_values_disagree(validate: Validate) -> None:
    found = judged(
        validate,
        {
            "a.csv": PRODUCTS,
            "b.csv": f"barcode,product_name\n{OREO},Oreo\n{NUTELLA},Nudossi\n",
        },
    )
    (finding,) = found.findings
    assert (finding["rule"], finding["file"], finding["row"], finding["column"]) == (
        "files_disagree", "a.csv", 2, "product_name",
    )  # fmt: skip
    assert "'Nutella' and 'Nudossi'" in finding["message"]
    assert [record["product"] for record in found.accepted] == [OREO]


SAME = {
    "brand": ("-", "Kilo"),
    "fat_g": ("1.0", "1"),
    "categories": ("Snacks, Bars", "Snacks;Bars"),
    "countries": ("Germany, FR", "FR;Deutschland"),
    "lc": ("EN", "en"),
    "quantity": ("400 g", "400g"),
    "serving_size": ("1,0 kg", "1000 g"),
    "generic_name": ("Bar\u200b", "Bar"),
    "traces": ("Caf\u00e9, Milk", "Cafe\u0301; Milk"),
    "labels": ("N/A", "-"),
}


def test_files_with_equal_meanings_agree(validate: Validate) -> None:
    found = judged(
        validate,
        {
            f"{at}.tsv": f"barcode\tproduct_name\t{chr(9).join(SAME)}\n"
            f"{NUTELLA}\tNutella\t{chr(9).join(texts[at] for texts in SAME.values())}\n"
            for at in (0, 1)
        },
    )
    (record,) = found.accepted
    assert "files_disagree" not in found.rules
    assert (record["brand"], record["fat_g"], record["categories"], record["labels"]) == (
        ["Kilo"], 1, ["Snacks", "Bars"], None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [("fat_g", "1", "10"), ("countries", "FR", "DE"), ("fat_g", "a lot", "1"),
     ("lc", "en", "fr"), ("quantity", "400 g", "40 g"), ("quantity", "6 x 100 g", "600 g"),
     ("quantity", "1 kg", "1 l"), ("quantity", "1 kg can", "1000 g can"), ("shelf", "1.0", "1")],
)  # fmt: skip
def test_files_with_different_meanings_disagree(
    validate: Validate, column: str, one: str, other: str
) -> None:
    files: Files = {
        f"{text}.csv": f"barcode,product_name,{column}\n{NUTELLA},Nutella,{text}\n"
        for text in (one, other)
    }
    assert "files_disagree" in judged(validate, files).rules


def test_a_product_twice_in_one_file_stays_twice(validate: Validate) -> None:
    found = judged(
        validate,
        {"a.csv": f"{PRODUCTS}{OREO},Oreo again\n", "b.csv": NUMBERS},
    )
    (finding,) = found.findings
    assert (finding["rule"], finding["file"], finding["row"]) == ("duplicate_product", "a.csv", 4)
    assert "in row 3 of a.csv already, and again in row 4 of a.csv" in finding["message"]
    assert [record["fat_g"] for record in found.accepted] == [30.9, 20]


def test_rows_that_are_not_records_are_reported_in_their_file(validate: Validate) -> None:
    found = judged(
        validate, {"a.csv": PRODUCTS, "b.csv": f"barcode,fat_g\n{OREO},20\n{NUTELLA},1,2\n"}
    )
    (finding,) = found.findings
    assert (finding["rule"], finding["file"], finding["row"]) == ("ragged_row", "b.csv", 3)
    assert found.verdict.quarantined == 1
    assert found.verdict.accepted == 2


def test_many_rows_that_are_not_records_keep_their_file_and_row(validate: Validate) -> None:
    lost = "".join(f"{NUTELLA},1,2\n" for _ in range(3_000))
    found = judged(
        validate,
        {"a.csv": f"{PRODUCTS}{lost}", "b.csv": f"barcode,fat_g\n{OREO},20\n{lost}"},
    )
    places = [(each["rule"], each["file"], each["row"]) for each in found.findings]
    assert places == [("ragged_row", "a.csv", row) for row in range(4, 3_004)] + [
        ("ragged_row", "b.csv", row) for row in range(3, 3_003)
    ]
    assert (found.verdict.accepted, found.verdict.quarantined) == (2, 6_000)
    assert len({record["row"] for record in found.quarantined}) == 6_000


def folder_of(root: Path, files: Files) -> tuple[Path, Path]:
    """A folder of files, and an empty one for the join."""
    for name in ("several", "scratch"):
        (root / name).mkdir()
    for name, text in files.items():
        (root / "several" / name).write_text(text)
    return root / "several", root / "scratch"


def test_rows_that_are_not_records_are_reported_in_batches(tmp_path: Path) -> None:
    lost = "".join(f"{NUTELLA},1,2\n" for _ in range(2_000))
    folder, scratch = folder_of(tmp_path, {"a.csv": f"{PRODUCTS}{lost}", "b.csv": NUMBERS + lost})
    reader = open_whole(folder, scratch)
    found = [len(reader.take_found()) for _ in reader.batches(100)]
    # Three cells are one too many in a.csv, and a record in b.csv.
    assert sum(found) == 2_000
    assert max(found) <= 100
    assert reader.take_found() == []


def test_a_folder_is_joined_in_the_given_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, scratch = folder_of(tmp_path, {"a.csv": PRODUCTS, "b.csv": NUMBERS})
    system = tmp_path / "system"
    system.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(system))
    reader = open_whole(folder, scratch)
    assert list(scratch.iterdir()) == []
    for _ in reader.batches(1):
        assert [path for path in scratch.rglob("*") if path.is_file()]
    assert list(system.iterdir()) == []
    del reader
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("barcode", ["barcode", "bar_code_number"])
def test_a_folder_is_joined_in_the_output_folder(
    validate: Validate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, barcode: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    files = {"a.csv": f"{PRODUCTS}{OREO},Oreo\n", "b.csv": NUMBERS.replace("barcode", barcode)}
    found = judged(validate, files)
    assert (found.verdict.accepted, found.verdict.quarantined) == (
        (2, 1) if barcode == "barcode" else (0, 0)
    )
    assert not list((tmp_path / "import.tables").glob("*joining-*"))


def test_an_unreadable_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    folder, scratch = folder_of(tmp_path, {"a.csv": PRODUCTS, "b.csv": "shelf\n4\n"})
    reader = open_whole(folder, scratch)
    with pytest.raises(UnreadableError):
        list(reader.batches(1))
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "rule", "message"),
    [
        ({}, "no_records", "contains no CSV"),
        ({"a.csv": PRODUCTS, "b.csv": ""}, "file_empty", "b.csv: "),
        ({"a.csv": PRODUCTS, "b.csv": "shelf\n4\n"}, "no_identifier_column", "b.csv: "),
        ({"a.csv": PRODUCTS, "b.csv": "<html>"}, "not_an_import_format", "b.csv: "),
        ({"notes.txt": "x"}, "no_records", "contains no CSV"),
    ],
)
def test_one_file_that_cannot_be_read_refuses_the_import(
    validate: Validate, files: Files, rule: str, message: str
) -> None:
    found = judged(validate, files)
    assert found.verdict.refused is not None
    assert (found.verdict.refused.rule, message in found.verdict.refused.message) == (rule, True)
    assert (found.accepted, found.quarantined) == ([], [])


def test_hidden_files_are_not_part_of_the_import(validate: Validate) -> None:
    of_desktops = {".DS_Store": "x", "Thumbs.db": "x", "~$a.xlsx": "x"}
    assert judged(validate, {**of_desktops, "a.csv": PRODUCTS}).findings == []


def test_many_records_are_joined_in_batches(validate: Validate) -> None:
    count = 60_000
    ids = [f"P{number:06d}" for number in range(count)]
    names = "product_id,product_name\n" + "".join(f"{each},Name\n" for each in ids)
    numbers = "product_id,fat_g\n" + "".join(f"{each},1\n" for each in reversed(ids))
    found = judged(validate, {"a.csv": names, "b.csv": numbers})
    assert found.verdict.accepted == count
    assert {record["fat_g"] for record in found.accepted} == {1}
    assert [record["product"] for record in found.accepted] == [f"id:{each}" for each in ids]


@pytest.mark.slow
def test_wide_files_are_joined_in_little_memory(
    validate: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("off_platform.imports.whole_file.staging.MEMORY", "64MB")
    monkeypatch.setattr("off_platform.imports.validation.BATCH_ROWS", 2_000)
    count = 40_000
    names = ("brand", "categories", "labels", "generic_name", "ingredients_text", "packaging")
    ids = [f"P{number:06d}" for number in range(count)]
    cells = [",".join(f"{name} of {each} {each * 6}" for name in names) for each in ids]
    rows = [f"{each},{texts}\n" for each, texts in zip(ids, cells, strict=True)]
    header = f"product_id,{','.join(names)}\n"
    files = {
        "a.csv": header + "".join(rows),
        "b.csv": header + "".join(reversed(rows)),
        "c.csv": "product_id,product_name\n" + "".join(f"{each},Name\n" for each in ids),
    }
    found = judged(validate, files)
    assert (found.verdict.accepted, found.verdict.quarantined) == (count, 0)
    assert [record["product"] for record in found.accepted] == [f"id:{each}" for each in ids]


@pytest.mark.parametrize("name", ["README.txt", "notes.html", "spec.pdf"])
def test_other_files_of_a_folder_are_reported_and_not_read(validate: Validate, name: str) -> None:
    found = judged(validate, {"a.csv": PRODUCTS, name: "<html>"})
    (finding,) = found.findings
    assert (finding["rule"], finding["level"], finding["value"]) == (
        "file_not_read", "warning", name,
    )  # fmt: skip
    assert found.verdict.accepted == 2


@pytest.mark.parametrize(
    ("name", "content", "rule", "said"),
    [
        ("brands.csv", "barcode,brand\n1,Nestl\xe9\n".encode("latin-1"), "not_utf8", "byte 21"),
        ("brands.csv", "barcode,brand\n1,x\n".encode("utf-16"), "not_utf8", "UTF-16"),
        ("brands.csv", b"", "file_empty", "empty"),
        ("brands.json", b'[{"barcode": "1",}]', "json_invalid", "line 1"),
        ("brands.xlsx", b"PK\x03\x04 no archive", "xlsx_damaged", "damaged"),
        ("brands.csv", b'barcode,brand\n1,"x\n', "quote_not_closed", "line 2"),
        ("brands.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "not_an_import_format", "old Excel"),
    ],
)
def test_an_unreadable_file_is_reported_with_the_reason(
    validate: Validate, name: str, content: bytes, rule: str, said: str
) -> None:
    found = judged(validate, {"a.csv": PRODUCTS, name: content})

    assert found.verdict.refused
    assert found.verdict.refused.message.startswith(f"{name}: ")
    assert said in found.verdict.refused.message
    (finding,) = (each for each in found.findings if each["rule"] == rule)
    assert (finding["file"], finding["level"]) == (name, "error")
    assert found.accepted == []


def test_links_pipes_and_subfolders_are_reported_and_not_opened(tmp_path: Path) -> None:
    folder, into = tmp_path / "import", tmp_path / "into"
    outside = tmp_path / "outside.csv"
    outside.write_text("barcode,brand\n3017620422003,Stolen\n")
    folder.mkdir()
    into.mkdir()
    (folder / "a.csv").write_text(PRODUCTS)
    (folder / "link.csv").symlink_to(outside)
    (folder / "images").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.csv")
    (folder / "below.csv").mkdir()

    verdict = validate_import(folder, into)

    found = pq.read_table(into / FINDINGS).to_pylist()
    named = {each["value"] for each in found if each["rule"] == "file_not_read"}
    assert named == {"link.csv", "images", "pipe.csv", "below.csv"}
    assert verdict.accepted == 2
