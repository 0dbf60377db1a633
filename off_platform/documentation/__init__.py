"""The pages of `docs/` and the comments of `image_sets.toml` that `make docs` generates.

Tests ensure that they are current. The other pages of `docs/` are handwritten.
"""

from collections.abc import Mapping
from pathlib import Path

from off_platform.documentation.image_sets import components_page, image_sets_page, with_reference
from off_platform.documentation.import_rules import import_rules
from off_platform.documentation.settings import settings_page
from off_platform.documentation.tables import tables_page
from off_platform.imports.outputs.verdict_models import schema

DOCS = Path("docs")
DECLARED = Path("image_sets.toml")


def pages() -> Mapping[str, str]:
    """Each page's name and text."""
    return {
        "components.md": components_page(),
        "image_sets.md": image_sets_page(),
        "import_rules.md": import_rules(),
        "settings.md": settings_page(),
        "tables.md": tables_page(),
        "validate.schema.json": schema(),
    }


def write() -> None:
    """Writes all pages, and the comments."""
    DOCS.mkdir(exist_ok=True)
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
    text = DECLARED.read_text(encoding="utf-8")
    DECLARED.write_text(with_reference(text), encoding="utf-8")
