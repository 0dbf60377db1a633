"""`make example`: from generated bins to an evaluated model, and the program on other labels."""

import json
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from off_platform_tests.evaluation.made_sets import write_set
from off_platform_tests.loaders.conftest import REASON
from off_platform_tests.test_makefile import AS_AT_A_TERMINAL, PROJECT

pytestmark = [pytest.mark.loaders, pytest.mark.slow]
COLOURS = {"tea": (40, 160, 60), "jam": (180, 20, 40), "soda": (230, 200, 40)}


@pytest.fixture(autouse=True)
def _installed(webdataset: Any) -> None:
    pytest.importorskip("sklearn", reason=REASON)
    assert webdataset


def test_make_example_trains_a_model_that_beats_what_is_trivial(tmp_path: Path) -> None:
    """The recipe itself, on fewer bins."""
    words = [f"BIN={Path(sys.executable).parent}", f"EXAMPLE={tmp_path}", "EXAMPLE_BINS=250"]
    done = subprocess.run(  # noqa: S603 - the system's make
        ["make", "-o", ".venv/.loaders_ready", "example", *words],  # noqa: S607 - the same
        cwd=PROJECT,
        env=AS_AT_A_TERMINAL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "split test: expected_quantity of" in done.stdout
    found = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert found["coverage"]["predicted"] == found["samples"] > 20
    baselines = [each["figures"] for each in found["baselines"]]
    # Not even the ends of the intervals meet.
    assert found["figures"]["rmse"]["high"] < min(each["rmse"]["low"] for each in baselines)
    assert found["figures"]["accuracy"]["value"] > max(
        each["accuracy"]["high"] for each in baselines
    )
    assert (tmp_path / "evaluation.html").exists()


def test_the_program_learns_classes_too(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    rows = []
    for split, samples in (("train", 30), ("test", 12)):
        with tarfile.open(folder / f"{split}-00000.tar", "w") as shard:
            for number in range(samples):
                category = list(COLOURS)[number % 3]
                name = f"{split}{number}"
                for ending, content in (
                    ("jpg", photo(category, number)),
                    ("json", json.dumps({"category": category}).encode()),
                ):
                    member = tarfile.TarInfo(f"{name}.{ending}")
                    member.size = len(content)
                    shard.addfile(member, BytesIO(content))
                rows.append({"sample": name, "barcode": name, "split": split, "category": category})
    write_set(folder, rows)
    done = subprocess.run(  # noqa: S603 - our own program
        [
            sys.executable,
            PROJECT / "examples" / "train_on_a_set.py",
            folder,
            "--label",
            "category",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert found["figures"]["top_1"]["value"] == found["figures"]["top_5"]["value"] == 1


def photo(category: str, number: int) -> bytes:
    written = BytesIO()
    Image.new("RGB", (80 + number, 60), COLOURS[category]).save(written, "JPEG")
    return written.getvalue()
