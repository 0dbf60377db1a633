"""Settings: defaults, `.env`, the sandbox, and one line for a wrong one."""

from pathlib import Path

import pytest

from off_platform.settings import Settings, WrongSettingError, settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"OFF_PLATFORM_{name.upper()}", raising=False)
    settings.cache_clear()


def test_the_public_buckets_are_the_default() -> None:
    assert settings().images_bucket == "s3://openfoodfacts-images"
    assert settings().bins_bucket == "s3://aft-vbi-pds"
    assert settings().sources_access == "anonymous"
    assert settings().lake == "var/lake"


def test_a_dotenv_file_counts_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("OFF_PLATFORM_LAKE=s3://ours/lake\nOFF_PLATFORM_CONCURRENCY=7\n")
    monkeypatch.setenv("OFF_PLATFORM_CONCURRENCY", "9")
    assert (settings().lake, settings().concurrency) == ("s3://ours/lake", 9)


def test_the_sandbox_never_shares_a_lake_with_the_public_buckets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OFF_PLATFORM_SANDBOX", "1")
    assert settings().lake == "var/sandbox/lake"
    assert settings().images_bucket == "var/sandbox/openfoodfacts-images"


def test_the_sandbox_wins_over_the_lake_and_buckets_of_dotenv(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("OFF_PLATFORM_LAKE=s3://ours/lake\nOFF_PLATFORM_BINS_BUCKET=s3://b\n")
    monkeypatch.setenv("OFF_PLATFORM_SANDBOX", "true")
    assert settings().lake == "var/sandbox/lake"
    assert settings().bins_bucket == "var/sandbox/aft-vbi-pds"


def test_a_lake_of_the_environment_beside_the_sandbox_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OFF_PLATFORM_SANDBOX", "1")
    monkeypatch.setenv("OFF_PLATFORM_LAKE", "s3://ours/lake")
    with pytest.raises(WrongSettingError, match="OFF_PLATFORM_LAKE and OFF_PLATFORM_SANDBOX"):
        settings()


@pytest.mark.parametrize("copied", [False, True])
def test_a_lake_of_dotenv_beside_the_sandbox_is_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, copied: bool
) -> None:
    Path(".env").write_text("OFF_PLATFORM_LAKE=s3://ours/lake\n")
    monkeypatch.setenv("OFF_PLATFORM_SANDBOX", "1")
    if copied:  # as Dagster does for its processes
        monkeypatch.setenv("OFF_PLATFORM_LAKE", "s3://ours/lake")
    assert settings().lake == "var/sandbox/lake"
    assert "OFF_PLATFORM_LAKE of .env is not used" in caplog.text


def test_an_inbox_that_is_set_stays_with_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFF_PLATFORM_SANDBOX", "1")
    assert settings().inbox == "var/sandbox/inbox"
    settings.cache_clear()
    monkeypatch.setenv("OFF_PLATFORM_INBOX", "arrived")
    assert settings().inbox == "arrived"


