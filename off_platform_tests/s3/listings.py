"""ListObjectsV2: pages, prefixes, delimiters, continuation tokens; what is listed is a Bucket's."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from off_platform_tests.s3.answers import NAMESPACE, Answer, elements, xml_answer
from off_platform_tests.s3.buckets import Bucket

MAX_PAGE_SIZE = 1000
REMEMBERED_WALKS = 16


class Entry(NamedTuple):
    """A line of a listing: a key, or what several keys have in common up to a delimiter."""

    text: str
    is_common_prefix: bool


def iso_time(seconds: int) -> str:
    """A moment, seconds since 1970, as S3's XML writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def page_of(
    keys: Sequence[str], prefix: str, delimiter: str, after: str, limit: int
) -> tuple[list[Entry], bool]:
    """Up to `limit` entries of the sorted `keys` that follow `after`, and whether more follow.

    Args:
        keys: in byte order.
        prefix: only keys that begin so.
        delimiter: keys that go on after it, behind the prefix, are rolled up; empty for none.
        after: a key or a common prefix that was listed last; empty for the start.
        limit: at least 1.
    """
    entries: list[Entry] = []
    at = max(bisect_left(keys, prefix), bisect_right(keys, after) if after else 0)
    while at < len(keys) and keys[at].startswith(prefix):
        entry = _entry(keys[at], prefix, delimiter)
        if not (entry.is_common_prefix and entry.text == after):
            if len(entries) == limit:
                return entries, True
            entries.append(entry)
        at = _behind(keys, at, entry)
    return entries, False


def _entry(key: str, prefix: str, delimiter: str) -> Entry:
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    if end < 0:
        return Entry(key, is_common_prefix=False)
    return Entry(key[: end + len(delimiter)], is_common_prefix=True)


def _behind(keys: Sequence[str], at: int, entry: Entry) -> int:
    if not entry.is_common_prefix:
        return at + 1
    return bisect_left(keys, 1, lo=at, key=lambda key: 0 if key.startswith(entry.text) else 1)


class Listings:
    """Answers list requests; a listing's later pages see the keys that its first page saw."""

    def __init__(self, page_size: int) -> None:
        """Lists at most `page_size` entries a page, whatever is asked for."""
        self._page_size = min(page_size, MAX_PAGE_SIZE)
        self._walks: dict[tuple[str, str], list[str]] = {}

    def answer(self, name: str, bucket: Bucket, query: Mapping[str, str]) -> Answer:
        """One page of the objects of `bucket`, which is called `name`."""
        prefix, token = query.get("prefix", ""), query.get("continuation-token")
        after = urlsafe_b64decode(token).decode() if token else query.get("start-after", "")
        keys = self._keys(name, bucket, prefix, fresh=token is None)
        limit = min(int(query.get("max-keys", MAX_PAGE_SIZE)), self._page_size)
        entries, more = page_of(keys, prefix, query.get("delimiter", ""), after, limit)
        text: Callable[[str], str] = quote if query.get("encoding-type") == "url" else str
        rows = [row for entry in entries if (row := _row(bucket, entry, text))]
        fields = {
            "Name": name, "Prefix": text(prefix), "KeyCount": str(len(rows)),
            "MaxKeys": str(limit), "IsTruncated": str(more).lower(),
        }  # fmt: skip
        if "encoding-type" in query:
            fields["EncodingType"] = query["encoding-type"]
        if more:
            fields["NextContinuationToken"] = urlsafe_b64encode(entries[-1].text.encode()).decode()
        content = elements(fields) + "".join(rows)
        return xml_answer(
            200, f'<ListBucketResult xmlns="{NAMESPACE}">{content}</ListBucketResult>'
        )

    def _keys(self, name: str, bucket: Bucket, prefix: str, *, fresh: bool) -> list[str]:
        place = name, prefix.rpartition("/")[0]
        if fresh or place not in self._walks:
            self._walks.pop(place, None)
            while len(self._walks) >= REMEMBERED_WALKS:
                del self._walks[next(iter(self._walks))]
            self._walks[place] = bucket.keys(prefix)
        return self._walks[place]


def _row(bucket: Bucket, entry: Entry, text: Callable[[str], str]) -> str:
    if entry.is_common_prefix:
        return f"<CommonPrefixes>{elements({'Prefix': text(entry.text)})}</CommonPrefixes>"
    stored = bucket.find(entry.text)
    if stored is None:
        return ""
    fields = {
        "Key": text(entry.text), "LastModified": iso_time(stored.modified), "ETag": stored.etag,
        "Size": str(stored.size), "StorageClass": "STANDARD",
    }  # fmt: skip
    return f"<Contents>{elements(fields)}</Contents>"
