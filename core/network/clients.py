"""The HTTP clients of the program: teachers, judges, downloads and checks all send their requests by these.

They trust the certificates and use the proxies that the environment names. A variable that is wrong is an
error that names it.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import httpx2

from core.domain.errors import UserError
from core.network import environment

T = TypeVar("T")


def client(url: str = "", **options: Any) -> httpx2.Client:
    """A client for single calls to the server of `url`, or to any.

    Raises `UserError` if the environment makes requests impossible.
    """
    return _made(httpx2.Client, url, options)


def async_client(url: str = "", **options: Any) -> httpx2.AsyncClient:
    """A client for many calls at a time to the server of `url`, or to any, without a limit of connections:
    its user limits the calls.

    Raises `UserError` if the environment makes requests impossible.
    """
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    return _made(httpx2.AsyncClient, url, {"limits": limits, **options})


def _made(kind: Callable[..., T], url: str, options: dict[str, Any]) -> T:
    broken = next((problem for problem in environment.problems(url) if problem.breaks), None)
    if broken is not None:
        raise UserError(str(broken))
    try:
        verify = _ssl_context(environment.certificates())
        # Without a proxy for this server, none is set up, which may be impossible. httpx2 knows no networks.
        has_proxies = not environment.is_excluded(url)
        return kind(**{"verify": verify, "follow_redirects": True, "trust_env": has_proxies, **options})
    except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
        # What the checks do not know of.
        raise UserError(
            f"the environment's settings for proxies and certificates cannot be used: {error}. "
            "`empathy-tui doctor` shows them"
        ) from error


@functools.cache
def _ssl_context(named: tuple[str, str] | None) -> ssl.SSLContext:
    """One for all clients: to read the system's certificates takes longer than all else."""
    return environment.ssl_context() or httpx2.create_ssl_context()
