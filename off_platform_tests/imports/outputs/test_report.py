"""Findings by rule and by check: counted by record, in bounded memory, the first as examples."""

import re
from pathlib import Path

import pytest

from off_platform.imports import checks
from off_platform.imports.outputs.report import coded, groups_of, what_first, write_report
from off_platform.imports.outputs.verdict_forms import as_github
from off_platform.imports.specification.rules import RULES, ImportRule
from off_platform.imports.specification.tables import ACCEPTED
from off_platform.imports.validation import validate_import
from off_platform.imports.whole_file.staging import connected, findings_in
from off_platform.storage.engine import bounded
from off_platform.storage.sql import literal
from off_platform_tests.imports.broken_records import NUTELLA, OREO

MANY = """(SELECT 'many.csv' AS file, 2 + i // 3 AS row, 2 + i // 3 AS line,
    NULL::VARCHAR AS sheet, NULL::VARCHAR AS cell, 'fat' AS "column",
    ['number_decimal_comma', 'number_with_unit', 'text_trimmed'][1 + i % 3] AS rule,
    '3,5 ' || i AS value, 'it is not ' || i AS message, '3.5' || i AS proposal,
    i % 3 = 0 AS certain, '30000' || i AS product FROM range(600000) AS r(i))"""


def folder_of(root: Path, files: dict[str, str]) -> tuple[Path, Path]:
    """A folder of files as one import, and an empty one to validate it into."""
    for name, text in files.items():
        path = root / "several" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (root / "into").mkdir()
    return root / "several", root / "into"


def test_any_number_of_findings_is_grouped_in_little_memory(tmp_path: Path) -> None:
    with bounded(tmp_path / "spill", "32MB") as connection:
        groups = groups_of(connection, MANY, 3)

    assert [(group.rule.id, group.findings, group.records, group.certain) for group in groups] == [
        ("number_decimal_comma", 200_000, 200_000, 200_000),
        ("number_with_unit", 200_000, 200_000, 0),
        ("text_trimmed", 200_000, 200_000, 0),
    ]
    assert [[example["row"] for example in group.examples] for group in groups] == [[2, 3, 4]] * 3


def test_a_record_with_faults_in_several_files_is_one_record(tmp_path: Path) -> None:
    codes = (NUTELLA, OREO, "5449000000996", "8076800195057")
    files = {"a.csv": "barcode,product_name\n" + "".join(f"{code},Name\n" for code in codes)}
    for name, column in (("b.csv", "fat_g"), ("c.csv", "salt_g"), ("d.csv", "proteins_g")):
        rows = [f"{code},{'lots' if code == NUTELLA else 1}\n" for code in codes]
        files[name] = f"barcode,{column}\n{''.join(rows)}"
    # Each is a record of its own: a row without a product, and one that cannot be read.
    files["c.csv"] += ",lots\n"
    files["d.csv"] += f"{OREO},1,2\n"
    path, into = folder_of(tmp_path, files)
    verdict = validate_import(path, into)

    with connected(into) as connection:
        groups = groups_of(connection, findings_in(into))
        accepted = f"read_parquet({literal(str(into / ACCEPTED))})"
        found = checks.of_accepted(connection, accepted, findings_in(into), verdict)

    counted = {group.rule.id: (group.findings, group.records) for group in groups}
    assert (counted["not_a_number"], counted["ragged_row"]) == ((4, 2), (1, 1))
    assert (found["numbers"].broken, found["numbers"].of) == (2, verdict.records) == (2, 6)


def test_duplicate_records_of_one_file_are_two(tmp_path: Path) -> None:
    rows = f'{OREO},"1,5"\n' * 2
    path, into = folder_of(
        tmp_path,
        {
            "a.csv": f"barcode,fat\n{rows}",
            "b.csv": f"barcode,product_name,salt\n{rows.replace(',', ',Oreo,', 1)}",
        },
    )
    validate_import(path, into)
    with connected(into) as connection:
        groups = {group.rule.id: group for group in groups_of(connection, findings_in(into))}
    assert groups["number_decimal_comma"].records == 2


def test_a_finding_in_a_folder_says_in_which_file(tmp_path: Path) -> None:
    path, into = folder_of(
        tmp_path,
        {
            "a.csv": f"barcode,product_name,fat\n{NUTELLA},Nutella,lots\n",
            "b <i>.csv": f"barcode,salt\n{NUTELLA},much\n",
            "notes.txt": "",
        },
    )
    verdict = validate_import(path, into)
    with connected(into) as connection:
        groups = groups_of(connection, findings_in(into))
        accepted = f"read_parquet({literal(str(into / ACCEPTED))})"
        found = checks.of_accepted(connection, accepted, findings_in(into), verdict)
    write_report(into, verdict, tmp_path / "report.html")
    report = (tmp_path / "report.html").read_text()

    assert found["numbers"].examples == [
        "a.csv, line 2 (fat): 'lots' (not_a_number)",
        "b <i>.csv, line 2 (salt): 'much' (not_a_number)",
    ]
    assert "<th>File</th><th>Where</th>" in report
    assert '<td><bdi>b &lt;i&gt;.csv</bdi></td><td class="row"><bdi>line 2</bdi></td>' in report
    assert '<td><bdi></bdi></td><td class="row"><bdi>whole import</bdi></td>' in report
    assert [line.split("::")[1] for line in as_github("of/several/", verdict, groups)] == [
        "error file=of/several/a.csv,line=2,title=not_a_number",
        "error file=of/several/b <i>.csv,line=2,title=not_a_number",
        "warning file=of/several/,title=file_not_read",
        "error file=of/several/",
    ]


