"""Requests that change a bucket: put, copy, delete, uploads whose parts wait in memory."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import unquote

from off_platform_tests.s3.answers import (
    NAMESPACE,
    Answer,
    S3Error,
    elements,
    no_such_key,
    not_implemented,
    plain_answer,
    precondition_failed,
    xml_answer,
)
from off_platform_tests.s3.buckets import Bucket, Stored, multipart_etag, plain_etag
from off_platform_tests.s3.listings import iso_time
from off_platform_tests.s3.requests import Request, byte_range, names_etag

DELETED_KEY = re.compile(r"<Key>([^<]*)</Key>")
PART_NUMBER = re.compile(r"<PartNumber>\s*([0-9]+)\s*</PartNumber>")


@dataclass
class Upload:
    """An upload under way: its object, and the parts put so far by number."""

    bucket: str
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


class Writes:
    """Answers what changes buckets."""

    def __init__(self, buckets: Mapping[str, Bucket], copy_bytes_most: int) -> None:
        """Changes these buckets, by name; a larger object is copied in parts only."""
        self._buckets, self._copy_bytes_most = buckets, copy_bytes_most
        self._uploads: dict[str, Upload] = {}

    def answer(self, name: str, key: str, request: Request) -> Answer:
        """Put, copy, delete, or a step of an upload in parts of the object `key`.

        Raises:
            S3Error: the request is refused.
        """
        query = request.query
        match request.method, "uploadId" in query:
            case "PUT", True:
                return self._put_part(name, key, request)
            case "PUT", False if not query:
                return self._put(name, key, request)
            case "POST", True:
                return self._complete(name, key, request)
            case "POST", False if "uploads" in query:
                upload = secrets.token_hex(16)
                self._uploads[upload] = Upload(name, key)
                fields = {"Bucket": name, "Key": key, "UploadId": upload}
                return _xml("InitiateMultipartUploadResult", fields)
            case "DELETE", True:
                self._upload(name, key, query["uploadId"])
                del self._uploads[query["uploadId"]]
                return plain_answer(204)
            case "DELETE", False:
                self._buckets[name].delete(key)
                return plain_answer(204)
        raise not_implemented()

    def delete_many(self, name: str, request: Request) -> Answer:
        """DeleteObjects: deletes every key that the request's XML names."""
        keys = [unescape(key) for key in DELETED_KEY.findall(request.body.decode())]
        for key in keys:
            self._buckets[name].delete(key)
        done = "".join(f"<Deleted>{elements({'Key': key})}</Deleted>" for key in keys)
        return xml_answer(200, f'<DeleteResult xmlns="{NAMESPACE}">{done}</DeleteResult>')

    def _put(self, name: str, key: str, request: Request) -> Answer:
        self._refuse_unless_conditions_hold(name, key, request)
        original = self._source(request)
        if original is None:
            stored = self._buckets[name].write(key, request.body)
            return plain_answer(200, {"ETag": stored.etag})
        if original.size > self._copy_bytes_most:
            message = "The specified copy source is larger than the maximum allowable size"
            raise S3Error(400, "InvalidRequest", f"{message}: {self._copy_bytes_most}")
        stored = self._buckets[name].write(key, original.read())
        fields = {"LastModified": iso_time(stored.modified), "ETag": stored.etag}
        return _xml("CopyObjectResult", fields)

    def _put_part(self, name: str, key: str, request: Request) -> Answer:
        """A part of an upload: the request's body, or a range of another object."""
        upload = self._upload(name, key, request.query["uploadId"])
        original, data = self._source(request), request.body
        if original is not None:
            span = byte_range(request.headers.get("x-amz-copy-source-range"), original.size)
            data = original.read()[slice(*span) if span else slice(None)]
        upload.parts[int(request.query["partNumber"])] = data
        if original is None:
            return plain_answer(200, {"ETag": plain_etag(data)})
        return _xml("CopyPartResult", {"ETag": plain_etag(data)})

    def _source(self, request: Request) -> Stored | None:
        """The object that a request copies from; None if it brings the bytes itself."""
        source = request.headers.get("x-amz-copy-source")
        if source is None:
            return None
        copied, _, of = unquote(source).removeprefix("/").partition("/")
        original = self._buckets[copied].find(of) if copied in self._buckets else None
        if original is None:
            raise no_such_key()
        return original

    def _upload(self, name: str, key: str, upload: str) -> Upload:
        found = self._uploads.get(upload)
        if found is None or (found.bucket, found.key) != (name, key):
            raise S3Error(404, "NoSuchUpload", "The specified upload does not exist.")
        return found

    def _complete(self, name: str, key: str, request: Request) -> Answer:
        upload = self._upload(name, key, request.query["uploadId"])
        self._refuse_unless_conditions_hold(name, key, request)
        numbers = [int(number) for number in PART_NUMBER.findall(request.body.decode())]
        if not numbers or numbers != sorted(set(numbers) & set(upload.parts)):
            raise S3Error(400, "InvalidPart", "One or more of the parts could not be found.")
        parts = [upload.parts[number] for number in numbers]
        digests = [hashlib.md5(part, usedforsecurity=False).digest() for part in parts]
        etag = multipart_etag(digests)
        stored = self._buckets[name].write(key, b"".join(parts), etag=etag)
        del self._uploads[request.query["uploadId"]]
        fields = {"Bucket": name, "Key": key, "ETag": stored.etag}
        return _xml("CompleteMultipartUploadResult", fields)

    def _refuse_unless_conditions_hold(self, name: str, key: str, request: Request) -> None:
        stored, headers = self._buckets[name].find(key), request.headers
        if "if-match" in headers:
            if stored is None:
                raise no_such_key()
            if not names_etag(headers["if-match"], stored.etag):
                raise precondition_failed()
        if stored is not None and names_etag(headers.get("if-none-match", ""), stored.etag):
            raise precondition_failed()


def _xml(tag: str, fields: Mapping[str, str]) -> Answer:
    return xml_answer(200, f'<{tag} xmlns="{NAMESPACE}">{elements(fields)}</{tag}>')
