"""Answers of streamGenerateContent, which come in parts, each a response of its own."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2
import msgspec
from google.genai import errors as client_errors

from core.teachers.google import requests
from core.teachers.http import json_values
from core.teachers.http.endpoint import Endpoint
from core.teachers.protocol import OnText, Request

_DATA = "data:"


async def content(
    http: httpx2.AsyncClient, url: str, endpoint: Endpoint, request: Request, on_text: OnText
) -> tuple[bytes, Mapping[str, str]]:
    """The body of the response that the parts add up to, and the headers; `on_text` gets the text so far.

    `url` is that of the API with its version. Raises the errors of the client, and of HTTP.
    """
    model = endpoint.model if "/" in endpoint.model else f"models/{endpoint.model}"
    async with http.stream(
        "POST",
        f"{url}/{model}:streamGenerateContent",
        params={"alt": "sse"},
        headers={"x-goog-api-key": endpoint.key},
        json=requests.batch_line(endpoint, request)["request"],
        timeout=endpoint.timeout_s,
    ) as response:
        await client_errors.APIError.raise_for_async_response(response)
        lines, text = [], ""
        async for line in response.aiter_lines():
            lines.append(line)
            added = _text_of(_part(line))
            if added:
                text += added
                on_text(text)
        return _added_up(lines), response.headers


def _part(line: str) -> Mapping[str, object] | None:
    """The response in a line of the stream; None if it has none."""
    if not line.startswith(_DATA):
        return None
    try:
        value = json_values.parse(line.removeprefix(_DATA).strip())
    except ValueError:
        return None
    return value if isinstance(value, Mapping) else None


def _candidate(part: Mapping[str, object] | None) -> object:
    return next(iter(json_values.items(json_values.member(part, "candidates"))), None)


def _text_of(part: Mapping[str, object] | None) -> str:
    """What a part adds to the answer's text; thoughts are none of it."""
    pieces = json_values.items(json_values.member(_candidate(part), "content", "parts"))
    return "".join(
        text
        for piece in pieces
        if json_values.member(piece, "thought") is not True
        and isinstance(text := json_values.member(piece, "text"), str)
    )


def _added_up(lines: list[str]) -> bytes:
    """One response with the pieces of all parts, and what the last part that has it says of everything else.

    The lines themselves if no part is among them: an error, or what is in no form that is understood.
    """
    parts = [part for line in lines if (part := _part(line)) is not None]
    if not parts:
        return "\n".join(lines).encode()
    whole: dict[str, object] = {}
    candidate: dict[str, object] = {}
    pieces: list[object] = []
    for part in parts:
        whole |= {name: value for name, value in part.items() if name != "candidates"}
        found = _candidate(part)
        if isinstance(found, Mapping):
            candidate |= found
            pieces += json_values.items(json_values.member(found, "content", "parts"))
    if candidate:
        whole["candidates"] = [candidate | {"content": {"parts": pieces, "role": "model"}}]
    return msgspec.json.encode(whole)
