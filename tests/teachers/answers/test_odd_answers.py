"""Answers in every form that compatible servers send: what is paid is read, and bought once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import UserError
from core.teachers.requests.first_answers import MAX_UNUSABLE_FIRST
from tests.support.servers.odd_answers_server import (
    DIALOGUES,
    PROMPTS,
    SAID,
    OddServer,
    answers,
    completion,
    generate,
    texts,
)
from tests.support.servers.scripted_server import HttpReply, serving


def usage(**changes: Any) -> dict[str, Any]:
    return completion() | {"usage": {"prompt_tokens": 120, "completion_tokens": 20} | changes}


SORRY = "I am so sorry"
STREAM = "".join(
    f"data: {json.dumps(event)}\n\n"
    for event in (
        {"choices": [{"delta": {"content": SAID[:9]}, "finish_reason": None}]},
        {"choices": [{"delta": {"content": SAID[9:]}, "finish_reason": "stop"}]},
        {"choices": [], "usage": completion()["usage"]},
    )
)
#: The same answer in bodies of other forms.
FORMS: list[dict[str, Any] | bytes] = [
    (STREAM + "data: [DONE]\n\n").encode(),
    json.dumps([completion()]).encode(),
    json.dumps(completion()).encode() + b"\n\n: kept open",
    json.dumps(completion(index=0)).replace('"index": 0', f'"index": {"9" * 5000}').encode(),
    {"result": completion(), "success": True},
]
READABLE: list[tuple[dict[str, Any] | bytes, str]] = [
    (completion(f"<think>\n\n</think>\n\n{SAID}"), SAID),
    (completion(f"They are sad.\n</think>\n\n{SAID}"), SAID),
    (completion(f"{SAID}<|im_end|>"), SAID),
    (completion(f'Sure! Here is a more empathetic version:\n\n"{SAID}"'), SAID),
    (completion([{"type": "thinking", "thinking": [{"text": "hm"}]}, {"text": SAID}]), SAID),
    (completion([{"type": "output_text", "text": {"value": SAID}}]), SAID),
    (completion([{"type": "reasoning.text", "text": "hm"}, {"type": "text", "text": SAID}]), SAID),
    (completion([{"type": "text", "text": "hm", "thought": True}, {"type": "text", "text": SAID}]), SAID),
    (completion(SAID, finish_reason="FINISH_REASON_STOP"), SAID),
    (completion(SAID, finish_reason="Stop"), SAID),
    (completion(SAID, finish_reason="eos_token"), SAID),
    (completion() | {"usage": None}, SAID),
    (completion() | {"usage": ""}, SAID),
    (completion() | {"usage": [1]}, SAID),
    (completion() | {"error": None, "id": 7, "created": "soon", "model": None}, SAID),
    (usage(completion_tokens=None), SAID),
    (usage(completion_tokens="20", prompt_tokens=120.0, prompt_tokens_details=[]), SAID),
    (usage(completion_tokens=-5), SAID),
    (b'{"choices":[{"message":{"content":"I am so sorry \\ud83d"},"finish_reason":"stop"}]}', SORRY),
    (json.dumps(completion(logprobs={"content": [{"token": "x"}]})).replace("120", "NaN").encode(), SAID),
    (json.dumps(completion()).replace("120", "-Infinity").encode(), SAID),
    (b"\xef\xbb\xbf" + json.dumps(completion()).encode(), SAID),
    *((form, SAID) for form in FORMS),
]


def test_what_is_paid_is_read_and_bought_once(tmp_path: Path, odd_server: tuple[OddServer, str]) -> None:
    odd, url = odd_server
    bodies = dict(zip(PROMPTS, READABLE, strict=False))
    odd.answer = lambda asked: bodies[asked][0] if asked in bodies else completion()
    result = generate(tmp_path, url)
    assert (result.answers, result.left_out) == (len(DIALOGUES), 0)
    found = dict(zip(PROMPTS, texts(tmp_path), strict=True))
    assert {asked: found[asked] for asked in bodies} == {asked: text for asked, (_, text) in bodies.items()}
    assert sorted(odd.asked) == sorted(PROMPTS)


def test_what_was_taken_off_is_counted_and_shown(tmp_path: Path, odd_server: tuple[OddServer, str]) -> None:
    odd, url = odd_server
    raw = f"<think>hm</think>“{SAID}”"
    odd.answer = lambda asked: completion(raw if asked == PROMPTS[3] else SAID)
    result = generate(tmp_path, url)
    assert result.cleaned == {"thinking": 1, "quotes": 1}
    assert result.cleaned_examples["quotes"] == raw
    assert Counter(answer.raw for answer in answers(tmp_path)) == {None: len(DIALOGUES) - 1, raw: 1}


#: A body, the outcome, and what is shown of it.
UNUSABLE: list[tuple[dict[str, Any], str, str]] = [
    (completion("<think>hm"), "empty", "<think>hm"),
    (completion("<think>hm", finish_reason="length"), "cut", "reasoning used up its token limit"),
    (completion(None, finish_reason="length"), "cut", ""),
    (
        completion("I am so sor", finish_reason="error", error={"code": 502, "message": "gone"}),
        "unfinished",
        "it ended as error: 502: gone",
    ),
    (completion("I am so sor", finish_reason="tool_calls"), "unfinished", "it ended as tool_calls"),
    (completion("I am so sor", finish_reason=None), "unfinished", "it reports no finish_reason"),
    (completion("x", finish_reason="CONTENT_FILTER"), "filtered", "it ended as CONTENT_FILTER"),
    (
        {"choices": [], "usage": {"prompt_tokens": 120, "completion_tokens": 0}},
        "filtered",
        "it has no choices",
    ),
    ({"choices": None}, "filtered", "it has no choices"),
    (
        {"object": "chat.completion", "usage": {"prompt_tokens": 120, "total_tokens": 120}},
        "filtered",
        "it has no choices",
    ),
    (completion("x", finish_reason="content_filter: RECITATION"), "filtered", "content_filter: RECITATION"),
    (completion([{"type": "refusal", "refusal": "I cannot."}]), "refused", "I cannot."),
    (completion(7), "unreadable", "its message has no text"),
    (completion(finish_reason={"type": "stop"}), "unreadable", "its finish_reason is in no form"),
    (completion(finish_reason=["stop"]), "unreadable", "its finish_reason is in no form"),
    (completion(finish_reason=0), "unreadable", "its finish_reason is in no form"),
    ({"id": "x", "object": "chat.completion"}, "unreadable", "it has no choices"),
    ({"message": {"content": "I am here"}, "done": True}, "unreadable", "it has no choices"),
]


def test_an_answer_that_cannot_be_used_has_an_outcome(
    tmp_path: Path, odd_server: tuple[OddServer, str]
) -> None:
    odd, url = odd_server
    bodies = dict(zip(PROMPTS, UNUSABLE, strict=False))
    odd.answer = lambda asked: bodies[asked][0] if asked in bodies else completion()
    result = generate(tmp_path, url, max_left_out=0.9, tries=2)
    assert result.answers == len(DIALOGUES) - len(UNUSABLE)
    assert result.left_out_as == Counter(outcome for _, outcome, _ in UNUSABLE)
    newest = {answer.dialog_id: answer for answer in answers(tmp_path)}
    for dialogue, asked in zip(DIALOGUES, bodies, strict=False):
        body, outcome, shown = bodies[asked]
        answer = newest[dialogue.dialog_id]
        assert answer.outcome == outcome
        assert shown in (answer.error or answer.raw or answer.text)
        # In the same form it would come again.
        assert odd.asked.count(asked) == (1 if outcome in ("unreadable", "filtered") else 2)
        if outcome == "unreadable":
            assert json.loads(answer.raw or answer.text) == body
    assert result.left_out_examples["filtered"].startswith("made:6: it ended as CONTENT_FILTER")


@pytest.mark.parametrize("body", [json.dumps(completion())[:150].encode(), b"null", b'{"a": 1}\n{"a": 2}'])
def test_a_paid_body_that_is_no_answer_is_kept_and_bought_once(
    tmp_path: Path, odd_server: tuple[OddServer, str], body: bytes
) -> None:
    odd, url = odd_server
    odd.answer = lambda asked: body if asked == PROMPTS[3] else completion()
    assert generate(tmp_path, url).left_out_as == {"unreadable": 1}
    assert sorted(odd.asked) == sorted(PROMPTS)
    (kept,) = [answer for answer in answers(tmp_path) if answer.outcome == "unreadable"]
    assert body.decode() in (kept.raw, kept.text)
    assert kept.is_estimated


def test_an_answer_in_windows_1252(tmp_path: Path, odd_server: tuple[OddServer, str]) -> None:
    odd, url = odd_server
    body = json.dumps(completion("A café helps."), ensure_ascii=False).encode("cp1252")
    odd.answer = lambda asked: body
    generate(tmp_path, url)
    assert set(texts(tmp_path)) == {"A café helps."}


@pytest.mark.parametrize("mode", ["live", "batch"])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"error": {"code": 402, "message": "Insufficient credits"}},
            "402: Insufficient credits: add credit",
        ),
        ({"error": "Unexpected endpoint or method."}, "correct base_url"),
        ({"error": "Invalid API key"}, "401: Invalid API key: check the API key"),
        (
            completion("", finish_reason="error", error={"code": 402, "message": "Out of credit"}),
            "402: Out of credit: add credit",
        ),
    ],
)
def test_a_final_error_in_place_of_answers_ends_the_job(
    tmp_path: Path, odd_server: tuple[OddServer, str], mode: str, body: dict[str, Any], words: str
) -> None:
    odd, url = odd_server
    odd.answer = lambda asked: body
    with pytest.raises(UserError, match=words):
        generate(tmp_path, url, mode)
    assert set(Counter(odd.asked).values()) == {1}


def test_no_answer_at_all_is_said_in_the_providers_words(
    tmp_path: Path, odd_server: tuple[OddServer, str]
) -> None:
    odd, url = odd_server
    error = {"error": {"message": "the model is loading"}}
    odd.answer = lambda asked: HttpReply(error, 500) if asked == PROMPTS[3] else completion()
    with pytest.raises(UserError, match=r"1 error.*for example made:3: 500: the model is loading"):
        generate(tmp_path, url, call_tries=1)


def test_one_filtered_dialogue_never_fails_a_job(tmp_path: Path, odd_server: tuple[OddServer, str]) -> None:
    odd, url = odd_server
    odd.answer = lambda asked: {"choices": []} if asked == PROMPTS[3] else completion()
    result = generate(tmp_path, url, max_left_out=0.001, tries=3)
    assert (result.left_out, result.left_out_as) == (1, {"filtered": 1})
    assert odd.asked.count(PROMPTS[3]) == 1
    with pytest.raises(UserError, match="1 of 24 answers cannot be used"):
        generate(tmp_path / "none", url, max_left_out=0.0, tries=1)


def test_too_many_that_cannot_be_used_fail_the_job_and_show_one(
    tmp_path: Path, odd_server: tuple[OddServer, str]
) -> None:
    odd, url = odd_server
    odd.answer = lambda asked: (
        completion() if asked in PROMPTS[:4] else completion("<think>Let me see", finish_reason="length")
    )
    with pytest.raises(UserError) as error:
        generate(tmp_path, url, tries=1)
    for part in ("20 cut", "reasoning_effort or thinking_budget", "<think>Let me see"):
        assert part in str(error.value)


@pytest.mark.parametrize("mode", ["live", "batch"])
@pytest.mark.parametrize("ending", [None, {"type": "stop"}])
def test_a_teacher_of_which_no_answer_can_be_used_is_not_paid_on(
    tmp_path: Path, odd_server: tuple[OddServer, str], mode: str, ending: object
) -> None:
    """Each request was sent, and paid, as often as `tries` says."""
    odd, url = odd_server
    odd.answer = lambda asked: completion(finish_reason=ending)
    sent = len(DIALOGUES) if mode == "batch" else MAX_UNUSABLE_FIRST
    with pytest.raises(UserError, match=rf"none of the first {sent} .*made:0: .*finish_reason"):
        generate(tmp_path, url, mode, tries=3, max_concurrency=1)
    assert sorted(odd.asked) == sorted(PROMPTS[:sent])


def test_an_ending_of_any_length_is_shown_in_short(tmp_path: Path, odd_server: tuple[OddServer, str]) -> None:
    odd, url = odd_server
    endings = dict(zip(PROMPTS, ["x" * 100_000, ["x" * 100_000]], strict=False))
    odd.answer = lambda asked: completion(finish_reason=endings.get(asked, "stop"))
    assert generate(tmp_path, url, tries=1).left_out_as == {"unfinished": 1, "unreadable": 1}
    shown = [answer.error for answer in answers(tmp_path) if answer.error is not None]
    assert [len(words) <= 600 for words in shown] == [True, True]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"code": "content_filter", "message": "The response was filtered due to the prompt."}),
        (403, {"code": 403, "message": "Your input was flagged by the moderation of the provider."}),
    ],
)
def test_a_prompt_that_a_filter_rejects_is_filtered(
    tmp_path: Path, odd_server: tuple[OddServer, str], status: int, error: dict[str, Any]
) -> None:
    odd, url = odd_server
    odd.answer = lambda asked: HttpReply({"error": error}, status) if asked == PROMPTS[3] else completion()
    assert generate(tmp_path, url, tries=1).left_out_as == {"filtered": 1}


def test_gemini_without_a_candidate(tmp_path: Path) -> None:
    candidate = {"content": {"parts": [{"text": SAID}]}, "finishReason": "STOP"}

    def answer(request: Any) -> HttpReply:
        asked = request.json()["contents"][-1]["parts"][0]["text"]
        usage = {"usageMetadata": {"promptTokenCount": 120}}
        return HttpReply(usage | ({} if asked == PROMPTS[3] else {"candidates": [candidate]}))

    with serving(answer) as found:
        result = generate(tmp_path, found.url, tries=1, provider="google")
    assert (result.answers, result.left_out_as) == (len(DIALOGUES) - 1, {"filtered": 1})
