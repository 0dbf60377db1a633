"""Manifests and files of predictions as tests write them, and DuckDB over a lake."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from off_platform.evaluation.evaluate import evaluate
from off_platform.evaluation.labelled_sets import labelled_set
from off_platform.evaluation.results import Evaluation
from off_platform.storage.lake import Lake
from off_platform.storage.lake_layout import MANIFEST

Sample = Mapping[str, Any]


def write_set(folder: Path, samples: Iterable[Sample], kind: str = "photo") -> Path:
    """A folder with a manifest: each sample is fetched and in test, unless it says otherwise."""
    usual = {"kind": kind, "status": "fetched", "split": "test", "duplicate_group": None}
    rows = [{"position": place, **usual, **each} for place, each in enumerate(samples)]
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / MANIFEST)
    return folder


def write_predictions(path: Path, *lines: str) -> Path:
    """A text file of these lines."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def evaluated(folder: Path, predictions: Path, **asked: Any) -> Evaluation:
    """The evaluation of a file on the set in a folder."""
    lake = Lake(str(folder.parent / "lake"))
    with lake.connect() as connection:
        of = labelled_set(lake, connection, str(folder))
        return evaluate(connection, of, predictions, **asked)
