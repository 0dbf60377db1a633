"""Requests that change a bucket of the test S3 server: put, copy, delete, multipart uploads.

Reading is s3_service's; what a folder does with an object is s3_buckets'.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import unquote

from off_platform_tests.s3_answers import (
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
from off_platform_tests.s3_buckets import Bucket, Stored, multipart_etag, plain_etag
from off_platform_tests.s3_listings import iso_time
from off_platform_tests.s3_requests import (
    NUMBER,
    Request,
    byte_range,
    failed_condition,
    names_etag,
)

MAX_PENDING_BYTES = 1024**3
MAX_UPLOADS = 1000
MAX_PART_NUMBER = 10_000
DELETED_KEY = re.compile(r"<Key>([^<]*)</Key>")
PART = re.compile(r"<Part>(.*?)</Part>", re.DOTALL)
PART_NUMBER = re.compile(r"<PartNumber>\s*([0-9]{1,5})\s*</PartNumber>")
PART_ETAG = re.compile(r"<ETag>([^<]*)</ETag>")
COPY_CONDITION = "x-amz-copy-source-if-"


@dataclass
class Upload:
    """A multipart upload under way: the parts put so far, by number."""

    bucket: str
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


def _xml(tag: str, fields: Mapping[str, str]) -> Answer:
    return xml_answer(200, f'<{tag} xmlns="{NAMESPACE}">{elements(fields)}</{tag}>')


def _refuse_unless_conditions_hold(request: Request, stored: Stored | None, key: str) -> None:
    headers = request.headers
    if "if-match" in headers:
        if stored is None:
            raise no_such_key(key)
        if not names_etag(headers["if-match"], stored.etag):
            raise precondition_failed("If-Match")
    if stored is not None and names_etag(headers.get("if-none-match", ""), stored.etag):
        raise precondition_failed("If-None-Match")


class Writes:
    """Answers what changes buckets; parts of uploads wait in memory, bounded."""

    def __init__(self, buckets: Mapping[str, Bucket]) -> None:
        """Change these buckets, by name."""
        self._buckets = buckets
        self._uploads: dict[str, Upload] = {}

    def answer(self, name: str, key: str, request: Request) -> Answer:
        """Put, copy, delete, or a step of a multipart upload of the object `key`.

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
                return self._begin(name, key)
            case "DELETE", True:
                self._upload(name, key, request)
                del self._uploads[query["uploadId"]]
                return plain_answer(204)
            case "DELETE", False:
                self._buckets[name].delete(key)
                return plain_answer(204)
        raise not_implemented()

    def delete_many(self, name: str, request: Request) -> Answer:
        """DeleteObjects: delete every key that the request's XML names."""
        keys = [
            unescape(key) for key in DELETED_KEY.findall(request.body.decode("utf-8", "replace"))
        ]
        for key in keys:
            self._buckets[name].delete(key)
        done = "".join(f"<Deleted>{elements({'Key': key})}</Deleted>" for key in keys)
        return xml_answer(200, f'<DeleteResult xmlns="{NAMESPACE}">{done}</DeleteResult>')

    def _put(self, name: str, key: str, request: Request) -> Answer:
        bucket = self._buckets[name]
        _refuse_unless_conditions_hold(request, bucket.find(key), key)
        if "x-amz-copy-source" not in request.headers:
            stored = bucket.write(key, request.body)
            return plain_answer(200, {"ETag": stored.etag})
        stored = bucket.write(key, self._copied(request))
        return _copy_result("CopyObjectResult", stored.etag, stored.modified)

    def _copied(self, request: Request) -> bytes:
        source = unquote(request.headers["x-amz-copy-source"].partition("?versionId=")[0])
        name, _, key = source.removeprefix("/").partition("/")
        stored = self._buckets[name].find(key) if name in self._buckets else None
        if stored is None:
            raise no_such_key(key)
        conditions = {
            "if-" + header.removeprefix(COPY_CONDITION): value
            for header, value in request.headers.items()
            if header.startswith(COPY_CONDITION)
        }
        if failed := failed_condition(conditions, stored.etag, stored.modified):
            raise precondition_failed(f"{COPY_CONDITION}{failed[3:].lower()}")
        span = byte_range(request.headers.get("x-amz-copy-source-range"), stored.size)
        return stored.read(span)

    def _begin(self, name: str, key: str) -> Answer:
        if len(self._uploads) >= MAX_UPLOADS:
            raise S3Error(400, "InvalidRequest", "There are too many unfinished uploads.")
        upload_id = secrets.token_hex(16)
        self._uploads[upload_id] = Upload(name, key)
        fields = {"Bucket": name, "Key": key, "UploadId": upload_id}
        return _xml("InitiateMultipartUploadResult", fields)

    def _upload(self, name: str, key: str, request: Request) -> Upload:
        upload = self._uploads.get(request.query["uploadId"])
        if upload is None or (upload.bucket, upload.key) != (name, key):
            raise S3Error(404, "NoSuchUpload", "The specified upload does not exist.")
        return upload

    def _put_part(self, name: str, key: str, request: Request) -> Answer:
        upload = self._upload(name, key, request)
        text = request.query.get("partNumber", "")
        if not NUMBER.fullmatch(text) or not 1 <= int(text) <= MAX_PART_NUMBER:
            raise S3Error(400, "InvalidArgument", "Part number must be between 1 and 10000")
        is_copy = "x-amz-copy-source" in request.headers
        data = self._copied(request) if is_copy else request.body
        pending = sum(len(part) for each in self._uploads.values() for part in each.parts.values())
        if pending + len(data) > MAX_PENDING_BYTES:
            raise S3Error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum size.")
        upload.parts[int(text)] = data
        if is_copy:
            return _copy_result("CopyPartResult", plain_etag(data), int(time.time()))
        return plain_answer(200, {"ETag": plain_etag(data)})

    def _complete(self, name: str, key: str, request: Request) -> Answer:
        upload, bucket = self._upload(name, key, request), self._buckets[name]
        _refuse_unless_conditions_hold(request, bucket.find(key), key)
        parts = _chosen_parts(upload, request.body.decode("utf-8", "replace"))
        digests = [hashlib.md5(part, usedforsecurity=False).digest() for part in parts]
        stored = bucket.write(key, b"".join(parts), etag=multipart_etag(digests))
        del self._uploads[request.query["uploadId"]]
        fields = {"Bucket": name, "Key": key, "ETag": stored.etag}
        return _xml("CompleteMultipartUploadResult", fields)


def _copy_result(tag: str, etag: str, modified: int) -> Answer:
    return _xml(tag, {"LastModified": iso_time(modified), "ETag": etag})


def _chosen_parts(upload: Upload, xml: str) -> list[bytes]:
    parts, last = [], 0
    for text in PART.findall(xml):
        number, etag = PART_NUMBER.search(text), PART_ETAG.search(text)
        part = upload.parts.get(int(number[1])) if number else None
        if number is None or etag is None or part is None:
            raise S3Error(400, "InvalidPart", "One or more of the parts could not be found.")
        if unescape(etag[1]).strip('"') != plain_etag(part).strip('"'):
            raise S3Error(400, "InvalidPart", "A part's ETag is not the one it was put with.")
        if int(number[1]) <= last:
            raise S3Error(400, "InvalidPartOrder", "The parts were not in ascending order.")
        last = int(number[1])
        parts.append(part)
    if not parts:
        raise S3Error(400, "MalformedXML", "The XML you provided names no part.")
    return parts
