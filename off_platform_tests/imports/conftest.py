"""What the tests of imports share: a judgement of a small file, and the document itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from off_platform.imports.specification.tables import ACCEPTED, FINDINGS, QUARANTINED
from off_platform.imports.validation import validate_import
from off_platform.imports.whole_file.verdict import Verdict

DOCUMENTS = Path(__file__).resolve().parents[3] / "shared" / "documents"
# June 2025, whatever the clock says.
NOW = 1_750_000_000

# Text, bytes, or what writes a file to a path.
Content = str | bytes | Callable[[Path], None]


@dataclass(frozen=True)
class Judged:
    """A small file after it was looked at."""

    verdict: Verdict
    findings: list[dict[str, Any]]
    accepted: list[dict[str, Any]]
    quarantined: list[dict[str, Any]]

    @property
    def rules(self) -> list[str]:
        """The rules that are broken, one a finding."""
        return [finding["rule"] for finding in self.findings]


Validate = Callable[..., Judged]


@pytest.fixture
def validate(tmp_path: Path) -> Validate:
    """A function from the content of a file, and its name, to what is found in it."""

    def judge(content: Content, name: str = "x.csv") -> Judged:
        path, into = tmp_path / name, tmp_path / f"{name}.tables"
        into.mkdir()
        if callable(content):
            content(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        verdict = validate_import(path, into, now=NOW)
        tables = [pq.read_table(into / each) for each in (FINDINGS, ACCEPTED, QUARANTINED)]
        return Judged(verdict, *(table.to_pylist() for table in tables))

    return judge


@pytest.fixture(scope="session")
def document() -> str:
    """The document; skips where it is absent."""
    path = DOCUMENTS / "data_formats.md"
    if not path.exists():
        pytest.skip("the document is not at hand here: data_formats.md is missing")
    return path.read_text(encoding="utf-8")
