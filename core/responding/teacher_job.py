"""A teacher as responder: it answers the test split to the student's prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.config.schema import Teacher
from core.dialogues import records, response_file
from core.dialogues.response_file import GeneratedResponse
from core.domain.dialogues import Dialogue
from core.domain.errors import UserError
from core.jobs.context import Job
from core.jobs.journal import Outcome, Progress, Response
from core.prompts import templates
from core.teachers import answers, request_runner, requests
from core.teachers.identity import identity
from core.teachers.protocol import Reply, Request


def run(job: Job) -> dict[str, Any]:
    """Answer every test dialogue that is not answered yet, and write responses.jsonl.

    Raises `UserError` when there is no test dialogue, or one stays without an answer: a comparison
    is never made on others than all.
    """
    dialogues = records.read(job.input("dialogues"))
    asked = requests_of(job.settings["prompt"], dialogues, request_runner.teacher_of(job.settings))
    if not asked:
        raise UserError("the data has no test dialogue: every one has two or more responses rated 3")
    desk = request_runner.ask(job, asked, _usable)
    found = {r.dialog_id: desk.ledger.answers[r.key].text for r in asked if r.key in desk.ledger.answers}
    if len(found) < len(asked):
        raise UserError(
            f"{len(asked) - len(found)} of {len(asked)} test dialogues got no answer that can be used: "
            "`empathy-tui batches` shows what the provider said; a retry asks for these alone"
        )
    job.journal.write(*(Response(dialog_id, text, "stop") for dialog_id, text in found.items()))
    path = job.folder / "responses.jsonl"
    response_file.write(path, (GeneratedResponse(dialog_id, text) for dialog_id, text in found.items()))
    job.publish("responses", path)
    job.journal.write(Progress(len(asked), len(asked)))
    return {"responses": len(found)}


def requests_of(prompt: str, dialogues: Iterable[Dialogue], teacher: Teacher) -> list[Request]:
    """One request for each test dialogue, in their order: the prompt that every responder gets."""
    decides = identity(teacher)
    return [_request(prompt, dialogue, decides) for dialogue in dialogues if dialogue.split == "test"]


def _request(prompt: str, dialogue: Dialogue, decides: Mapping[str, Any]) -> Request:
    text = templates.render(prompt, situation=dialogue.situation, utterance=dialogue.utterance)
    return requests.single(decides, dialogue.dialog_id, text)


def _usable(reply: Reply) -> tuple[Outcome, str]:
    """A response longer than asked for is one: the judge, and the reader, shall see it."""
    outcome, text = answers.judge(reply)
    return ("ok" if outcome == "long" else outcome), text
