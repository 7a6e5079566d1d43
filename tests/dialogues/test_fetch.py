"""The public copy arrives whole and known, or not at all."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.dialogues import fetch
from core.domain.errors import UserError

CONTENT = b"dialog_id,emotion\n" + b"0123456789" * 40_000

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A loopback server that answers every path as the test says."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("Accept-Encoding", "")))
                outer.answers[self.path](self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def url(self, path: str, answer: Answer) -> str:
        self.answers[path] = answer
        return f"http://127.0.0.1:{self.http.server_port}{path}"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def sends(content: bytes, length: int | None = -1) -> Answer:
    """Send `content` under its own length, another one, or none."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if length is not None:
            request.send_header("Content-Length", str(len(content) if length < 0 else length))
        request.end_headers()
        request.wfile.write(content)

    return answer


def status(code: int, location: str | None = None) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        if location is not None:
            request.send_header("Location", location)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(fetch, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    found = Server()
    yield found
    found.close()


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "new" / "dataset.csv"


def ignore(done: int, total: int | None) -> None:
    pass


def test_the_file_arrives_with_progress(server: Server, destination: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    url = server.url("/data", sends(CONTENT))
    assert fetch.fetch(destination, lambda *at: seen.append(at), url) == destination
    assert destination.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert server.asked == [("/data", "identity")]


def test_a_server_that_does_not_say_how_much_comes(server: Server, destination: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    fetch.fetch(destination, lambda *at: seen.append(at), server.url("/data", sends(CONTENT, None)))
    assert seen[-1] == (len(CONTENT), None)


def test_redirects_are_followed(server: Server, destination: Path) -> None:
    server.url("/there", sends(CONTENT))
    fetch.fetch(destination, ignore, server.url("/here", status(302, "/there")))
    assert [path for path, _ in server.asked] == ["/here", "/there"]
    assert destination.read_bytes() == CONTENT


def refused(destination: Path, url: str, match: str, timeout_s: float = 10) -> str:
    """The error of a fetch that leaves what was there as it was, and nothing beside it."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.write_bytes(b"old")
    with pytest.raises(UserError, match=match) as caught:
        fetch.fetch(destination, ignore, url, timeout_s)
    assert destination.read_bytes() == b"old"
    assert list(destination.parent.iterdir()) == [destination]
    return str(caught.value)


def test_another_file_is_refused_with_both_hashes(server: Server, destination: Path) -> None:
    other = CONTENT + b"!"
    error = refused(destination, server.url("/data", sends(other)), "SHA-256")
    assert hashlib.sha256(other).hexdigest() in error
    assert hashlib.sha256(CONTENT).hexdigest() in error


def test_a_file_that_is_cut_off(server: Server, destination: Path) -> None:
    url = server.url("/data", sends(CONTENT[:1000], len(CONTENT)))
    refused(destination, url, "disconnected after 1000 bytes")


def test_a_server_that_falls_silent(server: Server, destination: Path) -> None:
    released = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        sends(CONTENT[:1000], len(CONTENT))(request)
        released.wait(30)

    try:
        refused(destination, server.url("/data", answer), "disconnected after 1000 bytes", timeout_s=2.0)
    finally:
        released.set()


@pytest.mark.parametrize(
    ("code", "match"),
    [(404, "no longer exists"), (410, "no longer exists"), (503, "answered 503: try later")],
)
def test_refusals(server: Server, destination: Path, code: int, match: str) -> None:
    refused(destination, server.url("/data", status(code)), match)


def test_a_redirect_to_nowhere(server: Server, destination: Path) -> None:
    refused(destination, server.url("/data", status(302, "/data")), "redirects")
    refused(destination, server.url("/data", status(302)), "answered 302")


def test_more_than_the_limit(server: Server, destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 1000)
    refused(destination, server.url("/stated", sends(CONTENT)), "this is not the data set")
    refused(destination, server.url("/untold", sends(CONTENT, None)), "this is not the data set")


def test_no_server(server: Server, destination: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused(destination, f"http://127.0.0.1:{port}/data", "cannot be reached")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/data", "http://[", "http://127.0.0.1:99999/data", ""])
def test_addresses_that_are_none(server: Server, destination: Path, url: str) -> None:
    refused(destination, url, "cannot be")


def test_a_proxy_that_cannot_be_used(
    server: Server, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("ALL_PROXY", "socks9://127.0.0.1:1")
    refused(destination, server.url("/data", sends(CONTENT)), "is ")


def test_a_place_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for destination in (tmp_path / "file" / "dataset.csv", tmp_path / "folder"):
        with pytest.raises(UserError, match="cannot be written"):
            fetch.fetch(destination, ignore, server.url("/data", sends(CONTENT)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_the_real_file_is_the_known_one(reference_dataset: Path, tmp_path: Path) -> None:
    found = Server()
    try:
        url = found.url("/dataset.csv", sends(reference_dataset.read_bytes()))
        fetch.fetch(tmp_path / "dataset.csv", ignore, url)
    finally:
        found.close()
    assert (tmp_path / "dataset.csv").read_bytes() == reference_dataset.read_bytes()


def test_source_and_terms_are_named() -> None:
    assert "henryjxie/Distilling-Empathy-from-Large-Language-Models" in fetch.DATA_SOURCE
    assert fetch.REPOSITORY in fetch.DATA_URL
    for word in ("2406.05063", "SIGDIAL 2025", "no licence", "cite"):
        assert word in fetch.DATA_TERMS
