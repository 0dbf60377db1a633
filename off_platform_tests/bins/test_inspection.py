"""Is the metadata of a bin usable: every reason why not, and nothing raised by any bytes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.bins.inspection import SOUND, inspect

ITEM = {
    "asin": "B000000001",
    "name": "A mill",
    "normalizedName": "A mill",
    "quantity": 2,
    "height": {"unit": "IN", "value": 1.0},
    "length": {"unit": "IN", "value": 3.0},
    "width": None,
    "weight": {"unit": "pounds", "value": 0.5},
}


def of_items(items: Any, **top: Any) -> bytes:
    return json.dumps({"BIN_FCSKU_DATA": items, "EXPECTED_QUANTITY": 2, **top}).encode()


def item(**changed: Any) -> bytes:
    return of_items({"B000000001": {**ITEM, **changed}})


def test_sound_metadata_are_sound() -> None:
    assert inspect(item(), "00001") == SOUND
    assert inspect(of_items({}), "00001") == SOUND


@pytest.mark.parametrize(
    ("data", "oddity"),
    [
        (b"<html><body>503</body></html>", "html"),
        (b"\n  <!DOCTYPE html>", "html"),
        (b"", "empty"),
        (b"  \n", "empty"),
        (item()[:90], "truncated"),
        (b'{"BIN_FCSKU_DATA": {', "truncated"),
        (b'{"EXPECTED_QUANTITY": 2,, }', "not_json"),
        (b"quantity: 2", "not_json"),
        (b"\xff\xfe{", "not_utf8"),
        (b"[1, 2]", "not_an_object"),
        (b"7", "not_an_object"),
        (b"[" * 100_000, "too_deep"),
        (b'{"EXPECTED_QUANTITY": ' + b"9" * 5000 + b"}", "too_large_number"),
        (of_items({}, EXPECTED_QUANTITY=2**40), "too_large_number"),
        (b'{"EXPECTED_QUANTITY": 2}', "missing_field"),
        (b'{"BIN_FCSKU_DATA": {}}', "missing_field"),
        (of_items([]), "items_not_an_object"),
        (of_items({"B0": []}), "item_not_an_object"),
        (of_items({"B0": {}}), "missing_field"),
        (of_items({}, EXPECTED_QUANTITY="2"), "quantity_not_a_number"),
        (of_items({}, EXPECTED_QUANTITY=-1), "too_large_number"),
        (item(quantity="2"), "quantity_not_a_number"),
        (item(quantity=2.0), "quantity_not_a_number"),
        (item(quantity=True), "quantity_not_a_number"),
        (item(quantity=None), "quantity_not_a_number"),
        (item(quantity=2**31), "too_large_number"),
        (item(weight={"unit": "pounds", "value": float("nan")}), "nan"),
        (item(weight={"unit": "pounds", "value": float("inf")}), "nan"),
        (item(name=7), "not_a_text"),
        (item(asin=["B0"]), "not_a_text"),
        (item(weight=0.5), "not_a_measure"),
        (item(weight={"unit": 3, "value": 1}), "not_a_measure"),
        (item(weight={"unit": "pounds"}), "not_a_measure"),
        (item(width={"unit": "IN", "value": "3"}), "not_a_measure"),
        (b'{"BIN_FCSKU_DATA": {}, "EXPECTED_QUANTITY": 1, "EXPECTED_QUANTITY": 2}',
         "duplicate_key"),
        (b'{"BIN_FCSKU_DATA": {"B0": {}, "B0": {}}, "EXPECTED_QUANTITY": 2}', "duplicate_key"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_row_is_told(data: bytes, oddity: str) -> None:
    look = inspect(data, "00001")
    assert (look.usable, look.oddity) == (False, oddity)
    assert look.reason


@pytest.mark.parametrize(
    ("data", "bin_id", "oddity"),
    [
        (item(colour="red"), "00001", "unknown_field"),
        (of_items({}, image_fname="00001.jpg"), "00001", "unknown_field"),
        (item(), "1", "missing_field"),
        (of_items({}, image_fname="2.jpg"), "1", "wrong_image_fname"),
        (of_items({"B0": {**ITEM}}, image_fname="1.jpg"), "1", "unknown_field"),
        (item(weight={"unit": "stone", "value": 1}), "00001", "unknown_unit"),
        (item(weight={"unit": None, "value": 1}), "00001", "unknown_unit"),
        (item(length={"unit": "", "value": 1}), "00001", "unknown_unit"),
        (of_items({"B0": {k: v for k, v in ITEM.items() if k != "asin"}}), "00001",
         "missing_field"),
    ],
)  # fmt: skip
def test_odd_fields_are_told_and_let_pass(data: bytes, bin_id: str, oddity: str) -> None:
    look = inspect(data, bin_id)
    assert (look.usable, look.oddity) == (True, oddity)


def test_nulls_a_strange_key_and_a_negative_quantity_are_for_other_rules() -> None:
    assert inspect(item(asin=None, name=None, length=None, weight=None), "00001") == SOUND
    assert inspect(of_items({"ZZ'\"./ü": ITEM}), "00001") == SOUND
    assert inspect(item(quantity=-3), "00001") == SOUND


def test_reasons_are_short_and_printable() -> None:
    look = inspect(of_items({"\x1b[31m" + "x" * 9999: []}), "00001")
    assert look.reason
    assert len(look.reason) < 200
    assert look.reason.isprintable()


@given(st.binary(max_size=200) | st.builds(lambda cut: item()[:cut], st.integers(0, 300)))
def test_no_bytes_raise(data: bytes) -> None:
    look = inspect(data, "00001")
    assert look.usable or (look.oddity and look.reason)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(JSON, JSON)
def test_no_json_raises(items: Any, quantity: Any) -> None:
    data = json.dumps({"BIN_FCSKU_DATA": items, "EXPECTED_QUANTITY": quantity}).encode()
    look = inspect(data, "00001")
    assert look.usable or look.reason


def test_genuine_metadata_are_sound(real_data: Callable[[str], Path]) -> None:
    for path in real_data("bins/metadata").glob("*.json"):
        bin_id = path.name.split(".")[0]
        if bin_id.isdigit():
            assert inspect(path.read_bytes(), bin_id) == SOUND, path.name


def test_a_genuine_error_page_is_html(real_data: Callable[[str], Path]) -> None:
    page = real_data("bins/lists/emoreno_file_list_head_is_HTML_not_json.txt").read_bytes()
    assert inspect(page, "00001").oddity == "html"
