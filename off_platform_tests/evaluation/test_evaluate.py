"""From a manifest and a file to figures: labels, splits, units, baselines, coverage."""

from math import isclose, sqrt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from off_platform.evaluation.evaluate import evaluate
from off_platform.evaluation.held_out import MOST_CLASSES, USUAL_TRAIN_SHARE
from off_platform.evaluation.labelled_sets import UnusableSetError, labelled_set
from off_platform.evaluation.prediction_files import WrongPredictionsError
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import BIN_IMAGE_SETS, MANIFEST
from off_platform.storage.objects import Access
from off_platform_tests.evaluation.made_sets import (
    Sample,
    evaluated,
    write_predictions,
    write_set,
)
from off_platform_tests.s3.server import S3Server

# Two visits in train, of 1, 1 and 4 items; in test a visit of two photos and one alone.
BINS: list[Sample] = [
    {"sample": "00001", "visit_id": "a", "expected_quantity": 1, "split": "train"},
    {"sample": "00002", "visit_id": "a", "expected_quantity": 1, "split": "train"},
    {"sample": "00003", "visit_id": "b", "expected_quantity": 4, "split": "train"},
    {"sample": "00004", "visit_id": "c", "expected_quantity": 2},
    {"sample": "00005", "visit_id": "c", "expected_quantity": 3},
    {"sample": "00006", "visit_id": "d", "expected_quantity": 5},
    {"sample": "00006", "visit_id": "d", "expected_quantity": 5, "kind": "metadata"},
    {"sample": "00007", "visit_id": "e", "expected_quantity": 0, "status": "missing"},
    {"sample": "00008", "visit_id": "e", "expected_quantity": 0, "split": "excluded"},
]
PRODUCTS: list[Sample] = [
    {"sample": "p1", "barcode": "1", "category": "tea", "split": "train"},
    {"sample": "p2", "barcode": "1", "category": "tea", "split": "train"},
    {"sample": "p3", "barcode": "2", "category": "jam", "split": "train"},
    {"sample": "p4", "barcode": "3", "category": "jam"},
    {"sample": "p5", "barcode": "3", "category": "jam"},
    {"sample": "p6", "barcode": "4", "category": "tea"},
    {"sample": "p7", "barcode": "5", "category": None},
]


def value(figures: Any, name: str) -> float:
    found = figures[name].value
    assert found is not None
    return float(found)


def test_counting_on_the_test_split_with_baselines_of_train(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", BINS)
    given = write_predictions(
        tmp_path / "p.csv", "sample,prediction", "00004,2.4", "00005,1", "00006,5", "00001,9"
    )
    made = evaluated(folder, given)
    assert (made.held.label, made.held.task, made.held.split) == (
        "expected_quantity",
        "counting",
        "test",
    )
    assert (made.held.samples, made.held.units, made.held.unit) == (3, 2, "visit")
    assert isclose(value(made.figures, "accuracy"), 2 / 3)
    assert isclose(value(made.figures, "within_one"), 2 / 3)
    assert isclose(value(made.figures, "rmse"), sqrt((0.4**2 + 2**2) / 3))
    assert isclose(value(made.figures, "mae"), 2.4 / 3)
    names = [each.name for each in made.baselines]
    assert names == ["mean: 2", "rounded mean: 2", "median: 1", "most frequent: 1"]
    assert isclose(value(made.baselines[0].figures, "mae"), (0 + 1 + 3) / 3)
    assert isclose(value(made.baselines[2].figures, "mae"), (1 + 2 + 4) / 3)
    assert made.coverage.is_whole
    assert (made.coverage.rows, made.coverage.elsewhere) == (4, 1)
    assert [(each.name, each.samples) for each in made.classes] == [("2", 1), ("3", 1), ("5", 1)]
    assert made.classes[1].figures == {"accuracy": 0, "rmse": 2}
    assert [(each.label, each.predicted) for each in made.confusions.pairs(wrong=True)] == [
        ("3", "(other)")
    ]


def test_labels_in_a_table_beside_the_manifest_are_read(tmp_path: Path) -> None:
    lines = ("sample,prediction", "00004,2.4", "00005,1", "00006,5")
    given = write_predictions(tmp_path / "p.csv", *lines)
    whole = evaluated(write_set(tmp_path / "whole", BINS), given)
    label = "expected_quantity"
    folder = write_set(tmp_path / "bare", BINS)
    pq.write_table(pq.read_table(folder / MANIFEST).drop_columns([label]), folder / MANIFEST)
    # Its other columns are left out: what the manifest says of the split counts.
    quantities = {each["sample"]: each[label] for each in BINS}
    table = {
        "id": [*quantities],
        label: [*quantities.values()],
        "split": ["train"] * len(quantities),
    }
    pq.write_table(pa.table(table), folder / "labels.parquet")
    made = evaluated(folder, given)
    assert (made.held.label, made.held.split) == (label, "test")
    assert made.figures == whole.figures


def test_published_figures_stand_beside_bins_of_0_to_5(tmp_path: Path) -> None:
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "00004,2")
    made = evaluated(write_set(tmp_path / "set", BINS), given)
    assert made.published is not None
    assert made.published.figures == {"accuracy": 0.5567, "rmse": 0.93}
    assert "68.7 %" in made.published.warning
    more = [*BINS, {"sample": "00009", "visit_id": "f", "expected_quantity": 6}]
    photos = [each for each in BINS if each.get("kind") != "metadata"]
    for samples in (more, photos):
        assert evaluated(write_set(tmp_path / "set", samples), given).published is None


