"""The key list as a file: complete or refused, in limited memory, for any content."""

import gzip
import hashlib
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from off_platform.images import key_list
from off_platform.images.key_list import RefusedKeyListError, blocks, inspect, room_beside

LINES = [f"data/301/762/042/2003/{number}.jpg".encode() for number in range(40)]
PLAIN = b"\n".join(LINES)
MOST = 2**20
MEGABYTE = 2**20


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], Path]:
    """Puts bytes down as the file of a key list."""

    def put(data: bytes) -> Path:
        path = tmp_path / "data_keys.gz"
        path.write_bytes(data)
        return path

    return put


def test_a_whole_list(put: Callable[[bytes], Path]) -> None:
    packed = gzip.compress(PLAIN + b"\n")
    facts = inspect(put(packed), MOST)
    assert facts.keys == len(LINES)
    assert facts.unpacked_bytes == len(PLAIN) + 1
    assert facts.packed_bytes == len(packed)
    assert facts.md5 == hashlib.md5(packed, usedforsecurity=False).hexdigest()


def test_the_last_key_needs_no_newline(put: Callable[[bytes], Path]) -> None:
    path = put(gzip.compress(PLAIN))
    assert inspect(path, MOST).keys == len(LINES)
    assert b"".join(blocks(path, MOST)) == PLAIN + b"\n"


@given(
    lines=st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), min_size=1),
    newline=st.booleans(),
    size=st.integers(3, 50),
)
@example(lines=[b"\r"], newline=False, size=3)
def test_blocks_are_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, *, lines: list[bytes], newline: bool, size: int
) -> None:
    plain = b"\n".join(lines) + (b"\n" if newline else b"")
    path = tmp_path_factory.mktemp("list") / "data_keys.gz"
    path.write_bytes(gzip.compress(plain))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_list, "BLOCK_BYTES", size)
        found = list(blocks(path, MOST))
    assert all(block.endswith(b"\n") for block in found)
    plain = plain.removeprefix(b"\xef\xbb\xbf")
    ended = plain if plain.endswith(b"\n") or not plain else plain.removesuffix(b"\r") + b"\n"
    assert b"".join(found) == ended.replace(b"\r\n", b"\n")


def test_several_gzip_members_are_one_list(put: Callable[[bytes], Path]) -> None:
    half = len(PLAIN) // 2
    path = put(gzip.compress(PLAIN[:half]) + gzip.compress(PLAIN[half:]))
    assert b"".join(blocks(path, MOST)) == PLAIN + b"\n"


