"""The pictures of imports under the names that Open Food Facts' importer expects.

It takes files named `<code>_<front|ingredients|nutrition|packaging>[_<language>].jpg`, and skips
those below 10,000 bytes.
"""

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from off_platform.barcodes.text import normal_form
from off_platform.imports.intake.originals import ORIGINAL, of_import
from off_platform.imports.readers.folder_files import PICTURES
from off_platform.imports.specification.tables import IMPORT, IMPORT_FINDINGS
from off_platform.imports.whole_file.pictures import NAME
from off_platform.storage.lake import Lake
from off_platform.storage.sql import literal

if TYPE_CHECKING:
    import duckdb

FOLDER = "images"
LEAST_BYTES = 10_000
SMALL = f"below {LEAST_BYTES:,} bytes, which the importer skips"
UNREADABLE = "cannot be opened"
NO_RECORD = "of no exported record of its import"
TWICE = "another picture of the product has the same name"
# So that a picture is looked up among few codes at a time.
_CODES_AT_ONCE = 1_000


@dataclass
class Pictures:
    """What became of the pictures.

    Attributes:
        copied: number.
        left_out: number by reason.
    """

    copied: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def copy_pictures(
    lake: Lake, connection: "duckdb.DuckDBPyConnection", rows: str, to: Path
) -> Pictures:
    """Copies the pictures of the exported records' own imports.

    Args:
        lake: in which the imports are stored.
        connection: with the rows.
        rows: a query of `import` and `code` of the exported records.
        to: the folder of the export; `images/` is made in it if there are any.
    """
    made = Pictures()
    imports = connection.execute(f'SELECT DISTINCT "import" FROM ({rows}) ORDER BY 1').fetchall()
    for (key,) in imports:
        named = _named(lake, key)
        refused = _unreadable(lake, connection, key) if named else set()
        for start in range(0, len(named), _CODES_AT_ONCE):
            some = named[start : start + _CODES_AT_ONCE]
            exported = _exported(connection, rows, key, {code for _, _, code in some})
            for name, size, code in some:
                reason = _reason((name, size), is_exported=code in exported, refused=refused)
                _copy(lake, key, name, code, reason, to / FOLDER, made)
    return made


def _named(lake: Lake, key: str) -> list[tuple[str, int, str]]:
    """The pictures of an import that are named after a product: name, size and code."""
    sizes = of_import(lake, key).sizes(ORIGINAL)
    inside = ((name, size, name.split("/")) for name, size in sizes.items())
    pictures = ((name, size, parts[-1]) for name, size, parts in inside if _is_picture(parts))
    found = ((name, size, NAME.fullmatch(last)) for name, size, last in pictures)
    return [(name, size, normal_form(match[1])) for name, size, match in found if match]


def _is_picture(parts: list[str]) -> bool:
    return len(parts) > 1 and parts[-2] == PICTURES


def _unreadable(lake: Lake, connection: "duckdb.DuckDBPyConnection", key: str) -> set[str]:
    findings = lake.rows_of(IMPORT_FINDINGS.name, (IMPORT, key))
    query = f"SELECT value FROM {findings} WHERE rule = 'image_unreadable'"
    return {value for (value,) in connection.execute(query).fetchall()}


def _exported(
    connection: "duckdb.DuckDBPyConnection", rows: str, key: str, codes: set[str]
) -> set[str]:
    listed = ", ".join(literal(code) for code in sorted(codes))
    query = f'SELECT code FROM ({rows}) WHERE "import" = {literal(key)} AND code IN ({listed})'
    return {code for (code,) in connection.execute(query).fetchall()}


def _reason(picture: tuple[str, int], *, is_exported: bool, refused: set[str]) -> str:
    """Why a picture is left out; empty if it is not."""
    name, size = picture
    if not is_exported:
        return NO_RECORD
    if f"{PICTURES}/{name.rpartition('/')[2]}" in refused:
        return UNREADABLE
    return SMALL if size < LEAST_BYTES else ""


def _copy(
    lake: Lake, key: str, name: str, code: str, reason: str, folder: Path, made: Pictures
) -> None:
    target = folder / _target(name.rpartition("/")[2], code)
    if not reason and target.exists():
        reason = TWICE
    if reason:
        made.left_out[reason] += 1
        return
    folder.mkdir(exist_ok=True)
    with of_import(lake, key).local(name) as path:
        shutil.copyfile(path, target)
    made.copied += 1


def _target(name: str, code: str) -> str:
    """The importer's name of a picture: its code in normal form, the rest in lower case."""
    return f"{code}_{name.lower().partition('_')[2]}".replace(".jpeg", ".jpg")