def test_classification_with_ranks(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", PRODUCTS)
    given = write_predictions(
        tmp_path / "p.csv",
        "file_name,prediction_1,prediction_2",
        "test/p4.jpg,jam,tea",
        "test/p5.jpg,tea,jam",
        "test/p6.jpg,soup,salt",
    )
    made = evaluated(folder, given)
    assert (made.held.label, made.held.task, made.held.unit) == (
        "category",
        "classification",
        "product",
    )
    assert isclose(value(made.figures, "top_1"), 1 / 3)
    assert isclose(value(made.figures, "top_5"), 2 / 3)
    # jam 2/3, tea 0, soup 0; salt was no first guess.
    assert isclose(value(made.figures, "macro_f1"), 2 / 9)
    assert [each.name for each in made.baselines] == ["most frequent: tea"]
    assert isclose(value(made.baselines[0].figures, "top_1"), 1 / 3)
    assert isclose(value(made.baselines[0].figures, "top_5"), 1)
    assert made.classes[0].figures == {"precision": 1, "recall": 0.5, "f1": 2 / 3}
    assert made.held.unlabelled == 1
    assert any("1 sample has no label category" in note for note in made.notes)
    assert any("Predicted classes that no evaluated sample has: 1;" in note for note in made.notes)


def test_one_guess_has_no_top_5(tmp_path: Path) -> None:
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "p4,jam")
    made = evaluated(write_set(tmp_path / "set", PRODUCTS), given)
    assert made.figures["top_5"].value is None
    assert any("no top-5 accuracy" in note for note in made.notes)


@pytest.mark.parametrize(
    ("label", "written"),
    [(3, "3"), (3, "3.0"), (3.0, "3"), (True, "True"), (True, "true"), ("3", "3"), ("3.0", "3.0")],
)
def test_a_class_is_the_same_however_it_is_written(
    tmp_path: Path, label: Any, written: str
) -> None:
    folder = write_set(tmp_path / "set", [{"sample": "a", "barcode": "1", "nova": label}])
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", f"a,{written}")
    made = evaluated(folder, given, label="nova", task="classification")
    assert made.figures["top_1"].value == 1


def test_texts_that_look_like_numbers_are_different_classes(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", [{"sample": "a", "barcode": "1", "code": "03"}])
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "a,3")
    assert evaluated(folder, given, label="code").figures["top_1"].value == 0


def test_a_missing_prediction_is_wrong_and_said(tmp_path: Path) -> None:
    bins = write_set(tmp_path / "set", BINS)
    for content in ("00004,2|00005,|00006,nan", "00004,2"):
        given = write_predictions(tmp_path / "p.csv", "sample,prediction", *content.split("|"))
        made = evaluated(bins, given)
        assert (made.coverage.predicted, made.coverage.samples) == (1, 3)
        assert made.coverage.missing_first == ("00005", "00006")
        assert not made.coverage.is_whole
        assert isclose(value(made.figures, "accuracy"), 1 / 3)
        assert value(made.figures, "rmse") == 0
    products = write_set(tmp_path / "others", PRODUCTS)
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "p4,jam")
    made = evaluated(products, given)
    # jam: one of two found, tea: none.
    assert isclose(value(made.figures, "macro_f1"), (2 / 3 + 0) / 2)