@pytest.mark.parametrize("size", [3, 7, 8 * 2**20])
def test_line_ends_of_windows_and_a_byte_order_mark_are_read(
    put: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(key_list, "BLOCK_BYTES", size)
    path = put(gzip.compress(b"\xef\xbb\xbf" + PLAIN.replace(b"\n", b"\r\n") + b"\r\n"))
    assert b"".join(blocks(path, MOST)) == PLAIN + b"\n"


def test_zeros_behind_the_end_are_passed_over(put: Callable[[bytes], Path]) -> None:
    path = put(gzip.compress(PLAIN) + bytes(512))
    assert b"".join(blocks(path, MOST)) == PLAIN + b"\n"


def test_cut_at_any_point(put: Callable[[bytes], Path]) -> None:
    packed = gzip.compress(PLAIN)
    for length in range(len(packed)):
        with pytest.raises(RefusedKeyListError):
            inspect(put(packed[:length]), MOST)


def test_any_flipped_bit_is_refused_or_changes_nothing(put: Callable[[bytes], Path]) -> None:
    packed = gzip.compress(PLAIN, mtime=0)
    unchanged = 0
    for place in range(len(packed)):
        damaged = bytearray(packed)
        damaged[place] ^= 1 << place % 8
        path = put(bytes(damaged))
        try:
            unchanged += b"".join(blocks(path, MOST)) == PLAIN + b"\n"
        except RefusedKeyListError:
            continue
        assert b"".join(blocks(path, MOST)) == PLAIN + b"\n"
    # Time, flags and system in the header, and the bits that fill the last byte of the content.
    assert 0 < unchanged < 12


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"<!DOCTYPE html><html><head>", "is not a gzip file: it starts with b'<!DOCTYPE html>"),
        (b"", "is empty: the file has no bytes"),
        (PLAIN, "is not a gzip file"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (gzip.compress(PLAIN, mtime=0)[:-3], "is truncated"),
        (gzip.compress(PLAIN, mtime=0) + b"<!DOCTYPE html>", "15 bytes after the end of its gzip"),
        (gzip.compress(PLAIN, mtime=0) + b"\x1f", "is truncated"),
        (gzip.compress(PLAIN, mtime=0) * 2 + bytes(9) + b"more", "4 bytes after the end"),
        (gzip.compress(gzip.compress(PLAIN, mtime=0), mtime=0), "is gzipped twice"),
    ],
)
def test_something_else_is_one_sentence(
    put: Callable[[bytes], Path], data: bytes, sentence: str
) -> None:
    with pytest.raises(RefusedKeyListError) as refused:
        inspect(put(data), MOST)
    assert str(refused.value).startswith("The key list ")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def _bomb(unit: bytes, times: int) -> bytes:
    """A gzip file of a repeated unit, of which only the first half can be unpacked."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join([*(packer.compress(unit) for _ in range(times)), packer.flush()])
    # Whoever unpacked more than the first half would find it damaged.
    return packed[: len(packed) // 2] + bytes(len(packed) - len(packed) // 2)


def _refused_in(path: Path, most: int) -> tuple[str, int]:
    """The sentence and the bytes of memory that a refusal takes."""
    tracemalloc.start()
    try:
        with pytest.raises(RefusedKeyListError) as refused:
            inspect(path, most)
        return str(refused.value), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_small_file_that_unpacks_to_endless_zeros(put: Callable[[bytes], Path]) -> None:
    path = put(_bomb(bytes(MEGABYTE), 300))
    assert path.stat().st_size < MEGABYTE
    sentence, memory = _refused_in(path, 50 * MEGABYTE)
    assert "a line of more than 65,536 bytes" in sentence
    assert memory < 60 * MEGABYTE


@pytest.mark.slow
def test_a_small_file_that_unpacks_to_endless_lines(put: Callable[[bytes], Path]) -> None:
    path = put(_bomb(b"\n" * MEGABYTE, 300))
    sentence, memory = _refused_in(path, 50 * MEGABYTE)
    assert "unpacks to more than 52,428,800 bytes" in sentence
    assert memory < 60 * MEGABYTE


@pytest.mark.slow
def test_a_small_file_is_refused_whatever_the_disk_could_hold(put: Callable[[bytes], Path]) -> None:
    path = put(_bomb(b"data/17/1.jpg\n" * (MEGABYTE // 14), 300))
    sentence, memory = _refused_in(path, 2**60)
    assert "unpacks to more than 100 times its size" in sentence
    assert memory < 60 * MEGABYTE


def test_the_bound_is_a_share_of_the_free_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=10**12)
    monkeypatch.setattr(key_list.shutil, "disk_usage", {tmp_path: usage}.__getitem__)
    # A billion keys of 31 bytes.
    assert room_beside(tmp_path, 0.5) == 5 * 10**11 > 31 * 10**9


def test_the_bound_itself_is_allowed(put: Callable[[bytes], Path]) -> None:
    path = put(gzip.compress(PLAIN))
    assert inspect(path, len(PLAIN)).keys == len(LINES)
    with pytest.raises(RefusedKeyListError, match="unpacks to more than"):
        inspect(path, len(PLAIN) - 1)


def test_the_derived_list(real_data: Callable[[str], Path]) -> None:
    path = real_data("off/image_keys/derived_data_keys.gz")
    lines = gzip.decompress(path.read_bytes()).split(b"\n")
    keys = len(lines) - (lines[-1] == b"")
    assert inspect(path, MOST).keys == keys >= 4_000
