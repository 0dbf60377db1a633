"""Bins that a file made by hand leaves out."""

from pathlib import Path

import pytest

from off_platform.bins import excluded
from off_platform.bins.excluded import excluded_ids
from off_platform.image_sets.declaration.declared import UnusableChoiceError


def write(folder: Path, text: str) -> Path:
    path = folder / "bad.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_ids_and_names_of_files_are_read(tmp_path: Path) -> None:
    text = "\ufeff00012\n\n# blurred\n 00013.jpg \r\nbin-images/100000.JPG\nC:\\x\\7.json\n00012\n"
    assert excluded_ids(write(tmp_path, text)) == ["00012", "00013", "100000", "7"]
    assert excluded_ids(write(tmp_path, "")) == []


@pytest.mark.parametrize(
    "line", ["123456789", "00000", "a photo", "00012.png", "0012", "<html>", "\x00"]
)
def test_another_line_is_refused(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, f"00001\n{line}\n")
    with pytest.raises(
        UnusableChoiceError, match=r"exclude: line 2 of .*bad\.txt is .*, not the id"
    ):
        excluded_ids(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(UnusableChoiceError, match=r"^exclude: .* cannot be read: .*\.$"):
            excluded_ids(path)


def test_a_large_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excluded, "BYTES_MOST", 11)
    assert excluded_ids(write(tmp_path, "00001\n00002")) == ["00001", "00002"]
    with pytest.raises(UnusableChoiceError, match="is larger than 11 bytes"):
        excluded_ids(write(tmp_path, "00001\n00002\n"))
