"""Jobs that ask a scripted OpenAI-compatible server, in this process: for answers in every form."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from core.config.schema import Teacher
from core.domain.jobs.results import GenerateResult
from core.jobs.records import Answer, BatchRecord
from core.teachers import generate_job
from tests.support.records import job_attempts, made_settings
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.servers.scripted_server import HttpReply, HttpRequest

SAID = "That sounds hard, and I am here for you."
_TRAIN = next(d for d in synthetic_dialogues(rows=16) if d.split == "train")
#: Twenty-four train dialogues with different prompts.
DIALOGUES = [
    msgspec.structs.replace(_TRAIN, dialog_id=f"made:{number}", utterance=f"I lost {number} friends.")
    for number in range(24)
]
#: The prompt of each.
PROMPTS = [f"{dialogue.situation} {dialogue.utterance}" for dialogue in DIALOGUES]


def completion(content: object = SAID, **choice: Any) -> dict[str, Any]:
    """A chat completion; `choice` changes its choice."""
    message = {"role": "assistant", "content": content}
    usage = {"prompt_tokens": 120, "completion_tokens": 20, "total_tokens": 140}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}], "usage": usage}


@dataclass
class OddServer:
    """What a server answers to completions, and to calls about batches."""

    answer: Callable[[str], dict[str, Any] | bytes | HttpReply] = lambda text: completion()
    """The body, or the whole reply, for the text of the last message."""
    batch: dict[str, Any] = field(default_factory=dict)
    """Changes of the batch."""
    created: HttpReply | None = None
    """The reply to the creation, instead of the batch."""
    looked_at: HttpReply | None = None
    """The reply to a look at the batch, instead of the batch."""
    listing: list[dict[str, Any]] | None = None
    """The batches on the only page, instead of the batch; it may refer to the batch by its id."""
    line: Callable[[str, dict[str, Any]], bytes] | None = None
    """A line of the output file, from the key and the body of the request."""
    layout: Callable[[list[bytes]], bytes] = b"\n".join
    """The output file, from its lines."""
    asked: list[str] = field(default_factory=list)
    """The text of every request that was charged."""
    deleted: list[str] = field(default_factory=list)
    creates: int = 0
    uploads: int = 0
    _input: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: HttpRequest) -> HttpReply:
        path = request.path.partition("?")[0].removeprefix("/v1")
        match request.method, path:
            case "POST", "/chat/completions":
                body = self._answer(request.json()["messages"][-1]["content"])
                return body if isinstance(body, HttpReply) else HttpReply(body)
            case "POST", "/files":
                self.uploads += 1
                lines = [line for line in request.body.splitlines() if line.startswith(b'{"custom_id"')]
                self._input = [json.loads(line) for line in lines]
                return HttpReply({"id": "file-in"})
            case "POST", "/batches":
                self.creates += 1
                return self.created or HttpReply(self._batch(request.json()["metadata"]))
            case "GET", "/batches":
                found = self.listing if self.listing is not None else [self._batch({})]
                return HttpReply({"data": found, "has_more": False})
            case "GET", "/batches/batch_1":
                return self.looked_at or HttpReply(self._batch({}))
            case "DELETE", "/files/file-in":
                self.deleted.append("file-in")
                return HttpReply({"deleted": True})
            case "GET", "/files/file-out/content":
                return HttpReply(self.layout(list(map(self._line, self._input))))
        return HttpReply({"error": {"message": f"Unknown {request.method} {path}"}}, 404)

    def _answer(self, text: str) -> dict[str, Any] | bytes | HttpReply:
        self.asked.append(text)
        return self.answer(text)

    def _batch(self, metadata: dict[str, str]) -> dict[str, Any]:
        count = len(self._input)
        counts = {"total": count, "completed": count, "failed": 0}
        known = {"id": "batch_1", "status": "completed", "input_file_id": "file-in", "metadata": metadata}
        return known | {"output_file_id": "file-out", "request_counts": counts, **self.batch}

    def _line(self, request: dict[str, Any]) -> bytes:
        body = self._answer(request["body"]["messages"][-1]["content"])
        if self.line is not None:
            return self.line(request["custom_id"], body if isinstance(body, dict) else {})
        response = {"status_code": 200, "body": body}
        return json.dumps({"custom_id": request["custom_id"], "response": response, "error": None}).encode()


def generate(
    root: Path, url: str, mode: str = "live", max_left_out: float = 0.1, number: int = 1, **teacher: Any
) -> GenerateResult:
    """Let a teacher answer the train dialogues; the job's result."""
    settings = made_settings.generate(
        model=made_settings.large_model(
            Teacher(
                provider=teacher.pop("provider", "openai"),
                model="m",
                base_url=url,
                mode=mode,  # type: ignore[arg-type]
                poll_min_s=0.02,
                poll_max_s=0.05,
                **teacher,
            )
        ),
        max_left_out=max_left_out,
    )
    folder = root / "artifacts/jobs/generate-1" / str(number)
    return job_attempts.run(
        job_attempts.attempt(folder, DIALOGUES, settings, job="generate-1"), generate_job.run
    )


def texts(root: Path, number: int = 1) -> list[str]:
    """The responses that a job has written."""
    path = root / "artifacts/jobs/generate-1" / str(number) / "answers.jsonl"
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def answers(root: Path, number: int = 1) -> list[Answer]:
    return job_attempts.found(root / "artifacts/jobs/generate-1" / str(number), Answer)


def errors(root: Path, number: int = 1) -> Sequence[str]:
    """All errors that were recorded about batches."""
    records = job_attempts.found(root / "artifacts/jobs/generate-1" / str(number), BatchRecord)
    return [error for record in records for error in record.errors]
