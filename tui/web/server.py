"""The app in a browser: a page with a terminal, and a process of its own behind every tab.

Whoever gets through can do what the app can. So a request must be for a name that is served here, because any
site can point a name of its own at this machine; what drives the app, and a token, must come from our own
page, because any site can send requests here; and a token keeps out who reaches the address and should not.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import signal
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import jinja2
import textual_serve
from aiohttp import WSCloseCode, WSMsgType, web

from tui.format.text import visible
from tui.web.address import Address
from tui.web.session import (
    GRACE_S,
    NotUnderstoodError,
    Session,
    fitting,
)

#: Sessions at a time, each of which is a process of some 100 MB.
MOST_SESSIONS = 8
#: Bytes of one message: as much as somebody may paste.
_LONGEST_MESSAGE = 1_000_000
#: Bytes of a form with a token.
_LONGEST_FORM = 10_000
#: Seconds between looks at whether a browser is still there.
_HEARTBEAT_S = 15.0
#: Seconds that a browser has to take its leave.
_FAREWELL_S = 2.0

_PAGE = Path(__file__).with_name("page")
#: The terminal's script, style and font.
_STATIC = Path(textual_serve.__file__).with_name("static")

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), clipboard-read=(), geolocation=(), microphone=()",
    # Not "no-referrer", under which a form of our own comes from nowhere.
    "Referrer-Policy": "same-origin",
    "Server": "empathy-tui",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
#: The terminal's script styles what it makes.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self' {websocket}; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Serves the app on the workspace in `root`; without `write` it is only watched."""

    def __init__(self, root: Path, address: Address, token: str | None, *, write: bool) -> None:
        self._root = root
        self._address = address
        self._token = token
        self._write = write
        #: What a browser that knew the token shows from then on; another one each time this is started.
        self._pass = secrets.token_urlsafe(32)
        # A browser sends a cookie to all ports of a host.
        self._cookie = f"empathy-tui-{address.port}"
        self._sessions: set[Session] = set()
        self._websockets: set[web.WebSocketResponse] = set()
        self._is_ending = False
        self._pages = jinja2.Environment(loader=jinja2.FileSystemLoader(_PAGE), autoescape=True)

    def run(self) -> signal.Signals:
        """Serve until a signal says to end, and end every session; the signal."""
        # Request lines may hold the token.
        logging.getLogger("aiohttp").setLevel(logging.CRITICAL + 1)
        return asyncio.run(self._run())

    async def _run(self) -> signal.Signals:
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[signal.Signals] = asyncio.Queue()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, told.put_nowait, number)
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=GRACE_S)
        await runner.setup()
        try:
            await web.SockSite(runner, self._address.sock).start()
            return await told.get()
        finally:
            self._is_ending = True
            ends = [
                *(websocket.close(code=WSCloseCode.GOING_AWAY) for websocket in self._websockets),
                *(session.stop() for session in self._sessions),
            ]
            await asyncio.gather(*ends, return_exceptions=True)
            await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=_LONGEST_FORM)
        app.router.add_get("/", self._index)
        app.router.add_post("/", self._log_in)
        app.router.add_get("/ws", self._drive)
        app.router.add_static("/page", _PAGE / "static")
        app.router.add_static("/static", _STATIC)
        app.on_response_prepare.append(self._add_headers)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not self._address.serves(request.headers.get("Host", "")):
            raise web.HTTPForbidden(text=f"This is {self._address.url}, and nothing else.\n")
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:
            # Without the request, whose line may hold the token.
            click.echo(visible(traceback.format_exc(), lines=True), err=True)
            raise web.HTTPInternalServerError from error

    async def _index(self, request: web.Request) -> web.StreamResponse:
        if not self._is_let_in(request):
            return self._let_in(request.query["token"]) if "token" in request.query else self._ask_for_token()
        if request.query_string:
            # The page's script would take orders from it.
            raise web.HTTPSeeOther("/")
        websocket = self._address.websocket(request.headers["Host"])
        title = visible(f"{self._root.name} · empathy-tui")
        return self._page("index.html", title=title, websocket=websocket, most=MOST_SESSIONS)

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        self._check_origin(request)
        token = (await request.post()).get("token")
        return self._let_in(token if isinstance(token, str) else "")

    async def _drive(self, request: web.Request) -> web.StreamResponse:
        """Start a session for the tab that connects, and end it with the connection."""
        self._check_origin(request)
        if not self._is_let_in(request):
            raise web.HTTPUnauthorized(text="The token is asked for at /.\n")
        if self._is_ending or len(self._sessions) >= MOST_SESSIONS:
            raise web.HTTPServiceUnavailable(text=f"There are {MOST_SESSIONS} sessions: close a tab first.\n")
        websocket = web.WebSocketResponse(
            timeout=_FAREWELL_S, heartbeat=_HEARTBEAT_S, max_msg_size=_LONGEST_MESSAGE
        )
        session = Session(self._root, websocket, write=self._write)
        self._sessions.add(session)
        self._websockets.add(websocket)
        try:
            await websocket.prepare(request)
            await session.start(*fitting(_number(request, "width", 80), _number(request, "height", 24)))
            await _follow(websocket, session)
        finally:
            self._websockets.discard(websocket)
            await session.stop()
            self._sessions.discard(session)
        return websocket

    def _check_origin(self, request: web.Request) -> None:
        origin = self._address.origin(request.headers["Host"])
        if request.headers.get("Origin") != origin:
            raise web.HTTPForbidden(text="Only the page that is served here may do that.\n")

    def _is_let_in(self, request: web.Request) -> bool:
        shown = request.cookies.get(self._cookie, "")
        return self._token is None or hmac.compare_digest(_bytes(shown), _bytes(self._pass))

    def _let_in(self, token: str) -> web.StreamResponse:
        """Give who knows the token a cookie, and take the token out of the address."""
        if self._token is None or not hmac.compare_digest(_bytes(token), _bytes(self._token)):
            return self._ask_for_token("That is not the token.")
        response = web.HTTPSeeOther("/")
        is_safe = self._address.url.startswith("https:")
        response.set_cookie(
            self._cookie, self._pass, httponly=True, samesite="Strict", secure=is_safe, path="/"
        )
        raise response

    def _ask_for_token(self, problem: str = "") -> web.StreamResponse:
        return self._page("token.html", status=401, problem=problem)

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
                raise NotUnderstoodError
            answer = await session.obey(message.data)
        except NotUnderstoodError:
            await websocket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"not understood")
            return
        if answer is not None:
            await websocket.send_str(answer)


def _bytes(text: str) -> bytes:
    """What can be compared in constant time, whatever somebody sent."""
    return text.encode(errors="surrogatepass")


def _number(request: web.Request, name: str, otherwise: int) -> int:
    try:
        return int(request.query.get(name, ""))
    except ValueError:
        return otherwise
