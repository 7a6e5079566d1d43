"""Environment variables about proxies and certificates: what they say, and what is wrong with them."""

from __future__ import annotations

import functools
import ipaddress
import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from core.domain.packages import install_command

#: Variables with a file of certificates: the first that is set decides. httpx2 itself knows one of them.
CERTIFICATE_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
CERTIFICATE_FOLDER = "SSL_CERT_DIR"
#: The name by which a certificate is found in a folder.
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
#: Variables with a proxy, by the scheme of the URLs that it is for.
_PROXIES = {"http": "HTTP_PROXY", "https": "HTTPS_PROXY", "all": "ALL_PROXY"}
#: Variables about proxies, in capitals.
PROXIES = (*_PROXIES.values(), "NO_PROXY")
#: Schemes of proxies that need a package of their own, and the package.
_SOCKS = ("socks5", "socks5h")
_SOCKS_PACKAGE = "socksio"


@dataclass(frozen=True)
class VariableProblem:
    """A variable that makes requests fail."""

    variable: str
    """Its name."""
    found: str
    """What is wrong, after the variable's name: no password of a proxy is in it."""
    remedy: str
    """What to do."""
    breaks: bool = True
    """Whether no request can be sent; else a part of the variable is ignored."""

    def __str__(self) -> str:
        return f"{self.variable} {self.found}: {self.remedy}"


def problems(url: str = "") -> list[VariableProblem]:
    """Everything that is wrong with the variables, what breaks requests first.

    With `url` what concerns requests to it: nothing that is wrong with a proxy, if NO_PROXY has its host.
    """
    found = [*_certificates(), *(() if is_excluded(url) else _proxies()), *_no_proxy()]
    return sorted(found, key=lambda problem: not problem.breaks)


def certificates() -> tuple[str, str] | None:
    """The variable that names the certificates to trust, and its value; None for those of the system."""
    for variable in (*CERTIFICATE_FILES, CERTIFICATE_FOLDER):
        if value := os.environ.get(variable):
            return variable, value
    return None


def proxies() -> dict[str, str]:
    """The variables that name a proxy, as they are set, and their values."""
    return {variable: value for _, variable, value in _set_proxies()}


def proxy_of(url: str) -> tuple[str, str] | None:
    """The variable and the value of the proxy that requests to `url` go through; None without one."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if is_excluded(url):
        return None
    by_scheme = {scheme: (variable, value) for scheme, variable, value in _set_proxies()}
    return by_scheme.get(parts.scheme) or by_scheme.get("all")


def is_excluded(url: str) -> bool:
    """Whether NO_PROXY has the host of `url`, or everything."""
    entries = [
        entry for name in ("NO_PROXY", "no_proxy") for entry in _entries(os.environ.get(name, "").lower())
    ]
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        host = ""
    return "*" in entries or _has_host(entries, host)


def without_password(proxy: str) -> str:
    """A proxy's URL without user name and password."""
    scheme, separator, rest = proxy.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def ssl_context() -> ssl.SSLContext | None:
    """A context with the certificates that the environment names; None if it names none.

    Raises `OSError`, of which `ssl.SSLError` is one, if they cannot be read.
    """
    named = certificates()
    return None if named is None else _context(named[1])


def _context(path: str) -> ssl.SSLContext:
    # OpenSSL takes several folders.
    if Path(path).is_dir() or (os.pathsep in path and not Path(path).exists()):
        return ssl.create_default_context(capath=path)
    return ssl.create_default_context(cafile=path)


def _certificates() -> Iterator[VariableProblem]:
    """Problems of all that are set: the first decides here, and other programs use the others."""
    decides = certificates()
    for variable in (*CERTIFICATE_FILES, CERTIFICATE_FOLDER):
        value = os.environ.get(variable)
        if not value:
            continue
        breaks = decides == (variable, value)
        remedy = f"correct the path, or unset {variable} to trust the system's certificates"
        paths = [value]
        if variable == CERTIFICATE_FOLDER and not Path(value).exists():
            paths = [path for path in value.split(os.pathsep) if path] or paths
        reasons = [_unusable(path) for path in paths]
        if all(reasons):
            named = zip(paths, reasons, strict=True)
            found = ", and ".join(f"names {path}, which {reason}" for path, reason in named)
            yield VariableProblem(variable, found, remedy, breaks)


