"""Shards are what Python's tarfile writes, byte for byte, and what it reads."""

import io
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.storage.shards import LARGEST_MEMBER, LooseFiles, TarShard, tar_header

# Printable ASCII without the slash, as file names are.
LETTERS = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/")
NAMES = st.text(LETTERS, min_size=1, max_size=100)
SIZES = st.one_of(st.integers(0, 5000), st.sampled_from([511, 512, 513, 10_240]))
MEMBERS = st.lists(st.tuples(NAMES, st.binary(max_size=2000)), max_size=6)


def tarfile_of(members: list[tuple[str, bytes]]) -> bytes:
    """What tarfile writes for these members, without its padding to 20 blocks."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
        end = tar.offset
    return stream.getvalue()[:end] + bytes(2 * tarfile.BLOCKSIZE)


def shard_of(path: Path, members: list[tuple[str, bytes]]) -> list[int]:
    """Writes a shard; the members' offsets."""
    with closing(TarShard(path)) as shard:
        offsets = [shard.add(name, data) for name, data in members]
        shard.finish()
        return offsets


@given(NAMES, SIZES)
def test_a_header_is_the_one_tarfile_makes(name: str, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    assert tar_header(name, size) == member.tobuf(tarfile.USTAR_FORMAT)


def test_a_header_of_the_largest_member_is_the_one_tarfile_makes() -> None:
    member = tarfile.TarInfo("n" * 100)
    member.size, member.mode = LARGEST_MEMBER, 0o644
    assert tar_header("n" * 100, LARGEST_MEMBER) == member.tobuf(tarfile.USTAR_FORMAT)


@given(MEMBERS)
def test_a_shard_is_what_tarfile_writes_and_reads(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("shards") / "00000.tar"
    offsets = shard_of(path, members)
    assert path.read_bytes() == tarfile_of(members)
    with tarfile.open(path) as tar:
        found = [(member.name, tar.extractfile(member)) for member in tar]
        assert [(name, file.read() if file else None) for name, file in found] == members
        assert [member.offset_data for member in tar.getmembers()] == offsets


def test_offsets_lead_to_the_data(tmp_path: Path) -> None:
    members = [("a.jpg", b"a" * 700), ("a.json", b""), ("b.jpg", b"b" * 512), ("c.jpg", b"c")]
    offsets = shard_of(tmp_path / "0.tar", members)
    whole = (tmp_path / "0.tar").read_bytes()
    for offset, (_, data) in zip(offsets, members, strict=True):
        assert whole[offset : offset + len(data)] == data
    assert offsets == [512, 2048, 2560, 3584]


def test_the_same_members_give_the_same_bytes(tmp_path: Path) -> None:
    members = [(f"{number}.jpg", bytes([number]) * number) for number in range(50)]
    for name in ("1.tar", "2.tar"):
        shard_of(tmp_path / name, members)
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


@pytest.mark.parametrize(
    ("name", "size"),
    [("ü.jpg", 1), ("n" * 101, 1), ("a\0b", 1), ("a", LARGEST_MEMBER + 1)],
)
def test_what_does_not_fit_a_header_is_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match="does not fit a tar header"):
        tar_header(name, size)


def test_a_shard_that_is_not_finished_has_no_end(tmp_path: Path) -> None:
    """So that readers notice."""
    with closing(TarShard(tmp_path / "0.tar")) as shard:
        shard.add("a", b"a")
    assert (tmp_path / "0.tar").stat().st_size == 1024


@given(st.lists(st.binary(max_size=1500), min_size=1, max_size=6), st.data())
def test_a_shard_that_is_continued_has_the_bytes_of_an_undisturbed_one(
    members: list[bytes], data: st.DataObject
) -> None:
    """Any bytes after the last complete member."""
    with tempfile.TemporaryDirectory() as name:
        named = [(f"{number}.bin", member) for number, member in enumerate(members)]
        whole, path = Path(name, "whole.tar"), Path(name, "stopped.tar")
        offsets = shard_of(whole, named)
        kept = data.draw(st.integers(0, len(members)))
        end = offsets[kept - 1] + len(members[kept - 1]) if kept else 0
        path.write_bytes(whole.read_bytes()[:end] + data.draw(st.binary(max_size=2000)))
        with closing(TarShard(path, end)) as shard:
            assert [shard.add(*member) for member in named[kept:]] == offsets[kept:]
            shard.finish()
        assert path.read_bytes() == whole.read_bytes()


def test_loose_files_are_files(tmp_path: Path) -> None:
    files = LooseFiles(tmp_path / "00000")
    assert files.add("a.jpg", b"a") is None  # type: ignore[func-returns-value]
    files.add("b", b"")
    found = {path.name: path.read_bytes() for path in (tmp_path / "00000").iterdir()}
    assert found == {"a.jpg": b"a", "b": b""}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "../a", "a/"])
def test_names_of_loose_files_are_not_paths(tmp_path: Path, name: str) -> None:
    files = LooseFiles(tmp_path / "00000")
    with pytest.raises(ValueError, match="not a file name"):
        files.add(name, b"mine")
    assert [path.name for path in tmp_path.rglob("*")] == ["00000"]


def test_resumed_loose_files_keep_only_listed_ones(tmp_path: Path) -> None:
    for name in ("a.jpg", "cut.jpg"):
        (tmp_path / name).write_bytes(b"a")
    LooseFiles(tmp_path, {"a.jpg"}).add("b.jpg", b"b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg"]
