"""Whether a server can be reached, with the certificates and proxies that requests have."""

from __future__ import annotations

import httpx2

from core.network import clients, failures
from core.network.failures import ConnectionFailure

#: Seconds for the connection, and for the response.
_TIMEOUT_S = 5.0


def failure(url: str, setting: str = "base_url") -> ConnectionFailure | None:
    """Why a request to `url`, which `setting` names, gets no response; None if it gets one, whatever its
    status."""
    with clients.client(url, timeout=_TIMEOUT_S, follow_redirects=False) as client:
        try:
            client.head(url)
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            return failures.explain(error, url, setting)
    return None
