"""The output of runs on S3, over a server of its API."""

from pathlib import Path

import boto3
import dagster as dg
import pytest
import yaml

from off_platform.automation.history import _forget
from off_platform_tests.s3.moto_server import moto_server

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"


@dg.asset
def speaks() -> None:
    print("said to the log")  # noqa: T201 - the output that is stored


@pytest.mark.slow
def test_output_of_runs_is_stored_in_a_bucket_and_deleted_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As it is meant to be used: in the server's file, in place of that section.
    server = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    logs = yaml.safe_load((DEPLOY / "compute_logs_s3.yaml").read_text())
    kept = {"telemetry": server["telemetry"], **logs}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(kept))
    with moto_server() as url:
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "DAGSTER_LOGS_BUCKET": "logs-of-runs",
        }.items():
            monkeypatch.setenv(name, value)
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="logs-of-runs")
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            run = dg.materialize([speaks], instance=instance).run_id
            keys = [each["Key"] for each in s3.list_objects_v2(Bucket="logs-of-runs")["Contents"]]
            texts = [s3.get_object(Bucket="logs-of-runs", Key=key)["Body"].read() for key in keys]
            assert all(key.startswith(f"dagster-logs/storage/{run}/") for key in keys)
            assert any(b"said to the log" in text for text in texts)
            _forget(instance, run)
            assert s3.list_objects_v2(Bucket="logs-of-runs")["KeyCount"] == 0
