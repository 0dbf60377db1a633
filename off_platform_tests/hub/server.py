"""Serves dataset repositories from memory, in a thread of its own.

As the Hub does it: a repository is created, the Hub says which files are large, these are uploaded
by their SHA-256 (in parts if they are larger than `part_bytes`), and a commit names all files.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

LARGE = re.compile(r".*\.(tar|parquet|jpg|gz)")
PAGE = 60


@dataclass
class Repository:
    """A dataset: its files as committed, and its commits, each with the names it added."""

    owner: str
    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[list[str]] = field(default_factory=list)


@dataclass
class Hub:
    """What the Hub has.

    Attributes:
        users: the user of each token.
        repositories: by `OWNER/NAME`.
        large: uploaded large files by SHA-256.
        uploads: the SHA-256 of each upload of a large file, in order.
        warnings: about the cards that it is sent.
        ignored: names that the Hub drops from commits without a word.
        before_upload: called with each large file's SHA-256 before it is stored.
        fail: gives the status of a request, by method and path, that fails; None for the others.
        part_bytes: size of the parts of large files.
    """

    users: dict[str, str] = field(default_factory=lambda: {"hf_ours": "us"})
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    warnings: tuple[str, ...] = ()
    ignored: frozenset[str] = frozenset()
    before_upload: Callable[[str], object] = str
    fail: Callable[[str, str], int | None] = lambda _method, _path: None
    part_bytes: int = 2**20


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str = "", **more: str) -> None:
        """Takes status, message, the Hub's code, and what else the answer has."""
        super().__init__(message)
        self.status, self.message, self.code, self.more = status, message, code, more


