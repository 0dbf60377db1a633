"""Reading JSON: every form, numbers unchanged, errors by line and column."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from off_platform.imports.readers.batches import Batch, Reader, SourceFile, UnreadableError
from off_platform.imports.readers.json.records import open_json
from off_platform.imports.specification.column_names import language_codes
from off_platform_tests.imports.made_files import examine, read_all

ITEM = {"barcode": "1", "fat": "2"}
MEBIBYTE = 1 << 20


def written(folder: Path, content: str | bytes, name: str = "x.json") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def texts(batches: list[Batch]) -> dict[str, list[str | None]]:
    """All columns of the only batch."""
    (batch,) = batches
    return {name: column.to_pylist() for name, column in batch.columns.items()}


FORMS = {
    "an array": (json.dumps([ITEM, ITEM]), "json", [1, 2]),
    "an array over lines": (json.dumps([ITEM, ITEM], indent=3), "json", [1, 2]),
    "an object": (json.dumps(ITEM), "json", [1]),
    "an object over lines": (json.dumps(ITEM, indent=1), "json", [1]),
    "lines": (f"{json.dumps(ITEM)}\n\n{json.dumps(ITEM)}", "json_lines", [1, 3]),
    "products": (json.dumps({"products": [ITEM, ITEM]}), "json", [1, 2]),
    "products and more": (
        json.dumps({"products": [ITEM], "count": 1, "x": {"y": [1]}}), "json", [1],
    ),
    "an answer of the API": (
        json.dumps({"count": 2, "pages": 1.5e3, "q": 'a\\"b', "products": [ITEM] * 2}, indent=1),
        "json", [1, 2],
    ),
    "an answer about one product": (
        f' \n{{"code": "1", "errors": [], "product": {json.dumps(ITEM)}, "result": {{"a": 1}}}}\n',
        "json", [1],
    ),
    "an array of such answers": (
        f'[{{"code": "1", "product": {json.dumps(ITEM)}, "status": 1}}, {json.dumps(ITEM)}]',
        "json", [1, 2],
    ),
    "lines of such answers": (
        (
            f'\ufeff {{"code": "1", "product": {json.dumps(ITEM)}, "status": 1}}\n\n'
            f'{json.dumps(ITEM)}\n{{"status": 1, "product": {json.dumps(ITEM)}}}'
        ),
        "json_lines", [1, 3, 4],
    ),
    "a byte order mark": ("\ufeff" + json.dumps([ITEM]), "json", [1]),
    "white space": (f" \r\n\t{json.dumps([ITEM])}\n\n", "json", [1]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_read(name: str, tmp_path: Path) -> None:
    content, form, rows = FORMS[name]

    source, batches, reader = read_all(written(tmp_path, content))

    assert (source.format, batches[0].rows.tolist()) == (form, rows)
    assert texts(batches) == {"barcode": ["1"] * len(rows), "fat": ["2"] * len(rows)}
    rules = {each.rule for each in reader.take_found()}
    assert rules == {
        *(["json_lines"] if form == "json_lines" else []),
        *(["byte_order_mark"] if content.startswith("\ufeff") else []),
    }


@pytest.mark.parametrize("form", ["{0}", "[{0}, {0}]", "{0}\n{0}"])
def test_an_object_with_more_than_an_answer_has_is_a_record(form: str, tmp_path: Path) -> None:
    item = '{"code": "1", "product": {"a": 1}, "price": 2}'

    _, batches, _ = read_all(written(tmp_path, form.format(item)))

    records = form.count("{0}")
    assert texts(batches) == {
        "code": ["1"] * records, "product": [None] * records, "price": ["2"] * records
    }  # fmt: skip


def test_values_are_texts_as_they_stand(tmp_path: Path) -> None:
    text = (
        '[{"barcode": 007.5, "a": 1.50, "b": 1E5, "c": true, "d": null, "e": "", "f": ["x", 1], '
        '"nutrition": {"fat": -0.0, "salt": [[1]], "j": {}}, "g": {"h": 1}, "i": [[1]], '
        '"brands": {"h": 1}}]'
    ).replace("007", "7")

    _, batches, reader = read_all(written(tmp_path, text))

    assert texts(batches) == {
        "barcode": ["7.5"], "a": ["1.50"], "b": ["1E5"], "c": ["true"], "d": [None], "e": [None],
        "f": ["x, 1"], "nutrition.fat": ["-0.0"], "nutrition.salt": [None],
        "nutrition.j": [None], "g": [None], "i": [None], "brands": [None],
    }  # fmt: skip
    assert batches[0].not_text["barcode"].to_pylist() == [True]
    found = [(each.rule, each.column) for each in reader.take_found()]
    # What is no field is ignored, whatever it holds.
    assert found == [("json_nested", "nutrition.salt"), ("json_nested", "brands")]


def test_numbers_of_any_length_are_kept(tmp_path: Path) -> None:
    long = "9" * 10_000

    _, batches, _ = read_all(written(tmp_path, f'[{{"barcode": {long}, "fat": 1e{long}}}]'))

    assert texts(batches) == {"barcode": [long], "fat": [f"1e{long}"]}


def test_names_that_appear_twice_are_reported(tmp_path: Path) -> None:
    text = '[{"barcode": "1", "a": 1, "a": 2, "nutrition": {"fat": 1, "fat": 2}, "nutrition.x": 1}]'

    _, _, reader = read_all(written(tmp_path, text))

    found = [(each.row, each.column) for each in reader.take_found()]
    assert found == [(1, "a"), (1, "nutrition.fat")]


def test_records_longer_than_a_block_are_read(tmp_path: Path) -> None:
    items = [{"barcode": str(n), **{f"c{at}": "é" * 90_000 for at in range(9)}} for n in range(5)]

    _, batches, _ = read_all(written(tmp_path, json.dumps(items, ensure_ascii=False)))

    assert [text for batch in batches for text in batch.columns["barcode"].to_pylist()] == [
        item["barcode"] for item in items
    ]


@pytest.mark.slow
def test_long_records_make_small_batches(tmp_path: Path) -> None:
    line = json.dumps({"barcode": "1", "x": "y" * 1_000_000})

    _, batches, _ = read_all(written(tmp_path, "\n".join([line] * 100)), rows=10_000)

    assert max(len(batch.rows) for batch in batches) < 80
    assert sum(len(batch.rows) for batch in batches) == 100


def test_what_is_found_does_not_wait_for_a_batch_to_be_full(tmp_path: Path) -> None:
    languages = sorted(language_codes())[:100]
    item = {"barcode": "1"} | {f"product_name_{language}": {} for language in languages}
    path = written(tmp_path, json.dumps([item] * 200))

    reader = _opened(path)
    taken = [(len(batch.rows), len(reader.take_found())) for batch in reader.batches(1_000)]

    assert taken == [(50, 5_000)] * 4
    assert [len(batch.rows) for batch in _opened(path).batches(1_000)] == [50] * 4


FAULTS = {
    "a comma too many": ('[{"a": 1},\n {"b": 2,}]', 2, 10),
    "a comma behind the last": ('[{"a": 1},\n]', 2, 1),
    "a comma too few": ('[{"a": 1}\n {"a": 1}]', 2, 2),
    "text behind it": ('[{"a": 1}]\n\n x', 3, 2),
    "a quote too few": ('[{"a": "1}]', 1, 8),
    "a word": ("[\n{'a': 1}]", 2, 2),
    "an early end": ('[{"a": 1}', 1, 10),
    "in a line": ('{"a": 1}\n{"a": }\n', 2, 7),
    "two in a line": ('{"a": 1}\n{"a": 1} {"a": 1}\n', 2, 9),
    "before the products": ('{"count": 01, "products": [{"a": 1}]}', 1, 12),
    "no comma": ('{"count": 1 "products": [{"a": 1}]}', 1, 13),
    "behind the products": ('{"products": [{"a": 1}], "b" 1}', 1, 30),
    "no end of the products": ('{"products": [{"a": 1}]', 1, 24),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named_by_line_and_column(name: str, tmp_path: Path) -> None:
    content, line, column = FAULTS[name]

    with pytest.raises(UnreadableError) as refused:
        read_all(written(tmp_path, content))

    assert refused.value.found.rule == "json_invalid"
    assert f"at line {line}, column {column}:" in str(refused.value)


def test_faults_far_into_a_file_are_named_too(tmp_path: Path) -> None:
    records = [json.dumps({"barcode": str(n), "x": "é" * 500}) for n in range(4_000)]
    records[3_333] = '{"barcode": 1, }'

    with pytest.raises(UnreadableError, match=r"at line 3,334, column 16:"):
        read_all(written(tmp_path, "[" + ",\n".join(records) + "]"))


def test_a_fault_is_found_without_reading_on(tmp_path: Path) -> None:
    path = written(tmp_path, "[{'a': 1}, " + " " * 2 * MEBIBYTE)
    with path.open("r+b") as file:
        file.truncate(1 << 40)

    with pytest.raises(UnreadableError, match="at line 1, column 3"):
        list(_opened(path).batches(10))


def _opened(path: Path) -> Reader:
    return open_json(path, SourceFile(path.name, "", 0, ""))


def test_nesting_has_a_limit(tmp_path: Path) -> None:
    def nested(levels: int) -> str:
        return f'[{{"barcode": "1", "x": {"[" * levels}{"]" * levels}}}]'

    read_all(written(tmp_path, nested(100)))
    with pytest.raises(UnreadableError) as refused:
        read_all(written(tmp_path, nested(101)))
    assert refused.value.found.rule == "json_too_deep"


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=10),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
# Invisible characters are not part of a name.
SEEN = st.characters(exclude_categories=("Cs", "Cf", "Zl", "Zp"))
OBJECTS = st.dictionaries(st.text(SEEN, max_size=5).map("c{}c".format), SCALARS, max_size=4)


@settings(derandomize=True)
@given(
    items=st.lists(OBJECTS, min_size=1, max_size=5),
    indent=st.sampled_from((None, 0, 2)),
    ascii_only=st.booleans(),
)
def test_files_of_pythons_writer_are_read_back(
    items: list[dict[str, Any]],
    indent: int | None,
    tmp_path_factory: pytest.TempPathFactory,
    *,
    ascii_only: bool,
) -> None:
    text = json.dumps(items, indent=indent, ensure_ascii=ascii_only)

    _, batches, _ = read_all(written(tmp_path_factory.mktemp("json"), text))

    for name, column in texts(batches).items():
        for value, read in zip((item.get(name) for item in items), column, strict=True):
            expected = value if isinstance(value, str) else json.dumps(value)
            assert read == (None if value in (None, "") and value is not False else expected)


@pytest.mark.parametrize("key", ["fat_g ", "\tfat_g", "fat_g\u200b", "\ufefffat_g", "fat\u00ad_g"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_key_is_recognised_with_surrounding_characters(
    tmp_path: Path, key: str, *, nested: bool
) -> None:
    numbers = {key: 150}
    record = {"barcode": "7622210449283", "product_name": "Oreo"}
    record |= {" nutrition\u200b": numbers} if nested else numbers
    (tmp_path / "a.json").write_text(json.dumps([record]))
    examined = examine(tmp_path / "a.json", tmp_path / "out")
    assert (examined.verdict.accepted, examined.verdict.quarantined) == (0, 1)
    assert {each["rule"] for each in examined.findings} == {"header_trimmed", "above_range"}


@pytest.mark.parametrize("other", [" fat_g", "fat_g\u200b"])
def test_keys_that_are_equal_after_trimming_are_duplicates(tmp_path: Path, other: str) -> None:
    record = {"barcode": "7622210449283", "product_name": "Oreo", "nutrition": {"fat_g": 1}}
    record["nutrition"] |= {other: 2}  # type: ignore[operator]
    (tmp_path / "a.json").write_text(json.dumps([record]))
    examined = examine(tmp_path / "a.json", tmp_path / "out")
    assert examined.verdict.counts["json_duplicate_key"] == 1
    assert examined.verdict.accepted == 0


@pytest.mark.parametrize("name", ["fat_g\u200b", "\u00adfat_g ", "\ufefffat_g"])
def test_names_of_columns_are_known_as_keys_are(tmp_path: Path, name: str) -> None:
    text = f"barcode,product_name,{name}\n7622210449283,Oreo,150\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    examined = examine(tmp_path / "a.csv", tmp_path / "out")
    assert {each["rule"] for each in examined.findings} == {"header_trimmed", "above_range"}
    assert examined.copy is not None
    assert examined.copy.read_text().split("\n")[0].startswith("barcode,product_name,fat_g")