def test_a_single_file_is_not_named_with_every_finding(tmp_path: Path) -> None:
    path, into = tmp_path / "a.csv", tmp_path / "into"
    path.write_text(f"barcode,product_name,fat\n{NUTELLA},Nutella,lots\n")
    into.mkdir()
    write_report(into, validate_import(path, into), tmp_path / "report.html")
    assert "<tr><th>Where</th>" in (tmp_path / "report.html").read_text()


def test_the_same_row_of_two_files_is_two_records(tmp_path: Path) -> None:
    path, into = folder_of(
        tmp_path,
        {
            "a.csv": f'barcode,product_name,fat\n{NUTELLA},Nutella,"30,9"\n{OREO},Oreo,1\n',
            "b.csv": f'barcode,salt\n{OREO},"0,5"\n',
        },
    )
    verdict = validate_import(path, into)

    with connected(into) as connection:
        (group,) = groups_of(connection, findings_in(into))
        accepted = f"read_parquet({literal(str(into / ACCEPTED))})"
        found = checks.of_accepted(connection, accepted, findings_in(into), verdict)["numbers"]

    assert (group.findings, group.records) == (2, 2)
    assert (found.broken, found.of, found.note) == (
        2, 2, "Broken by 2 of 2, 100.00%: number_decimal_comma.",
    )  # fmt: skip
    assert len(found.examples) == 2


def test_findings_of_one_record_are_one_record(tmp_path: Path) -> None:
    path, into = tmp_path / "a.csv", tmp_path / "into"
    path.write_text(
        "barcode,product_name,my column,fat,salt\n"
        f'{NUTELLA},Nutella,1,"30,9","0,1"\n{OREO},Oreo,2,"1,5",0.5 g\n'
    )
    into.mkdir()
    verdict = validate_import(path, into)

    with connected(into) as connection:
        groups = groups_of(connection, findings_in(into))
        found = checks.of_accepted(
            connection, f"read_parquet({literal(str(into / ACCEPTED))})", findings_in(into), verdict
        )

    assert {group.rule.id: (group.findings, group.records) for group in groups} == {
        "number_decimal_comma": (3, 2), "number_with_unit": (1, 1), "unknown_column": (1, 0),
    }  # fmt: skip
    assert [group.rule.id for group in what_first(groups)] == [
        "number_decimal_comma", "number_with_unit",
    ]  # fmt: skip
    numbers = found["numbers"]
    assert (numbers.broken, numbers.of) == (2, 2)
    assert numbers.facts == {"errors": 4, "warnings": 0, "infos": 0}
    assert numbers.note.endswith(": number_decimal_comma, number_with_unit.")
    assert (found["texts"].broken, found["texts"].note) == (0, "")


def test_code_within_a_sentence_is_marked_and_nothing_else_is_markup() -> None:
    assert coded("Name `<b>` & `code`.") == "Name <code>&lt;b&gt;</code> &amp; <code>code</code>."


def test_the_limit_of_a_too_large_number_is_reported(tmp_path: Path) -> None:
    path, into = folder_of(
        tmp_path, {"a.csv": f"barcode,product_name,energy_kcal\n{OREO},Oreo,9999\n"}
    )
    validate_import(path / "a.csv", into)
    with connected(into) as connection:
        messages = connection.execute(
            f"SELECT message FROM {findings_in(into)} WHERE rule = 'above_range'"
        ).fetchall()
    ((message,),) = messages
    assert message == ("'9999': the value is above the reasonable range; here that is 900 kcal.")


def test_findings_on_the_file_are_not_counted_as_records(tmp_path: Path) -> None:
    path, into = folder_of(
        tmp_path, {"a.csv": f"barcode;product_name\n{OREO};Oreo\n{NUTELLA};Nutella\n"}
    )
    verdict = validate_import(path / "a.csv", into)
    with connected(into) as connection:
        accepted = f"read_parquet({literal(str(into / ACCEPTED))})"
        found = checks.of_accepted(connection, accepted, findings_in(into), verdict)
    assert found["file_format"].note == "Broken by the file: wrong_delimiter."


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_heading_says_what_is_wrong_and_not_what_must_hold(rule: ImportRule) -> None:
    assert rule.heading[0].isupper() or rule.heading[0] in "`k"
    assert not rule.heading.endswith(".")
    assert rule.heading != rule.sentence.removesuffix(".")


def test_every_rule_has_one_heading_of_its_own() -> None:
    assert len({rule.heading for rule in RULES}) == len(RULES)


def test_the_page_heads_findings_with_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("barcode,product_name\n3017620422004,Nutella\n", encoding="utf-8")
    (tmp_path / "made").mkdir()
    verdict = validate_import(file, tmp_path / "made")
    write_report(tmp_path / "made", verdict, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    (heading,) = re.findall("<summary>.*</summary>", page)
    assert "Wrong check digit" in heading
