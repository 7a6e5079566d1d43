"""The address that the server listens on: who can reach it, and under which names."""

from __future__ import annotations

import errno
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from core.api import UserError

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
#: A Host header: a host name or an IP address, perhaps a port. Nothing else gets into our own headers.
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[0-9a-z._-]+)(?::\d{1,5})?", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """A listening socket, and the host names that browsers may use for it."""

    host: str
    """The host as the user gave it."""
    port: int
    sock: socket.socket
    is_local: bool
    """Whether only this machine can reach it."""
    is_every: bool
    """Whether it listens on all of this machine's IP addresses."""
    names: frozenset[str]
    """Accepted host names and IP addresses, in lower case."""
    public: str | None
    """The URL that browsers open, when it differs: behind a proxy, such as `https://lab.example`."""

    @property
    def url(self) -> str:
        """The URL to open in a browser."""
        name = socket.gethostname() if self.is_every else self.host
        return self.public or f"http://{f'[{name}]' if ':' in name else name}:{self.port}"

    def serves(self, host: str) -> bool:
        """Whether the Host header `host` names this address."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found["name"].strip("[]").lower()
        # An attacker can make a host name point here, but not an IP address.
        return name in self.names or (self.is_every and _ip_address(name) is not None)

    def origin(self, host: str) -> str:
        """The Origin header that our own page sends with the Host header `host`."""
        return self.public or f"http://{host}"

    def websocket(self, host: str) -> str:
        """The WebSocket URL of our own page, loaded with the Host header `host`."""
        return f"ws{self.origin(host).removeprefix('http')}/ws"


def listen(host: str, port: int, public: str | None, *, has_token: bool) -> Address:
    """Listen on a host name or IP address; port 0 is any free port.

    Raises `UserError` when the address is not available; when other machines could reach it and it does not
    have a token; and when `public` is not a URL of a host.
    """
    family, place = _resolve(host, port)
    number = ip_address(place[0].partition("%")[0])
    public_name = None if public is None else _public_name(public)
    is_local = _is_local(number) and (public_name is None or public_name in _LOCAL)
    if not is_local and not has_token:
        raise UserError(
            f"other machines could reach {public or host}: set EMPATHY_SERVE_TOKEN to a token that browsers "
            f"must enter, or serve 127.0.0.1 and open it from elsewhere through `{ssh_forward(port or 8000)}`"
        )
    names = {host.lower(), str(number), public_name or ""} - {""}
    if number.is_unspecified:
        names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    if number.is_unspecified or _is_local(number):
        names |= _LOCAL
    sock = _open_socket(family, place, host)
    return Address(
        host=host,
        port=sock.getsockname()[1],
        sock=sock,
        is_local=is_local,
        is_every=number.is_unspecified,
        names=frozenset(names),
        public=None if public is None else public.rstrip("/"),
    )


def ssh_forward(port: int) -> str:
    """The command that makes this machine's `port` reachable at the same port of another one."""
    return f"ssh -L {port}:127.0.0.1:{port} {socket.gethostname()}"


def _resolve(host: str, port: int) -> tuple[int, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM) if host else []
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise UserError(f"there is no address {host!r}: try --host 127.0.0.1")
    family, _, _, _, place = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, place  # type: ignore[return-value]


def _open_socket(family: int, place: tuple[str, int], host: str) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)
        sock.listen()
    except OSError as error:
        sock.close()
        port = place[1]
        reasons = {
            errno.EADDRINUSE: f"port {port} is in use: try --port {port + 1}, or --port 0 for any free one",
            errno.EADDRNOTAVAIL: f"this machine does not have the address {host}: try --host 127.0.0.1",
            errno.EACCES: f"you are not permitted to use port {port}: try --port 8000",
        }
        raise UserError(reasons.get(error.errno or 0, f"{host}, port {port}: {error.strerror}")) from error
    return sock


def _public_name(public: str) -> str:
    """The host name in the public URL. Raises `UserError` for anything but a scheme and a host."""
    try:
        parts = urlsplit(public)
        is_plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
        if parts.scheme in ("http", "https") and is_plain and _HOST.fullmatch(parts.netloc):
            return (parts.hostname or "").lower()
    except ValueError:
        pass
    raise UserError(f"--public-url {public!r} must look like https://lab.example or http://lab.example:8080")


def _is_local(number: IPv4Address | IPv6Address) -> bool:
    mapped = getattr(number, "ipv4_mapped", None)
    return (mapped or number).is_loopback


def _ip_address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
