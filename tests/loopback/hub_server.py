"""A server of what a push to the Hugging Face Hub asks for, on the loopback interface."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


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
def running() -> Iterator[Hub]:
    """A server that takes small files."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"id": "me/data", "private": hub.private, "sha": "0" * 40, "siblings": []})

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
