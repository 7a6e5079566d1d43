"""Models that reason: their parameters are detected, and a used-up limit is named."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.teachers.google.client import GoogleBatches, GoogleLive
from core.teachers.http.accepted_parameters import ADJUSTABLE, THINKING_LEVEL, AcceptedParameters
from core.teachers.http.endpoint import Endpoint
from core.teachers.openai.client import OpenAIBatches, OpenAILive
from core.teachers.protocol import Message, RejectedError, Request, Usage
from tests import loopback
from tests.loopback import Api
from tests.loopback.openai_api import ApiError
from tests.support.servers.scripted_server import HttpReply, HttpRequest, Server, serving
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

KEY = "sk-verysecret-0123456789"
REQUEST = Request("0" * 32, "d1", (Message("user", "hello"),))
ANSWER = {
    "choices": [{"message": {"content": "well"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 3},
}
NAIVE = "generate:improve-human/naive"


def refusal(message: str, code: str = "unsupported_parameter") -> HttpReply:
    return HttpReply({"error": {"message": message, "code": code}}, 400)


def reasoner(asked: HttpRequest) -> HttpReply:
    """Refuses as OpenAI's models that reason do."""
    body = asked.json()
    if "max_tokens" in body:
        return refusal(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead."
        )
    for name in ("temperature", "top_p"):
        if name in body:
            words = (
                f"Unsupported value: '{name}' does not support {body[name]} with this model. Only the default"
            )
            return refusal(words, "unsupported_value")
    return HttpReply(ANSWER)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(reasoner) as found:
        yield found


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


def endpoint(server: Server, memory: Path | None = None, **changes: Any) -> Endpoint:
    accepted = AcceptedParameters(memory, f"{server.url} m")
    made = Endpoint(model="m", key=KEY, base_url=f"{server.url}/v1", max_output_tokens=7, accepted=accepted)
    return replace(made, **changes)


async def test_what_is_refused_is_found_out_once_and_shared(server: Server, tmp_path: Path) -> None:
    memory = tmp_path / "endpoints.json"
    live = OpenAILive(endpoint(server, memory, temperature=0.5, top_p=0.9, seed=3))
    assert (await live.complete(REQUEST)).text == "well"
    assert len(server.requests) == 4
    assert (await live.complete(REQUEST)).text == "well"
    await live.close()
    assert len(server.requests) == 5
    sent = server.requests[-1].json()
    assert sent["max_completion_tokens"] == 7
    assert sent["seed"] == 3
    assert {"max_tokens", "temperature", "top_p"}.isdisjoint(sent)
    # A batch, and the next job, know it at once.
    line = OpenAIBatches(endpoint(server, memory, temperature=0.5, top_p=0.9, seed=3)).line(REQUEST)
    assert json.loads(line)["body"] == sent
    assert json.loads(memory.read_bytes()) == {f"{server.url} m": ["max_tokens", "temperature", "top_p"]}


async def test_a_server_that_knows_only_the_older_limit(server: Server) -> None:
    def older(asked: HttpRequest) -> HttpReply:
        if "max_completion_tokens" in asked.json():
            return refusal("Unrecognized request argument supplied: max_completion_tokens", "")
        return HttpReply(ANSWER)

    server.answer = older
    live = OpenAILive(endpoint(server))
    assert (await live.complete(REQUEST)).text == "well"
    await live.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reasoning_effort": "minimal"}, "Unsupported value: 'reasoning_effort' does not support 'minimal'"),
        ({"extra_body": {"temperature": 1}}, "Unsupported value: 'temperature' does not support 1"),
        ({}, "max_tokens is too large: 100000"),
        ({"temperature": 3.0}, "Invalid 'temperature': must be below 2"),
        ({"temperature": 3.0}, "temperature must be 1 or less"),
    ],
)
async def test_a_choice_that_is_wrong_is_an_error(
    server: Server, settings: dict[str, Any], message: str
) -> None:
    code = "unsupported_value" if message.startswith("Unsupported") else "invalid_value"
    server.answer = lambda asked: refusal(message, code)
    live = OpenAILive(endpoint(server, **settings))
    with pytest.raises(RejectedError, match=message):
        await live.complete(REQUEST)
    await live.close()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("message", "parameter"),
    [
        ("invalid temperature: only 1 is allowed for this model", "temperature"),
        ("`temperature` may only be set to 1 when thinking is enabled", "temperature"),
        ("Only the default temperature (1) is supported", "temperature"),
        ("Temperature must be 1 for this model", "temperature"),
        ("`temperature` and `top_p` cannot both be specified for this model", "temperature"),
        ("Model m does not support parameter reasoningEffort.", "reasoning_effort"),
        ("extra_forbidden: body.seed", "seed"),
        ("thinking mode does not accept temperature", "temperature"),
        ("The parameter `seed` cannot be used with this model", "seed"),
    ],
)
def test_refusals_in_other_words(message: str, parameter: str) -> None:
    accepted = AcceptedParameters()
    assert accepted.learn(message, ADJUSTABLE)
    assert [name for name in ADJUSTABLE if accepted.is_refused(name)] == [parameter]


async def test_no_effort_where_there_is_nothing_to_choose(server: Server) -> None:
    def plain(asked: HttpRequest) -> HttpReply:
        if "reasoning_effort" in asked.json():
            return refusal("Unrecognized request argument supplied: reasoning_effort", "")
        return HttpReply(ANSWER)

    server.answer = plain
    live = OpenAILive(endpoint(server, reasoning_effort="low"))
    assert (await live.complete(REQUEST)).text == "well"
    await live.close()
    assert server.requests[0].json()["reasoning_effort"] == "low"


