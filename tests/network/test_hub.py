"""Downloads from the Hub use the program's client, and say what is wrong with its settings."""

from __future__ import annotations

from collections.abc import Iterator

import huggingface_hub
import pytest
from huggingface_hub.errors import OfflineModeIsEnabled

from core.domain.errors import UserError
from core.network import hub


@pytest.fixture(autouse=True)
def own_client() -> Iterator[None]:
    hub.use_own_client.cache_clear()
    hub.use_own_client()
    yield
    huggingface_hub.close_session()


def test_offline_mode_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(OfflineModeIsEnabled):
        huggingface_hub.get_session().get("http://127.0.0.1:9/model")


def test_a_missing_file_of_certificates_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    with pytest.raises(UserError, match=r"SSL_CERT_FILE names /nowhere/certificates\.pem"):
        huggingface_hub.get_session()
