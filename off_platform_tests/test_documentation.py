"""The documentation: made pages are current, links lead somewhere, all settings are described."""

import re
import tomllib
from pathlib import Path

import pytest

from off_platform.documentation import pages, with_reference
from off_platform.imports.specification.rules import RULES
from off_platform.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
WRITTEN = [
    ROOT / "README.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("name", pages())
def test_generated_pages_are_current(name: str) -> None:
    path = ROOT / "docs" / name
    assert path.read_text(encoding="utf-8") == pages()[name], "run make docs"


def test_the_declared_sets_are_headed_by_all_options() -> None:
    text = (ROOT / "image_sets.toml").read_text(encoding="utf-8")
    assert with_reference(text) == text, "run make docs"
    assert tomllib.loads(with_reference(text)) == tomllib.loads(text)


def test_the_page_for_producers_has_every_rule() -> None:
    page = pages()["import_rules.md"]
    assert [rule.id for rule in RULES if f"| `{rule.id}` | {rule.level} |" not in page] == []


def test_every_setting_is_documented() -> None:
    page = pages()["settings.md"]
    assert all(f"`OFF_PLATFORM_{name.upper()}`" in page for name in Settings.model_fields)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        target, _, anchor = link.partition("#")
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), f"{path.name} leads to {link}"
        if anchor:
            assert anchor in _anchors(found), f"{path.name} leads to {link}"


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_description_of_a_table_begins_with_what_a_row_is() -> None:
    page = pages()["tables.md"].split("\n### ")[1:]
    wrong = [each.split("\n")[0] for each in page if "`\n\nOne row per " not in each]
    assert not wrong
