"""Where a barcode was issued: GS1 prefixes and their countries, read from `gs1_prefixes.csv`.

A prefix says which GS1 organisation issued the code, not where the product was made. The list is
GS1's "Company Prefix" page; Belgium's also serves Luxembourg, France's Monaco and Switzerland's
Liechtenstein. `sql.country` looks up columns.
"""

import csv
from functools import cache
from importlib.resources import files

IN_STORES = "used in stores"
UNASSIGNED = "not assigned"


@cache
def names() -> tuple[str, ...]:
    """The meaning of each prefix from 000 to 999: the name of a country, or another purpose."""
    found = [UNASSIGNED] * 1000
    text = files(__package__).joinpath("gs1_prefixes.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        for prefix in range(int(row["first"]), int(row["last"]) + 1):
            found[prefix] = row["name"]
    return tuple(found)
