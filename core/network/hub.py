"""Downloads from the Hugging Face Hub, by the program's own HTTP client."""

from __future__ import annotations

import functools

import httpx2

from core.network import clients


@functools.cache
def use_own_client() -> None:
    """Have huggingface_hub send its requests as all others are sent: with the same certificates and proxies.

    What is wrong with those is then a `UserError` of the download.
    """
    import huggingface_hub

    huggingface_hub.set_client_factory(_client)


def _client() -> httpx2.Client:
    # The library's hook has its offline mode and its headers; it has no public name.
    from huggingface_hub.utils._http import hf_request_event_hook

    return clients.client(event_hooks={"request": [hf_request_event_hook]}, timeout=None)
