"""What the API holds and does, apart from HTTP: files, batches, bills, and faults."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import openai_answers

KEY = "sk-loopback-0123456789"
_ENDPOINT = "/v1/chat/completions"
_MAX_LINES = 50_000
_MAX_BYTES = 200_000_000
_FINAL = ("completed", "failed", "expired", "cancelled")
#: What an answer may be instead of a good one; `say:` and a text is that text.
CONTENT = ("refusal", "empty", "cut", "filtered", "long")


class ApiError(Exception):
    """An answer other than 200, as the API words it."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {
            "error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        }
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Faults:
    """Each is off by default. Shares are of single requests, drawn with `seed`; counts are used up."""

    seed: int = 0
    #: Of live calls: a 500, a 429 or a dropped connection in turn. Of batch requests: an error line.
    fail_share: float = 0.0
    #: Of batch requests: a line in neither file.
    missing_share: float = 0.0
    #: The next so many live calls are throttled.
    throttle: int = 0
    retry_after: str | None = None
    #: Replies that are lost though the work was done: the connection closes.
    lose_creates: int = 0
    lose_uploads: int = 0
    #: Live answers, or downloads, whose connection closes in the middle of the body.
    cut_replies: int = 0
    #: Any calls that end with a 500.
    break_calls: int = 0
    #: The next so many batches end as expired, half-way; or are cancelled there.
    expire: int = 0
    cancel: int = 0
    #: The next so many batches fail as a whole with this error.
    fail_batches: int = 0
    failure: tuple[str, str] = ("invalid_json_line", "This line is not parseable as valid JSON.")
    #: Requests that may be under way in batches; more is refused when the batch is validated.
    queue_limit: int | None = None
    #: The same, at creation, with a 429.
    refuse_creates: int = 0
    #: Looks at a final batch that show no files; -1 for ever.
    late_files: int = 0
    #: Looks at a final batch whose files answer 404 when they are fetched.
    late_contents: int = 0
    #: Lines of output files that are garbage, half, doubled or of nobody, one of each kind.
    corrupt: bool = False
    #: Batches stay in progress.
    hold: bool = False
    #: Streamed answers wait for it after their first piece; None for no wait.
    stream_gate: threading.Event | None = None
    #: Seconds that a live answer takes.
    latency_s: float = 0.0
    #: What the model answers instead of something good: by the text of the last user's turn.
    content: Callable[[str], str | None] = field(default=lambda text: None)
    #: Why every live answer is refused with a 400.
    refuse: str | None = None
    #: The log-probabilities of the answer's first token, where they are requested; None for an API without.
    logprobs: Callable[[str], dict[str, float] | None] = field(default=lambda text: None)


