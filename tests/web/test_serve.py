"""The command `serve`: a real server, and requests of all those who should not get in."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import (
    ClientSession,
    CookieJar,
    TCPConnector,
    WSServerHandshakeError,
)

from tests.cli.conftest import PROGRAM, Program, environment
from tests.web.conftest import Serve
from tests.web.tabs import OPENED, drawn, refused, tab
from tui.web.server import source

TOKEN = "a-token-that-nobody-guesses"
IMPATIENT = (sys.executable, str(Path(__file__).with_name("impatient_server.py")))
FEW = (sys.executable, str(Path(__file__).with_name("few_sessions.py")))


@pytest.mark.parametrize(
    "words",
    [
        ("--host", "0.0.0.0"),
        ("--host", "::"),
        ("--host", "203.0.113.1"),
        ("--public-url", "https://lab.example"),
    ],
)
def test_what_others_could_reach_is_refused_without_a_token(program: Program, words: tuple[str, ...]) -> None:
    refusal = program("serve", *words, code=1)
    assert "set EMPATHY_SERVE_TOKEN" in refusal.err
    assert "ssh -L 8000:127.0.0.1:8000" in refusal.err
    assert refusal.out == ""


def test_a_short_token_is_refused_and_not_repeated(program: Program) -> None:
    refusal = program("serve", code=1, EMPATHY_SERVE_TOKEN="swordfish")
    assert "fewer than 20 characters" in refusal.err
    assert "secrets.token_urlsafe" in refusal.err
    assert "swordfish" not in refusal.err + refusal.out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--host", "no.such.name.invalid"), "there is no address 'no.such.name.invalid'"),
        (("--host", ""), "there is no address ''"),
        (("--host", "203.0.113.1"), "this machine does not have the address 203.0.113.1"),
        (("--public-url", "lab.example"), "must look like https://lab.example"),
        (("--public-url", "https://lab.example/a/path"), "must look like https://lab.example"),
        (("--public-url", "https://user@lab.example"), "must look like https://lab.example"),
    ],
)
def test_an_address_that_cannot_be_had(program: Program, words: tuple[str, ...], reason: str) -> None:
    assert reason in program("serve", *words, code=1, EMPATHY_SERVE_TOKEN=TOKEN).err


def test_a_port_that_is_taken(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert (
            f"port {port} is in use: try --port {port + 1}"
            in program("serve", "--port", str(port), code=1).err
        )


def test_watching_and_writing_contradict_each_other(program: Program) -> None:
    words = ["--read-only", "--workspace", str(program.root), "serve", "--write"]
    ended = subprocess.run([*PROGRAM, *words], env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "contradict each other" in ended.stderr


async def test_the_page_needs_nothing_from_elsewhere(serve: Serve) -> None:
    served = serve()
    assert "Read-only" in served.printed[0]
    async with ClientSession(served.url) as client:
        async with client.get("/") as answer:
            page = await answer.text()
        assert answer.status == 200
        assert re.findall(r"[a-z]+://[^\"]*", page) == [f"ws://127.0.0.1:{served.port}/ws"]
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        for path in re.findall(r'(?:href|src)="(/[^"]+)"', page):
            async with client.get(path) as found:
                assert found.status == 200, path
                assert found.headers["X-Content-Type-Options"] == "nosniff"
        for path in (
            "/static/",
            "/static/js/",
            "/page/",
            "/download/x",
            "/static/%2e%2e/server.py",
            "/index.html",
        ):
            async with client.get(path) as found:
                assert found.status in (403, 404), path
        # Orders to the page's script are not passed on.
        async with client.get("/?ping=http://evil.example", allow_redirects=False) as moved:
            assert (moved.status, moved.headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:{port}", "203.0.113.1", "localhost:1; script-src *", ""]
)
async def test_another_name_for_this_address_is_refused(serve: Serve, host: str) -> None:
    served = serve()
    async with ClientSession(served.url) as client:
        wrong = {"Host": host.format(port=served.port)}
        for path in ("/", "/ws", "/page/page.css"):
            async with client.get(path, headers=wrong) as answer:
                assert answer.status == 403
                assert "evil" not in str(answer.headers)
        for good in ("localhost", f"LOCALHOST:{served.port}", "[::1]:9000", "127.0.0.1:9000"):
            async with client.get("/", headers={"Host": good}) as answer:
                assert answer.status == 200, good


async def test_other_sites_cannot_drive_the_app(serve: Serve) -> None:
    served = serve("--write")
    async with ClientSession() as client:
        for origin in (
            "http://evil.example",
            "null",
            "",
            f"https://127.0.0.1:{served.port}",
            "http://127.0.0.1:1",
        ):
            assert await refused(served, client, origin=origin) == 403
        with pytest.raises(WSServerHandshakeError):
            await client.ws_connect(f"{served.url}/ws")
        assert served.sessions() == []


async def test_a_token_is_asked_for_once(serve: Serve) -> None:
    served = serve(EMPATHY_SERVE_TOKEN=TOKEN)
    async with ClientSession(served.url) as client:
        async with client.get("/") as answer:
            assert answer.status == 401
            assert "textual-terminal" not in await answer.text()
        assert await refused(served, client) == 401
        for wrong in ("no", TOKEN[:-1], TOKEN + "x", "ü", "%00"):
            async with client.get(f"/?token={wrong}", allow_redirects=False) as answer:
                assert answer.status == 401
                assert "Set-Cookie" not in answer.headers
        async with client.get("/", headers={"Cookie": f"empathy-tui-{served.port}=\udcff\udc00"}) as answer:
            assert answer.status == 401
        async with client.post("/", data={"token": TOKEN}) as answer:
            assert answer.status == 403, "from no page of ours"
        headers = {"Origin": "http://evil.example"}
        async with client.post("/", data={"token": TOKEN}, headers=headers) as answer:
            assert answer.status == 403
        async with client.post("/", data={"token": "x" * 50_000}, headers={"Origin": served.url}) as answer:
            assert answer.status == 413
        async with client.get(f"/?token={TOKEN}", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
            cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    name, _, value = cookie.partition(";")[0].partition("=")
    async with ClientSession(served.url, cookies={name: value}) as client:
        async with client.get("/") as answer:
            assert answer.status == 200
        async with tab(served, client) as websocket:
            await drawn(websocket, OPENED)
            (process,) = served.sessions()
            assert not any(TOKEN in value for value in process.environ().values())
        assert await refused(served, client, origin="http://evil.example") == 403
    async with (
        ClientSession(served.url, cookie_jar=CookieJar(unsafe=True)) as client,
        client.post("/", data={"token": TOKEN}, headers={"Origin": served.url}) as answer,
    ):
        # The jar keeps the cookies of an address that is a number, as browsers do.
        assert [one.status for one in (*answer.history, answer)] == [303, 200]
    served.end()
    assert TOKEN not in "".join(served.printed)


async def test_a_token_cannot_be_guessed(serve: Serve) -> None:
    served = serve(EMPATHY_SERVE_TOKEN=TOKEN)
    async with ClientSession(served.url) as client:
        statuses = []
        for guess in range(14):
            async with client.get(f"/?token=guess-{guess}", allow_redirects=False) as answer:
                statuses.append(answer.status)
        assert statuses == [401] * 10 + [429] * 4
        # Nor is the right one taken from there then.
        async with client.get(f"/?token={TOKEN}", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    # Linux has more loopback addresses, and a proxy's headers can be forged.
    async with ClientSession(served.url, connector=TCPConnector(local_addr=("127.0.0.2", 0))) as client:
        forged = {"X-Forwarded-For": "203.0.113.1"}
        async with client.get("/?token=guess", headers=forged, allow_redirects=False) as answer:
            assert answer.status == 429


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("127.0.0.1", "127.9.9.9", True),
        ("127.0.0.1", "::1", True),
        ("::ffff:127.0.0.1", "::1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "unknown", False),
    ],
)
def test_whose_guesses_count_together(one: str, other: str, share: bool) -> None:
    assert (source(one) == source(other)) is share


async def test_all_addresses_with_a_token(serve: Serve) -> None:
    served = serve("--host", "0.0.0.0", EMPATHY_SERVE_TOKEN=TOKEN)
    assert "The connection is not encrypted" in served.printed[0]
    assert f"ssh -L {served.port}:127.0.0.1:{served.port}" in served.printed[0]
    async with ClientSession(served.url) as client:
        for host, status in (("203.0.113.1:8000", 401), (socket.gethostname(), 401), ("evil.example", 403)):
            async with client.get("/", headers={"Host": host}) as answer:
                assert answer.status == status, host


async def test_behind_a_proxy(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    served = serve("--port", str(port), "--public-url", "https://lab.example/", EMPATHY_SERVE_TOKEN=TOKEN)
    served.port = port
    assert "at https://lab.example\n" in served.printed[0]
    assert "not encrypted" not in served.printed[0]
    async with ClientSession(served.url) as client:
        headers = {"Host": "lab.example", "Origin": "https://lab.example"}
        async with client.post("/", data={"token": TOKEN}, headers=headers, allow_redirects=False) as answer:
            assert answer.status == 303
            cookie = answer.headers["Set-Cookie"]
        assert "Secure" in cookie
        shown = {"Cookie": cookie.partition(";")[0]}
        async with client.get("/", headers=headers | shown) as answer:
            assert "wss://lab.example/ws" in await answer.text()
        async with client.ws_connect("/ws", headers=headers | shown) as websocket:
            await drawn(websocket, OPENED)
        with pytest.raises(WSServerHandshakeError):
            await client.ws_connect("/ws", headers=shown | {"Origin": served.url})


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"]
)
async def test_who_never_ends_a_request_keeps_no_connection(serve: Serve, sent: bytes) -> None:
    """They took all open files of the server, which then answered nobody."""
    served = serve(command=IMPATIENT)
    slow = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(20)]
    for _, writer in slow:
        writer.write(sent)
    for reader, writer in slow:
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
    async with ClientSession(served.url) as client, client.get("/") as answer:
        assert answer.status == 200


async def test_a_login_that_never_ends_is_refused(serve: Serve) -> None:
    served = serve(command=IMPATIENT, EMPATHY_SERVE_TOKEN=TOKEN)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    origin = f"http://127.0.0.1:{served.port}"
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nOrigin: {origin}\r\nContent-Length: 100\r\n"
    writer.write(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\ntok".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()