def test_an_empty_line_means_the_default() -> None:
    Path(".env").write_text("OFF_PLATFORM_PRODUCTS_DUMP=\nOFF_PLATFORM_LAKE=\n")
    assert (settings().products_dump, settings().lake) == (None, "var/lake")


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_a_misspelt_setting_is_refused(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    if where == ".env":
        Path(".env").write_text("OFF_PLATFORM_LAEK=elsewhere\n")
    else:
        monkeypatch.setenv("OFF_PLATFORM_LAEK", "elsewhere")
    with pytest.raises(WrongSettingError, match="no setting OFF_PLATFORM_LAEK; OFF_PLATFORM_LAKE"):
        settings()


def test_a_line_that_cannot_be_read_is_refused() -> None:
    Path(".env").write_text("OFF_PLATFORM_SANDBOX=1\nOFF_PLATFORM_LAKE='unclosed\n")
    with pytest.raises(WrongSettingError, match=r"\.env, line 2, cannot be read"):
        settings()


def test_a_line_that_cannot_be_read_shows_no_value() -> None:
    Path(".env").write_text("AWS_SECRET_ACCESS_KEY='hunter2\n")
    with pytest.raises(WrongSettingError, match="AWS_SECRET_ACCESS_KEY") as refused:
        settings()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["LAKE", "IMAGES_BUCKET", "BINS_BUCKET", "SOURCES_ENDPOINT", "PRODUCTS_DUMP", "INBOX"]
)
@pytest.mark.parametrize(
    "address",
    [
        "http://alice:hunter2@host/bucket",
        "https://hunter2@host:9000/bucket",
        "https://host/dump.csv.gz?X-Amz-Credential=a&X-Amz-Signature=hunter2&x=1",
        "https://host/dump.csv.gz?download=1&access_token=hunter2",
        "https://host/dump.csv.gz?sig=hunter2",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, address: str
) -> None:
    monkeypatch.setenv(f"OFF_PLATFORM_{name}", address)
    with pytest.raises(WrongSettingError, match=rf"OFF_PLATFORM_{name}=.*\*\*\*") as refused:
        settings()
    assert "hunter2" not in str(refused.value)
    assert "AWS chain" in str(refused.value)


@pytest.mark.parametrize(
    "address",
    ["https://host/dump.csv.gz?download=1&monkey=2", "s3://bucket/a@b", "https://host/a@b/c:d@e"],
)
def test_an_address_without_credentials_is_used(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("OFF_PLATFORM_PRODUCTS_DUMP", address)
    assert settings().products_dump == address


def test_a_dotenv_file_in_another_encoding_is_one_sentence() -> None:
    Path(".env").write_bytes("OFF_PLATFORM_LAKE=é".encode("latin-1"))
    with pytest.raises(WrongSettingError, match="not UTF-8 text"):
        settings()


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("CONCURRENCY", "many", "valid integer"),
        ("CONCURRENCY", "0", "greater than or equal to 1"),
        ("LAKE", "ftp://host/x", "must be a folder or start with one of s3://"),
        ("IMAGES_BUCKET", " ", "must be a folder or a URL"),
        ("SOURCES_ACCESS", "free", "'anonymous' or 'signed'"),
        ("DUCKDB_MEMORY", "lots", "such as 1GB"),
        ("DUCKDB_MEMORY", "0MB", "such as 1GB"),
        ("DUCKDB_MEMORY", "²GB", "such as 1GB"),
        ("LAKE_ENDPOINT", "host:9000", "must be an address"),
        ("LAKE_REGION", "Paris, France", "such as eu-west-3"),
        ("LAKE", "s3://", "must name a bucket"),
        ("LAKE", "data?/lake", "a folder with a question mark in its name"),
        ("MONTHLY_CRON", "whenever", "must have five fields"),
        ("MONTHLY_CRON", "0 3 99 * *", "the day '99' must be numbers from 1 to 31"),
        ("WEEKLY_CRON", "*/0 7 * * 1", "the minute '*/0' must be numbers from 0 to 59"),
        ("MONTHLY_CRON", "0 3 30 2 *", "must have a day that its months have"),
        ("REQUEST_SECONDS", "inf", "less than or equal to 86400"),
        ("ALERT_REPEAT_HOURS", "1e999", "less than or equal to 87600"),
        ("PRICE_GET", "inf", "finite number"),
        ("ALERT_UI", "dagster", "must be an address such as https://"),
        ("SHRUNK_SHARE_MOST", "1.5", "less than or equal to 1"),
        ("SANDBOX", "perhaps", "valid boolean"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, right: str
) -> None:
    monkeypatch.setenv(f"OFF_PLATFORM_{name}", value)
    with pytest.raises(WrongSettingError) as caught:
        settings()
    message = str(caught.value)
    assert f"OFF_PLATFORM_{name}={value!r}" in message
    assert right in message
    assert "The default is" in message
    assert "\n" not in message


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())