class Api:
    """All state of the API, and its rules; used from many threads, under `lock`."""

    def __init__(self, faults: Faults | None = None, keys: Sequence[str] = (KEY,)) -> None:
        self.url = ""
        self.faults = faults or Faults()
        self.keys = set(keys)
        self.lock = threading.RLock()
        #: (model, messages as JSON) → answers that were billed.
        self.paid: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[str] = Counter()
        #: Of live calls, in order; empty where there is none.
        self.idempotency_keys: list[str] = []
        self.files: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self.batches: dict[str, dict[str, Any]] = {}
        self._random = random.Random(self.faults.seed)
        self._looks: Counter[str] = Counter()

    # Live

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """One chat completion. Raises `ApiError`."""
        with self.lock:
            self.calls["live"] += 1
            if self.faults.throttle > 0:
                self.faults.throttle -= 1
                headers = {} if self.faults.retry_after is None else {"retry_after": self.faults.retry_after}
                raise ApiError(429, "Rate limit reached", "rate_limit_exceeded", **headers)
            if self.faults.refuse is not None:
                raise ApiError(400, self.faults.refuse)
            if self._draw(self.faults.fail_share):
                kind = self._random.choice((500, 429, None))
                if kind is None:
                    raise ConnectionAbortedError
                raise ApiError(kind, "by chance")
            return self._answered(body)

    def _answered(self, body: dict[str, Any]) -> dict[str, Any]:
        for name in ("model", "messages"):
            if not body.get(name):
                raise ApiError(400, f"you must provide a {name} parameter")
        messages = body["messages"]
        if not isinstance(messages, list) or any(
            set(m) != {"role", "content"} or m["role"] not in ("system", "user", "assistant")
            for m in messages
        ):
            raise ApiError(400, "messages: each has a role and a content")
        wanted = body.get("top_logprobs")
        if wanted is not None and (body.get("logprobs") is not True or not 0 <= wanted <= 20):
            raise ApiError(400, "top_logprobs: 0 to 20, and logprobs must be true", "invalid_value")
        last = messages[-1]["content"]
        likely = None if wanted is None else self.faults.logprobs(last)
        self.paid[body["model"], json.dumps(messages)] += 1
        answer = openai_answers.completion(body["model"], messages, self.faults.content(last))
        if wanted is not None and likely is not None:
            answer["choices"][0]["logprobs"] = {"content": openai_answers.steps(likely, wanted)}
        return answer

    # Files

    def upload(self, account: str, name: str, purpose: str, content: bytes) -> dict[str, Any]:
        if purpose != "batch":
            raise ApiError(400, f"'{purpose}' is not one of ['batch'] - 'purpose'")
        if not name.endswith(".jsonl"):
            raise ApiError(400, "Invalid file format for batch: must be .jsonl")
        if len(content) > _MAX_BYTES:
            raise ApiError(413, "the file is larger than 200 MB")
        with self.lock:
            self.calls["upload"] += 1
            return self._file(account, name, purpose, content)

    def file(self, account: str, name: str) -> dict[str, Any]:
        found = self.files.get(name)
        if found is None or found["account"] != account or name in self.deleted:
            raise ApiError(404, f"No such File object: {name}")
        return found

    def delete(self, account: str, name: str) -> dict[str, Any]:
        with self.lock:
            self.file(account, name)
            self.deleted.append(name)
            return {"id": name, "object": "file", "deleted": True}

    def content(self, account: str, name: str) -> bytes:
        with self.lock:
            if self.faults.late_contents > 0 and self.file(account, name)["purpose"] == "batch_output":
                self.faults.late_contents -= 1
                raise ApiError(404, f"No such File object: {name}")
            content: bytes = self.file(account, name)["content"]
            return content

    def _file(self, account: str, name: str, purpose: str, content: bytes) -> dict[str, Any]:
        file_id = f"file-{len(self.files):06d}"
        self.files[file_id] = {
            "id": file_id,
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
            "content": content,
            "account": account,
        }
        return self.files[file_id]

    # Batches

    def create(self, account: str, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("endpoint") != _ENDPOINT:
            raise ApiError(400, "endpoint must be /v1/chat/completions")
        if body.get("completion_window") != "24h":
            raise ApiError(400, "completion_window must be 24h")
        metadata = body.get("metadata") or {}
        if len(metadata) > 16 or any(
            not isinstance(v, str) or len(k) > 64 or len(v) > 512 for k, v in metadata.items()
        ):
            raise ApiError(400, "metadata: at most 16 pairs of strings, 64 and 512 characters long")
        with self.lock:
            self.file(account, str(body.get("input_file_id")))
            if self.faults.refuse_creates > 0:
                self.faults.refuse_creates -= 1
                raise ApiError(429, _queue_full(), "token_limit_exceeded")
            self.calls["create"] += 1
            now = int(time.time())
            batch_id = f"batch_{len(self.batches):06d}"
            self.batches[batch_id] = {
                "id": batch_id,
                "object": "batch",
                "endpoint": _ENDPOINT,
                "errors": None,
                "input_file_id": body["input_file_id"],
                "completion_window": "24h",
                "status": "validating",
                "output_file_id": None,
                "error_file_id": None,
                "created_at": now,
                "expires_at": now + 86_400,
                "request_counts": {"total": 0, "completed": 0, "failed": 0},
                "metadata": metadata or None,
                "account": account,
            }
            return self.batches[batch_id]

    def batch(self, account: str, name: str) -> dict[str, Any]:
        found = self.batches.get(name)
        if found is None or found["account"] != account:
            raise ApiError(404, f"No batch found with id '{name}'.")
        return found

    def retrieve(self, account: str, name: str) -> dict[str, Any]:
        """A look at a batch, which moves it one state on."""
        with self.lock:
            batch = self.batch(account, name)
            match batch["status"]:
                case "validating":
                    self._validate(batch)
                case "in_progress" if not self.faults.hold:
                    self._work(batch)
                case "finalizing":
                    batch["status"] = batch.pop("ends_as")
                case "cancelling":
                    self._finish(batch, "cancelled", whole=False)
                    batch["status"] = batch.pop("ends_as")
            if batch["status"] in _FINAL and batch["output_file_id"] is not None:
                self._looks[name] += 1
                if self.faults.late_files == -1 or self._looks[name] <= self.faults.late_files:
                    return batch | {"output_file_id": None, "error_file_id": None}
            return batch

    def cancel(self, account: str, name: str) -> dict[str, Any]:
        with self.lock:
            batch = self.batch(account, name)
            if batch["status"] in _FINAL:
                raise ApiError(409, f"Cannot cancel a batch with status '{batch['status']}'.")
            batch["status"] = "cancelling"
            return batch

    def _validate(self, batch: dict[str, Any]) -> None:
        lines = self.files[batch["input_file_id"]]["content"].splitlines()
        errors = _problems(lines)
        under_way = sum(
            b["request_counts"]["total"] for b in self.batches.values() if b["status"] == "in_progress"
        )
        if self.faults.queue_limit is not None and under_way + len(lines) > self.faults.queue_limit:
            errors = [("token_limit_exceeded", _queue_full(), None)]
        elif self.faults.fail_batches > 0:
            self.faults.fail_batches -= 1
            errors = [(*self.faults.failure, 1)]
        if errors:
            data = [{"code": c, "message": m, "line": line, "param": None} for c, m, line in errors]
            batch |= {"status": "failed", "errors": {"object": "list", "data": data}}
            return
        batch["request_counts"]["total"] = len(lines)
        batch["status"] = "in_progress"

    def _work(self, batch: dict[str, Any]) -> None:
        for kind in ("expire", "cancel"):
            if getattr(self.faults, kind) > 0:
                setattr(self.faults, kind, getattr(self.faults, kind) - 1)
                self._finish(batch, {"expire": "expired", "cancel": "cancelled"}[kind], whole=False)
                return
        self._finish(batch, "completed", whole=True)

    def _finish(self, batch: dict[str, Any], ends_as: str, *, whole: bool) -> None:
        """Answer the requests, all or the first half, and write the files."""
        asked = [json.loads(line) for line in self.files[batch["input_file_id"]]["content"].splitlines()]
        done = len(asked) if whole else len(asked) // 2
        output, errors = [], []
        for request in asked[:done]:
            if self._draw(self.faults.missing_share):
                continue
            if self._draw(self.faults.fail_share):
                body = {"error": {"message": "The server had an error", "type": "server_error"}}
                errors.append(openai_answers.line(request["custom_id"], 500, body))
                continue
            try:
                output.append(openai_answers.line(request["custom_id"], 200, self._answered(request["body"])))
            except ApiError as refused:
                errors.append(openai_answers.line(request["custom_id"], refused.status, refused.body))
        if ends_as == "expired":
            for request in asked[done:]:
                fault = {"code": "batch_expired", "message": "This request could not be executed in time."}
                errors.append(
                    {"id": "x", "custom_id": request["custom_id"], "response": None, "error": fault}
                )
        self._random.shuffle(output)
        texts = [json.dumps(line).encode() for line in output]
        if self.faults.corrupt and len(texts) > 2:
            nobody = json.dumps(
                openai_answers.line("nobody", 200, json.loads(texts[0])["response"]["body"])
            ).encode()
            # The first answer comes twice, and the last one never whole.
            texts = [texts[0], b"\xff\xfe not a line", *texts[:-1], nobody, texts[-1][: len(texts[-1]) // 2]]
        account = batch["account"]
        if texts:
            batch["output_file_id"] = self._file(account, "output.jsonl", "batch_output", b"\n".join(texts))[
                "id"
            ]
        if errors:
            content = b"\n".join(json.dumps(line).encode() for line in errors)
            batch["error_file_id"] = self._file(account, "error.jsonl", "batch_output", content)["id"]
        batch["request_counts"] = {"total": len(asked), "completed": len(output), "failed": len(errors)}
        batch |= {"status": "finalizing", "ends_as": ends_as}

    def _draw(self, share: float) -> bool:
        return share > 0 and self._random.random() < share


def _problems(lines: Sequence[bytes]) -> list[tuple[str, str, int | None]]:
    """(code, message, line) of everything that is wrong with an input file."""
    if not lines:
        return [("empty_file", "The batch input file is empty.", None)]
    if len(lines) > _MAX_LINES:
        return [("too_many_requests", "The batch has more than 50,000 requests.", None)]
    found: list[tuple[str, str, int | None]] = []
    ids: set[str] = set()
    models: set[str] = set()
    for number, line in enumerate(lines, start=1):
        try:
            request = json.loads(line)
        except ValueError:
            found.append(("invalid_json_line", "This line is not parseable as valid JSON.", number))
            continue
        if set(request) != {"custom_id", "method", "url", "body"} or request["method"] != "POST":
            found.append(("missing_required_parameter", "custom_id, method POST, url and body.", number))
            continue
        if request["url"] != _ENDPOINT:
            found.append(("invalid_url", "The URL is not the batch's endpoint.", number))
        if request["custom_id"] in ids:
            found.append(("duplicate_custom_id", "The custom_id is not unique.", number))
        ids.add(request["custom_id"])
        models.add(str(request["body"].get("model")))
    if len(models) > 1:
        found.append(("mismatched_model", "The batch names more than one model.", None))
    return found


def _queue_full() -> str:
    return (
        "Enqueued token limit reached for gpt-4o in organization org-x. Limit: 90,000 enqueued tokens. "
        "Please try again once some in_progress batches have been completed."
    )
