"""A set on the Hub is the set here, byte for byte; what is there already is not sent again."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from off_platform.image_sets.publishing.publishable import publishable
from off_platform.image_sets.publishing.publishing import (
    Difference,
    TargetRefusedError,
    TargetUnreachableError,
    publish,
)
from off_platform.storage.local_folder import LocalFolder
from off_platform.storage.progress import LogDisplay
from off_platform_tests.hub.server import HubServer
from off_platform_tests.publishing.conftest import content, write_set
from off_platform_tests.waiting import LOOK_SECONDS, PATIENCE_SECONDS

hub = pytest.importorskip(
    "huggingface_hub", reason="the library is installed by the extra `publish`"
)
hub_target = pytest.importorskip("off_platform.image_sets.publishing.hub_target")

# Of the Hub's library with its own HTTP library.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
SET = "us/few"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A Hub in which we are logged in; without the storage protocol that it does not speak."""
    with HubServer() as running:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", running.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setenv("HF_TOKEN", "hf_ours")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield running


Publish = Callable[..., Difference]


@pytest.fixture
def publish_to(connection: duckdb.DuckDBPyConnection) -> Publish:
    """Publishes a folder."""

    def send(folder: Path, name: str = SET, *, delete: bool = False, **options: Any) -> Difference:
        made = publishable(LocalFolder(folder), connection)
        target = hub_target.HubTarget(*name.split("/"), **options)
        return publish(made, "few", target, LogDisplay(str), delete=delete)

    return send


def upstream(server: HubServer, name: str = SET) -> dict[str, bytes]:
    files = server.hub.repositories[name].files
    return {path: data for path, data in files.items() if path != ".gitattributes"}


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["files", "split files", "shards", "parquet"])
def test_a_set_arrives_with_the_card_last(
    server: HubServer, publish_to: Publish, tmp_path: Path, layout: str
) -> None:
    server.hub.part_bytes = 3000
    folder = write_set(tmp_path / "set", layout)
    found = publish_to(folder)
    assert upstream(server) == content(folder)
    assert len(found.to_send) == len(content(folder))
    commits = server.hub.repositories[SET].commits
    assert commits[-1] == ["README.md"]
    assert not any("README.md" in names for names in commits[:-1])


@pytest.mark.slow
def test_a_set_that_is_there_is_not_sent_again(
    server: HubServer, publish_to: Publish, tmp_path: Path
) -> None:
    folder = write_set(tmp_path / "set", photos=70)
    publish_to(folder)
    commits, uploads = len(server.hub.repositories[SET].commits), len(server.hub.uploads)
    found = publish_to(folder)
    assert found.to_send == ()
    assert len(found.same) == len(content(folder))
    assert len(server.hub.repositories[SET].commits) == commits
    assert len(server.hub.uploads) == uploads


@pytest.mark.parametrize("changed", ["00000/s0001.jpg", "gallery.html"])
def test_only_what_differs_is_sent(
    server: HubServer, publish_to: Publish, tmp_path: Path, changed: str
) -> None:
    folder = write_set(tmp_path / "set")
    publish_to(folder)
    data = (folder / changed).read_bytes()
    # Of the same size.
    (folder / changed).write_bytes(data[:-1] + b"X")
    assert publish_to(folder).to_send == (changed,)
    assert upstream(server) == content(folder)


@pytest.mark.slow
def test_files_of_the_target_stay_unless_asked(
    server: HubServer, publish_to: Publish, tmp_path: Path
) -> None:
    publish_to(write_set(tmp_path / "set", photos=7))
    smaller = write_set(tmp_path / "smaller", photos=5)
    found = publish_to(smaller)
    assert found.only_there == ("00000/s0005.jpg", "00000/s0006.jpg")
    assert upstream(server).keys() == content(tmp_path / "set").keys()
    publish_to(smaller, delete=True)
    assert upstream(server) == content(smaller)
    assert ".gitattributes" in server.hub.repositories[SET].files


def test_a_new_repository_is_private_if_asked(
    server: HubServer, publish_to: Publish, tmp_path: Path
) -> None:
    publish_to(write_set(tmp_path / "set"), private=True)
    assert server.hub.repositories[SET].private


def refused(publish_to: Publish, folder: Path, name: str = SET) -> str:
    with pytest.raises(TargetRefusedError) as error:
        publish_to(folder, name)
    assert "\n" not in str(error.value)
    assert "hf_" not in str(error.value)
    return str(error.value)


