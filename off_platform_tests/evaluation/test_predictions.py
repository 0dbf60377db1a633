"""Files of predictions as people and programs write them, and as nobody should."""

import gzip
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from off_platform.evaluation.prediction_files import WrongPredictionsError
from off_platform.evaluation.predictions import Predictions, predictions_in
from off_platform.storage.sql import literal

Found = list[tuple[str, list[str]]]


def read(path: Path) -> Found:
    """The samples and guesses in a file."""
    with duckdb.connect() as connection:
        given = predictions_in(path, connection)
        with given.file.errors_as_sentences():
            query = f"SELECT sample, ranked FROM ({given.query}) ORDER BY row"
            return connection.execute(query).fetchall()


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "sample,prediction\n00001,a\n2,b\n"),
        ("a.csv", "\ufeffsample,prediction\r\n00001,a\r\n\r\n2,b\r\n"),
        ("a.csv", 'prediction;extra;Sample\n"a";;00001\nb;";";2\n'),
        ("a.tsv", "file_name\tprediction\ntest/a/00001.jpg\ta\n2.PNG\tb\n"),
        ("a.csv", "id,prediction_1\n00001,a\n2,b\n"),
        ("a.csv", "__key__,score:b,score:a\n./00001,0.1,0.2\nx\\2,3,-3e2\n"),
        (
            "a.jsonl",
            '{"sample": "00001", "prediction": "a"}\n\n{"sample": 2, "prediction": ["b"]}\n',
        ),
        (
            "a.ndjson",
            '{"__key__": "00001", "prediction_1": "a"}\n{"__key__": 2, "prediction_1": "b"}',
        ),
    ],
)
def test_each_form_of_text_is_read(tmp_path: Path, name: str, content: str) -> None:
    expected = [("00001", "a"), ("2", "b")]
    packed = written(tmp_path, f"{name}.gz", gzip.compress(content.encode()))
    for path in (written(tmp_path, name, content), packed):
        assert [(sample, ranked[0]) for sample, ranked in read(path)] == expected


@pytest.mark.parametrize("folder", ["~", "file:", "s3:", "a:b"])
def test_a_relative_path_is_no_url_and_not_of_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(folder).mkdir()
    written(tmp_path / folder, "a.csv", "sample,prediction\n1,a\n")
    assert read(Path(folder) / "a.csv") == [("1", ["a"])]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"id": [1, 2], "prediction": [3, 4]}, [["3"], ["4"]]),
        ({"sample": ["1", "2"], "prediction": [2.5, float("nan")]}, [["2.5"], []]),
        ({"sample": ["1", "2"], "prediction": [["a", "b"], []]}, [["a", "b"], []]),
        ({"sample": ["1", "2"], "prediction": pd.Categorical(["x", "y"])}, [["x"], ["y"]]),
        ({"sample": ["1", "2"], "prediction": [True, None]}, [["true"], []]),
    ],
)
def test_tables_of_pandas_are_read(
    tmp_path: Path, frame: dict[str, Any], expected: list[list[str]]
) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame(frame).to_parquet(path)
    assert read(path) == [("1", expected[0]), ("2", expected[1])]


def test_guesses_are_ranked_and_empty_ones_left_out(tmp_path: Path) -> None:
    names = ",".join(f"prediction_{rank}" for rank in range(1, 6))
    path = written(tmp_path, "a.csv", f"sample,{names}\n1,a,b,,d,\n2,,,,,\n")
    assert read(path) == [("1", ["a", "b", "d"]), ("2", [])]


def test_only_five_guesses_count(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"sample": "1", "prediction": [1, 2, 3, 4, 5, 6, 7]}')
    assert read(path) == [("1", ["1", "2", "3", "4", "5"])]


def test_scores_are_ranked_from_the_highest_on(tmp_path: Path) -> None:
    names = ",".join(f"score:{name}" for name in "ABCDEF")
    path = written(tmp_path, "a.csv", f"sample,{names}\n1,0,5,1e-3,-2,nan,4\n2,1,2,3,4,5,6\n")
    assert read(path)[1] == ("2", ["F", "E", "D", "C", "B"])


def test_a_row_is_named_by_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'sample,prediction\n"a\nb",1\n\n2,2\n')
    lines = written(
        tmp_path,
        "a.jsonl",
        '\n{"sample": "1", "prediction": 1}\n\n{"sample": "2", "prediction": 1}\n',
    )
    table = tmp_path / "a.parquet"
    pd.DataFrame({"sample": ["1", "2"], "prediction": [1, 2]}).to_parquet(table)
    assert _opened(path).file.place(2) == f"{path}, line 5"
    assert _opened(lines).file.place(2) == f"{lines}, line 4"
    assert _opened(table).file.place(2) == f"{table}, row 2"


