"""Texts as damage leaves them, at random, for properties."""

from hypothesis import strategies as st

# Pieces of which real damage is made, put together at random, beside any text at all.
_PIECES = st.sampled_from([
    *"0123456789.,;-+<~ \t\n\r\x00\x1c\x85\u00a0\u2028\ufeff\ufffd\x92'\"/:@",
    *"\u00c3\u00a9\u00e9\u212a",
    "12", "3017620422003", "20065034", "E+12", "e5", "mg", "g", "kJ", "kcal", " / ", "none", "x",
    "N/A",
    "https://", "a.org", "oz", "fl oz", "UK", "FR", "France", "en", "fr", "2022-01-18",
    "1642521600", "000", "T10:00", "Caf\u00c3\u00a9", "\u00c3 ", "\u00e2\u201a\u00ac", "%",
])  # fmt: skip
_BARCODES = st.from_regex(r"[0-9]{6,14}", fullmatch=True)
TEXTS = st.one_of(
    st.lists(_PIECES, max_size=8).map("".join),
    st.text(max_size=30),
    _BARCODES,
    st.from_regex(r"[ <]?-?[0-9]{1,4}[.,]?[0-9]{0,4}( ?(g|mg|kJ))?", fullmatch=True),
)
