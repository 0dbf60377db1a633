"""Barcodes as bars: EAN-13, EAN-8, and Interleaved 2 of 5 for longer codes. Pure; draws nothing.

A barcode's bars are a text of `1` (a dark module) and `0` (a light one).
"""

_LEFT = [
    "0001101",
    "0011001",
    "0010011",
    "0111101",
    "0100011",
    "0110001",
    "0101111",
    "0111011",
    "0110111",
    "0001011",
]
_RIGHT = ["".join("10"[int(module)] for module in digit) for digit in _LEFT]
_MIRRORED = [digit[::-1] for digit in _RIGHT]
# Which of the six left digits are mirrored tells the first digit, which has no bars of its own.
_FIRST = [
    "000000",
    "001011",
    "001101",
    "001110",
    "010011",
    "011001",
    "011100",
    "010101",
    "010110",
    "011010",
]
# Five elements a digit, two of them wide.
_TWO_OF_FIVE = [
    "00110",
    "10001",
    "01001",
    "11000",
    "00101",
    "10100",
    "01100",
    "00011",
    "10010",
    "01010",
]


def ean_13(code: str) -> str:
    """The 95 modules of 13 digits, guards and all."""
    parity = _FIRST[int(code[0])]
    left = "".join(
        (_MIRRORED if mirrored == "1" else _LEFT)[int(digit)]
        for digit, mirrored in zip(code[1:7], parity, strict=True)
    )
    return f"101{left}01010{''.join(_RIGHT[int(digit)] for digit in code[7:])}101"


def ean_8(code: str) -> str:
    """The 67 modules of 8 digits, guards and all."""
    left = "".join(_LEFT[int(digit)] for digit in code[:4])
    return f"101{left}01010{''.join(_RIGHT[int(digit)] for digit in code[4:])}101"


def interleaved(code: str) -> str:
    """The modules of an even number of digits: bars of one digit, spaces of the next."""
    pairs = zip(code[::2], code[1::2], strict=True)
    body = "".join(
        ("111" if bar == "1" else "1") + ("000" if space == "1" else "0")
        for dark, light in pairs
        for bar, space in zip(_TWO_OF_FIVE[int(dark)], _TWO_OF_FIVE[int(light)], strict=True)
    )
    return f"1010{body}11101"


def modules(code: str) -> str:
    """The modules of a code of any length that the sandbox knows: 8, 12, 13, or longer."""
    significant = code.lstrip("0")
    if len(code) == 8:  # noqa: PLR2004 - the length of an EAN-8
        return ean_8(code)
    if len(significant) <= 13:  # noqa: PLR2004 - the length of an EAN-13
        return ean_13(significant.zfill(13))
    return interleaved(code.zfill(len(code) + len(code) % 2))


def dark_runs(pattern: str) -> list[tuple[int, int]]:
    """Start and end of every bar, in modules from the left."""
    runs, start = [], None
    for place, module in enumerate(pattern + "0"):
        if module == "1" and start is None:
            start = place
        elif module == "0" and start is not None:
            runs.append((start, place))
            start = None
    return runs
