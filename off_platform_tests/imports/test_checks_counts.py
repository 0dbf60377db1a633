"""What the checks of an import count: records among the records of the file, the file apart."""

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from off_platform.barcodes.text import with_check_digit
from off_platform.imports import checks
from off_platform.imports.specification.rules import BY_ID
from off_platform.imports.specification.tables import ACCEPTED, QUARANTINED
from off_platform.imports.validation import validate_import
from off_platform.imports.whole_file.staging import connected, findings_in
from off_platform.quality import Finding
from off_platform.storage.sql import literal
from off_platform_tests.imports.broken_records import BROKEN, Broken, table

_BROKEN_BY = re.compile(r"Broken by ([\d,]+) of ([\d,]+), ([\d.]+)%(?:, and by the file.*)?: .*\.")
CODES = [with_check_digit(f"40123456{number:04}") for number in range(40)]


def _many(codes: list[str], **cells: str) -> str:
    """CSV of 40 products."""
    return table(*({"barcode": code, "product_name": "Bar", **cells} for code in codes))


FILES = {
    "scientific": _many([f"{int(code):.5E}" for code in CODES]),
    "written out": _many([f"{code[:7]}000000" for code in CODES]),
    "extra digit": _many([f"{code}0" for code in CODES]),
    "fraction": _many([f"{code}.0" for code in CODES]),
    "unfinished": _many([code[:-1] for code in CODES]),
    "twice": _many([*CODES[:20], *CODES[:20]]),
    "unknown column": _many(CODES, shelf="4", EAN="x"),
    "every record and the header": _many(CODES, fat="lots", shelf="4", salt="0,5", Fat_kg="1"),
    "ragged": _many(CODES) + f"{CODES[0]},Bar,Bar\n,\n\n",
    "ragged from the first": "barcode,product_name\n1,2,3\n4,5,6\n",
}


def _judged(path: Path, into: Path) -> tuple[dict[str, Finding], int]:
    """The findings by check, and the records that are in the tables."""
    into.mkdir()
    verdict = validate_import(path, into)
    sizes = [pq.read_metadata(into / name).num_rows for name in (ACCEPTED, QUARANTINED)]
    with connected(into) as connection:
        accepted = f"read_parquet({literal(str(into / ACCEPTED))})"
        found = checks.of_accepted(connection, accepted, findings_in(into), verdict)
    return found, sum(sizes)


def _demand_counts(path: Path, into: Path) -> dict[str, Finding]:
    found, records = _judged(path, into)
    for check, finding in found.items():
        assert finding.broken <= finding.of, (check, finding)
        # No record that breaks the specification is ever accepted.
        assert "please report" not in finding.note
        if finding.note.startswith("Broken by the file"):
            continue
        if finding.broken and check != "shape":
            said = _BROKEN_BY.fullmatch(finding.note)
            assert said, finding.note
            broken, of = (int(said[place].replace(",", "")) for place in (1, 2))
            assert (broken, of) == (finding.broken, records), (check, finding.note)
            assert said[3] == f"{100 * broken / of:.2f}"
    return found


@pytest.mark.parametrize("name", FILES)
def test_of_forty_records_at_most_forty_are_broken(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(FILES[name])

    found = _demand_counts(path, tmp_path / "into")

    assert any(finding.broken for finding in found.values())


# Of each check a file that breaks it as a whole, and one of which a record does.
OF_EACH_CHECK = {(BY_ID[each.rule].check, each.row is None): each for each in BROKEN}


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken", [pytest.param(each, id=each.rule) for each in OF_EACH_CHECK.values()]
)
def test_records_are_counted_among_the_records_of_the_file(broken: Broken, tmp_path: Path) -> None:
    path = tmp_path / broken.name
    if callable(broken.content):
        broken.content(path)
    else:
        content = broken.content
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    _demand_counts(path, tmp_path / "into")


def test_records_of_a_folder_are_counted_among_its_records(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "a.csv").write_text(_many(CODES, fat="lots", shelf="1"))
    (path / "b.csv").write_text(f"barcode,salt\n{CODES[0]},much\n{CODES[1]},1,2\n,3\n")
    (path / "c.csv").write_text("barcode,sugars\n" + "".join(f"{code},lots\n" for code in CODES))

    _demand_counts(path, tmp_path / "into")


def test_a_damaged_column_is_reported_for_the_file_and_its_records(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(FILES["extra digit"])

    found, _ = _judged(path, tmp_path / "into")

    assert found["whole_file_damage"].note == (
        "Broken by 40 of 40, 100.00%, and by the file: barcode_damaged, damage_extra_digit."
    )


def test_an_unknown_column_is_reported_for_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(FILES["unknown column"])

    found, _ = _judged(path, tmp_path / "into")

    assert found["columns"].note == "Broken by the file, 2 times: unknown_column."
