"""A strict stand-in for the Gemini Developer API: what it holds and does, apart from HTTP.

It bills as `Api` does: `paid` counts answers by (model, messages in OpenAI's roles), so that the same
`expected_answer` returns the answer to a conversation.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import google_requests
from tests.loopback.openai_answers import expected_answer
from tests.loopback.openai_api import KEY, ApiError, Faults

_MAX_BYTES = 2_000_000_000
_FINAL = ("SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")
_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main."
_NUMBERS = {400: 3, 403: 7, 404: 5, 409: 10, 429: 8, 500: 13}

#: What an answer may be instead of a good one, and the outcome that this is.
CONTENT = {"blocked": "filtered", "safety": "filtered", "cut": "cut", "empty": "empty", "long": "long"}


class GoogleError(ApiError):
    """An answer other than 200, as Google words it."""

    def __init__(
        self, status: int, message: str, name: str = "INVALID_ARGUMENT", *details: dict[str, Any]
    ) -> None:
        super().__init__(status, message)
        error: dict[str, Any] = {"code": status, "message": message, "status": name, "details": list(details)}
        self.body = {"error": error}


@dataclass
class GoogleFaults(Faults):
    """`Faults`, and what only Gemini does. `expire` leaves no results, as documented."""

    #: The next so many batches end as partially succeeded, half-way.
    partial: int = 0
    #: Calls by name (generate, start, upload, create, get, list, cancel, download) that end with a 500.
    break_on: Counter[str] = field(default_factory=Counter)


class GoogleApi:
    """All state of the API, and its rules; used from many threads, under `lock`."""

    def __init__(
        self, faults: GoogleFaults | None = None, keys: Sequence[str] = (KEY,), states: str = "BATCH_STATE_"
    ) -> None:
        self.url = ""
        self.faults = faults or GoogleFaults()
        self.keys = set(keys)
        #: How the names of states begin.
        self.states = states
        self.lock = threading.RLock()
        self.paid: Counter[tuple[str, str]] = Counter()
        self.calls: Counter[str] = Counter()
        #: Name → {"account", "displayName", "content", "generated"}.
        self.files: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        #: Upload id → {"account", "displayName", "size"}.
        self.uploads: dict[str, dict[str, Any]] = {}
        #: Name → {"account", "model", "displayName", "file", "state", "created", "output", "error", "stats"}.
        self.batches: dict[str, dict[str, Any]] = {}
        self._random = random.Random(self.faults.seed)
        self._looks: Counter[str] = Counter()

    def count(self, call: str) -> None:
        """Note a call. Raises a 500 where `break_on` says so."""
        with self.lock:
            if self.faults.break_on[call] > 0:
                self.faults.break_on[call] -= 1
                raise GoogleError(500, "An internal error has occurred.", "INTERNAL")
            self.calls[call] += 1

    # Live

    def generate(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        """One generateContent. Raises `GoogleError`."""
        with self.lock:
            if self.faults.throttle > 0:
                self.faults.throttle -= 1
                raise self._exhausted("Quota exceeded for requests per minute.")
            if self._draw(self.faults.fail_share):
                kind = self._random.choice((500, 429, None))
                if kind is None:
                    raise ConnectionAbortedError
                raise GoogleError(kind, "by chance", "INTERNAL" if kind == 500 else "RESOURCE_EXHAUSTED")
            return self._answered(model, body)

    def _answered(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        problem = google_requests.problem(body)
        if problem is not None:
            raise GoogleError(400, problem)
        if not model.startswith("models/gemini-"):
            raise GoogleError(404, f"{model} is not found for API version v1beta", "NOT_FOUND")
        messages = [
            {
                "role": "assistant" if content["role"] == "model" else "user",
                "content": "".join(part["text"] for part in content["parts"]),
            }
            for content in body["contents"]
        ]
        self.paid[model.removeprefix("models/"), json.dumps(messages)] += 1
        last = messages[-1]["content"]
        answer = _answer(messages, self.faults.content(last))
        generation = body.get("generationConfig") or {}
        likely = self.faults.logprobs(last) if generation.get("responseLogprobs") else None
        if likely is not None and "candidates" in answer:
            answer["candidates"][0]["logprobsResult"] = _logprobs(likely, generation["logprobs"])
        return answer

    # Files

    def start(self, account: str, name: str, mime_type: str, size: int) -> str:
        """The id of a resumable upload."""
        if mime_type not in ("jsonl", "application/jsonl", "application/json"):
            raise GoogleError(400, f"Unsupported MIME type: {mime_type}")
        if size > _MAX_BYTES:
            raise GoogleError(400, "The file is larger than 2 GB.")
        with self.lock:
            upload = f"upload-{len(self.uploads):06d}"
            self.uploads[upload] = {"account": account, "displayName": name, "size": size}
            return upload

    def finish(self, upload: str, content: bytes) -> dict[str, Any]:
        with self.lock:
            begun = self.uploads.get(upload)
            if begun is None:
                raise GoogleError(404, "No such upload.", "NOT_FOUND")
            if begun["size"] != len(content):
                raise GoogleError(400, f"{begun['size']} bytes were announced, {len(content)} came.")
            return self._file(begun["account"], begun["displayName"], content, generated=False)

    def file(self, account: str, name: str) -> dict[str, Any]:
        found = self.files.get(name)
        if found is None or found["account"] != account or name in self.deleted:
            # The API answers for a file of others as for none.
            message = f"You do not have permission to access the File {name} or it may not exist."
            raise GoogleError(403, message, "PERMISSION_DENIED")
        return found

    def delete(self, account: str, name: str) -> dict[str, Any]:
        with self.lock:
            self.file(account, name)
            self.deleted.append(name)
            return {}

    def shown_file(self, name: str) -> dict[str, Any]:
        """A file as the API shows it."""
        file = self.files[name]
        size, source = str(len(file["content"])), "GENERATED" if file["generated"] else "UPLOADED"
        fields = {"displayName": file["displayName"], "sizeBytes": size, "state": "ACTIVE", "source": source}
        return {"name": name, **fields}

    def content(self, account: str, name: str) -> bytes:
        with self.lock:
            file = self.file(account, name)
            if not file["generated"]:
                raise GoogleError(400, "Only generated files can be downloaded.", "FAILED_PRECONDITION")
            if self.faults.late_contents > 0:
                self.faults.late_contents -= 1
                raise GoogleError(404, f"{name} is not there yet.", "NOT_FOUND")
            content: bytes = file["content"]
            return content

    def _file(self, account: str, name: str, content: bytes, *, generated: bool) -> dict[str, Any]:
        file = f"files/{'batch' if generated else 'f'}{len(self.files):06d}"
        self.files[file] = {
            "account": account,
            "displayName": name,
            "content": content,
            "generated": generated,
        }
        return self.shown_file(file)

    # Batches

    def create(self, account: str, model: str, body: dict[str, Any]) -> dict[str, Any]:
        batch = body.get("batch")
        if set(body) != {"batch"} or not isinstance(batch, dict):
            raise GoogleError(400, 'Invalid JSON payload received: "batch" alone is known.')
        config = batch.get("inputConfig")
        if set(batch) != {"displayName", "inputConfig"} or not isinstance(config, dict):
            raise GoogleError(400, "batch: displayName and inputConfig are required.")
        if not isinstance(batch["displayName"], str) or not batch["displayName"]:
            raise GoogleError(400, "batch.displayName is required.")
        if set(config) != {"fileName"}:
            raise GoogleError(400, "batch.inputConfig: fileName is required.")
        if not model.startswith("models/gemini-"):
            raise GoogleError(404, f"{model} is not found for API version v1beta", "NOT_FOUND")
        with self.lock:
            lines = self.file(account, str(config["fileName"]))["content"].splitlines()
            under_way = sum(b["stats"]["total"] for b in self.batches.values() if b["state"] not in _FINAL)
            limit = self.faults.queue_limit
            if self.faults.refuse_creates > 0 or (limit is not None and under_way + len(lines) > limit):
                self.faults.refuse_creates = max(0, self.faults.refuse_creates - 1)
                raise self._exhausted("You exceeded your current quota of enqueued tokens.")
            name = f"batches/b{len(self.batches):06d}"
            self.batches[name] = {
                "name": name,
                "account": account,
                "model": model,
                "displayName": batch["displayName"],
                "file": config["fileName"],
                "state": "PENDING",
                "created": time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime()),
                "output": None,
                "error": None,
                "stats": {"total": len(lines), "succeeded": 0, "failed": 0},
            }
            return self.shown_batch(name)

    def batch(self, account: str, name: str) -> dict[str, Any]:
        found = self.batches.get(name)
        if found is None or found["account"] != account:
            raise GoogleError(404, f"Requested entity was not found: {name}", "NOT_FOUND")
        return found

    def retrieve(self, account: str, name: str) -> dict[str, Any]:
        """A look at a batch, which moves it one state on."""
        with self.lock:
            batch = self.batch(account, name)
            match batch["state"]:
                case "PENDING":
                    self._validate(batch)
                case "RUNNING" if batch.get("cancelled"):
                    self._finish(batch, "CANCELLED", whole=False)
                case "RUNNING" if not self.faults.hold:
                    self._work(batch)
            if batch["output"] is not None:
                self._looks[name] += 1
                if self.faults.late_files == -1 or self._looks[name] <= self.faults.late_files:
                    return _without_files(self.shown_batch(name))
            return self.shown_batch(name)

    def cancel(self, account: str, name: str) -> dict[str, Any]:
        """The answer is empty, and the state is as it was until the next look."""
        with self.lock:
            batch = self.batch(account, name)
            if batch["state"] in _FINAL:
                message = f"Batch {name} cannot be cancelled: its state is {batch['state']}."
                raise GoogleError(400, message, "FAILED_PRECONDITION")
            batch["cancelled"] = True
            return {}

    def shown_batch(self, name: str) -> dict[str, Any]:
        """A batch as the API shows it: a long-running operation."""
        batch = self.batches[name]
        stats = batch["stats"]
        counts = {
            "requestCount": stats["total"],
            "successfulRequestCount": stats["succeeded"],
            "failedRequestCount": stats["failed"],
            "pendingRequestCount": stats["total"] - stats["succeeded"] - stats["failed"],
        }
        output = None if batch["output"] is None else {"responsesFile": batch["output"]}
        metadata = {
            "@type": _TYPE + "GenerateContentBatch",
            "name": name,
            "model": batch["model"],
            "displayName": batch["displayName"],
            "state": self.states + batch["state"],
            "createTime": batch["created"],
            "inputConfig": {"fileName": batch["file"]},
            # Numbers of 64 bits are texts, and a zero is left out.
            "batchStats": {key: str(count) for key, count in counts.items() if count},
            **({} if output is None else {"output": output}),
        }
        shown: dict[str, Any] = {"name": name, "metadata": metadata}
        if batch["state"] in _FINAL:
            shown["done"] = True
        if batch["error"] is not None:
            shown["error"] = batch["error"]
        elif output is not None:
            shown["response"] = {"@type": _TYPE + "GenerateContentBatchOutput", **output}
        return shown

    def _validate(self, batch: dict[str, Any]) -> None:
        problem = google_requests.file_problem(self.files[batch["file"]]["content"].splitlines())
        if problem is None and self.faults.fail_batches > 0:
            self.faults.fail_batches -= 1
            problem = ": ".join(self.faults.failure)
        if problem is not None:
            batch |= {"state": "FAILED", "error": {"code": 3, "message": problem}}
            return
        batch["state"] = "RUNNING"

    def _work(self, batch: dict[str, Any]) -> None:
        ends: dict[str, Callable[[], None]] = {
            "expire": lambda: batch.update(state="EXPIRED"),
            "cancel": lambda: self._finish(batch, "CANCELLED", whole=False),
            "partial": lambda: self._finish(batch, "PARTIALLY_SUCCEEDED", whole=False),
        }
        for kind, end in ends.items():
            if getattr(self.faults, kind) > 0:
                setattr(self.faults, kind, getattr(self.faults, kind) - 1)
                end()
                return
        self._finish(batch, "SUCCEEDED", whole=True)

    def _finish(self, batch: dict[str, Any], state: str, *, whole: bool) -> None:
        """Answer the requests, all or the first half, and write the file."""
        asked = [json.loads(line) for line in self.files[batch["file"]]["content"].splitlines()]
        lines = []
        for line in asked if whole else asked[: len(asked) // 2]:
            if self._draw(self.faults.missing_share):
                continue
            if self._draw(self.faults.fail_share):
                lines.append({"key": line["key"], "error": {"code": 13, "message": "Internal error."}})
            else:
                answer = self._answered(batch["model"], line["request"])
                lines.append({"key": line["key"], "response": answer})
        self._random.shuffle(lines)
        texts = [json.dumps(line).encode() for line in lines]
        if self.faults.corrupt and len(texts) > 2:
            nobody = json.dumps({"key": "nobody", "response": {}}).encode()
            # The first line comes twice, and the last one never whole.
            texts = [texts[0], b"\xff\xfe not a line", *texts[:-1], nobody, texts[-1][: len(texts[-1]) // 2]]
        if texts:
            content = b"\n".join(texts)
            batch["output"] = self._file(batch["account"], "responses", content, generated=True)["name"]
        failed = sum("error" in line for line in lines)
        batch["stats"] |= {"succeeded": len(lines) - failed, "failed": failed}
        batch["state"] = state

    def _exhausted(self, message: str) -> GoogleError:
        details = []
        if self.faults.retry_after is not None:
            delay = f"{self.faults.retry_after}s"
            details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
        return GoogleError(429, message, "RESOURCE_EXHAUSTED", *details)

    def _draw(self, share: float) -> bool:
        return share > 0 and self._random.random() < share


def _answer(messages: Sequence[dict[str, str]], kind: str | None) -> dict[str, Any]:
    tokens = sum(len(message["content"]) for message in messages) // 4
    usage = {"promptTokenCount": tokens, "cachedContentTokenCount": tokens // 2, "totalTokenCount": tokens}
    if kind == "blocked":
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage}
    text: str | None = expected_answer(messages)
    finish = "STOP"
    match kind:
        case "safety":
            text, finish = None, "SAFETY"
        case "cut":
            text, finish = "and then", "MAX_TOKENS"
        case "empty":
            text = None
        case "long":
            text = "word " * 98
        case str() if kind.startswith("say:"):
            text = kind.removeprefix("say:")
    content = {"role": "model"} if text is None else {"role": "model", "parts": [{"text": text}]}
    usage |= {"candidatesTokenCount": 40, "totalTokenCount": tokens + 40}
    return {
        "candidates": [{"content": content, "finishReason": finish, "index": 0}],
        "usageMetadata": usage,
        "modelVersion": "gemini",
    }


def _logprobs(likely: dict[str, float], most: int) -> dict[str, Any]:
    ranked = sorted(likely.items(), key=lambda item: -item[1])[:most]
    ranking = [{"token": token, "logProbability": logprob, "tokenId": 7} for token, logprob in ranked]
    return {"chosenCandidates": ranking[:1], "topCandidates": [{"candidates": ranking}]}


def _without_files(shown: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in shown["metadata"].items() if name != "output"}
    return {"name": shown["name"], "metadata": metadata, "done": True}