@pytest.mark.parametrize(
    ("settings", "thinking"),
    [
        ({"thinking_budget": 0}, {"thinkingBudget": 0}),
        ({"reasoning_effort": "low"}, {"thinkingLevel": "low"}),
        ({}, None),
    ],
)
async def test_gemini_is_sent_what_its_models_take(
    server: Server, settings: dict[str, Any], thinking: object
) -> None:
    candidate = {"content": {"parts": [{"text": "well"}]}, "finishReason": "STOP"}
    server.answer = lambda asked: HttpReply({"candidates": [candidate]})
    extra = {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]}
    made = endpoint(server, base_url=server.url, extra_body=extra, **settings)
    live = GoogleLive(made)
    await live.complete(REQUEST)
    await live.close()
    sent = server.requests[0].json()
    assert sent["safetySettings"] == extra["safetySettings"]
    assert sent["generationConfig"].get("thinkingConfig") == thinking
    assert json.loads(GoogleBatches(made).line(REQUEST))["request"] == sent


async def test_gemini_gets_a_budget_where_a_model_has_no_levels(server: Server) -> None:
    def older(asked: HttpRequest) -> HttpReply:
        thinking = asked.json()["generationConfig"]["thinkingConfig"]
        if "thinkingLevel" in thinking:
            message = "Thinking level is not supported for this model."
            return HttpReply({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": message}}, 400)
        candidate = {"content": {"parts": [{"text": "well"}]}, "finishReason": "STOP"}
        return HttpReply({"candidates": [candidate]})

    server.answer = older
    made = endpoint(server, base_url=server.url, reasoning_effort="medium")
    live = GoogleLive(made)
    # Both are under way before it is known.
    replies = await asyncio.gather(live.complete(REQUEST), live.complete(REQUEST))
    await live.close()
    assert [reply.text for reply in replies] == ["well", "well"]
    line = json.loads(GoogleBatches(made).line(REQUEST))
    assert line["request"]["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 8192}


def test_a_level_that_a_model_does_not_have_is_no_refusal_of_levels() -> None:
    accepted = AcceptedParameters()
    message = (
        "Thinking level MINIMAL is not supported for this model. Please retry with other thinking level."
    )
    assert not accepted.learn(message, frozenset({THINKING_LEVEL}))


async def test_the_name_of_the_limit_can_be_set(server: Server) -> None:
    live = OpenAILive(endpoint(server, token_limit="max_completion_tokens"))
    assert (await live.complete(REQUEST)).text == "well"
    await live.close()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("content", "details", "ending"),
    [
        ("", {"reasoning_tokens": 500}, "reasoning used up its token limit"),
        ("I am", {"reasoning_tokens": 500}, "reasoning used most of its token limit"),
        ("<think>They seem", {}, "reasoning used up its token limit"),
        ("I am so sorry to", {"reasoning_tokens": 12}, None),
        ("I am so sorry to", {}, None),
    ],
)
async def test_reasoning_that_uses_up_the_limit_is_named(
    server: Server, content: str, details: dict[str, int], ending: str | None
) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 512, "completion_tokens_details": details}
    choice = {"message": {"content": content}, "finish_reason": "length"}
    server.answer = lambda asked: HttpReply({"choices": [choice], "usage": usage})
    live = OpenAILive(endpoint(server))
    reply = await live.complete(REQUEST)
    await live.close()
    assert (reply.finish, reply.ending) == ("length", ending)
    assert reply.usage == Usage(10, 0, 512, details.get("reasoning_tokens"))


def test_a_job_says_that_reasoning_used_up_the_limit(tmp_path: Path, api: Api) -> None:
    answered = api._answered

    def reasoned(body: dict[str, Any]) -> dict[str, Any]:
        answer = answered(body)
        answer["choices"][0] |= {"message": {"role": "assistant", "content": ""}, "finish_reason": "length"}
        answer["usage"]["completion_tokens_details"] = {"reasoning_tokens": 39}
        return answer

    api._answered = reasoned  # type: ignore[method-assign]
    study = TeacherWorkspace(tmp_path, api.url, teacher="tries = 1")
    study.run()
    words = "12 were cut at max_output_tokens = 512, 12 of them because reasoning used it up"
    assert words in study.error(NAIVE)
    assert study.query("SELECT sum(reasoning_tokens), sum(output_tokens) FROM answers") == [
        (12 * 39, 12 * 40)
    ]


async def test_gemini_says_which_setting_a_model_does_not_have(server: Server) -> None:
    error = {"code": 400, "status": "INVALID_ARGUMENT", "message": "Thinking level is not supported"}
    server.answer = lambda asked: HttpReply({"error": error}, 400)
    live = GoogleLive(endpoint(server, base_url=server.url, reasoning_effort="low"))
    with pytest.raises(RejectedError, match=r"Thinking level is not supported \(thinking_budget") as caught:
        await live.complete(REQUEST)
    await live.close()
    assert caught.value.fatal


def test_a_batch_that_was_refused_is_sent_again_as_the_endpoint_accepts_it(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = api._answered

    def refusing(body: dict[str, Any]) -> dict[str, Any]:
        if "temperature" in body:
            raise ApiError(400, "Unsupported value: 'temperature' does not support 0.5")
        return answered(body)

    monkeypatch.setattr(api, "_answered", refusing)
    study = TeacherWorkspace(tmp_path, api.url, teacher="temperature = 0.5")
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert len(api.batches) == 2
    assert set(api.paid.values()) == {1}
    assert b'"temperature"' in (tmp_path / "artifacts/endpoints.json").read_bytes()