def _unusable(path: str) -> str | None:
    """Why there are no certificates at `path`, after "which"; None if there are some."""
    if not Path(path).exists():
        return "does not exist"
    reason = _unreadable(path, Path(path).stat().st_mtime_ns)
    return None if reason is None else f"cannot be read: {reason}"


@functools.cache
def _unreadable(path: str, changed_ns: int) -> str | None:
    """Why the certificates at `path` cannot be read; None if they can.

    A file, as it was changed last, is read once: that takes longer than all else that a client needs, and
    several variables name the same one.
    """
    try:
        if Path(path).is_dir() and not any(_HASHED.fullmatch(one.name) for one in Path(path).iterdir()):
            return "no certificate in the folder is named by its hash (`openssl rehash` does that)"
        _context(path)
    except ssl.SSLError:
        return "it has no PEM certificates"
    except OSError as error:
        return error.strerror
    return None


def _proxies() -> Iterator[VariableProblem]:
    for _, variable, value in _set_proxies():
        shown = without_password(value)
        try:
            parts = urlsplit(value if "://" in value else f"http://{value}")
            broken = parts.hostname is None or (parts.port or 1) < 1
        except ValueError:
            parts, broken = urlsplit(""), True
        if parts.scheme in ("socks", "socks4", "socks4a"):
            yield VariableProblem(
                variable,
                f"is {shown}, a kind of proxy that is not supported",
                f"write socks5://{parts.netloc.rpartition('@')[2]} if the proxy speaks SOCKS 5, "
                f"or unset {variable}",
            )
        elif parts.scheme in _SOCKS and find_spec(_SOCKS_PACKAGE) is None:
            yield VariableProblem(
                variable,
                f"is {shown}, and SOCKS proxies need the package {_SOCKS_PACKAGE}",
                f"install it (`{install_command(_SOCKS_PACKAGE)}`), or unset {variable}",
            )
        elif parts.scheme not in ("http", "https", *_SOCKS) or broken:
            yield VariableProblem(
                variable,
                f"is {shown}, which is not the URL of a proxy",
                f"write it as http://HOST:PORT, or unset {variable}",
            )


def _no_proxy() -> Iterator[VariableProblem]:
    for variable in ("NO_PROXY", "no_proxy"):
        for entry in _entries(os.environ.get(variable, "")):
            if not _is_host(entry):
                yield VariableProblem(
                    variable,
                    f"has {entry!r}, which is ignored",
                    "entries are hosts, domains such as .example.com, addresses such as ::1 or 10.0.0.0/8",
                    breaks=False,
                )


def _set_proxies() -> Iterator[tuple[str, str, str]]:
    """(scheme, variable, value) of each proxy. A name in lower case goes before the same one in capitals."""
    for scheme, variable in _PROXIES.items():
        for name in (variable.lower(), variable):
            if value := os.environ.get(name, "").strip():
                yield scheme, name, value
                break


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _is_host(entry: str) -> bool:
    if entry == "*":
        return True
    host = entry.rpartition("://")[2]
    if host.startswith("["):
        address, closed, port = host[1:].partition("]")
        return bool(closed) and _is_network(address) and (not port or port.removeprefix(":").isdigit())
    if _is_network(host):
        return True
    name, _, port = host.partition(":")
    return bool(name.strip(".*")) and not set(name) & set("/[] \t") and (not port or port.isdigit())


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _has_host(entries: list[str], host: str) -> bool:
    """Whether these entries of NO_PROXY have `host`: its name, a domain that it is in, its address, or a
    network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for entry in entries:
        if address is None:
            domain = entry.rpartition("://")[2].partition(":")[0].lstrip("*").lstrip(".")
            if domain and (host == domain or host.endswith(f".{domain}")):
                return True
            continue
        try:
            network = ipaddress.ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            continue
        if address.version == network.version and address in network:
            return True
    return False