class HubServer:
    """Serves a `Hub` while its `with` block lasts.

    Attributes:
        url: where it listens, for HF_ENDPOINT.
        hub: what it has.
    """

    def __init__(self) -> None:
        """Starts with an empty Hub of one user."""
        self.hub = Hub()
        handler = type("Handler", (_Handler,), {"hub": self.hub})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        """Listens."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(
            (r"/api/datasets/([^/]+/[^/]+)/tree/main", self._tree),
            (r"/api/datasets/([^/]+/[^/]+)", self._info),
        )

    def do_POST(self) -> None:
        self._answer(
            (r"/api/repos/create", self._create),
            (r"/api/validate-yaml", self._validate),
            (r"/api/datasets/([^/]+/[^/]+)/preupload/main", self._modes),
            (r"/api/datasets/([^/]+/[^/]+)/commit/main", self._commit),
            (r"/datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch", self._batch),
            (r"/large/([0-9a-f]{64})", self._complete),
        )

    def do_PUT(self) -> None:
        self._answer(
            (r"/large/([0-9a-f]{64})", self._put),
            (r"/large/([0-9a-f]{64})/(\d+)", self._put_part),
        )

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self, *routes: tuple[str, Callable[..., Any]]) -> None:
        path = unquote(urlsplit(self.path).path)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.body = self._chunks()
        self.answer_headers: dict[str, str] = {}
        try:
            self._write(200, self._routed(path, routes))
        except RefusedError as error:
            self.answer_headers |= {"X-Error-Message": error.message, "X-Error-Code": error.code}
            self._write(error.status, {"error": error.message, **error.more})

    def _routed(self, path: str, routes: Iterable[tuple[str, Callable[..., Any]]]) -> Any:
        if status := self.hub.fail(self.command, path):
            raise RefusedError(status, "as asked")
        for pattern, function in routes:
            if found := re.fullmatch(pattern, path):
                return function(*found.groups())
        raise RefusedError(404, f"no such page: {path}")

    def _chunks(self) -> bytes:
        found = []
        while size := int(self.rfile.readline(), 16):
            found.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(found)

    def _write(self, status: int, answer: Any) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in self.answer_headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @property
    def _user(self) -> str | None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.hub.users:
            raise RefusedError(401, "Invalid credentials in Authorization header")
        return self.hub.users.get(token)

    def _repository(self, name: str, *, write: bool) -> Repository:
        found, user = self.hub.repositories.get(name), self._user
        if found is None or (found.private and found.owner != user):
            raise RefusedError(404 if user else 401, "Repository not found", "RepoNotFound")
        if write and found.owner != user:
            raise RefusedError(403, "You don't have the rights to write here")
        return found

    def _create(self) -> Any:
        asked, user = json.loads(self.body), self._user
        if user is None:
            raise RefusedError(401, "Please log in")
        owner = asked.get("organization") or user
        name = f"{owner}/{asked['name']}"
        if owner != user:
            raise RefusedError(403, f"You don't have the rights to create a dataset in {owner}")
        url = f"http://{self.headers['Host']}/datasets/{name}"
        if name in self.hub.repositories:
            raise RefusedError(409, "You already created this dataset repo", url=url)
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        made = Repository(owner, private)
        made.files[".gitattributes"] = b"*.tar filter=lfs\n"
        self.hub.repositories[name] = made
        return {"url": url}

    def _info(self, name: str) -> Any:
        self._repository(name, write=False)
        return {"id": name, "siblings": []}

    def _tree(self, name: str) -> Any:
        files = self._repository(name, write=False).files
        asked = parse_qs(urlsplit(self.path).query)
        start = int(asked.get("cursor", ["0"])[0])
        if start + PAGE < len(files):
            here = f"http://{self.headers['Host']}{urlsplit(self.path).path}"
            link = f"{here}?recursive=true&cursor={start + PAGE}"
            self.answer_headers["Link"] = f'<{link}>; rel="next"'
        return [_entry(path, files[path]) for path in sorted(files)[start : start + PAGE]]

    def _validate(self) -> Any:
        content = json.loads(self.body)["content"]
        matter = yaml.safe_load(content.split("---\n")[1])
        errors = [] if isinstance(matter.get("license"), str) else [{"message": "no license"}]
        if errors:
            raise RefusedError(400, "Invalid metadata in README.md.")
        return {"errors": [], "warnings": [{"message": said} for said in self.hub.warnings]}

    def _modes(self, name: str) -> Any:
        files = self._repository(name, write=True).files
        return {
            "files": [
                {
                    "path": each["path"],
                    "uploadMode": "lfs" if LARGE.fullmatch(each["path"]) else "regular",
                    "shouldIgnore": each["path"] in self.hub.ignored,
                    "oid": _blob(files[each["path"]]) if each["path"] in files else None,
                }
                for each in json.loads(self.body)["files"]
            ]
        }

    def _batch(self, name: str) -> Any:
        self._repository(name, write=True)
        asked = json.loads(self.body)["objects"]
        return {"transfer": "basic", "objects": [self._upload_of(each) for each in asked]}

    def _upload_of(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["oid"] in self.hub.large:
            return asked
        href = f"http://{self.headers['Host']}/large/{asked['oid']}"
        upload: dict[str, Any] = {"href": href}
        if asked["size"] > self.hub.part_bytes:
            parts = -(-asked["size"] // self.hub.part_bytes)
            upload["header"] = {
                "chunk_size": str(self.hub.part_bytes),
                **{str(number): f"{href}/{number}" for number in range(1, parts + 1)},
            }
        return asked | {"actions": {"upload": upload}}

    def _put(self, oid: str) -> Any:
        self._store(oid, self.body)
        return {}

    def _put_part(self, oid: str, number: str) -> Any:
        self.hub.parts.setdefault(oid, {})[int(number)] = self.body
        self.answer_headers["ETag"] = f'"{number}"'
        return {}

    def _complete(self, oid: str) -> Any:
        parts = self.hub.parts.pop(oid)
        self._store(oid, b"".join(parts[number] for number in sorted(parts)))
        return {}

    def _store(self, oid: str, data: bytes) -> None:
        self.hub.before_upload(oid)
        if hashlib.sha256(data).hexdigest() != oid:
            raise RefusedError(400, "the bytes do not have this SHA-256")
        self.hub.large[oid] = data
        self.hub.uploads.append(oid)

    def _commit(self, name: str) -> Any:
        made = self._repository(name, write=True)
        operations = [json.loads(line) for line in self.body.splitlines()]
        added = []
        for each in operations:
            value = each["value"]
            if each["key"] == "file":
                made.files[value["path"]] = base64.b64decode(value["content"])
                added.append(value["path"])
            elif each["key"] == "lfsFile":
                if value["oid"] not in self.hub.large:
                    raise RefusedError(400, f"{value['path']} was not uploaded")
                made.files[value["path"]] = self.hub.large[value["oid"]]
                added.append(value["path"])
            elif each["key"] == "deletedFile":
                del made.files[value["path"]]
        made.commits.append(added)
        oid = f"{len(made.commits):040d}"
        return {"commitUrl": f"http://{self.headers['Host']}/datasets/{name}/commit/{oid}",
                "commitOid": oid}  # fmt: skip


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": _blob(data)}
    if LARGE.fullmatch(path):
        pointer = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        entry |= {"lfs": pointer, "oid": "f" * 40}
    return entry
