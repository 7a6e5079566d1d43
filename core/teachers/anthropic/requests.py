"""Requests of Claude's Messages API, live and as lines of a batch's input file."""

from __future__ import annotations

from typing import Any

from core.teachers.http import json_values
from core.teachers.http.accepted_parameters import ADAPTIVE_THINKING, STRUCTURED_OUTPUT
from core.teachers.http.endpoint import Endpoint
from core.teachers.protocol import Request

MESSAGES = "/v1/messages"
BATCHES = "/v1/messages/batches"

#: The effort that means no reasoning at all, which Claude has another setting for.
_NO_EFFORT = "none"


def message_body(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """The body of a message, without the parameters that the endpoint is known to refuse.

    What is in `extra_body`, such as a system prompt, is always sent.
    """
    settings = {
        "max_tokens": endpoint.max_output_tokens,
        "temperature": _unless_refused(endpoint, "temperature", endpoint.temperature),
        "top_p": _unless_refused(endpoint, "top_p", endpoint.top_p),
        "thinking": _thinking(endpoint),
        "output_config": _output_config(endpoint, request) or None,
    }
    body = {
        "model": endpoint.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        **{name: value for name, value in settings.items() if value is not None},
    }
    return json_values.merged(body, endpoint.extra_body)


def batch_line(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """One request of a batch, as a line of its input file."""
    return {"custom_id": request.key, "params": message_body(endpoint, request)}


def adjustable(endpoint: Endpoint, request: Request | None = None) -> frozenset[str]:
    """The parameters of a request, as it is sent now, that are adjusted to what the endpoint accepts; without
    a request, those of any line of a batch that was sent before."""
    refused = endpoint.accepted.is_refused
    is_set = {
        "temperature": endpoint.temperature is not None,
        "top_p": endpoint.top_p is not None,
        ADAPTIVE_THINKING: endpoint.reasoning_effort not in (None, _NO_EFFORT),
        "reasoning_effort": endpoint.reasoning_effort not in (None, _NO_EFFORT),
        STRUCTURED_OUTPUT: request is None or request.schema is not None,
    }
    members = {
        ADAPTIVE_THINKING: "thinking",
        "reasoning_effort": "output_config",
        STRUCTURED_OUTPUT: "output_config",
    }
    return frozenset(
        name
        for name, value in is_set.items()
        if value
        and members.get(name, name) not in endpoint.extra_body
        and (request is None or not refused(name))
    )


def _thinking(endpoint: Endpoint) -> dict[str, Any] | None:
    """How Claude should reason; None for the model's own default."""
    budget, effort = endpoint.thinking_budget, endpoint.reasoning_effort
    if budget == 0 or effort == _NO_EFFORT:
        return {"type": "disabled"}
    if budget == -1:
        return {"type": "adaptive"}
    if budget is not None:
        return {"type": "enabled", "budget_tokens": budget}
    if effort is not None and not endpoint.accepted.is_refused(ADAPTIVE_THINKING):
        return {"type": "adaptive"}
    return None


def _output_config(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if endpoint.reasoning_effort != _NO_EFFORT:
        effort = _unless_refused(endpoint, "reasoning_effort", endpoint.reasoning_effort)
        found |= {} if effort is None else {"effort": effort}
    if request.schema is not None and not endpoint.accepted.is_refused(STRUCTURED_OUTPUT):
        found["format"] = {"type": "json_schema", "schema": request.schema.json_schema}
    return found


def _unless_refused(endpoint: Endpoint, name: str, value: Any) -> Any:
    return None if endpoint.accepted.is_refused(name) else value
