"""The API over HTTP."""

from __future__ import annotations

import email
import email.policy
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import openai_answers
from tests.loopback.openai_api import Api, ApiError, Faults

_EVENTS = "text/event-stream"
_OUT_OF_SIGHT = ("content", "account", "ends_as")


@contextmanager
def running(faults: Faults | None = None, **settings: Any) -> Iterator[Api]:
    """An API at `api.url` for as long as the block lasts."""
    api = Api(faults, **settings)
    with served(type("Handler", (Handler,), {"api": api})) as url:
        api.url = f"{url}/v1"
        yield api


@contextmanager
def served(handler: type[Handler]) -> Iterator[str]:
    """Serve from a thread for as long as the block lasts; the URL."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed leave broken connections behind: nothing to report."""


class Handler(BaseHTTPRequestHandler):
    """OpenAI's API; another one has its own `account`, `route` and `broken`.

    `reply_headers` are the headers that go with a route's answer.
    """

    api: Any
    protocol_version = "HTTP/1.1"
    # Headers and body go out apart: Nagle would hold the second back for the first's acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """No log: what matters is counted."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        url = urlsplit(self.path)
        faults = self.api.faults
        self.reply_headers: dict[str, str] = {}
        try:
            account = self.account()
            if faults.break_calls > 0:
                faults.break_calls -= 1
                raise self.broken()
            answer = self.route(method, url.path, parse_qs(url.query), account, body)
        except ApiError as error:
            self._say(error.status, json.dumps(error.body).encode(), error.headers)
        except ConnectionAbortedError:
            self._hang_up()
        else:
            self._say(200, answer, self.reply_headers)

    def broken(self) -> ApiError:
        return ApiError(500, "The server had an error while processing your request")

    def account(self) -> str:
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        if key not in self.api.keys:
            raise ApiError(401, f"Incorrect API key provided: {key[:3]}***.", "invalid_api_key")
        return key

    def route(self, method: str, path: str, query: dict[str, list[str]], account: str, body: bytes) -> bytes:
        api, faults = self.api, self.api.faults
        match method, *path.removeprefix("/v1").strip("/").split("/"):
            case "POST", "chat", "completions":
                api.idempotency_keys.append(self.headers.get("idempotency-key", ""))
                asked = _object(body)
                found = api.complete(asked)
                if faults.latency_s:
                    time.sleep(faults.latency_s)
                if asked.get("stream"):
                    return self.stream(openai_answers.stream(found, asked))
                return _json(found)
            case "POST", "files":
                fields = _multipart(self.headers["content-type"], body)
                name, content = fields["file"]
                found = api.upload(account, name, fields["purpose"][1].decode(), content)
                if faults.lose_uploads > 0:
                    faults.lose_uploads -= 1
                    raise ConnectionAbortedError
                return _json(found)
            case "GET", "files", file, "content":
                return bytes(api.content(account, file))
            case "GET", "files", file:
                return _json(api.file(account, file))
            case "DELETE", "files", file:
                return _json(api.delete(account, file))
            case "POST", "batches":
                found = api.create(account, _object(body))
                if faults.lose_creates > 0:
                    faults.lose_creates -= 1
                    raise ConnectionAbortedError
                return _json(found)
            case "GET", "batches":
                return _json(_page([b for b in api.batches.values() if b["account"] == account], query))
            case "GET", "batches", batch:
                return _json(api.retrieve(account, batch))
            case "POST", "batches", batch, "cancel":
                return _json(api.cancel(account, batch))
        raise ApiError(404, f"Invalid URL ({method} {path})")

    def stream(self, parts: list[dict[str, Any]]) -> bytes:
        """The body of an answer that comes as events."""
        self.reply_headers["content-type"] = _EVENTS
        return "".join(f"data: {json.dumps(part)}\n\n" for part in parts).encode()

    def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(body)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        gate = self.api.faults.stream_gate
        if gate is not None and headers.get("content-type") == _EVENTS:
            first, rest = body.split(b"\n\n", 1)
            self.wfile.write(first + b"\n\n")
            gate.wait()
            self.wfile.write(rest)
        elif status == 200 and self.api.faults.cut_replies > 0 and len(body) > 600:
            self.api.faults.cut_replies -= 1
            self.wfile.write(body[: len(body) // 2])
            self._hang_up()
        else:
            self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


def _json(found: dict[str, Any]) -> bytes:
    return json.dumps({name: value for name, value in found.items() if name not in _OUT_OF_SIGHT}).encode()


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise ApiError(400, "We could not parse the JSON body of your request.") from error
    if not isinstance(found, dict):
        raise ApiError(400, "The body is not an object.")
    return found


def _page(found: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
    """A page of a list, the newest first."""
    newest = found[::-1]
    after = query.get("after", [""])[0]
    limit = int(query.get("limit", ["20"])[0])
    if not 1 <= limit <= 100:
        raise ApiError(400, "limit must be between 1 and 100")
    start = next((i + 1 for i, one in enumerate(newest) if one["id"] == after), 0)
    page = newest[start : start + limit]
    data = [{name: value for name, value in one.items() if name not in _OUT_OF_SIGHT} for one in page]
    return {"object": "list", "data": data, "has_more": start + limit < len(newest)}


def _multipart(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """Field → (file name, content)."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    fields = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            raise ApiError(400, "a part of the form has no content")
        fields[str(name)] = (part.get_filename() or "", content)
    if not {"file", "purpose"} <= set(fields):
        raise ApiError(400, "file and purpose are required")
    return fields
