"""Trains a small model on an image set, predicts its test split, and evaluates the predictions.

    python examples/train_on_a_set.py SET [--label NAME]

SET is the folder of a set in WebDataset shards with the splits train and test, such as `make
example` builds. The photos are read by webdataset, described by some 300 simple numbers (colours,
edges and cloth by column and row), and learned by scikit-learn's randomised trees: a minute on one
processor, no download. Replace `described` and `model_for` by your own network; the rest stays.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import webdataset as wds
from PIL import Image
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

ENDINGS = ("jpg", "png", "webp")
WIDTH, HEIGHT = 96, 72
HUES = 18
# The cloth of a bin is yellow; hue and saturation from 0 to 1.
CLOTH_HUE, CLOTH_NEAR, CLOTH_SATURATION = 0.125, 0.04, 0.2
TREES = 300

Row = npt.NDArray[np.float32]


def samples(folder: Path, split: str, label: str) -> Iterator[tuple[str, Row, Any]]:
    """Name, description and label of each photo of a split."""
    shards = sorted(map(str, folder.glob(f"{split}-*.tar")))
    if not shards:
        sys.exit(f"{folder} has no shards {split}-*.tar: build the set with split and as shards.")
    for sample in wds.WebDataset(shards, shardshuffle=False).decode("pil"):
        photo = next((sample[ending] for ending in ENDINGS if ending in sample), None)
        # A photo that the bucket does not have, or a sample without this label, teaches nothing.
        if photo is not None and sample["json"].get(label) is not None:
            yield sample["__key__"], described(photo), sample["json"][label]


def described(photo: Image.Image) -> Row:
    """A photo as numbers."""
    small = photo.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    grey = np.asarray(small.convert("L"), dtype=np.float32) / 255
    hue, saturation, _ = np.moveaxis(np.asarray(small.convert("HSV"), dtype=np.float32) / 255, 2, 0)
    colours, _ = np.histogram(hue, bins=HUES, range=(0, 1), weights=saturation)
    cloth = (np.abs(hue - CLOTH_HUE) < CLOTH_NEAR) & (saturation > CLOTH_SATURATION)
    return np.concatenate(
        [
            colours / hue.size,
            cloth.mean(axis=0),
            cloth.mean(axis=1),
            np.abs(np.diff(grey, axis=1)).mean(axis=0),
            np.abs(np.diff(grey, axis=0)).mean(axis=1),
        ]
    ).astype(np.float32)


def model_for(labels: list[Any]) -> Any:
    """Trees for numbers or for classes."""
    trees = ExtraTreesRegressor if isinstance(labels[0], int | float) else ExtraTreesClassifier
    return trees(TREES, max_features=0.2, random_state=0, n_jobs=-1)


def predictions(model: Any, names: list[str], photos: Row) -> pd.DataFrame:
    """The file for `off-platform evaluate`: numbers, or a score for each class."""
    if not hasattr(model, "predict_proba"):
        return pd.DataFrame({"sample": names, "prediction": model.predict(photos)})
    scores = pd.DataFrame(model.predict_proba(photos), columns=model.classes_)
    return scores.add_prefix("score:").assign(sample=names)


def main() -> int:
    """Trains, predicts, evaluates; returns the exit code of the evaluation."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("set", type=Path, help="folder of the set")
    parser.add_argument("--label", default="expected_quantity", help="what to learn")
    parser.add_argument("--out", type=Path, help="folder for the files written; beside the set")
    asked = parser.parse_args()
    # Not into the set, of which loaders read every table.
    out = asked.out or asked.set.absolute().parent
    _, photos, labels = zip(*samples(asked.set, "train", asked.label), strict=True)
    print(f"Training on {len(photos):,} photos of train.")
    model = model_for(list(labels)).fit(np.stack(photos), labels)
    names, photos, _ = zip(*samples(asked.set, "test", asked.label), strict=True)
    file = out / "predictions.csv"
    predictions(model, list(names), np.stack(photos)).to_csv(file, index=False)
    print(f"Predicted {len(names):,} photos of test: {file}")
    report = ["--json", out / "evaluation.json", "--report", out / "evaluation.html"]
    program = Path(sys.executable).with_name("off-platform")
    words = [program, "evaluate", file, "--set", asked.set, "--label", asked.label, *report]
    return subprocess.run(words, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
