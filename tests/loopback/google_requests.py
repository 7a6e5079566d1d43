"""What is wrong with requests to Gemini's API."""

from __future__ import annotations

import json
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
