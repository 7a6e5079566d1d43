"""The address that something is served at: who can reach it, and under which names."""

from __future__ import annotations

import errno
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from core.api import UserError

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
#: A Host header: a name or a number, perhaps a port. Nothing else may get into a header of ours.
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[0-9a-z._-]+)(?::\d{1,5})?", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """A socket that listens, and the names that browsers may have for it.

    `is_every` for all of this machine's numbers, more than are known. `public` is what browsers open where
    something stands between, such as `https://lab.example`.
    """

    host: str
    port: int
    sock: socket.socket
    is_local: bool
    is_every: bool
    names: frozenset[str]
    public: str | None

    @property
    def url(self) -> str:
        """What a person opens."""
        name = socket.gethostname() if self.is_every else self.host
        return self.public or f"http://{f'[{name}]' if ':' in name else name}:{self.port}"

    def serves(self, host: str) -> bool:
        """Whether a Host header names this address."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found["name"].strip("[]").lower()
        # Nobody can have made a number point here.
        return name in self.names or (self.is_every and _number(name) is not None)

    def origin(self, host: str) -> str:
        """The Origin header that our own page sends, by its Host header."""
        return self.public or f"http://{host}"

    def websocket(self, host: str) -> str:
        """Where our own page connects to, by its Host header."""
        return f"ws{self.origin(host).removeprefix('http')}/ws"


def take(host: str, port: int, public: str | None, *, is_guarded: bool) -> Address:
    """Listen at the address of that name or number, on any free port for 0.

    Raises `UserError` when it cannot be had; when others than this machine's users could reach it and it is
    not `is_guarded`; and when `public` is no address.
    """
    family, place = _resolve(host, port)
    number = ip_address(place[0].partition("%")[0])
    public_name = None if public is None else _public_name(public)
    is_local = _is_local(number) and (public_name is None or public_name in _LOCAL)
    if not is_local and not is_guarded:
        same = port or 8000
        raise UserError(
            f"other machines could reach {public or host}: set EMPATHY_SERVE_TOKEN to a token that is then "
            f"asked for; or serve 127.0.0.1, and open it from elsewhere through "
            f"`ssh -L {same}:127.0.0.1:{same} {socket.gethostname()}`"
        )
    names = {host.lower(), str(number), public_name or ""} - {""}
    if number.is_unspecified:
        names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    if number.is_unspecified or _is_local(number):
        names |= _LOCAL
    sock = _listen(family, place, host)
    return Address(
        host=host,
        port=sock.getsockname()[1],
        sock=sock,
        is_local=is_local,
        is_every=number.is_unspecified,
        names=frozenset(names),
        public=None if public is None else public.rstrip("/"),
    )


def _resolve(host: str, port: int) -> tuple[int, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM) if host else []
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise UserError(f"there is no address {host!r}: say --host 127.0.0.1")
    family, _, _, _, place = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, place  # type: ignore[return-value]


def _listen(family: int, place: tuple[str, int], host: str) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)
        sock.listen()
    except OSError as error:
        sock.close()
        port = place[1]
        reasons = {
            errno.EADDRINUSE: f"port {port} is taken: say --port {port + 1}, or --port 0 for a free one",
            errno.EADDRNOTAVAIL: f"this machine does not have the address {host}: say --host 127.0.0.1",
            errno.EACCES: f"port {port} needs more rights than yours: say --port 8000",
        }
        raise UserError(reasons.get(error.errno or 0, f"{host}, port {port}: {error.strerror}")) from error
    return sock


def _public_name(public: str) -> str:
    """The name in the address that browsers use. Raises `UserError` for anything but a scheme and a host."""
    try:
        parts = urlsplit(public)
        is_plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
        if parts.scheme in ("http", "https") and is_plain and _HOST.fullmatch(parts.netloc):
            return (parts.hostname or "").lower()
    except ValueError:
        pass
    raise UserError(
        f"--public-url {public!r} is not of the form https://lab.example or http://lab.example:8080"
    )


def _is_local(number: IPv4Address | IPv6Address) -> bool:
    mapped = getattr(number, "ipv4_mapped", None)
    return (mapped or number).is_loopback


def _number(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
