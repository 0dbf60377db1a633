"""A dataset on the Hugging Face Hub as the target of a published set.

The token comes from Hugging Face's own chain (HF_TOKEN or `hf auth login`), the address from
HF_ENDPOINT. Each batch is a commit, so that what was sent once stays.
"""

import hashlib
import logging
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    get_session,
    get_token,
)
from huggingface_hub.errors import (
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.logging import set_verbosity
from huggingface_hub.utils.tqdm import disable_progress_bars

from off_platform.image_sets.publishing.publishing import (
    TargetRefusedError,
    TargetUnreachableError,
    Upstream,
)
from off_platform.words import readable

BATCH_FILES = 100
# The Hub refuses folders with more files, and advises against larger repositories.
FOLDER_FILES_MOST = 10_000
REPOSITORY_FILES_MOST = 100_000
# A commit of many files takes the Hub a minute; by default the library waits for ever.
REQUEST_SECONDS = 300
_DATASET = "dataset"
_OWN = ".gitattributes"
_READ_BYTES = 2**20
_SAID_MOST = 300
# What its HTTP library raises; which one that is depends on the version.
_HTTP_ERROR: type[BaseException] = HfHubHTTPError.__bases__[0]
_FAILURES: tuple[type[BaseException], ...] = (_HTTP_ERROR, OSError, ValueError, RuntimeError)

# Before the reason in the system's errors.
_ERRNO = re.compile(r"^\[Errno -?[0-9]+\] ")
_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class HubTarget:
    """A dataset repository on the Hub.

    Args:
        owner: user or organisation.
        name: of the repository.
        private: whether a new repository is private.
    """

    batch_files = BATCH_FILES

    def __init__(self, owner: str, name: str, *, private: bool = False) -> None:
        """See the class."""
        disable_progress_bars()
        # It would print each attempt with the request; what fails in the end is an error of ours.
        set_verbosity(logging.ERROR)
        get_session().timeout = REQUEST_SECONDS
        self._hub = HfApi(library_name="off-platform")
        self._id, self._private = f"{owner}/{name}", private

    @property
    def address(self) -> str:
        """See `Target.address`."""
        return f"{self._hub.endpoint}/datasets/{self._id}"

    def advice(self, files: Mapping[str, int]) -> Iterator[str]:
        """See `Target.advice`."""
        folders = Counter(name.rpartition("/")[0] for name in files)
        if max(folders.values(), default=0) > FOLDER_FILES_MOST:
            yield (
                f"A folder of the set has more than {FOLDER_FILES_MOST:,} files, which the Hub "
                'refuses; build the set with layout = "shards" or "parquet".'
            )
        if len(files) > REPOSITORY_FILES_MOST:
            yield (
                f"The set has {len(files):,} files; the Hub advises at most "
                f"{REPOSITORY_FILES_MOST:,}."
            )

    def prepare(self) -> None:
        """See `Target.prepare`: creates the repository if it does not exist."""
        if get_token() is None:
            raise TargetRefusedError(
                "You are not logged in to Hugging Face; run `hf auth login`, or set HF_TOKEN to a "
                "token with write access."
            )
        self._ask(
            lambda: self._hub.create_repo(
                self._id, repo_type=_DATASET, private=self._private or None, exist_ok=True
            )
        )

    def present(self) -> dict[str, Upstream]:
        """See `Target.present`."""

        def listed() -> list[Any]:
            try:
                return list(self._hub.list_repo_tree(self._id, repo_type=_DATASET, recursive=True))
            except (RepositoryNotFoundError, RevisionNotFoundError):
                return []

        found = self._ask(listed)
        files = (each for each in found if isinstance(each, RepoFile))
        return {
            each.path: Upstream(each.size, (each.lfs.sha256 if each.lfs else None, each.blob_id))
            for each in files
            if each.path != _OWN
        }

    def is_same(self, upstream: Upstream, path: Path) -> bool:
        """See `Target.is_same`: by the SHA-256 of large files, by Git's hash of others."""
        sha256, blob = upstream.digest
        if sha256:
            return _digest(path, hashlib.sha256()) == str(sha256)
        start = f"blob {upstream.size}\0".encode()
        return _digest(path, hashlib.sha1(start, usedforsecurity=False)) == str(blob)

    def send(self, files: Mapping[str, Path], about: str) -> None:
        """See `Target.send`: one commit."""
        self._commit([CommitOperationAdd(name, str(path)) for name, path in files.items()], about)

    def remove(self, names: list[str], about: str) -> None:
        """See `Target.remove`: one commit."""
        self._commit([CommitOperationDelete(name, is_folder=False) for name in names], about)

    def _commit(self, operations: list[Any], about: str) -> None:
        self._ask(
            lambda: self._hub.create_commit(
                self._id, operations, commit_message=about, repo_type=_DATASET
            )
        )

    def _ask(self, request: Callable[[], Result]) -> Result:
        """The Hub's answer; its error, and each of its warnings, in one sentence."""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("once", UserWarning)
            try:
                return request()
            except _FAILURES as error:
                raise self._in_our_words(error) from error
            finally:
                for each in said:
                    if issubclass(each.category, UserWarning):
                        _log.warning("%s says: %s.", self.address, _in_one_line(each.message))

    def _in_our_words(self, error: BaseException) -> Exception:
        """The error behind an error: those of uploads are wrapped."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, HfHubHTTPError):
                return self._of_answer(cause)
            if isinstance(cause, (_HTTP_ERROR, OfflineModeIsEnabled)):
                return TargetUnreachableError(
                    f"{self._hub.endpoint} cannot be reached ({_in_one_line(cause)}); run the "
                    "command again to resume."
                )
            cause = cause.__cause__
        if isinstance(error, OSError) and error.errno is not None:
            return error
        if isinstance(error, ValueError):
            return TargetRefusedError(f"{self.address} refuses this: {_in_one_line(error)}.")
        return TargetUnreachableError(
            f"Sending to {self.address} failed ({_in_one_line(error)}); run the command again to "
            "resume."
        )

    def _of_answer(self, error: HfHubHTTPError) -> Exception:
        status = error.response.status_code
        said = _in_one_line(error.server_message or error)
        if isinstance(error, RepositoryNotFoundError) or status == HTTPStatus.FORBIDDEN:
            return TargetRefusedError(
                f"{self.address} belongs to another, or your token may not write there ({said}); "
                "use a token with write access, or publish under another name."
            )
        if status == HTTPStatus.UNAUTHORIZED:
            return TargetRefusedError(
                f"{self._hub.endpoint} does not accept your token ({said}); log in again with "
                "`hf auth login`, or correct HF_TOKEN."
            )
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return TargetUnreachableError(
                f"{self._hub.endpoint} failed with status {status} ({said}); run the command again "
                "later to resume."
            )
        return TargetRefusedError(f"{self.address} refuses this with status {status}: {said}.")


def _digest(path: Path, digest: Any) -> str:
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return str(digest.hexdigest())


def _in_one_line(said: object) -> str:
    text = " ".join(readable(_ERRNO.sub("", str(said)), _SAID_MOST).split()).rstrip(".")
    return text or type(said).__name__