def test_the_first_of_several_rows_counts(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", BINS)
    rows = ("00004,2", "00005,3", "00006,5", "00004,2", "x,1", "y,1")
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", *rows)
    made = evaluated(folder, given)
    assert (made.coverage.repeated, made.coverage.conflicting, made.coverage.unknown) == (1, 0, 2)
    assert made.coverage.unknown_first == ("x", "y")
    assert made.coverage.is_whole
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", *rows, "00005,1")
    made = evaluated(folder, given)
    assert made.coverage.conflicting_first == ("00005",)
    assert not made.coverage.is_whole
    assert made.figures["accuracy"].value == 1


def test_what_a_random_split_would_leak_counts_by_its_probability(tmp_path: Path) -> None:
    near = {"duplicate_group": "00003"}
    samples = [{**each, **(near if each["sample"] in {"00003", "00006"} else {})} for each in BINS]
    folder = write_set(tmp_path / "set", samples)
    given = write_predictions(
        tmp_path / "p.csv", "sample,prediction", "00004,2", "00005,0", "00006,0"
    )
    made = evaluated(folder, given)
    # Of six samples in splits, three are in train; each of the test samples has one sibling.
    assert made.held.train_share == 0.5
    assert made.leaked is not None
    assert made.rest is not None
    assert (made.leaked.samples, made.rest.samples) == (1.5, 1.5)
    folder = write_set(tmp_path / "set", BINS)
    made = evaluated(folder, given)
    assert made.leaked is not None
    assert made.rest is not None
    assert (made.leaked.samples, made.rest.samples) == (1, 2)
    assert isclose(value(made.leaked.figures, "accuracy"), 0.5)
    assert isclose(value(made.rest.figures, "accuracy"), 0.5 / 2)


def test_without_siblings_there_is_nothing_to_leak(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", [{"sample": "a", "barcode": "1", "category": "tea"}])
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "a,tea")
    made = evaluated(folder, given)
    assert made.leaked is made.rest is None


def test_a_set_without_splits_is_evaluated_whole(tmp_path: Path) -> None:
    samples = [{**each, "split": None} for each in BINS]
    folder = write_set(tmp_path / "set", samples)
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "00001,1")
    made = evaluated(folder, given)
    assert (made.held.split, made.held.samples, made.baselines) == ("all", 7, ())
    assert made.held.train_share == USUAL_TRAIN_SHARE
    assert any("has no splits" in note for note in made.notes)
    assert any("has no train split" in note for note in made.notes)
    with pytest.raises(UnusableSetError, match="has no splits"):
        evaluated(folder, given, split="test")


def test_all_leaves_out_what_is_in_no_split(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", BINS)
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "00001,1", "00008,0")
    made = evaluated(folder, given, split="all")
    assert (made.held.samples, made.coverage.elsewhere) == (6, 1)
    assert any("also evaluated" in note for note in made.notes)


def test_a_fold_is_compared_with_what_the_others_teach(tmp_path: Path) -> None:
    samples = [
        {"sample": str(n), "barcode": str(n), "expected_quantity": n, "split": f"fold_{n % 3}"}
        for n in range(9)
    ]
    folder = write_set(tmp_path / "set", samples)
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "1,1", "4,4", "7,7")
    made = evaluated(folder, given, split="fold_1")
    assert made.held.train_share == 6 / 9
    assert made.baselines[0].name == "mean: 4"
    assert made.coverage.is_whole
    with pytest.raises(UnusableSetError, match=r"no split 'test'; give --split: fold_0 \(3\)"):
        evaluated(folder, given)


def test_a_set_of_texts_alone_is_evaluated_too(tmp_path: Path) -> None:
    texts = [{"sample": "a", "barcode": "1", "category": "tea"}]
    folder = write_set(tmp_path / "set", texts, kind="ocr")
    given = write_predictions(tmp_path / "p.csv", "__key__,prediction", "a,tea")
    assert evaluated(folder, given).figures["top_1"].value == 1


def test_samples_without_units_are_taken_as_independent(tmp_path: Path) -> None:
    folder = write_set(
        tmp_path / "set", [{"sample": "a", "quantity": 1}, {"sample": "b", "quantity": 2}]
    )
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "a,1", "b,2")
    made = evaluated(folder, given)
    assert (made.held.label, made.held.unit, made.held.units) == ("quantity", "sample", 2)
    assert any("intervals may be too narrow" in note for note in made.notes)


