"""The web server: a page with a terminal, and a separate app process for every tab.

Who can connect can do whatever the app can. Three checks therefore protect it. The Host header must name this
server, because any site can point its own host name at this machine (DNS rebinding). The Origin of WebSockets
and logins must be our own page, because any site can send requests here (CSRF). And a token, if one is set,
keeps out everybody else who can reach the address.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import signal
import time
import traceback
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import click
import jinja2
import textual_serve
from aiohttp import WSCloseCode, WSMsgType, web

from core.api import trouble_in_words
from tui.format.text import visible
from tui.web.address import Address
from tui.web.session import (
    GRACE_S,
    InvalidMessageError,
    Session,
    clamp_size,
)

#: Maximum number of sessions; each is a process of some 100 MB.
MAX_SESSIONS = 8
#: Maximum size of a message, in bytes: as much as somebody may paste.
_MAX_MESSAGE = 1_000_000
#: Maximum size of the login form, in bytes.
_MAX_FORM = 10_000
#: Wrong tokens that an address may enter in so many seconds, and addresses that are remembered.
_MAX_GUESSES, _GUESSES_S, _MAX_REMOTES = 10, 60.0, 10_000
#: Seconds in which a connection must have sent a whole request, or read the answer to one, and how many may
#: take as long: each occupies an open file, and anybody who can connect could have them all.
REQUEST_S, MAX_WAITING = 30.0, 100
#: Seconds between two looks at the connections.
_LOOK_S = 0.5
#: Seconds between pings that check the connection to a browser.
_HEARTBEAT_S = 15.0
#: Seconds that a browser gets to close a connection.
_CLOSE_S = 2.0

_PAGE = Path(__file__).with_name("page")
#: xterm.js with its style and font.
_STATIC = Path(textual_serve.__file__).with_name("static")

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), clipboard-read=(), geolocation=(), microphone=()",
    # With "no-referrer" our own form would be sent without an Origin.
    "Referrer-Policy": "same-origin",
    "WebServer": "empathy-tui",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
#: Inline styles are allowed because xterm.js sets them.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self' {websocket}; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer:
    """Serves the app on the workspace in `root`; read-only without `write`."""

    def __init__(self, root: Path, address: Address, token: str | None, *, write: bool) -> None:
        self._root = root
        self._address = address
        self._token = token
        self._write = write
        #: The login cookie's value for browsers that have entered the token; a new one for each server.
        self._session_key = secrets.token_urlsafe(32)
        # Browsers send a cookie to all ports of a host, so its name holds the port.
        self._cookie = f"empathy-tui-{address.port}"
        #: Address → when it entered wrong tokens.
        self._guesses: dict[str, list[float]] = {}
        self._sessions: set[Session] = set()
        self._websockets: set[web.WebSocketResponse] = set()
        #: Connections whose request is being handled, and since when the others wait for one.
        self._handled: set[asyncio.BaseProtocol] = set()
        self._waits_since: dict[asyncio.BaseProtocol, float] = {}
        #: The newest error of the machine that was printed.
        self._trouble: str | None = None
        self._is_stopping = False
        self._pages = jinja2.Environment(loader=jinja2.FileSystemLoader(_PAGE), autoescape=True)

    def run(self) -> signal.Signals:
        """Serve until a signal arrives, then end every session. Returns the signal."""
        # Request lines can contain the token.
        logging.getLogger("aiohttp").setLevel(logging.CRITICAL + 1)
        return asyncio.run(self._run())

    async def _run(self) -> signal.Signals:
        loop = asyncio.get_running_loop()
        signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, signals.put_nowait, number)
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=GRACE_S)
        await runner.setup()
        loop.set_exception_handler(self._report)
        assert runner.server is not None
        watch = asyncio.create_task(self._close_silent(runner.server))
        try:
            await web.SockSite(runner, self._address.sock).start()
            return await signals.get()
        finally:
            self._is_stopping = True
            watch.cancel()
            ends = [
                *(websocket.close(code=WSCloseCode.GOING_AWAY) for websocket in self._websockets),
                *(session.stop() for session in self._sessions),
            ]
            await asyncio.gather(*ends, return_exceptions=True)
            await runner.cleanup()

    async def _close_silent(self, server: web.Server) -> None:
        """Close connections that are as slow as no browser is, and the oldest of those that are too many."""
        while True:
            await asyncio.sleep(_LOOK_S)
            now = time.monotonic()
            since = self._waits_since
            waiting = [one for one in server.connections if one not in self._handled]
            self._waits_since = since = {one: since.get(one, now) for one in waiting}
            waiting.sort(key=since.__getitem__)
            for number, connection in enumerate(waiting):
                is_slow = now - since[connection] > REQUEST_S
                if (is_slow or number < len(waiting) - MAX_WAITING) and connection.transport is not None:
                    connection.transport.abort()

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Print what went wrong outside of a request; trouble of the machine in one sentence, once."""
        error = context.get("exception")
        words = None if error is None else trouble_in_words(error)
        if words is None:
            loop.default_exception_handler(context)
        elif words != self._trouble:
            self._trouble = words
            click.echo(words, err=True)

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=_MAX_FORM)
        app.router.add_get("/", self._index)
        app.router.add_post("/", self._log_in)
        app.router.add_get("/ws", self._connect)
        app.router.add_static("/page", _PAGE / "static")
        app.router.add_static("/static", _STATIC)
        app.on_response_prepare.append(self._add_headers)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not self._address.serves(request.headers.get("Host", "")):
            raise web.HTTPForbidden(
                text=f"This server is {self._address.url}; it answers to no other name.\n"
            )
        self._handled.add(request.protocol)
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:
            # Without the request: its line can contain the token.
            click.echo(visible(traceback.format_exc(), lines=True), err=True)
            raise web.HTTPInternalServerError from error
        finally:
            self._handled.discard(request.protocol)
            self._waits_since[request.protocol] = time.monotonic()

    async def _index(self, request: web.Request) -> web.StreamResponse:
        if not self._is_logged_in(request):
            token = request.query.get("token")
            return self._token_page() if token is None else self._check_token(token, request.remote or "")
        if request.query_string:
            # textual.js reads settings from the query string.
            raise web.HTTPSeeOther("/")
        websocket = self._address.websocket(request.headers["Host"])
        title = visible(f"{self._root.name} · empathy-tui")
        return self._page("index.html", title=title, websocket=websocket, max_sessions=MAX_SESSIONS)

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        self._check_origin(request)
        try:
            async with asyncio.timeout(REQUEST_S):
                token = (await request.post()).get("token")
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        return self._check_token(token if isinstance(token, str) else "", request.remote or "")

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        """Start a session for a tab's WebSocket, and end it with the connection."""
        self._check_origin(request)
        if not self._is_logged_in(request):
            raise web.HTTPUnauthorized(text="Enter the token at / first.\n")
        if self._is_stopping or len(self._sessions) >= MAX_SESSIONS:
            raise web.HTTPServiceUnavailable(
                text=f"All {MAX_SESSIONS} sessions are in use: close a tab first.\n"
            )
        websocket = web.WebSocketResponse(timeout=_CLOSE_S, heartbeat=_HEARTBEAT_S, max_msg_size=_MAX_MESSAGE)
        session = Session(self._root, websocket, write=self._write)
        self._sessions.add(session)
        self._websockets.add(websocket)
        try:
            await websocket.prepare(request)
            await session.start(
                *clamp_size(_query_number(request, "width", 80), _query_number(request, "height", 24))
            )
            await _follow(websocket, session)
        finally:
            self._websockets.discard(websocket)
            await session.stop()
            self._sessions.discard(session)
        return websocket

    def _check_origin(self, request: web.Request) -> None:
        origin = self._address.origin(request.headers["Host"])
        if request.headers.get("Origin") != origin:
            raise web.HTTPForbidden(text="Only this server's own page may send this request.\n")

    def _is_logged_in(self, request: web.Request) -> bool:
        shown = request.cookies.get(self._cookie, "")
        return self._token is None or hmac.compare_digest(_bytes(shown), _bytes(self._session_key))

    def _check_token(self, token: str, remote: str) -> web.StreamResponse:
        """Set the login cookie if the token is right, and remove the token from the address.

        Each `remote` address has a few guesses a minute, and all addresses of this machine together. Then the
        right token is refused too: an answer to it would show which guess was right.
        """
        guesses = self._guesses.setdefault(source(remote), [])
        now = time.monotonic()
        guesses[:] = [at for at in guesses if now - at < _GUESSES_S]
        if len(guesses) >= _MAX_GUESSES:
            page = self._token_page("Too many wrong tokens: wait a minute.", status=429)
            page.headers["Retry-After"] = str(int(_GUESSES_S))
            return page
        if self._token is None or not hmac.compare_digest(_bytes(token), _bytes(self._token)):
            guesses.append(now)
            if len(self._guesses) > _MAX_REMOTES:
                self._guesses.pop(next(iter(self._guesses)))
            return self._token_page("The token is wrong.")
        response = web.HTTPSeeOther("/")
        is_safe = self._address.url.startswith("https:")
        response.set_cookie(
            self._cookie, self._session_key, httponly=True, samesite="Strict", secure=is_safe, path="/"
        )
        raise response

    def _token_page(self, problem: str = "", status: int = 401) -> web.StreamResponse:
        return self._page("token.html", status=status, problem=problem)

    def _page(self, name: str, *, status: int = 200, **values: object) -> web.Response:
        text = self._pages.get_template(name).render(values)
        return web.Response(text=text, content_type="text/html", status=status)

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_HEADERS)
        host = request.headers.get("Host", "")
        websocket = self._address.websocket(host) if self._address.serves(host) else ""
        response.headers["Content-Security-Policy"] = _POLICY.format(websocket=websocket)


