"""The text of a JSON file, value after value: only a part is in memory, with its position."""

import codecs
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from off_platform.imports.readers.encodings import not_utf8
from off_platform.imports.readers.json.parser import (
    DECODER,
    MOST_RECORD_CHARACTERS,
    invalid,
    too_deep,
    too_long,
)

_BLOCK_BYTES = 1 << 20
# No literal or escape of JSON that a block may cut is longer.
_LONGEST_WORD = 16
_SPACE = re.compile(r"[ \t\r\n]*")


class Window:
    """The part of a file's text in memory, and its position in the file."""

    def __init__(
        self, path: Path, file: BinaryIO, passed: Callable[[str], object] | None = None
    ) -> None:
        """Takes an open file, its path for messages, and what is given all text that was passed."""
        self._path, self._file, self._passed = path, file, passed
        # End of the text that was returned.
        self._handed = 0
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._bytes = 0
        self._line, self._column = 1, 1
        # End of the text whose lines were counted, and their number: no text is counted twice.
        self._counted = self._lines = 0
        self._ended = False
        # The position, and the start of the last value.
        self.text, self.at, self.began = "", 0, 0

    @property
    def line(self) -> int:
        """The line on which the last value begins."""
        self._lines += self.text.count("\n", self._counted, self.began)
        self._counted = self.began
        return self._line + self._lines

    def fill(self, characters: int) -> None:
        """Reads until this many characters are available."""
        while len(self.text) - self.at < characters and self._more():
            pass

    def skip(self) -> int:
        """Skips white space, and returns the position."""
        while True:
            self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text) or not self._more():
                return self.at

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        at = self.skip()
        return self.text[at : at + 1]

    def value(self) -> Any:
        """Reads the next value."""
        self.began = self.skip()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string")
                if not cut and error.pos < len(self.text) - _LONGEST_WORD:
                    self.invalid(error.msg, error.pos)
                before = self.at
                if not self._more():
                    self.invalid(error.msg, error.pos - before + self.at)
            except RecursionError:
                raise too_deep() from None
            else:
                # A number at the end may continue.
                if end < len(self.text) or not self._more():
                    self.at = end
                    return value

    def take_value(self, between: list[str]) -> str:
        """The text of the last value; the text before it is appended to a list."""
        between.append(self.text[self._handed : self.began])
        self._handed = self.at
        return self.text[self.began : self.at]

    def hand_over(self) -> None:
        """Returns the text that was read but not returned yet."""
        if self._passed and self._handed < self.at:
            self._passed(self.text[self._handed : self.at])
            self._handed = self.at

    def invalid(self, reason: str, at: int) -> NoReturn:
        """Raises `json_invalid`, with line and column."""
        before = self.text[:at]
        lines = before.count("\n")
        column = at - before.rfind("\n") if lines else self._column + at
        invalid(reason, self._line + lines, column)

    def _more(self) -> bool:
        """Reads more, and drops text that was used; returns whether there was more."""
        if self._ended:
            return False
        self.hand_over()
        gone, self.text = self.text[: self.at], self.text[self.at :]
        self.began = max(self.began - self.at, 0)
        self._counted = self._lines = 0
        self._handed = 0
        lines = gone.count("\n")
        self._line += lines
        self._column = self.at - gone.rfind("\n") if lines else self._column + self.at
        self.at = 0
        if len(self.text) > MOST_RECORD_CHARACTERS:
            raise too_long(self._line)
        # Doubling blocks, as a long record is parsed again each time.
        left = MOST_RECORD_CHARACTERS - len(self.text) + _BLOCK_BYTES
        data = self._file.read(min(max(_BLOCK_BYTES, len(self.text)), left))
        waiting = len(self._decoder.getstate()[0])
        try:
            self.text += self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise not_utf8(
                self._path, self._bytes - waiting + error.start, error.object[error.start]
            ) from None
        self._bytes += len(data)
        self._ended = not data
        return not self._ended
