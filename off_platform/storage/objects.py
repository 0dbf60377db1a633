"""Opens a bucket or a folder as an object store, anonymous or signed, at any endpoint.

Objects are read by `transfer.py`; tables and image sets are stored by `lake.py`.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import ClientConfig, ObjectStore

CONNECT_SECONDS = 10
SENTENCE_MOST = 300
# obstore says why a certificate is refused only below its first line, as rustls names it.
_CERTIFICATE = re.compile(r"InvalidCertificate\(\s*(\w+)")
BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class UnusableLocationError(ValueError):
    """A bucket or folder cannot be opened; the message is one sentence."""


@dataclass(frozen=True)
class Access:
    """How a store is reached.

    Attributes:
        region: of a bucket; ignored by folders.
        endpoint: another S3 server than Amazon's, with scheme.
        signed: whether requests carry a signature made from the ordinary AWS chain.
        request_seconds: timeout of a request.
        retries: retries of the store itself. None where `transfer.py` reads: it backs off as a
            whole, and obstore would join parts of two versions of an object when it resumes (it
            sends no If-Match).
    """

    region: str = "us-east-1"
    endpoint: str | None = None
    signed: bool = False
    request_seconds: float = 60
    retries: int = 0


@dataclass(frozen=True)
class Source:
    """A location that objects are read from: its URL, how it is reached, and the open store."""

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
        """The address of an object for people: https for a bucket, else a file URL.

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
    """The message of a store's error in one line of at most `SENTENCE_MOST` characters."""
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
    """The absolute folder that a local location names."""
    return Path(url.removeprefix("file://")).expanduser().absolute()


def open_store(url: str, access: Access, *, make: bool = False) -> "ObjectStore":
    """The store behind a URL: `s3://bucket/prefix`, `file:///folder`, a path, `http(s)://`, memory.

    Args:
        url: where it is.
        access: how it is reached.
        make: whether a missing folder is created.

    Raises:
        UnusableLocationError: it is not such a URL, or the folder does not exist.
    """
    from obstore import store as stores

    if is_local(url):
        folder = local_folder(url)
        if not make and not folder.is_dir():
            raise UnusableLocationError(f"The folder {folder} does not exist; check the setting.")
        return stores.LocalStore(folder, mkdir=make)
    if url.startswith("memory://"):
        return stores.MemoryStore()
    if not url.startswith(("s3://", "http://", "https://")):
        raise UnusableLocationError(f"{url!r} is neither a folder nor a URL that can be opened.")
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
        raise UnusableLocationError(f"{url!r} names no bucket; write s3://bucket/prefix.")
    return name


def s3_options(access: Access) -> "dict[str, Any]":
    """The options of obstore's stores and file system for S3.

    Raises:
        UnusableLocationError: requests are to be signed and the AWS chain has no credentials.
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
            "No AWS credentials were found: a signed bucket takes them from the ordinary chain, "
            "such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role."
        ) from None


def _client_options(access: Access, address: str) -> "ClientConfig":
    return {
        "allow_http": address.startswith("http://"),
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=access.request_seconds),
        # One idle connection per thread; otherwise each burst opens new ones.
        "pool_max_idle_per_host": "1024",
    }
