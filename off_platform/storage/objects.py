"""Opens a bucket or a folder as an object store, anonymous or signed, at any endpoint.

`transfer.py` reads objects; `lake.py` stores tables and image sets.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from off_platform.settings import SANDBOX

if TYPE_CHECKING:
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import ClientConfig, ObjectStore

CONNECT_SECONDS = 10
SENTENCE_MOST = 300
# obstore gives the reason for a refused certificate only after the first line, in rustls' words.
_CERTIFICATE = re.compile(r"InvalidCertificate\(\s*(\w+)")
BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class UnusableLocationError(ValueError):
    """A bucket or folder cannot be opened; the message is one sentence."""


@dataclass(frozen=True)
class Access:
    """How to access a store.

    Attributes:
        region: of a bucket; ignored by folders.
        endpoint: URL of a custom S3 server.
        signed: whether requests are signed with the standard AWS chain.
        request_seconds: timeout of a request.
        retries: retries by obstore. None for `transfer.py`, which backs off for all requests
            together; and obstore would join parts of two versions of an object when it resumes (it
            sends no If-Match).
    """

    region: str = "us-east-1"
    endpoint: str | None = None
    signed: bool = False
    request_seconds: float = 60
    retries: int = 0


@dataclass(frozen=True)
class Source:
    """A location to read objects from: its URL, its access options and the open store."""

    url: str
    access: Access = Access()

    @cached_property
    def store(self) -> "ObjectStore":
        """The open store.

        Raises:
            UnusableLocationError: the URL or folder cannot be opened.
        """
        return open_store(self.url, self.access)

    def public_url(self, key: str) -> str:
        """The URL of an object for users: https for a bucket, otherwise a file URL.

        "perform an HTTP request directly: https://openfoodfacts-images.s3.eu-west-3.amazonaws..."
        """
        parts = urlsplit(self.url)
        path = quote("/".join(filter(None, (parts.path.strip("/"), key))))
        if parts.scheme == "s3" and self.access.endpoint:
            return f"{self.access.endpoint.rstrip('/')}/{parts.netloc}/{path}"
        if parts.scheme == "s3":
            return f"https://{parts.netloc}.s3.{self.access.region}.amazonaws.com/{path}"
        if parts.scheme in {"http", "https"}:
            return f"{parts.scheme}://{parts.netloc}/{path}"
        return (local_folder(self.url) / key).as_uri() if is_local(self.url) else f"memory:{path}"

    @property
    def address(self) -> str:
        """The prefix of a key in its `public_url`; for keys that need no quoting."""
        return self.public_url("0")[:-1]


def in_one_line(error: Exception) -> str:
    """The message of a store's error, in one line of at most `SENTENCE_MOST` characters."""
    text = str(error)
    if refused := _CERTIFICATE.search(text):
        return (
            f"its certificate is not trusted ({refused[1]}); name a file with the certificate of "
            "its authority in SSL_CERT_FILE or AWS_CA_BUNDLE"
        )
    return text.split("\n", 1)[0][:SENTENCE_MOST]


def is_local(url: str) -> bool:
    """Whether the location is a local folder."""
    return "://" not in url or url.startswith("file://")


def local_folder(url: str) -> Path:
    """The absolute path of a local location."""
    return Path(url.removeprefix("file://")).expanduser().absolute()


def open_store(url: str, access: Access, *, make: bool = False) -> "ObjectStore":
    """The store behind a URL: `s3://bucket/prefix`, `file:///folder`, a path, `http(s)://`, memory.

    Args:
        url: its location.
        access: its access options.
        make: whether to create a missing folder.

    Raises:
        UnusableLocationError: it is not such a URL, or the folder does not exist.
    """
    from obstore import store as stores

    if is_local(url):
        folder = local_folder(url)
        if not make and not folder.is_dir():
            of_sandbox = Path(folder).absolute().is_relative_to(SANDBOX.absolute())
            to_do = "run `off-platform sandbox`" if of_sandbox else "check the setting"
            raise UnusableLocationError(f"The folder {folder} does not exist; {to_do}.")
        return stores.LocalStore(folder, mkdir=make)
    if url.startswith("memory://"):
        return stores.MemoryStore()
    if not url.startswith(("s3://", "http://", "https://")):
        raise UnusableLocationError(f"{url!r} is neither a folder nor a supported URL.")
    try:
        parts = urlsplit(url)
        if parts.scheme == "s3":
            prefix = parts.path.strip("/") or None
            return stores.S3Store(_bucket(url, parts.netloc), prefix=prefix, **s3_options(access))
        return stores.HTTPStore.from_url(
            url,
            client_options=_client_options(access, url),
            retry_config={"max_retries": access.retries},
        )
    except UnusableLocationError:
        raise
    except ValueError as error:
        raise UnusableLocationError(f"{url!r} cannot be opened: {error}.") from None


def _bucket(url: str, name: str) -> str:
    if not BUCKET_NAME.fullmatch(name):
        raise UnusableLocationError(f"{url!r} does not name a bucket; write s3://bucket/prefix.")
    return name


def s3_options(access: Access) -> "dict[str, Any]":
    """The options of obstore's stores and file system for S3.

    Raises:
        UnusableLocationError: requests must be signed and the AWS chain has no credentials.
    """
    options: dict[str, Any] = {
        "region": access.region,
        "virtual_hosted_style_request": access.endpoint is None,
        "skip_signature": not access.signed,
        "client_options": _client_options(access, access.endpoint or ""),
        "retry_config": {"max_retries": access.retries},
    }
    if access.endpoint:
        options["endpoint"] = access.endpoint
    if access.signed:
        options["credential_provider"] = _credentials()
    return options


def _credentials() -> "Boto3CredentialProvider":
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        return Boto3CredentialProvider()
    except ValueError:
        raise UnusableLocationError(
            "No AWS credentials were found: a signed bucket takes them from the standard AWS "
            "chain, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role."
        ) from None


def _client_options(access: Access, address: str) -> "ClientConfig":
    return {
        "allow_http": address.startswith("http://"),
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=access.request_seconds),
        # One idle connection per thread; otherwise each burst opens new ones.
        "pool_max_idle_per_host": "1024",
    }
