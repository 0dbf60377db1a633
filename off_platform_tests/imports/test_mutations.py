"""Damaged files, by chance but always the same ones: every one ends in a verdict."""

import json
import random
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest

from off_platform_tests.imports.broken_records import NUTELLA, OREO
from off_platform_tests.imports.made_files import csv_of, demand_consistent, examine

QUICK, MANY = 40, 2_000
# Apart, so that all cores have a share.
SEEDS = range(2, 6)
MOST_LINES, MOST_COLUMNS = 6, 24
REAL = (
    "template_products.csv",
    "template_nutritional.csv",
    "french_textile_off_core_import_sample.csv",
    "eprel_smartphones_off_import.csv",
    "new_nutrition.csv",
    "escaping.csv",
    "carrefour-images.csv",
    "off_export_excel_de_scientific_barcodes.csv",
    "branded_food_usda_fdc.csv",
)
TABLE = (
    ("barcode", "product_name", "product_name_fr", "fat", "energy_kcal", "countries", "created_t"),
    (NUTELLA, "Nutella", "Pâte", "30.9", "539", "France, Germany", "1642521600"),
    (OREO, 'Oreo "Original"', "Gâteau\nfourré", "20,5", "492 kcal", "UK", "2022-01-18"),
    ("012345678905", " Crackers", "", "< 1", "", "World", ""),
)
NESTED = {"nutrition": {"fat": 30.9, "salt": "0.1"}, "countries": ["FR", "DE"], "lc": None}
# What breaks readers, if anything.
INSERTED = (
    b'"', b'""', b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf",
    b"{", b"}", b"[", b"]", b":", b"\\u", b"\\ud800", b"<", b"&", b"1e999", b"-", b"9" * 400, b"=",
    b"\xe2\x80\xae", b"NaN", b"null",
)  # fmt: skip

Seeds = dict[str, bytes]


@pytest.fixture(scope="session")
def seeds(real_data: Callable[[str], Path]) -> Seeds:
    """Whole files, small; those that are real come first."""
    made = {name: _cut(real_data(f"off/imports/{name}").read_bytes()) for name in REAL}
    header, *rows = TABLE
    items = [{**dict(zip(header, row, strict=True)), **NESTED} for row in rows]
    made["made.csv"] = csv_of(*TABLE).encode()
    made["made.json"] = json.dumps(items, indent=1, ensure_ascii=False).encode()
    made["made.jsonl"] = "\n".join(json.dumps(item) for item in items).encode()
    made["made.xlsx"] = _workbook()
    return made


def _cut(content: bytes) -> bytes:
    """The first records of a table, and of these the first columns."""
    lines = content.split(b"\n")[:MOST_LINES]
    delimiter = max(b",;\t", key=lambda each: lines[0].count(bytes([each])))
    separator = bytes([delimiter])
    return b"\n".join(separator.join(line.split(separator)[:MOST_COLUMNS]) for line in lines)


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in TABLE:
        book.active.append(row)
    made = BytesIO()
    book.save(made)
    return made.getvalue()


def mutated(name: str, content: bytes, chance: random.Random) -> bytes:
    """A file with some damage."""
    if name.endswith(".xlsx") and chance.random() < 0.8:
        return _with_damaged_part(content, chance)
    for _ in range(chance.randint(1, 4)):
        content = chance.choice(DAMAGES)(content, chance)
    return content


def _with_damaged_part(content: bytes, chance: random.Random) -> bytes:
    """A workbook that is a sound archive, one part of which is damaged or gone."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    names = ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", *parts]
    name = chance.choice([each for each in names if each in parts])
    parts[name] = chance.choice(DAMAGES)(parts[name], chance)
    if chance.random() < 0.1:
        del parts[name]
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for each, data in parts.items():
            archive.writestr(each, data)
    return made.getvalue()


def _flip(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) or 1)
    return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]


def _insert(content: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(content))
    return content[:at] + chance.choice(INSERTED) + content[at:]


def _remove(content: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(content))
    return content[:at] + content[at + chance.choice((1, 2, 20)) :]


def _repeat(content: bytes, chance: random.Random) -> bytes:
    start, end = sorted((chance.randint(0, len(content)), chance.randint(0, len(content))))
    return content[:end] + content[start:end] * chance.randint(1, 3) + content[end:]


def _cut_off(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randint(0, len(content))]


def _swap_lines(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _other_delimiter(content: bytes, chance: random.Random) -> bytes:
    one, other = chance.sample((b",", b";", b"\t", b'"', b"\n"), 2)
    return content.replace(one, other)


def _other_encoding(content: bytes, chance: random.Random) -> bytes:
    encoding = chance.choice(("cp1252", "utf-16", "utf-8-sig", "cp1250"))
    return content.decode("utf-8", "replace").encode(encoding, "replace")


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip, _flip, _insert, _insert, _insert, _remove, _repeat, _cut_off, _swap_lines,
    _other_delimiter, _other_encoding,
)  # fmt: skip


def outcomes(seeds: Seeds, count: int, seed: int, folder: Path) -> Iterator[str]:
    """How files end that are damaged by chance; every one is demanded to end well."""
    chance = random.Random(seed)
    for number in range(count):
        name = chance.choice(list(seeds))
        content = mutated(name, seeds[name], chance)
        path, out = folder / name, folder / "out"
        path.write_bytes(content)
        try:
            made = examine(path, out, reports=number % 10 == 0)
            demand_consistent(made)
        except BaseException as error:
            kept = f"damage {number} of seed {seed}, {name}: {content[:2_000]!r}"
            error.add_note(kept)
            raise
        yield made.verdict.refused.rule if made.verdict.refused else "read"
        shutil.rmtree(out)


@pytest.mark.slow
def test_damaged_files_end_in_a_verdict(seeds: Seeds, tmp_path: Path) -> None:
    ends = Counter(outcomes(seeds, QUICK, 1, tmp_path))

    # Both kinds of ends, and many reasons: the damage is neither too little nor too much.
    assert ends["read"] > QUICK // 5
    assert len(ends) > 6


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_many_damaged_files_end_in_a_verdict(seed: int, seeds: Seeds, tmp_path: Path) -> None:
    ends = Counter(outcomes(seeds, MANY // len(SEEDS), seed, tmp_path))

    assert ends["read"] > MANY // len(SEEDS) // 5
    assert len(ends) > 8