def test_without_a_token_it_says_how_to_log_in(
    server: HubServer, publish_to: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    assert "hf auth login" in refused(publish_to, write_set(tmp_path / "set"))
    assert not server.hub.repositories


def test_a_token_that_is_not_valid_is_said(
    server: HubServer, publish_to: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    assert "does not accept your token" in refused(publish_to, write_set(tmp_path / "set"))
    assert not server.hub.repositories


def test_a_repository_of_another_is_refused(
    server: HubServer, publish_to: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_set(tmp_path / "set")
    assert "belongs to another" in refused(publish_to, folder, "them/few")
    server.hub.users["hf_theirs"] = "them"
    monkeypatch.setenv("HF_TOKEN", "hf_theirs")
    publish_to(folder, "them/few")
    before = upstream(server, "them/few")
    monkeypatch.setenv("HF_TOKEN", "hf_ours")
    (folder / "gallery.html").write_text("ours")
    assert "belongs to another" in refused(publish_to, folder, "them/few")
    assert upstream(server, "them/few") == before


def test_a_name_that_the_hub_does_not_take_is_said(
    server: HubServer, publish_to: Publish, tmp_path: Path
) -> None:
    assert server.url in refused(publish_to, write_set(tmp_path / "set"), "us/a--b")


def test_a_failing_hub_is_said_and_resumed(
    server: HubServer, publish_to: Publish, tmp_path: Path
) -> None:
    folder = write_set(tmp_path / "set")
    server.hub.fail = lambda _, path: 500 if path.endswith("/commit/main") else None
    with pytest.raises(TargetUnreachableError, match="failed with status 500"):
        publish_to(folder)
    server.hub.fail = lambda _method, _path: None
    uploads = len(server.hub.uploads)
    publish_to(folder)
    assert upstream(server) == content(folder)
    # They were uploaded, if not committed.
    assert len(server.hub.uploads) == uploads


def test_a_hub_that_does_not_answer_is_said(
    server: HubServer, publish_to: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(TargetUnreachableError, match=r"127\.0\.0\.1:9 cannot be reached"):
        publish_to(write_set(tmp_path / "set"))
    assert not server.hub.repositories


@pytest.mark.slow
def test_only_sentences_of_ours_are_printed(
    server: HubServer,
    publish_to: Publish,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    server.hub.warnings = ("The licence\nis odd.",)
    failing = iter([503])
    server.hub.fail = lambda _, path: next(failing, None) if "/tree/" in path else None
    logger = logging.getLogger("huggingface_hub")
    logger.addHandler(caplog.handler)
    try:
        publish_to(write_set(tmp_path / "set"))
    finally:
        logger.removeHandler(caplog.handler)
    assert not list(failing)
    (sentence,) = caplog.messages
    assert sentence.startswith(f"{server.url}/datasets/{SET} says: ")
    assert sentence.endswith("The licence is odd.")
    assert not [each for each in recwarn if each.category is UserWarning]


def test_files_that_the_hub_leaves_out_keep_the_card_back(
    server: HubServer, publish_to: Publish, tmp_path: Path
) -> None:
    server.hub.ignored = frozenset({"00000/s0001.jpg"})
    with pytest.raises(TargetUnreachableError, match=r"does not have them: 00000/s0001\.jpg"):
        publish_to(write_set(tmp_path / "set"))
    assert "README.md" not in upstream(server)


def test_folders_that_the_hub_refuses_are_said() -> None:
    target = hub_target.HubTarget("us", "few")
    assert list(target.advice(dict.fromkeys(map(str, range(10_000)), 1))) == []
    (sentence,) = target.advice({f"a/{number}": 1 for number in range(10_001)})
    assert "more than 10,000 files" in sentence


@pytest.mark.slow
def test_a_killed_run_is_resumed(server: HubServer, publish_to: Publish, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", photos=250)
    reached = threading.Event()

    def stop(_: str) -> None:
        if len(server.hub.uploads) > 150:
            reached.set()
            dead.wait(PATIENCE_SECONDS)

    dead = threading.Event()
    server.hub.before_upload = stop
    program = Path(sys.executable).with_name("off-platform")
    command = [str(program), "publish", str(folder)]
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*command, "--to", f"hf://datasets/{SET}"],
        cwd=tmp_path,
        env=os.environ | {"HF_ENDPOINT": server.url, "HF_HUB_DISABLE_XET": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    while not reached.wait(LOOK_SECONDS):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    dead.set()
    server.hub.before_upload = str
    there = upstream(server)
    assert 100 <= len(there) < 200
    assert "README.md" not in there
    uploads = set(server.hub.uploads)
    found = publish_to(folder)
    assert set(found.same) == there.keys()
    assert upstream(server) == content(folder)
    # What was uploaded before it was killed is not uploaded again.
    assert len(set(server.hub.uploads)) == len(server.hub.uploads)
    assert uploads <= set(server.hub.uploads)