async def _follow(websocket: web.WebSocketResponse, session: Session) -> None:
    """Do what the tab's messages ask for until it is gone, or says something else."""
    async for message in websocket:
        try:
            if message.type is not WSMsgType.TEXT:
                raise InvalidMessageError
            answer = await session.handle(message.data)
        except InvalidMessageError:
            await websocket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"not understood")
            return
        if answer is not None:
            await websocket.send_str(answer)


def source(remote: str) -> str:
    """Who enters tokens from an address: any user of this machine can use all of its loopback addresses, and
    whoever has one address of IPv6 usually has all with its first 64 bits."""
    try:
        address = ip_address(remote)
    except ValueError:
        return remote
    if isinstance(address, IPv6Address):
        # A server of both kinds sees IPv4 addresses as ::ffff:192.0.2.1.
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return "loopback"
    if isinstance(address, IPv6Address):
        # The zone, `%eth0`, is no part of a network.
        return str(ip_network((int(address), 64), strict=False))
    return str(address)


def _bytes(text: str) -> bytes:
    """Bytes to compare in constant time; any text has some, also lone surrogates."""
    return text.encode(errors="surrogatepass")


def _query_number(request: web.Request, name: str, otherwise: int) -> int:
    try:
        return int(request.query.get(name, ""))
    except ValueError:
        return otherwise
