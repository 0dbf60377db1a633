"""`off-platform evaluate`: what it prints, writes and ends with."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from off_platform.image_sets.declaration.how import How
from off_platform.storage.lake_layout import BIN_IMAGE_SETS, IMAGE_SETS
from off_platform_tests.command_line import Run, command_line
from off_platform_tests.evaluation.made_sets import write_predictions, write_set
from off_platform_tests.evaluation.test_evaluate import BINS, PRODUCTS

WHOLE = ("sample,prediction", "00004,2", "00005,2.6", "00006,4")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "lake" / BIN_IMAGE_SETS / "counting", BINS)
    write_set(tmp_path / "lake" / IMAGE_SETS / "food", PRODUCTS)
    return command_line(monkeypatch, capsys, {"LAKE": tmp_path / "lake"}, "evaluate")


def test_figures_baselines_and_the_published_ones_are_printed(run: Run, tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", *WHOLE)
    code, out, err = run("p.csv", "--set", "counting")
    assert (code, err) == (0, "")
    assert "counting, split test: expected_quantity of 3 samples of 2 visits; 3 have" in out
    for text in ("66.67 %", "95 % interval", "would leak (1.0)", "median: 1", "55.67 %", "0.930"):
        assert text in out
    assert "68.7 %" in out


def test_a_sample_without_a_prediction_is_reported_and_ends_with_1(
    run: Run, tmp_path: Path
) -> None:
    write_predictions(tmp_path / "p.csv", "sample,prediction", "00004,2", "4,2", "00004,3")
    code, _, err = run("p.csv", "--set", "counting")
    assert code == 1
    assert "2 samples of 3 without a prediction, which counts as wrong: '00005', '00006'." in err
    assert "1 sample with different predictions, of which the first one was used: '00004'." in err
    assert "1 row ignored: the sample has an earlier one." in err
    assert "1 row ignored: the set does not have the sample: '4'. The set has '00004'" in err


def test_json_goes_to_a_file_or_alone_to_standard_output(run: Run, tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", *WHOLE)
    code, out, err = run("p.csv", "--set", "counting", "--json", "-")
    assert (code, err) == (0, "")
    assert json.loads(out)["figures"]["accuracy"]["value"] == pytest.approx(2 / 3)
    code, shown, _ = run("p.csv", "--set", "counting", "--json", "figures.json")
    assert json.loads((tmp_path / "figures.json").read_text()) == json.loads(out)
    assert "accuracy" in shown


def test_the_report_is_a_page(run: Run, tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", *WHOLE)
    assert run("p.csv", "--set", "counting", "--report", "page.html")[0] == 0
    assert "<svg" in (tmp_path / "page.html").read_text(encoding="utf-8")


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Writing fails once a file has this size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("output", ["--json=figures.json", "--report=page.html"])
def test_a_file_that_cannot_be_written_whole_stays_as_it_was(
    run: Run, tmp_path: Path, output: str
) -> None:
    write_predictions(tmp_path / "p.csv", *WHOLE)
    assert run("p.csv", "--set", "counting", output)[0] == 0
    file = tmp_path / output.partition("=")[2]
    before, there = file.read_bytes(), sorted(tmp_path.iterdir())
    with no_file_above(len(before) - 100):
        code, _, err = run("p.csv", "--set", "counting", output)
    assert code == 3
    assert "File too large" in err
    assert (file.read_bytes(), sorted(tmp_path.iterdir())) == (before, there)


def test_many_classes_are_shown_as_the_largest_confusions(run: Run, tmp_path: Path) -> None:
    samples = [{"sample": f"s{n}", "barcode": str(n), "category": f"c{n}"} for n in range(20)]
    write_set(tmp_path / "lake" / IMAGE_SETS / "many", samples)
    write_predictions(tmp_path / "p.csv", "sample,prediction", *(f"s{n},c0" for n in range(20)))
    code, out, _ = run("p.csv", "--set", "many")
    assert code == 0
    assert "largest confusions" in out
    assert "and 8 more, see --json" in out


def test_a_set_is_a_name_or_a_folder(run: Run, tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", *WHOLE)
    folder = write_set(tmp_path / "food", BINS)
    assert run("p.csv", "--set", str(folder))[0] == 0
    code, _, err = run("p.csv", "--set", "food")
    assert code == 2
    assert "no prediction for the split test" in err
    write_set(tmp_path / "lake" / IMAGE_SETS / "counting", PRODUCTS)
    code, _, err = run("p.csv", "--set", "counting")
    assert code == 2
    assert "There are two sets counting: give --wing images or --wing bins" in err
    assert run("p.csv", "--set", "counting", "--wing", "bins")[0] == 0


def test_the_label_is_the_one_that_the_set_is_stratified_by(run: Run, tmp_path: Path) -> None:
    shares = (("train", 0.5), ("test", 0.5))
    division = How(shares=shares, stratify="grade").division
    samples = [{**each, "grade": "a", "division": division} for each in PRODUCTS]
    write_set(tmp_path / "lake" / IMAGE_SETS / "food", samples)
    write_predictions(tmp_path / "p.csv", "sample,prediction", "p4,a", "p5,a", "p6,a", "p7,a")
    code, out, _ = run("p.csv", "--set", "food")
    assert code == 0
    assert "food, split test: grade of 4 samples of 3 products" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("p.csv", "--set", "none"), "There is no image set 'none'"),
        (("p.csv", "--set", "none"), "which has counting, damaged, food, other."),
        (("p.csv", "--set", "../lake"), "There is no image set '../lake'"),
        (("p.csv", "--set", "food", "--wing", "bins"), "which has counting."),
        (("p.csv", "--set", "damaged"), "damaged/manifest.parquet cannot be read"),
        (("p.csv", "--set", "other"), "is not the manifest of an image set: it has no column"),
        (("q.csv", "--set", "food"), "q.csv is not a file"),
        (("p.csv", "--set", "counting", "--split", "fold_1"), "no split 'fold_1'"),
        (("p.csv", "--set", "counting", "--label", "x"), "no label 'x'"),
        (("p.csv", "--set", "counting", "--task", "guessing"), "--task"),
        (("p.csv", "--set", "counting", "--report", "p.txt"), "must end in .html"),
        (("p.csv", "--set", "counting", "--json", "p.csv"), "p.csv is the file of predictions"),
        (("p.csv", "--set", "counting", "--json", "none/p.json"), "cannot be written"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_ends_with_2(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    write_predictions(tmp_path / "p.csv", *WHOLE)
    write_set(tmp_path / "lake" / IMAGE_SETS / "other", [{"a": 1}])
    manifest = tmp_path / "lake" / IMAGE_SETS / "other" / "manifest.parquet"
    damaged = tmp_path / "lake" / IMAGE_SETS / "damaged"
    damaged.mkdir()
    (damaged / "manifest.parquet").write_bytes(b"PAR1")
    duckdb.sql("SELECT 1 AS number").write_parquet(str(manifest))
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())


def test_what_another_program_wrote_is_evaluated(run: Run, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {"file_name": ["00004.jpg", "00005.jpg", "00006.jpg"], "prediction": [2, 3, 5]}
    )
    frame.to_csv(tmp_path / "p.csv", index=False)
    frame.to_json(tmp_path / "p.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "p.parquet")
    for name in ("p.csv", "p.jsonl", "p.parquet"):
        code, out, _ = run(name, "--set", "counting", "--json", "-")
        assert code == 0
        assert json.loads(out)["figures"]["rmse"]["value"] == 0
