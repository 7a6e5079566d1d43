"""Proxies and certificates in the environment: what is wrong names its variable and a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import UserError
from core.network import clients, environment
from tests.support.servers.certificates import self_signed
from tests.support.servers.scripted_server import HttpReply, serving

NAMES = (
    *environment.CERTIFICATE_FILES,
    environment.CERTIFICATE_FOLDER,
    *(name for word in ("HTTP", "HTTPS", "ALL", "NO") for name in (f"{word}_PROXY", f"{word.lower()}_proxy")),
)


@pytest.fixture(autouse=True)
def nothing_set() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES:
            patch.delenv(name, raising=False)
        yield


def problem(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> str:
    monkeypatch.setenv(variable, value)
    (found,) = environment.problems()
    assert found.variable == variable
    return str(found)


def test_nothing_set_is_nothing_wrong() -> None:
    assert environment.problems() == []
    clients.client().close()


@pytest.mark.parametrize("variable", environment.CERTIFICATE_FILES)
def test_certificates_that_are_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    path = tmp_path / "cacert.pem"
    assert f"names {path}, which does not exist: correct" in problem(monkeypatch, variable, str(path))
    with pytest.raises(UserError, match=f"{variable} names {path}"):
        clients.client()
    path.write_text("no certificate")
    assert "has no PEM certificates" in problem(monkeypatch, variable, str(path))
    path.write_bytes(self_signed(tmp_path)[0].read_bytes())
    assert environment.problems() == []
    clients.client().close()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_a_folder_in_which_no_certificate_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    certificate = self_signed(tmp_path)[0]
    words = "no certificate in the folder is named by its hash"
    assert words in problem(monkeypatch, variable, str(certificate.parent))
    (hashed := tmp_path / "hashed").mkdir()
    certificate.rename(hashed / "0a1b2c3d.0")
    monkeypatch.setenv(variable, str(hashed))
    assert environment.problems() == []


def test_one_of_several_folders_has_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OpenSSL looks in each, and does not mind one that is missing."""
    missing, empty, hashed = (tmp_path / name for name in ("missing", "empty", "hashed"))
    empty.mkdir()
    hashed.mkdir()
    found = problem(monkeypatch, "SSL_CERT_DIR", f"{missing}:{empty}")
    assert f"names {missing}, which does not exist, and names {empty}, which cannot be read" in found
    self_signed(tmp_path)[0].rename(hashed / "0a1b2c3d.0")
    monkeypatch.setenv("SSL_CERT_DIR", f"{missing}:{hashed}")
    assert environment.problems() == []
    clients.client().close()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("socks5://me:secret@127.0.0.1:9", "is socks5://127.0.0.1:9, and SOCKS proxies need"),
        ("socks://127.0.0.1:9", "write socks5://127.0.0.1:9"),
        ("http://127.0.0.1:port", "is not the URL of a proxy: write it as http://HOST:PORT"),
        ("ftp://127.0.0.1", "is not the URL of a proxy"),
    ],
)
@pytest.mark.parametrize("variable", ["ALL_PROXY", "https_proxy"])
def test_proxies_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    found = problem(monkeypatch, variable, value)
    assert words in found
    assert "secret" not in found
    with pytest.raises(UserError, match=variable):
        clients.async_client()


def test_a_proxy_that_can_be_used_and_what_does_not_go_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,[::1], 10.0.0.0/8,.example.org")
    assert environment.problems() == []
    clients.client().close()
    proxy = ("HTTPS_PROXY", "proxy.example:3128")
    assert environment.proxy_of("https://api.example.com/v1") == proxy
    for url in ("http://api.example.com", "https://localhost:1", "https://[::1]:1", "https://10.1.2.3"):
        assert environment.proxy_of(url) is None, url
    assert environment.proxy_of("https://a.example.org") is None


@pytest.mark.parametrize("entry", ["*", "127.0.0.0/8", "127.0.0.1"])
@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "ftp://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_does_not_matter_where_none_is(
    monkeypatch: pytest.MonkeyPatch, proxy: str, entry: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", entry)
    url = "http://127.0.0.1:8000/v1"
    assert environment.proxy_of(url) is None
    assert environment.problems(url) == []
    with serving(lambda asked: HttpReply(b"here")) as server, clients.client(server.url) as client:
        assert client.get(server.url).content == b"here"
    other = "https://api.example.com/v1"
    assert environment.is_excluded(other) == (entry == "*")
    if entry != "*":
        with pytest.raises(UserError, match="ALL_PROXY"):
            clients.client(other)


def test_an_entry_of_no_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "has '[::1'" in problem(monkeypatch, "NO_PROXY", "localhost,[::1")
    # It is ignored, so requests are sent.
    clients.client().close()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(NAMES), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30))
def test_no_value_is_a_crash(variable: str, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(variable, value)
        found = environment.problems()
        try:
            clients.client().close()
        except UserError:
            assert any(problem.breaks for problem in found) or variable in NAMES
        environment.proxy_of("https://example.com")
