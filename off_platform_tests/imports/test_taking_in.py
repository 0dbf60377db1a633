"""An import is kept as it came, under a key of its name and bytes."""

import hashlib
import re
from pathlib import Path

import pytest

from off_platform.imports.taking_in import KEY, key_of


def test_the_key_is_name_and_sha_256(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_bytes(b"x")
    assert key_of(path) == f"products.csv@{hashlib.sha256(b'x').hexdigest()[:8]}"


@pytest.mark.parametrize(
    "name",
    [
        "a b.csv",
        "..",
        "é à.csv",
        "x" * 200 + ".csv",
        "@.csv",
        "-.csv",
        "日本.csv",
        "a\nb.csv",
        "..csv",
    ],
)
def test_any_name_makes_a_key_that_is_a_folder_and_part_of_a_url(tmp_path: Path, name: str) -> None:
    path = tmp_path / "files" / (name if name != ".." else "..%2f.csv")
    path.parent.mkdir()
    path.write_bytes(b"x")
    assert KEY.fullmatch(key_of(path))
    assert not key_of(path).startswith((".", "-"))


def test_a_folder_changes_its_key_with_any_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "import"
    (folder / "images").mkdir(parents=True)
    keys = set()
    for name, data in (("a.csv", b"1"), ("a.csv", b"2"), ("b.csv", b"2"), ("images/x.jpg", b"3")):
        (folder / name).write_bytes(data)
        keys.add(key_of(folder))
    assert len(keys) == 4
    assert all(re.fullmatch(r"import@[0-9a-f]{8}", key) for key in keys)


def test_links_lead_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "import"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"1")
    before = key_of(folder)
    (folder / "secret").symlink_to("/etc/hostname")
    assert key_of(folder) == before
