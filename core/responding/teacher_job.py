"""A teacher as responder: it answers the test split to the student's prompt."""

from __future__ import annotations

from collections.abc import Iterable

from core.dialogues import records
from core.dialogues.records import Dialogue
from core.domain.errors import UserError
from core.domain.results import RespondResult
from core.domain.submissions import Outcome
from core.jobs.context import JobContext
from core.jobs.records import Progress, ResponseRecord
from core.jobs.settings import RespondSettings, TeacherResponder
from core.prompts import templates
from core.teachers import answers, request_runner, requests
from core.teachers.answers import Line
from core.teachers.protocol import Reply, Request


def run(job: JobContext[RespondSettings], responder: TeacherResponder) -> RespondResult:
    """Answer every test dialogue that is not answered yet, and write responses.jsonl.

    Raises `UserError` when there is no test dialogue, or one stays without an answer: a comparison
    is never made on others than all.
    """
    dialogues = records.read(job.input("dialogues"))
    asked = requests_of(responder, dialogues)
    if not asked:
        raise UserError("the data has no test dialogue: every one has two or more responses rated 3")
    desk = request_runner.ask(job, responder.model, asked, _usable)
    found = {r.dialog_id: desk.ledger.answers[r.key].text for r in asked if r.key in desk.ledger.answers}
    if len(found) < len(asked):
        raise UserError(
            f"{len(asked) - len(found)} of {len(asked)} test dialogues got no answer that can be used: "
            "`empathy-tui batches` shows what the provider said; a retry asks for these alone"
        )
    job.journal.write(*(ResponseRecord(dialog_id, text, "stop") for dialog_id, text in found.items()))
    path = job.folder / "responses.jsonl"
    answers.write(path, (Line(dialog_id, text) for dialog_id, text in found.items()))
    job.publish("responses", path)
    job.journal.write(Progress(len(asked), len(asked)))
    return RespondResult(responses=len(found))


def requests_of(responder: TeacherResponder, dialogues: Iterable[Dialogue]) -> list[Request]:
    """One request for each test dialogue, in their order: the prompt that every responder gets."""
    return [_request(responder, dialogue) for dialogue in dialogues if dialogue.split == "test"]


def _request(responder: TeacherResponder, dialogue: Dialogue) -> Request:
    text = templates.render(responder.prompt, situation=dialogue.situation, utterance=dialogue.utterance)
    return requests.single(responder.model.identity, dialogue.dialog_id, text)


def _usable(reply: Reply) -> tuple[Outcome, str]:
    """A response longer than asked for is one: the judge, and the reader, shall see it."""
    outcome, text = answers.judge(reply)
    return ("ok" if outcome == "long" else outcome), text
