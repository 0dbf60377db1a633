"""Texts that are not UTF-8: the first wrong byte, and the likely encoding."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from off_platform.imports.readers.batches import Found, UnreadableError

BYTE_ORDER_MARK = codecs.BOM_UTF8
# How much is examined; more would show no more.
MOST_SAMPLE_BYTES = 256 << 10
_MOST_LOOKED_AT = 256 << 20
_BLOCK_BYTES = 1 << 20
# The most likely first; short texts fit several.
_COMMON = (
    *["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "mac_roman", "cp850", "cp437"],
    *["shift_jis", "gb18030", "big5", "euc_kr"],
)
_AS_SOUND = 0.02
_AS_COHERENT = 0.1
# UTF-32 first: its mark begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# Texts with two or four bytes per character, without a mark: the share of NUL bytes in Latin text,
# and the share of visible characters.
_LITTLE_OF_NUL = 0.2
_MOSTLY_SEEN = 0.95
_WIDE = {
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}
_WIDE_SAMPLE = 4_096
# Share of control characters: texts in any encoding have almost none, compressed data has 1 in 9.
_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\v\f\r\x1a\x1b"))
_MOST_CONTROLS = 0.03


def refuse_wide(sample: bytes) -> None:
    """Refuses texts with two or four bytes per character.

    Args:
        sample: the first bytes of a file.

    Raises:
        UnreadableError: `not_utf8`.
    """
    wide = _wide(sample)
    if wide:
        raise UnreadableError(
            Found.of_file(
                "not_utf8",
                f"The file is {wide}, as Excel's 'Unicode text' is; save it as 'CSV UTF-8'.",
            )
        )


def _wide(sample: bytes) -> str | None:
    """UTF-16 or UTF-32, by the mark or by the bytes."""
    if marked := next((name for mark, name in _MARKS if sample.startswith(mark)), None):
        return marked
    if sample.count(b"\0") <= _LITTLE_OF_NUL * len(sample):
        return None
    return next(
        (name for codec, name in _WIDE.items() if _is_text(sample[:_WIDE_SAMPLE], codec)), None
    )


def _is_text(sample: bytes, codec: str) -> bool:
    """Whether bytes are a text with delimiters or lines; the last character may be cut."""
    try:
        text = codecs.getincrementaldecoder(codec)().decode(sample)
    except UnicodeDecodeError:
        return False
    seen = sum(each.isprintable() or each in "\t\r\n" for each in text)
    return not set(text).isdisjoint(",;\t\n") and seen >= _MOSTLY_SEEN * len(text)


def is_binary(sample: bytes) -> bool:
    """Whether bytes are not text in any encoding.

    Args:
        sample: the first bytes of a file.
    """
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        controls = len(sample) - len(sample.translate(None, _CONTROLS))
        return controls > _MOST_CONTROLS * len(sample) and _wide(sample) is None
    return False


def not_utf8(path: Path, offset: int, byte: int) -> UnreadableError:
    """The error for a byte that is not UTF-8, with the likely encoding.

    Args:
        path: the file.
        offset: of the byte, from 0.
        byte: its value.
    """
    encoding = encoding_of(path)
    likely = f"; it is probably {encoding.replace('_', '-')}" if encoding else ""
    return UnreadableError(
        Found.of_file(
            "not_utf8",
            f"Line {_line_of(path, offset):,} is not UTF-8: byte {offset:,} of the file is "
            f"0x{byte:02x}{likely}.",
            f"0x{byte:02x}",
        )
    )


def encoding_of(path: Path) -> str | None:
    """The likely encoding of the lines of a file that are not UTF-8.

    Lines that are UTF-8 are ignored: files are combined from several, and most lines are ASCII.

    Returns:
        The name of a codec; None if none fits, as after repeated damage.
    """
    sample = b"".join(_wrong_lines(path))
    fit: dict[str, tuple[float, float]] = {}
    for match in from_bytes(sample, cp_isolation=list(_COMMON)):
        for name in (match.encoding, *match.could_be_from_charset):
            fit.setdefault(name, (match.chaos, match.coherence))
    if not fit:
        return None
    soundest = min(chaos for chaos, _ in fit.values()) + _AS_SOUND
    sound = {name: coherence for name, (chaos, coherence) in fit.items() if chaos <= soundest}
    least = max(sound.values()) - _AS_COHERENT
    return next((name for name in _COMMON if sound.get(name, -1) >= least), None)


def _wrong_lines(path: Path) -> Iterator[bytes]:
    looked_at = taken = 0
    with path.open("rb") as file:
        while looked_at < _MOST_LOOKED_AT and taken < MOST_SAMPLE_BYTES:
            line = file.readline(_BLOCK_BYTES)
            if not line:
                return
            looked_at += len(line)
            try:
                line.decode()
            except UnicodeDecodeError as error:
                wrong = line[max(error.start - MOST_SAMPLE_BYTES // 2, 0) :]
                wrong = wrong[: MOST_SAMPLE_BYTES - taken]
                taken += len(wrong)
                yield wrong


def _line_of(path: Path, offset: int) -> int:
    """The line number of a byte, from 1."""
    line = 1
    with path.open("rb") as file:
        while offset > 0 and (block := file.read(min(_BLOCK_BYTES, offset))):
            line += block.count(b"\n")
            offset -= len(block)
    return line
