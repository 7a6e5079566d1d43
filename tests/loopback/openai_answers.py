"""What OpenAI's API answers."""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
from collections.abc import Sequence
from typing import Any

_PROSE = """
I can hear how much this means to you and it must have been a long and heavy day please tell me more whenever
you want because I am here and I would like to help you find a way through it
"""
_WORDS = _PROSE.split()


def expected_answer(messages: Sequence[dict[str, str]]) -> str:
    """What the model says to a conversation: always the same 28 words."""
    digest = hashlib.sha256(json.dumps(list(messages)).encode()).digest()
    drawn = random.Random(digest)
    return " ".join(drawn.choice(_WORDS) for _ in range(27)) + f" {digest.hex()[:8]}."


def completion(model: str, messages: Sequence[dict[str, str]], kind: str | None) -> dict[str, Any]:
    """A chat completion; `kind` is one of `CONTENT`, or `say:` and a text."""
    text: str | None = expected_answer(messages)
    refusal, finish = None, "stop"
    match kind:
        case "refusal":
            text, refusal = None, "I'm sorry, I can't help with that."
        case "empty":
            text = ""
        case "cut":
            text, finish = "and then", "length"
        case "filtered":
            text, finish = "", "content_filter"
        case "long":
            text = "word " * 98
        case str() if kind.startswith("say:"):
            text = kind.removeprefix("say:")
    tokens = sum(len(message["content"]) for message in messages) // 4
    return {
        "id": "chatcmpl-x",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "logprobs": None,
                "message": {"role": "assistant", "content": text, "refusal": refusal},
            }
        ],
        "usage": {
            "prompt_tokens": tokens,
            "completion_tokens": 40,
            "total_tokens": tokens + 40,
            "prompt_tokens_details": {"cached_tokens": tokens // 2},
        },
    }


def steps(likely: dict[str, float], most: int) -> list[dict[str, Any]]:
    """A first token of asterisks, then the answer's."""
    ranked = sorted(likely.items(), key=lambda item: -item[1])[:most]
    ranking = [{"token": token, "logprob": logprob, "bytes": None} for token, logprob in ranked]
    before = {"token": "**", "logprob": -0.1, "bytes": None}
    return [before | {"top_logprobs": [before]}, ranking[0] | {"top_logprobs": ranking}]


def stream(completion: dict[str, Any], asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The same completion in chunks, a word each; its usage comes last, where it is requested."""
    common = {name: completion[name] for name in ("id", "model")} | {"object": "chat.completion.chunk"}
    choice = completion["choices"][0]
    words = re.findall(r"\S+\s*", choice["message"]["content"] or "")
    chunks = [{"index": 0, "delta": {"content": word}, "finish_reason": None} for word in words]
    chunks.append({"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]})
    found = [{**common, "choices": [chunk]} for chunk in chunks]
    if (asked.get("stream_options") or {}).get("include_usage"):
        found.append({**common, "choices": [], "usage": completion["usage"]})
    return found


def line(custom_id: str, status: int, body: dict[str, Any]) -> dict[str, Any]:
    """A line of a result file."""
    response = {"status_code": status, "request_id": "r", "body": body}
    return {"id": "batch_req_x", "custom_id": custom_id, "response": response, "error": None}
