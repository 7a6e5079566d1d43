"""The job in which a teacher responds to the test split, with the student's prompt."""

from __future__ import annotations

from collections.abc import Iterable

from core.dialogues.files import records, response_file
from core.dialogues.files.response_file import GeneratedResponse
from core.domain.data.dialogues import MAX_CHARACTERS, Dialogue
from core.domain.jobs.results import RespondResult
from core.domain.submissions import Outcome
from core.jobs.context import JobContext
from core.jobs.records import Progress, ResponseRecord
from core.jobs.settings import RespondSettings, TeacherResponder
from core.prompts import templates
from core.teachers import runner
from core.teachers.answers import classification
from core.teachers.protocol import Reply, Request
from core.teachers.requests import building, outcomes
from core.teachers.requests.first_answers import MAX_UNUSABLE_FIRST
from core.teachers.requests.queue import RequestQueue


def run(job: JobContext[RespondSettings], responder: TeacherResponder) -> RespondResult:
    """Send the requests that have no answer in the workspace yet, and write responses.jsonl.

    Raises `UserError` when there is no test dialogue, when one gets no answer, or when more answers cannot be
    used than the teacher's `max_left_out` allows.
    """
    needed = requests_of(responder, records.read_test_split(job.input("dialogues")))
    queue = runner.run(job, responder.model, needed, classify, MAX_UNUSABLE_FIRST)
    answered = queue.ledger.answers
    outcome = outcomes.of(queue, needed)
    outcomes.check_answered(outcome, "test dialogues got no answer")
    teacher = queue.teacher
    outcomes.check_left_out(outcome, teacher.max_left_out, teacher, "test dialogues got no usable answer")
    found = {r.dialog_id: answered[r.key].text for r in needed if r.key in answered}
    job.journal.write(*(ResponseRecord(dialog_id, text, "stop") for dialog_id, text in found.items()))
    path = job.folder / "responses.jsonl"
    response_file.write(path, (_line(queue, request) for request in needed))
    job.publish("responses", path)
    job.journal.write(Progress(len(needed), len(needed)))
    return RespondResult(
        responses=len(found),
        left_out=sum(outcome.left_out.values()),
        left_out_as=outcome.left_out,
        left_out_examples=outcome.left_out_examples,
        cleaned=outcome.cleaned,
        cleaned_examples=outcome.cleaned_examples,
    )


#: Characters above which nobody could read a response, nor a judge.
_MAX_CHARACTERS = 10 * MAX_CHARACTERS


def _line(queue: RequestQueue, request: Request) -> GeneratedResponse:
    answer = queue.ledger.answers.get(request.key)
    if answer is not None:
        return GeneratedResponse(request.dialog_id, answer.text)
    newest = queue.ledger.newest(queue.job.spec.job, request.key)
    return GeneratedResponse(request.dialog_id, "", left_out="missing" if newest is None else newest.outcome)


def requests_of(responder: TeacherResponder, dialogues: Iterable[Dialogue]) -> list[Request]:
    """One request for each test dialogue, in their order, with the prompt that all responders get."""
    return [_request(responder, dialogue) for dialogue in dialogues if dialogue.split == "test"]


def _request(responder: TeacherResponder, dialogue: Dialogue) -> Request:
    text = templates.render(responder.prompt, situation=dialogue.situation, utterance=dialogue.utterance)
    return building.single(responder.model.identity, dialogue.dialog_id, text)


def classify(reply: Reply) -> tuple[Outcome, str]:
    """A response that is too long still counts: judges and readers should see it."""
    outcome, text = classification.classify(reply)
    is_response = outcome == "long" and len(text) <= _MAX_CHARACTERS
    return ("ok" if is_response else outcome), text
