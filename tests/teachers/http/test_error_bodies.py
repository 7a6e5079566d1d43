"""Errors that servers put into a body in forms of their own, under a status that is no error."""

from __future__ import annotations

from typing import Any

import pytest

from core.teachers.http import rejections
from core.teachers.openai import replies
from core.teachers.protocol import RejectedError, TransientError

URL = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("body", "code", "remedy"),
    [
        ({"code": 1113, "msg": "余额不足"}, "402", "credit"),
        ({"status": "error", "message": "Unauthorized"}, "401", "key"),
        ({"detail": "Not authenticated"}, "401", "key"),
        ({"error": "model 'x' not found, try pulling it first"}, "404", None),
        ({"error": 'path "/chat/completions" not found'}, "404", "url"),
        ({"error": {"message": "Unrecognized request URL", "type": "invalid_request_error"}}, "400", "url"),
    ],
    ids=str,
)
def test_a_final_error_in_other_words(body: dict[str, Any], code: str, remedy: str | None) -> None:
    error = rejections.of_object(body, URL, "key")
    assert isinstance(error, RejectedError)
    assert (error.code, error.remedy, error.fatal) == (code, remedy, True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error_code": 17, "error_msg": "Open api daily request limit reached"}, "daily request limit"),
        (
            {
                "error": {
                    "code": 429,
                    "message": "Provider returned error",
                    "metadata": {"raw": "m is busy", "provider_name": "p"},
                }
            },
            "429: Provider returned error: m is busy",
        ),
    ],
    ids=["other names", "the provider behind another"],
)
def test_an_error_has_the_words_of_the_provider(body: dict[str, Any], words: str) -> None:
    error = rejections.of_object(body, URL, "key")
    assert isinstance(error, TransientError)
    assert words in str(error)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens_details": {"cached_tokens": 64}},
        {"prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 56},
        {"cached_tokens": 64},
    ],
    ids=["OpenAI", "DeepSeek", "Moonshot"],
)
def test_cached_tokens_have_several_names(usage: dict[str, Any]) -> None:
    counts = {"prompt_tokens": 120, "completion_tokens": 20, "total_tokens": 140, **usage}
    choice = {"message": {"content": "I am here."}, "finish_reason": "stop"}
    reply = replies.reply_of({"choices": [choice], "usage": counts}, URL, "key")
    assert reply.usage is not None
    assert reply.usage.cached_tokens == 64
