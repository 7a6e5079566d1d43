"""A server of what a push to the Hugging Face Hub, and a download of a data set, ask for, on the loopback
interface."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

#: The commit of the data set.
COMMIT = "a1b2c3d4" * 5


@dataclass
class Hub:
    """What was asked of the server, and what it answers."""

    url: str = ""
    created: dict[str, Any] = field(default_factory=dict)
    """The request that created the repository."""
    pushed: dict[str, bytes] = field(default_factory=dict)
    """The files of the commits, by path."""
    private: bool = True
    """Whether the repository is private."""


@contextmanager
def running(data: Mapping[str, bytes] | None = None) -> Iterator[Hub]:
    """A server that takes small files, and has the data set `team/chats` with the files `data`."""
    hub, served = Hub(), data or {}

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._give()

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            if path.startswith("/datasets/"):
                self._give()
            elif path.startswith("/api/datasets/team/chats/tree/"):
                self._answer([_entry(name, content) for name, content in served.items()])
            elif path.startswith("/api/datasets/team/chats"):
                siblings = [{"rfilename": name} for name in served]
                self._answer({"id": "team/chats", "private": False, "sha": COMMIT, "siblings": siblings})
            else:
                self._answer({"id": "me/data", "private": hub.private, "sha": "0" * 40, "siblings": []})

        def _give(self) -> None:
            """A file of the data set."""
            path = unquote(urlsplit(self.path).path)
            name = path.partition("/resolve/")[2].partition("/")[2]
            is_there = path.startswith("/datasets/team/chats/")
            content = served.get(name) if is_there else None
            self.send_response(404 if content is None else 200)
            if content is None:
                self.send_header("X-Error-Code", "EntryNotFound" if is_there else "RepoNotFound")
            found = content or b""
            self.send_header("ETag", f'"{hashlib.sha1(found).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(found)

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/api/repos/create":
                hub.created = json.loads(body)
                self._answer({"url": f"{hub.url}/datasets/me/data"})
            elif "/preupload/" in self.path:
                found = [file["path"] for file in json.loads(body)["files"]]
                chosen = [{"path": path, "uploadMode": "regular", "shouldIgnore": False} for path in found]
                self._answer({"files": chosen})
            elif "/commit/" in self.path:
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        hub.pushed[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                self._answer(
                    {
                        "success": True,
                        "commitOid": "0" * 40,
                        "commitUrl": f"{hub.url}/datasets/me/data/commit/{'0' * 40}",
                    }
                )
            else:
                self._answer({})

        def _answer(self, content: object) -> None:
            encoded = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
