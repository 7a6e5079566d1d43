"""Errors are the provider's own words: what is final says what to do, also under status 200."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.schema import Teacher
from core.teachers.google.client import GoogleLive
from core.teachers.http import error_bodies, rejections
from core.teachers.http.endpoint import Endpoint
from core.teachers.openai.client import OpenAIBatches, OpenAILive
from core.teachers.protocol import Message, RejectedError, Request, TransientError
from core.teachers.settings import remedies
from tests.support.servers.certificates import self_signed
from tests.support.servers.scripted_server import HttpReply, Server, serving
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

KEY = "sk-verysecret-0123456789"
REQUEST = Request("0" * 32, "d1", (Message("user", "hello"),))
OWN = Teacher(provider="openai", model="m", api_key_env="OUR_KEY")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda asked: HttpReply({})) as found:
        yield found


@pytest.fixture
async def live(server: Server) -> AsyncIterator[OpenAILive]:
    teacher = OpenAILive(endpoint(f"{server.url}/v1"))
    yield teacher
    await teacher.close()


def endpoint(url: str) -> Endpoint:
    return Endpoint(model="m", key=KEY, base_url=url, timeout_s=5)


async def rejection(live: OpenAILive | GoogleLive) -> RejectedError:
    with pytest.raises(RejectedError) as error:
        await live.complete(REQUEST)
    assert error.value.fatal
    assert KEY not in str(error.value)
    return error.value


@pytest.mark.parametrize("status", [200, None])
@pytest.mark.parametrize(
    ("code", "body", "remedy", "words"),
    [
        (402, {"code": 402, "message": f"Insufficient credits {KEY}"}, "credit", "Insufficient credits"),
        (401, {"code": "invalid_api_key", "message": "Incorrect API key"}, "key", "Incorrect API key"),
        (429, {"code": "insufficient_quota", "message": "no"}, "credit", "insufficient_quota: no"),
        (429, {"code": 429, "message": "You exceeded your current quota, check your plan"}, "credit", "plan"),
        (
            400,
            {"type": "invalid_request_error", "message": "Your credit balance is too low"},
            "credit",
            "too low",
        ),
        (403, {"code": 403, "message": "The free quota has been exhausted."}, "credit", "free quota"),
        (
            400,
            {"code": "400", "type": "no_db_connection", "message": "No connected db."},
            "key",
            "No connected db",
        ),
        (400, {"code": 400, "message": "Invalid model name passed in model=m."}, None, "model name"),
        (
            429,
            {
                "type": "rate_limit_error",
                "message": "no",
                "details": {"error_code": "enforced_spend_limit_reached"},
            },
            "credit",
            "no",
        ),
        (404, {"code": "model_not_found", "message": "no model m"}, None, "no model m"),
    ],
)
async def test_a_final_error_is_final_at_once(
    server: Server,
    live: OpenAILive,
    status: int | None,
    code: int,
    body: dict[str, Any],
    remedy: str,
    words: str,
) -> None:
    server.answer = lambda asked: HttpReply({"error": body}, status or code)
    error = await rejection(live)
    assert (error.code, error.remedy) == (str(code), remedy)
    assert words in str(error)
    assert len(server.requests) == 1


async def test_an_error_that_may_pass_inside_a_success(server: Server, live: OpenAILive) -> None:
    server.answer = lambda asked: HttpReply({"error": {"code": 503, "message": "model is loading"}})
    with pytest.raises(TransientError, match="503: model is loading") as error:
        await live.complete(REQUEST)
    assert error.value.unreachable
    server.answer = lambda asked: HttpReply({"error": "something broke"})
    with pytest.raises(TransientError, match="something broke"):
        await live.complete(REQUEST)


@pytest.mark.parametrize(
    "reply",
    [
        HttpReply({"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
        HttpReply(b"<!DOCTYPE html><html><head><title>Chat</title></head></html>"),
        HttpReply(b"<html><h1>404 Not Found</h1></html>", 404),
        HttpReply({"detail": "Not Found"}, 404),
        HttpReply(b"404 page not found", 404),
        HttpReply(b"", 404),
        HttpReply({"detail": "Method Not Allowed"}, 405),
    ],
    ids=str,
)
async def test_a_wrong_path_hints_at_the_version(server: Server, reply: HttpReply) -> None:
    server.answer = lambda asked: reply
    live = OpenAILive(endpoint(server.url))
    error = await rejection(live)
    await live.close()
    assert error.remedy == "url"
    assert f"does the API begin at {server.url}/v1?" in str(error)
    assert "correct base_url" in remedies.of_rejection(error, OWN)


async def test_a_path_with_a_version_gets_no_other(server: Server, live: OpenAILive) -> None:
    server.answer = lambda asked: HttpReply({"detail": "Not Found"}, 404)
    assert "/v1/v1" not in str(await rejection(live))
    gemini = GoogleLive(endpoint(server.url))
    assert "/v1" not in str(await rejection(gemini))
    await gemini.close()


async def test_the_quota_of_a_day_is_final_and_that_of_a_minute_is_not(server: Server) -> None:
    def exhausted(quota: str) -> HttpReply:
        violation = {"quotaId": quota, "quotaValue": "10"}
        error = {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "You exceeded your current quota, please check your plan and billing details.",
            "details": [{"violations": [violation]}, {"retryDelay": "21s"}],
        }
        return HttpReply({"error": error}, 429)

    live = GoogleLive(endpoint(server.url))
    server.answer = lambda asked: exhausted("GenerateRequestsPerDayPerProjectPerModel")
    assert (await rejection(live)).remedy == "credit"
    server.answer = lambda asked: exhausted("GenerateRequestsPerMinutePerProjectPerModel")
    with pytest.raises(TransientError) as error:
        await live.complete(REQUEST)
    assert (error.value.throttled, error.value.retry_after) == (True, 21)
    await live.close()


def test_what_a_person_can_do() -> None:
    def words(remedy: Any) -> str:
        return remedies.of_rejection(RejectedError("no", code="1", fatal=True, remedy=remedy), OWN)

    assert "OUR_KEY" in words("key")
    assert "add credit" in words("credit")
    assert words(None) == "no"


async def test_certificates_and_tls_name_the_remedy(server: Server, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context) as secure:
        live = OpenAILive(endpoint(f"https://127.0.0.1:{secure.sockets[0].getsockname()[1]}/v1"))
        error = await rejection(live)
        assert "is not trusted" in str(error)
        assert "SSL_CERT_FILE" in str(error)
        await live.close()
    live = OpenAILive(endpoint(server.url.replace("http:", "https:")))
    assert "may have to begin with http://" in str(await rejection(live))
    await live.close()


async def test_a_proxy_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    live = OpenAILive(endpoint("http://model.example/v1"))
    with pytest.raises(TransientError) as error:
        await live.complete(REQUEST)
    await live.close()
    assert "through the proxy http://127.0.0.1:9 of HTTP_PROXY" in str(error.value)
    assert "secret" not in str(error.value)
    assert error.value.unreachable


def test_a_batch_says_the_same(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(b"{}\n")
    batches = OpenAIBatches(endpoint(server.url))
    server.answer = lambda asked: HttpReply(b"<html>hello</html>")
    with pytest.raises(RejectedError, match="does the API begin"):
        batches.upload(path)
    # After a create, it is not known whether there is a batch.
    with pytest.raises(TransientError):
        batches.create("file-1", {})


@pytest.mark.parametrize("path", ["", "/openai", "/openai/deployments/m"])
async def test_azure_gets_its_version_and_its_key(server: Server, path: str) -> None:
    of_deployment = replace(endpoint(f"{server.url}{path}"), api_version="2024-10-21")
    live = OpenAILive(of_deployment)
    await live.complete(REQUEST)
    await live.close()
    (asked,) = server.requests
    assert asked.path == "/openai/deployments/m/chat/completions?api-version=2024-10-21"
    assert asked.headers["api-key"] == KEY
    # Azure reads it as a token of Entra.
    assert "authorization" not in asked.headers
    # Files and batches belong to no deployment: each line names its own.
    server.answer = lambda asked: HttpReply({"id": "batch_1"})
    batches = OpenAIBatches(of_deployment)
    batches.create("file-1", {})
    assert server.requests[1].path == "/openai/batches?api-version=2024-10-21"
    assert server.requests[1].headers["api-key"] == KEY
    assert json.loads(batches.line(REQUEST))["body"]["model"] == "m"


async def test_azure_without_a_date_is_as_openai(server: Server) -> None:
    live = OpenAILive(endpoint(f"{server.url}/openai/v1"))
    await live.complete(REQUEST)
    await live.close()
    (asked,) = server.requests
    assert asked.path == "/openai/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.json()["model"] == "m"


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("2024-10-21", "/chat/completions"),
        ("preview", "/v1/chat/completions"),
        (None, "/v1/chat/completions"),
    ],
)
def test_a_batch_of_azure_names_the_path_of_its_version(
    server: Server, version: str | None, path: str
) -> None:
    server.answer = lambda asked: HttpReply({"id": "batch_1"})
    batches = OpenAIBatches(replace(endpoint(f"{server.url}/openai"), api_version=version))
    batches.create("file-1", {})
    assert server.requests[0].json()["endpoint"] == path
    assert json.loads(batches.line(REQUEST))["url"] == path


_NAMES = st.sampled_from(["error", "errors", "message", "detail", "code", "type", "status", "x"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=8,
)


@given(_JSON)
def test_no_body_breaks_the_reading_of_errors(body: object) -> None:
    found = error_bodies.of_object(body)
    assert found is None or found.status is None or 400 <= found.status < 600
    rejections.of_body(json.dumps(body).encode(), "http://h", KEY)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading_of_errors(body: bytes) -> None:
    rejections.of_body(body, "http://h/v1", KEY)
    assert error_bodies.of_response(body).message is not None


def test_a_job_names_the_variable_that_is_wrong(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    study = TeacherWorkspace(tmp_path, server.url, mode="live")
    study.run()
    assert "SSL_CERT_FILE names /nowhere/certificates.pem" in study.error("generate:improve-human/naive")
