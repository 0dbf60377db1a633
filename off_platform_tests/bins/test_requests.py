"""How much the bins' set `tryout` asks of a lake in a bucket; times would be the machine's."""

from collections import Counter
from pathlib import Path

import pytest

from off_platform.sandbox.make import make_bins_bucket
from off_platform_tests.command_line import command_line
from off_platform_tests.s3.server import S3Server

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_set_tryout_asks_little_of_a_lake_in_a_bucket(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """At 1 ms each, what is asked takes no longer than the set takes on disk."""
    bucket = make_bins_bucket(tmp_path / "bins", bins=60)
    (tmp_path / "lake").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with S3Server({"lake": tmp_path / "lake"}) as server:
        run = command_line(
            monkeypatch,
            capsys,
            {
                "LAKE": "s3://lake/one",
                "LAKE_ENDPOINT": server.url,
                "BINS_BUCKET": bucket.folder,
                "IMAGE_SETS": ROOT / "image_sets.toml",
            },
        )
        asked = []
        for _ in range(2):
            server.requests.clear()
            code, _, err = run("bins", "tryout")
            assert code in {0, 1}, err
            asked.append(Counter(request.method for request in server.requests))
    first, again = asked
    assert first.total() < 450
    assert first["HEAD"] < 100
    assert again.total() < 380
