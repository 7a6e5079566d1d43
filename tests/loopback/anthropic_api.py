"""A strict stand-in for Claude's API: what it holds and does, apart from HTTP.

It bills as `Api` does: `paid` counts answers by (model, messages as JSON), so that the same `expected_answer`
returns the answer to a conversation.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.loopback.openai_answers import expected_answer
from tests.loopback.openai_api import KEY, ApiError, Faults

_MAX_REQUESTS, _MAX_BYTES = 100_000, 256_000_000
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_BODY = {"model", "messages", "max_tokens", "system", "temperature", "top_p", "thinking", "output_config"}
_BODY |= {"cache_control", "stop_sequences", "metadata"}
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
_TYPES |= {413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}

#: What an answer may be instead of a good one, and the outcome that this is.
CONTENT = {"refusal": "refused", "cut": "cut", "reasoned": "cut", "empty": "empty", "long": "long"}


class AnthropicError(ApiError):
    """An answer other than 200, as Anthropic words it."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(status, message, **headers)
        self.body = {
            "type": "error",
            "error": {"type": _TYPES[status], "message": message},
            "request_id": "r",
        }


@dataclass
class AnthropicFaults(Faults):
    """`Faults`, and what only Claude's API does."""

    #: The next so many live calls find it overloaded.
    overload: int = 0
    #: Tokens of each request that are written to the cache.
    cache_write: int = 0


