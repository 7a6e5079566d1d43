"""Completions that come as a stream of events: as requested, or as a proxy sends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from core.teachers.http import json_values

_DATA = "data:"


def completion(text: str) -> Mapping[str, object] | None:
    """The completion that the events of a stream add up to; None if the text is no whole stream."""
    chunks = list(_chunks(text))
    if not chunks:
        return None
    parts: list[str] = []
    finish: object = None
    usage: object = None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        choice = next(iter(json_values.items(chunk.get("choices"))), None)
        finish = json_values.member(choice, "finish_reason") or finish
        for name in ("delta", "message"):
            content = json_values.member(choice, name, "content")
            parts += [content] if isinstance(content, str) else []
    if not any("choices" in chunk for chunk in chunks):
        return chunks[0] if len(chunks) == 1 else None
    choice = {"message": {"content": "".join(parts)}, "finish_reason": finish}
    return {"choices": [choice], "usage": usage}


def text_of(line: str) -> str:
    """What a line of a stream adds to the answer's text."""
    return "".join(
        content
        for chunk in _chunks(line)
        for choice in json_values.items(chunk.get("choices"))
        if isinstance(content := json_values.member(choice, "delta", "content"), str)
    )


def _chunks(text: str) -> Iterator[Mapping[str, object]]:
    for line in text.splitlines():
        data = line.removeprefix(_DATA).strip()
        if not line.startswith(_DATA) or data == "[DONE]":
            continue
        try:
            value = json_values.parse(data)
        except ValueError:
            continue
        if isinstance(value, Mapping):
            yield value
