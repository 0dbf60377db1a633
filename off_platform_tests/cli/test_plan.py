"""`off-platform plan` as a user runs it, against a bucket over HTTP."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import duckdb
import pytest

from off_platform.image_sets.planning import planner
from off_platform.sandbox.make import Sandbox
from off_platform_tests.command_line import Run, command_line
from off_platform_tests.images_desk import BUCKET
from off_platform_tests.s3.server import S3Server

SETS = """
[images.all]
n = "all"
kind = "400+ocr"
shard_samples = 5

[images.both]
[bins.both]
"""
KEYS = {
    *("set", "wing", "chosen_from", "candidates", "samples", "objects", "kinds", "bytes_to_fetch"),
    *("bytes_of_set", "seconds", "limit", "bandwidth_bits", "places", "space", "fits"),
    *("requests", "dollars", "prices", "warnings", "problem"),
}
pytestmark = pytest.mark.slow


@pytest.fixture
def run(
    server: S3Server,
    month_lake: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs `off-platform plan` where the month is indexed; exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(month_lake, "lake")
    Path("image_sets.toml").write_text(SETS)
    of = {
        "LAKE": tmp_path / "lake",
        "IMAGES_BUCKET": f"s3://{BUCKET}",
        "SOURCES_ENDPOINT": server.url,
        "ATTEMPTS": 1,
    }
    return command_line(monkeypatch, capsys, of)


def sizes_of(sandbox: Sandbox, suffix: str) -> int:
    """Bytes of all objects of the bucket whose names end so."""
    return sum(path.stat().st_size for path in sandbox.images.folder.rglob(f"*{suffix}"))


def plan(run: Run, *words: str, expected: int = 0) -> dict[str, Any]:
    code, out, err = run("plan", *words, "--json")
    assert code == expected, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_objects_and_bytes_are_those_of_the_set_that_is_then_built(
    run: Run, server: S3Server, sandbox: Sandbox
) -> None:
    found = plan(run, "all")
    assert found.keys() == KEYS
    photos, texts = found["kinds"]
    assert (photos["kind"], texts["kind"]) == ("400", "ocr")
    asked = Counter((each.method, each.status) for each in server.requests)
    # A HEAD for each photo, the last bytes of each text, and nothing else.
    assert asked["HEAD", 200] + asked["HEAD", 404] == photos["objects"]
    assert asked["GET", 206] + asked["GET", 404] == texts["objects"]
    assert asked.total() == found["objects"] == photos["objects"] + texts["objects"]
    code, _, _ = run("images", "all")
    assert code == 1
    manifest = _manifest("lake/image_sets/all")
    assert len(manifest) == found["objects"]
    for kind in found["kinds"]:
        rows = [row for row in manifest if row.kind == kind["kind"]]
        there = [sandbox.images.folder / row.key for row in rows]
        size = sum(path.stat().st_size for path in there if path.exists())
        assert kind["bytes_to_fetch"] == {"likely": size, "low": size, "high": size}
        assert kind["missing"] == sum(not path.exists() for path in there)
        # A damaged photo has a size, but is not stored.
        stored = sum(row.stored_bytes or 0 for row in rows)
        damaged = sum(
            path.stat().st_size
            for path, row in zip(there, rows, strict=True)
            if path.exists() and row.stored_bytes is None
        )
        assert kind["bytes_of_set"]["likely"] == stored + damaged + 768 * len(rows)
    assert found["fits"] is True
    assert photos["bytes_to_fetch"]["likely"] <= sizes_of(sandbox, ".400.jpg")
    # What is in the set is asked for again, but not sent.
    again = plan(run, "all")
    fetched = Counter(row.kind for row in manifest if row.stored_bytes is not None)
    assert {kind["kind"]: kind["in_set"] for kind in again["kinds"]} == fetched
    assert again["requests"] == found["requests"]
    assert again["bytes_to_fetch"]["likely"] < found["bytes_to_fetch"]["likely"] / 10
    assert again["bytes_of_set"] == found["bytes_of_set"]


class _Object(NamedTuple):
    """A row of a manifest."""

    kind: str
    key: str
    stored_bytes: int | None


def _manifest(folder: str) -> list[_Object]:
    query = "SELECT kind, key, stored_bytes FROM read_parquet(?)"
    rows = duckdb.execute(query, [f"{folder}/manifest.parquet"]).fetchall()
    return [_Object(*row) for row in rows]


def test_the_bytes_of_many_are_estimated_from_some(
    run: Run, server: S3Server, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "SAMPLED", 25)
    words = ("--wing", "images", "--kind", "raw", "--n", "all")
    found = plan(run, *words)
    (photos,) = found["kinds"]
    assert photos["sampled"] == 25 < photos["objects"]
    assert len(server.requests) == 25
    likely, low, high = (photos["bytes_to_fetch"][name] for name in ("likely", "low", "high"))
    assert low < likely < high
    raw = sizes_of(sandbox, ".jpg") - sizes_of(sandbox, ".400.jpg")
    assert low <= raw <= high
    # The same objects are asked for, so the plan is the same.
    assert plan(run, *words)["bytes_to_fetch"] == found["bytes_to_fetch"]


def test_a_set_that_does_not_fit_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(".")._replace(free=1000)
    monkeypatch.setattr(planner.shutil, "disk_usage", lambda _: full)
    assert plan(run, "all", expected=1)["fits"] is False
    code, out, _ = run("plan", "all")
    assert code == 1
    assert "does not fit: needs up to" in out
    # In a folder of the lake's name nothing was made.
    assert not Path("lake/image_sets").exists()


def test_a_bucket_that_cannot_be_reached_leaves_bytes_unknown(run: Run) -> None:
    away = {"SOURCES_ENDPOINT": "http://127.0.0.1:1"}
    code, out, err = run("plan", "all", **away)
    assert code == 3
    assert "unknown" in out
    assert "0 of 26 requests were answered" in err
    found = plan(run, "all", expected=3)
    assert (found["bytes_to_fetch"], found["fits"]) == (None, None)
    assert found["objects"] == 52
    # Nobody asked for sizes.
    silent = plan(run, "all", "--no-requests")
    assert silent["problem"] == "no sizes were requested"
    assert silent["seconds"]["least"] == silent["seconds"]["prefix"] > 0


def test_regions_that_differ_and_the_bill_are_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFF_PLATFORM_PRICE_GET", "1000")
    found = plan(run, "all")
    assert found["dollars"]["get"] == pytest.approx(found["requests"]["get"])
    assert found["dollars"]["get_and_transfer_paid_by_owner"]
    assert found["requests"]["put"] == 0
    code, out, _ = run("plan", "all", "--bandwidth", "1Mbit")
    assert code == 0
    assert "connection of 1 Mbit/s" in out
    assert "verification in 1 process " in out
    assert plan(run, "all")["places"] == 1
    monkeypatch.setenv("OFF_PLATFORM_FLEET", "ray")
    monkeypatch.setenv("OFF_PLATFORM_FLEET_PLACES", "16")
    assert plan(run, "all")["places"] == 16
    assert "the bucket's owner pays" in out


def test_the_manifest_of_a_job_of_s3(run: Run) -> None:
    code, _, err = run("plan", "all", "--s3-batch", "job.csv")
    assert code == 0
    assert "job.csv names 52 objects." in err
    with Path("job.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert {bucket for bucket, _ in rows} == {BUCKET}
    keys = [unquote(key) for _, key in rows]
    assert len(set(keys)) == 52
    assert all(key.startswith("data/") and key.endswith((".400.jpg", ".json.gz")) for key in keys)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["both"], "Both wings declare a set both: give --wing images or bins."),
        (["nothing"], "There is no image set 'nothing'"),
        ([], "name a declared SET, or give --wing and options"),
        (["all", "--bandwidth", "fast"], "write a bandwidth as 1Gbit"),
        (["all", "--difficulty", "hard"], "sets of images have no option --difficulty"),
        (["all", "--s3-batch", "job.txt"], "must end in .csv"),
        (["both", "--wing", "bins"], "There are no bins yet"),
    ],
)
def test_what_is_wrong_is_said(run: Run, words: list[str], sentence: str) -> None:
    code, _, err = run("plan", *words)
    assert code == 2
    assert sentence in " ".join(err.replace("│", " ").split())


def test_photos_of_bins_are_known_from_the_listing(run: Run, sandbox: Sandbox) -> None:
    bucket = {"BINS_BUCKET": str(sandbox.bins.folder)}
    code, _, err = run("bins", "--n", "3", "--out", "some", **bucket)
    assert code in {0, 1}, err
    found = plan(run, "--wing", "bins", "--n", "all", "--id-space", "both")
    photos, metadata = found["kinds"]
    there = sandbox.bins.folder / "bin-images"
    assert 0 < photos["objects"] <= len(list(there.iterdir()))
    assert photos["sampled"] == metadata["requests"] == 0
    size = photos["bytes_to_fetch"]
    assert size["low"] == size["high"] <= sum(path.stat().st_size for path in there.iterdir())
    code, _, err = run("plan", "--wing", "bins", "--s3-batch", "job.csv")
    assert code == 2
    assert "S3 Batch Operations copies from a bucket" in err