def _opened(path: Path) -> Predictions:
    with duckdb.connect() as connection:
        return predictions_in(path, connection)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", "x", "must end in .csv, .tsv, .jsonl, .ndjson or .parquet"),
        ("a", "x", "must end in .csv"),
        ("a.parquet.gz", "x", "must end in .csv"),
        ("a[1].csv", "sample,prediction\n", "would be read as a pattern"),
        ("a.csv", "", "is empty"),
        ("a.jsonl", "", "is empty"),
        ("a.csv", "\nsample,prediction\n", "line 1 is blank"),
        ("a.csv", "sample,,prediction\n1,2,3\n", "line 1: column 2 has no name"),
        ("a.csv", "sample,prediction,Sample\n1,2,3\n", "has two columns 'sample'"),
        ("a.csv", "name,prediction\n1,2\n", "no column that names the sample: sample, file_name"),
        ("a.csv", "sample,guess\n1,2\n", "has no column prediction, prediction_1 to prediction_5"),
        ("a.csv", "sample,prediction_2\n1,2\n", "it has 'sample', 'prediction_2'"),
        ("a.csv", "sample,prediction\n1,2\n1\n", "line 3 has 1 cells; the header has 2"),
        ("a.csv", "sample,prediction\n1,2,3\n", "line 2 has 3 cells; the header has 2"),
        ("a.csv", 'sample,prediction\n1,"2\n', "line 2 is not valid CSV"),
        ("a.csv", b"sample,prediction\n1,\xff\xfe\n", "damaged or not UTF-8"),
        ("a.csv", "sample,prediction\n1," + "x" * 2_000_000 + "\n", "line 2 is not valid CSV"),
        ("a.csv", b"\x00\x01\x02\n", "no column that names the sample"),
        ("a.csv.gz", b"no gzip", "damaged or not UTF-8"),
        ("a.csv.gz", gzip.compress(b"sample,prediction\n1,2\n" * 9999)[:-9], "cannot be read"),
        (
            "a.jsonl",
            '{"sample": "1", "prediction": 1}\n\n{"sample"\n',
            "line 3 is not a JSON object",
        ),
        ("a.jsonl", "[1, 2]\n", "line 1 is not a JSON object"),
        ("a.jsonl", b'{"sample": "1", "prediction": "\xff"}\n', "line 1 is not a JSON object"),
        ("a.jsonl", '{"a":' * 100_000 + "1" + "}" * 100_000, "line 1 is not a JSON object"),
        ("a.parquet", "PAR1", "cannot be read"),
        ("a.parquet", b"PAR1" + bytes(1000) + b"PAR1", "cannot be read"),
    ],
)
def test_a_wrong_file_is_one_sentence_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(WrongPredictionsError) as stopped:
        read(path)
    message = str(stopped.value)
    assert message.startswith(str(path))
    assert said in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 400


def test_a_table_may_not_have_structs_for_predictions(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS id, {{'a': 1}} AS prediction) TO {literal(str(path))}")
    with pytest.raises(WrongPredictionsError, match="has the type STRUCT"):
        read(path)


@pytest.mark.slow
def test_more_columns_than_are_read_are_refused(tmp_path: Path) -> None:
    names = ",".join(f"score:{number}" for number in range(10_011))
    path = written(tmp_path, "a.csv", f"sample,{names}\n")
    with pytest.raises(WrongPredictionsError, match="10,012 columns; at most 10,010"):
        read(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    os.mkfifo(path)
    for wrong in (path, tmp_path / "none.csv", tmp_path):
        with pytest.raises(WrongPredictionsError):
            read(wrong)


VALID = {
    ".csv": b'sample,prediction\n1,a\n"2","b"\n',
    ".csv.gz": gzip.compress(b"sample,prediction\n1,a\n2,b\n", mtime=0),
    ".jsonl": b'{"sample": "1", "prediction": ["a", 2]}\n{"sample": 2, "prediction": null}\n',
}


@pytest.mark.slow
@given(
    st.sampled_from([*VALID, ".parquet"]),
    st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=4)), min_size=1, max_size=4),
)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, ending: str, changes: list[tuple[int, bytes]]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{ending}"
    if ending == ".parquet":
        pd.DataFrame({"sample": ["1"], "prediction": ["a"]}).to_parquet(path)
    content = bytearray(VALID.get(ending) or path.read_bytes())
    for place, put in changes:
        # In a Parquet file from the end on, where its description is.
        at = place if ending != ".parquet" else len(content) - 1 - 5 * place
        content[at : at + len(put)] = put
    path.write_bytes(content)
    with suppress(WrongPredictionsError):
        assert all(len(row) == 2 for row in read(path))
