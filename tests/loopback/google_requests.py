"""What is wrong with requests to Gemini's API."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

_GENERATION = {"temperature", "topP", "topK", "seed", "maxOutputTokens", "stopSequences", "thinkingConfig"}
_GENERATION |= {"responseLogprobs", "logprobs"}


def problem(body: dict[str, Any]) -> str | None:
    """What is wrong with a GenerateContentRequest."""
    unknown = set(body) - {"contents", "generationConfig", "safetySettings", "systemInstruction"}
    unknown |= set(body.get("generationConfig") or {}) - _GENERATION
    if unknown:
        return f"Invalid JSON payload received. Unknown name {sorted(unknown)}"
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        return "contents is not specified"
    for content in contents:
        if content.get("role") not in ("user", "model"):
            return "Please use a valid role: user, model."
        if not content.get("parts") or any(set(part) != {"text"} for part in content["parts"]):
            return "contents.parts: each has a text"
    return None if contents[-1]["role"] == "user" else "The last turn must be the user's."


def file_problem(lines: Sequence[bytes]) -> str | None:
    """What is wrong with an input file."""
    if not lines:
        return "The input file is empty."
    keys = set()
    for number, text in enumerate(lines, start=1):
        try:
            line = json.loads(text)
        except ValueError:
            return f"Line {number} is no JSON."
        if set(line) != {"key", "request"}:
            return f"Line {number}: key and request."
        found = problem(line["request"])
        if found is not None:
            return f"Line {number}: {found}"
        if line["key"] in keys:
            return f"Line {number}: its key is not unique."
        keys.add(line["key"])
    return None


def stream(response: dict[str, Any]) -> list[dict[str, Any]]:
    """The same response in parts, a word each; how it ended and its usage come with the last one."""
    candidates = response.get("candidates", [])
    pieces = candidates[0]["content"].get("parts", []) if candidates else []
    words = [word for piece in pieces for word in re.findall(r"\S+\s*", piece["text"])]
    parts = [{"content": {"role": "model", "parts": [{"text": word}]}, "index": 0} for word in words[:-1]]
    last = [{"text": words[-1]}] if words else []
    ending = [{**candidate, "content": {"role": "model", "parts": last}} for candidate in candidates]
    return [*({"candidates": [part]} for part in parts), response | {"candidates": ending}]
