"""Requests of Gemini's generateContent, for the client and as lines of a batch's input file."""

from __future__ import annotations

from typing import Any

from google.genai import types

from core.teachers.http import json_values
from core.teachers.http.accepted_parameters import STRUCTURED_OUTPUT, THINKING_LEVEL
from core.teachers.http.endpoint import Endpoint
from core.teachers.protocol import Request

#: What Google lists as the budgets that its levels of reasoning mean to models that take only budgets.
_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192} | dict.fromkeys(
    ("high", "xhigh", "max"), 24576
)


def contents(request: Request) -> list[types.ContentUnion]:
    """The request's messages as the client takes them."""
    return [
        types.Content(role=_role(message.role), parts=[types.Part(text=message.content)])
        for message in request.messages
    ]


def batch_line(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """One line of a batch's input file: the request as the REST API takes it."""
    sampling = {
        "temperature": endpoint.temperature,
        "topP": endpoint.top_p,
        "seed": endpoint.seed,
        "maxOutputTokens": endpoint.max_output_tokens,
        "responseLogprobs": None if endpoint.top_logprobs is None else True,
        "logprobs": endpoint.top_logprobs,
        "thinkingConfig": _thinking_config(endpoint),
        **structured_output(endpoint, request),
    }
    body = {
        "contents": [
            {"role": _role(message.role), "parts": [{"text": message.content}]}
            for message in request.messages
        ],
        "generationConfig": {name: value for name, value in sampling.items() if value is not None},
    }
    return {"key": request.key, "request": json_values.merged(body, endpoint.extra_body)}


def structured_output(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """The settings of structured output as the REST API takes them; empty for an answer in words."""
    schema = request.schema
    if schema is None or endpoint.accepted.is_refused(STRUCTURED_OUTPUT):
        return {}
    value = {"type": "STRING", "enum": list(schema.values)}
    described = {
        "type": "OBJECT",
        "properties": dict.fromkeys(schema.fields, value),
        "required": list(schema.fields),
        "propertyOrdering": list(schema.fields),
    }
    return {"responseMimeType": "application/json", "responseSchema": described}


def _thinking_config(endpoint: Endpoint) -> dict[str, Any] | None:
    """The settings of reasoning as the REST API takes them; None for the model's own."""
    if endpoint.thinking_budget is not None:
        return {"thinkingBudget": endpoint.thinking_budget}
    if endpoint.reasoning_effort is None:
        return None
    if endpoint.accepted.is_refused(THINKING_LEVEL):
        return {"thinkingBudget": _BUDGETS[endpoint.reasoning_effort]}
    return {"thinkingLevel": endpoint.reasoning_effort}


def adjustable(endpoint: Endpoint, request: Request) -> frozenset[str]:
    """The parameters of a request, as it is sent now, that are adjusted to what the model accepts."""
    is_sent = {
        STRUCTURED_OUTPUT: bool(structured_output(endpoint, request)),
        THINKING_LEVEL: "thinkingLevel" in (_thinking_config(endpoint) or {}),
    }
    return frozenset(name for name, sent in is_sent.items() if sent)


def body_beside_config(endpoint: Endpoint, request: Request) -> dict[str, Any] | None:
    """What the client merges into the body that it makes: the settings of reasoning and of structured output,
    and `extra_body`."""
    thinking = _thinking_config(endpoint)
    config = {} if thinking is None else {"thinkingConfig": thinking}
    config |= structured_output(endpoint, request)
    return json_values.merged({"generationConfig": config} if config else {}, endpoint.extra_body) or None


def _role(role: str) -> str:
    return "model" if role == "assistant" else role