class AnthropicApi:
    """All state of the API, and its rules; used from many threads, under `lock`."""

    def __init__(self, faults: AnthropicFaults | None = None, keys: Sequence[str] = (KEY,)) -> None:
        self.url = ""
        self.faults = faults or AnthropicFaults()
        self.keys = set(keys)
        self.lock = threading.RLock()
        self.paid: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[str] = Counter()
        #: Bodies of live calls and of requests of batches, in order.
        self.bodies: list[dict[str, Any]] = []
        #: Id → {"account", "requests", "ended_as", "results", …}, and what is shown of it.
        self.batches: dict[str, dict[str, Any]] = {}
        self._random = random.Random(self.faults.seed)
        self._looks: Counter[str] = Counter()

    # Live

    def message(self, body: dict[str, Any]) -> dict[str, Any]:
        """One message. Raises `ApiError`."""
        with self.lock:
            self.calls["live"] += 1
            headers = {} if self.faults.retry_after is None else {"retry_after": self.faults.retry_after}
            for fault, status in (("throttle", 429), ("overload", 529)):
                if getattr(self.faults, fault) > 0:
                    setattr(self.faults, fault, getattr(self.faults, fault) - 1)
                    raise AnthropicError(status, "Too many requests.", **headers)
            if self._draw(self.faults.fail_share):
                kind = self._random.choice((500, 429, None))
                if kind is None:
                    raise ConnectionAbortedError
                raise AnthropicError(kind, "by chance")
            return self._answered(body)

    def _answered(self, body: dict[str, Any]) -> dict[str, Any]:
        self.bodies.append(body)
        problem = self.faults.refuse or _problem(body)
        if problem is not None:
            raise AnthropicError(400, problem)
        if not body["model"].startswith("claude-"):
            raise AnthropicError(404, f"model: {body['model']}")
        messages = body["messages"]
        self.paid[body["model"], json.dumps(messages)] += 1
        return self._answer(body, self.faults.content(messages[-1]["content"]))

    def _answer(self, body: dict[str, Any], kind: str | None) -> dict[str, Any]:
        messages = body["messages"]
        reason, text, thinking = "end_turn", expected_answer(messages), 0
        if (body.get("thinking") or {"type": "disabled"})["type"] != "disabled":
            thinking = 120
        match kind:
            case "refusal":
                reason, text = "refusal", ""
            case "cut":
                reason, text = "max_tokens", "and then"
            case "reasoned":
                reason, text, thinking = "max_tokens", "", 500
            case "empty":
                text = ""
            case "long":
                text = "word " * 98
            case str() if kind.startswith("say:"):
                text = kind.removeprefix("say:")
        blocks = [{"type": "thinking", "thinking": "They sound tired.", "signature": "s"}] if thinking else []
        tokens = sum(len(message["content"]) for message in messages) // 4
        written = min(self.faults.cache_write, tokens)
        return {
            "id": "msg_x",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [*blocks, *([{"type": "text", "text": text}] if text else [])],
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {
                "input_tokens": tokens - tokens // 2 - written,
                "cache_creation_input_tokens": written,
                "cache_read_input_tokens": tokens // 2,
                "output_tokens": 40 + thinking,
                "output_tokens_details": {"thinking_tokens": thinking},
            },
        }

    # Batches

    def create(self, account: str, size: int, body: dict[str, Any]) -> dict[str, Any]:
        asked = body.get("requests")
        if set(body) != {"requests"} or not isinstance(asked, list) or not asked:
            raise AnthropicError(400, "requests: a list of at least 1 is required")
        if len(asked) > _MAX_REQUESTS or size > _MAX_BYTES:
            raise AnthropicError(413, "Request exceeds the maximum size")
        for number, request in enumerate(asked):
            if set(request) != {"custom_id", "params"}:
                raise AnthropicError(400, f"requests.{number}: custom_id and params")
            if _ID.fullmatch(request["custom_id"]) is None:
                raise AnthropicError(400, f"requests.{number}.custom_id: String should match {_ID.pattern}")
        if len({request["custom_id"] for request in asked}) < len(asked):
            raise AnthropicError(400, "requests: custom_id must be unique")
        with self.lock:
            if self.faults.refuse_creates > 0:
                self.faults.refuse_creates -= 1
                raise AnthropicError(429, "Your organization has too many requests in the batch queue.")
            self.calls["create"] += 1
            name = f"msgbatch_{len(self.batches):06d}"
            now = time.time()
            self.batches[name] = {
                "account": account,
                "requests": asked,
                "results": None,
                "shown": {
                    "id": name,
                    "type": "message_batch",
                    "processing_status": "in_progress",
                    "request_counts": _counts(processing=len(asked)),
                    "created_at": _date(now),
                    "expires_at": _date(now + 86_400),
                    "ended_at": None,
                    "cancel_initiated_at": None,
                    "archived_at": None,
                    "results_url": None,
                },
            }
            return self._shown(name)

    def _shown(self, name: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.batches[name]["shown"]
        return shown

    def batch(self, account: str, name: str) -> dict[str, Any]:
        found = self.batches.get(name)
        if found is None or found["account"] != account:
            raise AnthropicError(404, f"No message batch with id {name}")
        return found

    def retrieve(self, account: str, name: str) -> dict[str, Any]:
        """A look at a batch, which moves it one state on."""
        with self.lock:
            batch = self.batch(account, name)
            self._move_on(batch)
            shown = self._shown(name)
            if shown["results_url"] is not None:
                self._looks[name] += 1
                if self.faults.late_files == -1 or self._looks[name] <= self.faults.late_files:
                    return shown | {"results_url": None}
            return shown

    def listed(self, account: str, query: dict[str, list[str]]) -> dict[str, Any]:
        """A page of the batches, the newest first; a look at each of them."""
        with self.lock:
            self.calls["list"] += 1
            names = [name for name, batch in self.batches.items() if batch["account"] == account][::-1]
            after, limit = query.get("after_id", [""])[0], int(query.get("limit", ["20"])[0])
            if not 1 <= limit <= 1000 or (after and after not in names):
                raise AnthropicError(400, "limit or after_id is invalid")
            start = names.index(after) + 1 if after else 0
            # So few that whoever lists meets more than one page.
            page = names[start : start + min(limit, 2)]
            for name in page:
                self._move_on(self.batches[name])
            return {
                "data": [self._shown(name) for name in page],
                "has_more": start + len(page) < len(names),
                "first_id": page[0] if page else None,
                "last_id": page[-1] if page else None,
            }

    def cancel(self, account: str, name: str) -> dict[str, Any]:
        with self.lock:
            shown = self.batch(account, name)["shown"]
            if shown["processing_status"] == "ended":
                raise AnthropicError(400, f"Batch {name} has already ended.")
            shown |= {"processing_status": "canceling", "cancel_initiated_at": _date(time.time())}
            return self._shown(name)

    def content(self, account: str, name: str) -> bytes:
        with self.lock:
            batch = self.batch(account, name)
            if batch["results"] is None:
                raise AnthropicError(404, f"Batch {name} has no results yet.")
            if self.faults.late_contents > 0:
                self.faults.late_contents -= 1
                raise AnthropicError(404, f"Results of {name} are not there yet.")
            content: bytes = batch["results"]
            return content

    def _move_on(self, batch: dict[str, Any]) -> None:
        shown = batch["shown"]
        match shown["processing_status"]:
            case "in_progress" if not self.faults.hold:
                if self.faults.expire > 0:
                    self.faults.expire -= 1
                    self._end(batch, "expired")
                elif self.faults.cancel > 0:
                    self.faults.cancel -= 1
                    shown["cancel_initiated_at"] = _date(time.time())
                    self._end(batch, "canceled")
                else:
                    self._end(batch, None)
            case "canceling":
                self._end(batch, "canceled")

    def _end(self, batch: dict[str, Any], rest: str | None) -> None:
        """Answer the requests, all or, with the second half as `rest`, the first half."""
        asked = batch["requests"]
        done = len(asked) if rest is None else len(asked) // 2
        lines = []
        for request in asked[:done]:
            if self._draw(self.faults.missing_share):
                continue
            try:
                if self._draw(self.faults.fail_share):
                    raise AnthropicError(500, "Internal server error")
                result = {"type": "succeeded", "message": self._answered(request["params"])}
            except ApiError as error:
                result = {"type": "errored", "error": error.body}
            lines.append({"custom_id": request["custom_id"], "result": result})
        lines += [{"custom_id": request["custom_id"], "result": {"type": rest}} for request in asked[done:]]
        self._random.shuffle(lines)
        counts = Counter(line["result"]["type"] for line in lines)
        texts = [json.dumps(line).encode() for line in lines]
        if self.faults.corrupt and len(texts) > 2:
            nobody = json.dumps(lines[0] | {"custom_id": "nobody"}).encode()
            # The first line comes twice, and the last one never whole.
            texts = [b"\xff\xfe not a line", texts[0], *texts[:-1], nobody, texts[-1][: len(texts[-1]) // 2]]
        batch["results"] = b"\n".join(texts) + b"\n"
        shown = batch["shown"]
        shown |= {"processing_status": "ended", "ended_at": _date(time.time())}
        shown["request_counts"] = _counts(**counts)
        # Elsewhere than where it was asked, as behind a proxy: nobody shall send a key there.
        shown["results_url"] = f"https://elsewhere.invalid/v1/messages/batches/{shown['id']}/results"

    def _draw(self, share: float) -> bool:
        return share > 0 and self._random.random() < share


def _counts(**found: int) -> dict[str, int]:
    return dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0) | found


def _date(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.123456Z", time.gmtime(at))


def _problem(body: dict[str, Any]) -> str | None:
    """What is wrong with the body of a message."""
    unknown = set(body) - _BODY
    if unknown:
        return f"{min(unknown)}: Extra inputs are not permitted"
    for name in ("model", "max_tokens", "messages"):
        if not body.get(name):
            return f"{name}: Field required"
    for number, message in enumerate(body["messages"]):
        role = ("user", "assistant")[number % 2]
        if set(message) != {"role", "content"} or message["role"] != role:
            return f"messages.{number}: role {role!r} and content"
    if body["messages"][-1]["role"] != "user":
        return "This model does not support assistant message prefill."
    thinking = body.get("thinking") or {"type": "disabled"}
    if thinking["type"] == "enabled" and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
        return "thinking.enabled.budget_tokens: at least 1024, and less than max_tokens"
    if thinking["type"] != "disabled" and body.get("temperature", 1) != 1:
        return "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode"
    effort = (body.get("output_config") or {}).get("effort", "high")
    return None if effort in _EFFORTS else f"output_config.effort: Input should be one of {_EFFORTS}"
