"""A loopback HTTP server that answers as a test says, and keeps the requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class HttpRequest:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class HttpReply:
    """`length` is sent as Content-Length when it is given; `body` is what is really sent."""

    body: bytes | dict[str, Any] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


class Server:
    """`answer` may be changed at any time; `requests` holds every request in order."""

    def __init__(self, answer: Callable[[HttpRequest], HttpReply]) -> None:
        self.answer = answer
        self.requests: list[HttpRequest] = []
        self.url = ""


@contextmanager
def serving(answer: Callable[[HttpRequest], HttpReply]) -> Iterator[Server]:
    """A server on a free port of 127.0.0.1."""
    server = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            asked = HttpRequest(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
            server.requests.append(asked)
            result = server.answer(asked)
            body = json.dumps(result.body).encode() if isinstance(result.body, dict) else result.body
            self.send_response(result.status)
            for name, value in {"content-type": "application/json", **result.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body) if result.length is None else result.length))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = result.length is not None

        do_GET = _answer  # noqa: N815 - the names that the base class looks for
        do_POST = _answer  # noqa: N815
        do_DELETE = _answer  # noqa: N815
        do_HEAD = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