def test_the_unit_of_a_split_is_that_of_the_set(tmp_path: Path) -> None:
    samples = [{**each, "unit": "one"} for each in PRODUCTS]
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "p4,jam")
    assert evaluated(write_set(tmp_path / "set", samples), given).held.units == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"label": "colour"}, "has no label 'colour'; its labels are"),
        ({"split": "validation"}, r"no split 'validation'; give --split: excluded \(1\), test"),
        ({"label": "names"}, "has several values per sample"),
        ({"label": "note"}, "No sample of .* has a label note"),
        (
            {"label": "half", "task": "counting"},
            "00004 has '0.5', which is not a whole number; give --task classification",
        ),
        ({"label": "text", "task": "counting"}, "the sample 00004 has 'many'"),
    ],
)
def test_what_a_set_does_not_have_is_named(
    tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    more = {"names": ["a"], "note": None, "half": 0.5, "text": "many"}
    folder = write_set(tmp_path / "set", [{**each, **more} for each in BINS])
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "00004,2")
    with pytest.raises(UnusableSetError, match=said):
        evaluated(folder, given, **asked)


def test_the_label_must_be_named_where_none_is_obvious(tmp_path: Path) -> None:
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "a,1")
    folder = write_set(tmp_path / "set", [{"sample": "a", "colour": "red", "size": 3}])
    with pytest.raises(
        UnusableSetError, match="name the label with --label; its labels are colour"
    ):
        evaluated(folder, given)
    folder = write_set(tmp_path / "set", [{"sample": "a"}])
    with pytest.raises(UnusableSetError, match="it has no labels"):
        evaluated(folder, given)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("00004,two",), "line 2: the prediction 'two' is not a number below 10"),
        (("00004,1", "00005,inf"), "line 3: the prediction 'inf' is not a number"),
        (("00004,1e300",), "line 2: the prediction '1e300' is not a number below"),
        (("4,2", "5,3"), "2 name samples that the set does not have .such as '4'.*leading zeros"),
        (("00001,2",), "no prediction for the split test.* 1 are about other samples"),
        (("00004,",), "no prediction for the split test"),
        ((), "no prediction for the split test: of its 0 rows"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(
    tmp_path: Path, lines: tuple[str, ...], said: str
) -> None:
    folder = write_set(tmp_path / "set", BINS)
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", *lines)
    with pytest.raises(WrongPredictionsError, match=said):
        evaluated(folder, given)


def test_a_score_that_is_no_number_is_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", PRODUCTS)
    given = write_predictions(tmp_path / "p.csv", "sample,score:jam,score:tea", "p4,1,2", "p5,1,x")
    with pytest.raises(WrongPredictionsError, match="line 3: the score of tea is not a finite"):
        evaluated(folder, given)


def test_an_object_is_not_a_prediction(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", PRODUCTS)
    given = write_predictions(tmp_path / "p.jsonl", '{"sample": "p4", "prediction": {"a": 1}}')
    with pytest.raises(WrongPredictionsError, match="line 1: the column prediction has an object"):
        evaluated(folder, given)


def test_more_classes_than_can_be_compared_are_refused(tmp_path: Path) -> None:
    count = MOST_CLASSES + 1
    samples = [{"sample": str(n), "barcode": str(n), "category": "tea"} for n in range(count)]
    folder = write_set(tmp_path / "set", samples)
    rows = (f"{n},c{n}" for n in range(count))
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", *rows)
    with pytest.raises(WrongPredictionsError, match="10,002 different classes; at most 10,000"):
        evaluated(folder, given)


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    name = "'; DROP TABLE samples; --\x1b[31m"
    folder = write_set(tmp_path / "set", [{"sample": "a'b", "barcode": "1", "category": name}])
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", f'a\'b,"{name}"')
    made = evaluated(folder, given)
    assert made.figures["top_1"].value == 1
    assert made.classes[0].name == name


def test_a_set_in_a_bucket_is_evaluated(tmp_path: Path) -> None:
    write_set(tmp_path / "bucket" / "prefix" / BIN_IMAGE_SETS / "counting", BINS)
    given = write_predictions(tmp_path / "p.csv", "sample,prediction", "00004,2")
    with S3Server({"lake": tmp_path / "bucket"}) as server:
        lake = Lake("s3://lake/prefix", Access(endpoint=server.url))
        with lake.connect() as connection:
            of = labelled_set(lake, connection, "counting")
            assert evaluate(connection, of, given).held.samples == 3
