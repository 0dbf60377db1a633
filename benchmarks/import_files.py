"""A product import of any size: `python -m benchmarks.import_files ROWS FORMAT FOLDER`.

40 columns; the same bytes for the same number of rows. Every product is another one, and 2 in 1,000
records break a rule, so that findings are written as well. The format `odd` is a CSV of which every
record breaks a rule: two columns of one field disagree, each record has other numbers, and every
eighth barcode is one that a shop made. Beside a CSV is a Table Schema of its types and bounds, for
frictionless.
"""

import csv
import io
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

KINDS = 1000
FIRST = 300_000_000_000
NUMBERS = {
    "energy_kj": 4000, "energy_kcal": 900, "fat_g": 100, "saturated_fat_g": 100,
    "carbohydrates_g": 100, "sugars_g": 100, "fiber_g": 100, "proteins_g": 100, "salt_g": 50,
    "sodium_g": 100, "vitamin_a": None, "vitamin_c": None, "vitamin_d": None, "calcium": None,
    "iron": None, "omega_3_fat": 100, "cholesterol": None, "created_t": None,
    "last_modified_t": None,
}  # fmt: skip
TEXTS = {
    "brand": "Brand {kind}", "quantity": "400g", "categories": "Spreads, Chocolate spreads",
    "countries": "FR, DE, GB", "languages": "en, fr", "packaging": "Glass jar", "labels": "Organic",
    "ingredients_text": "Sugar, palm oil, hazelnuts (13%), skimmed milk powder (8.7%), "
    "fat-reduced cocoa (7.4%), emulsifier: lecithins (soya), vanillin",
    "allergens": "Milk, Nuts", "traces": "Eggs", "serving_size": "15g",
    "image_url": "https://example.org/images/{kind}.jpg", "lc": "en",
    "product_name_en": "Product {kind}", "product_name_fr": "Produit {kind}",
    "origins": "European Union", "manufacturing_places": "France",
    "generic_name": "Chocolate hazelnut spread", "data_sources": "Producer import",
}  # fmt: skip
HEADER = ("barcode", "product_name", *TEXTS, *NUMBERS)


def rest_of(kind: int) -> list[str]:
    """All cells behind the barcode of a record of a kind."""
    dice = random.Random(kind)  # noqa: S311 - no secret
    fat, carbohydrates, proteins = (round(dice.random() * most, 1) for most in (30, 40, 20))
    energy = round(37 * fat + 17 * carbohydrates + 17 * proteins)
    known: dict[str, object] = {
        "energy_kj": energy, "energy_kcal": round(energy / 4.184), "fat_g": fat,
        "saturated_fat_g": round(fat / 3, 1), "carbohydrates_g": carbohydrates,
        "sugars_g": round(carbohydrates / 2, 1), "fiber_g": 2.5, "proteins_g": proteins,
        "salt_g": 1.2, "sodium_g": 0.48, "created_t": 1642521600, "last_modified_t": 1642608000,
    }  # fmt: skip
    # One kind has a decimal comma, another too much salt.
    known |= {0: {"fat_g": "30,9"}, 1: {"salt_g": 51}}.get(kind, {})
    texts = [text.format(kind=kind) for text in TEXTS.values()]
    return [f"Product {kind}", *texts, *(str(known.get(name, 12)) for name in NUMBERS)]


def barcodes(rows: int) -> Iterator[str]:
    """EAN-13 with check digits, one after the other."""
    for number in range(FIRST, FIRST + rows):
        yield _with_check_digit(str(number))


def _with_check_digit(twelve: str) -> str:
    total = sum(map(int, twelve[::2])) + 3 * sum(map(int, twelve[1::2]))
    return f"{twelve}{-total % 10}"


def write_csv(rows: int, folder: Path) -> None:
    """The import, and the schema for frictionless."""
    lines = []
    for kind in range(KINDS):
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(rest_of(kind))
        lines.append(line.getvalue())
    with (folder / "import.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(HEADER) + "\n")
        file.writelines(
            f"{code},{lines[number % KINDS]}" for number, code in enumerate(barcodes(rows))
        )
    _write_schema(folder, HEADER)


def write_odd(rows: int, folder: Path) -> None:
    """The import of which no record is sound, and the schema for frictionless."""
    dice = random.Random(3)  # noqa: S311 - no secret
    header = [*HEADER[:-1], "image_front_url"]
    kind = rest_of(2)
    with (folder / "import.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(header)
        for number in range(rows):
            code = _with_check_digit(f"{dice.randrange(10**12):012d}")
            if number % 100 == 0:
                code = f"{code[:-1]}{(int(code[-1]) + 1) % 10}"
            known = dict(zip(HEADER[1:], kind, strict=True))
            known["product_name"] = f"Product {number} \u00e9"
            fat, carbohydrates, proteins = (round(dice.random() * most, 1) for most in (40, 50, 10))
            energy = round(37 * fat + 17 * carbohydrates + 17 * proteins)
            known |= {
                "energy_kj": str(energy), "energy_kcal": str(round(energy / 4.184)),
                "fat_g": str(-1 if number % 250 == 0 else fat),
                "saturated_fat_g": str(round(fat / 3, 1)), "carbohydrates_g": str(carbohydrates),
                "sugars_g": str(round(carbohydrates / 2, 1)), "proteins_g": str(proteins),
            }  # fmt: skip
            row = [*known.values()][:-1]
            lines.writerow([code, *row, "https://example.org/front.jpg"])
    _write_schema(folder, header)


def _write_schema(folder: Path, header: Sequence[str]) -> None:
    schema = {"fields": [_field(name) for name in header]}
    (folder / "schema.json").write_text(json.dumps(schema))


def _field(name: str) -> dict[str, object]:
    if name not in NUMBERS:
        constraints: dict[str, object] = {"required": True} if name in HEADER[:2] else {}
        return {"name": name, "type": "string", "constraints": constraints}
    most = NUMBERS[name]
    bounds = {"minimum": 0} | ({"maximum": most} if most is not None else {})
    return {"name": name, "type": "number", "constraints": bounds}


def write_xlsx(rows: int, folder: Path) -> None:
    """The import as a workbook: barcodes as text, numbers as numbers."""
    import xlsxwriter  # noqa: PLC0415 - only for this form

    kinds = [rest_of(kind) for kind in range(KINDS)]
    first_number = len(HEADER) - len(NUMBERS) - 1
    with xlsxwriter.Workbook(folder / "import.xlsx", {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        for number, code in enumerate(barcodes(rows), 1):
            cells = kinds[number % KINDS]
            sheet.write_string(number, 0, code)
            for at, cell in enumerate(cells, 1):
                is_number = at > first_number and "," not in cell
                sheet.write(number, at, float(cell) if is_number else cell)


if __name__ == "__main__":
    _, asked, form, to = sys.argv
    Path(to).mkdir(parents=True, exist_ok=True)
    {"csv": write_csv, "odd": write_odd, "xlsx": write_xlsx}[form](int(asked), Path(to))
