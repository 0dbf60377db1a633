"""Which bin a key is of: two id spaces, never mixed up."""

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.bins import keys


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("metadata/00001.json", ("metadata", "00001", "main")),
        ("bin-images/1.jpg", ("image", "1", "pilot")),
        ("bin-images/523.jpg", ("image", "523", "pilot")),
        ("metadata/1200.json", ("metadata", "1200", "pilot")),
        ("metadata/99999.json", ("metadata", "99999", "main")),
        ("metadata/535234.json", ("metadata", "535234", "main")),
        ("metadata/0523.json", None),
        ("metadata/000523.json", None),
        ("metadata/00000.json", None),
        ("metadata/0.json", None),
        ("metadata/1234567.json", None),
        ("metadata/notes.json", None),
        ("metadata/1.jpg", None),
        ("metadata/../1.json", None),
        ("metadata/1.json\n", None),
        ("metadata/\N{ARABIC-INDIC DIGIT ONE}.json", None),
        ("", None),
    ],
)
def test_a_key_tells_its_bin_or_none(key: str, found: tuple[str, str, str] | None) -> None:
    parsed = keys.parse(key)
    assert (tuple(parsed) if parsed else None) == found


PARTS = st.sampled_from(["metadata/", "bin-images/", "metadata", "", "x/"])
ENDS = st.sampled_from([".json", ".jpg", "", ".json\n"])
STEMS = st.text("0123456789", max_size=7) | st.text(max_size=3)


@given(st.lists(st.builds("{}{}{}".format, PARTS, STEMS, ENDS), max_size=20))
def test_sql_says_what_python_says(found: list[str]) -> None:
    query = f"""SELECT key, part, CASE WHEN id_space IS NOT NULL THEN id END, id_space FROM (
        SELECT *, {keys.SPACE_SQL} AS id_space FROM (
            SELECT key, {keys.PART_SQL} AS part, {keys.ID_SQL} AS id
            FROM (SELECT unnest(?::VARCHAR[]) AS key)))"""
    listed = [key for key in found if "\0" not in key]
    for key, part, bin_id, space in duckdb.execute(query, [listed]).fetchall():
        parsed = keys.parse(key)
        assert (bin_id, space) == ((parsed.id, parsed.id_space) if parsed else (None, None)), key
        assert parsed is None or part == parsed.part


@given(st.integers(1, 535_234))
def test_main_ids_are_padded_to_five_digits(number: int) -> None:
    assert keys.space_of(f"{number:05d}") == "main"
    assert keys.parse(keys.metadata_key(f"{number:05d}"))
    assert keys.parse(keys.image_key(f"{number:05d}"))


@given(st.integers(1, 9999))
def test_unpadded_ids_are_the_pilots(number: int) -> None:
    assert keys.space_of(str(number)) == "pilot"
