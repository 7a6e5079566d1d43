"""Why a server could not be reached, in words that name the cause and the remedy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from core.network import environment

#: What OpenSSL says if the other side does not speak TLS.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")


@dataclass(frozen=True)
class ConnectionFailure:
    """Why a request got no response."""

    text: str
    """The cause and the remedy."""
    final: bool
    """Whether waiting does not help: a setting is wrong."""
    unreachable: bool
    """Whether the request did not reach the server."""


def explain(error: BaseException, url: str, setting: str = "base_url") -> ConnectionFailure:
    """Why a request to `url`, which `setting` names, failed, from the error and its causes."""
    causes = list(_chain(error))
    host = _place(url)
    proxy = environment.proxy_of(url)
    if (failure := _tls(causes, host, setting)) is not None:
        return failure
    own = causes[0]
    text = f"{type(own).__name__}: {own}" if str(own) else type(own).__name__
    unreachable = isinstance(own, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError)
    if any(isinstance(cause, httpx2.UnsupportedProtocol | httpx2.InvalidURL) for cause in causes):
        return ConnectionFailure(f"{text}: check {setting}", final=True, unreachable=True)
    if proxy is not None and unreachable:
        variable, value = proxy
        through = f"through the proxy {environment.without_password(value)} of {variable}"
        if isinstance(own, httpx2.ProxyError) and "407" in str(own):
            remedy = f"write user name and password into {variable}, as http://USER:PASSWORD@HOST:PORT"
            return ConnectionFailure(f"{host} {through}: {own}: {remedy}", final=True, unreachable=True)
        remedy = f"check the proxy, or add {host} to NO_PROXY"
        return ConnectionFailure(f"{host} {through}: {text}: {remedy}", final=False, unreachable=True)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        text = f"the name {host} cannot be resolved ({own}): check {setting} and the network"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        text = f"no server listens at {host} ({own}): start it, or check {setting}"
    return ConnectionFailure(text, final=False, unreachable=unreachable)


def _tls(causes: list[BaseException], host: str, setting: str) -> ConnectionFailure | None:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in (10, 9):
                remedy = "check the clock of this machine"
            elif cause.verify_code in (62, 64):
                remedy = f"check {setting}"
            else:
                named = environment.certificates()
                remedy = (
                    "set SSL_CERT_FILE to a file with the certificates of your organisation or server"
                    if named is None
                    else f"{named[0]}, which decides, names {named[1]}"
                )
            text = f"the certificate of {host} is not trusted ({cause.verify_message}): {remedy}"
            return ConnectionFailure(text, final=True, unreachable=True)
        if isinstance(cause, ssl.SSLError) and any(
            words in (cause.reason or "").upper().replace(" ", "_") for words in _NO_TLS
        ):
            text = f"{host} does not speak TLS ({cause.reason}): {setting} may have to begin with http://"
            return ConnectionFailure(text, final=True, unreachable=True)
    return None


def _place(url: str) -> str:
    """The host and port in a URL; the URL itself if it has none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or url
    except ValueError:
        return url


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error of the HTTP client, and those that caused it; without those that wrap it."""
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        current = current.__cause__ or current.__context__
    own = next((i for i, found in enumerate(seen) if isinstance(found, httpx2.RequestError)), 0)
    yield from seen[own:]
