"""The job that generates one set of a teacher's responses to the train split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.dialogues.files import records, response_file
from core.dialogues.files.response_file import GeneratedResponse
from core.domain.errors import UserError
from core.domain.jobs.results import GenerateResult
from core.jobs.context import JobContext
from core.jobs.records import Progress
from core.jobs.settings import GenerateSettings
from core.teachers import runner
from core.teachers.answers import classification
from core.teachers.protocol import Request
from core.teachers.requests import building, outcomes
from core.teachers.requests.first_answers import MAX_UNUSABLE_FIRST
from core.teachers.requests.queue import RequestQueue


def run(job: JobContext[GenerateSettings]) -> GenerateResult:
    """Send the requests that have no answer in the workspace yet, and write answers.jsonl.

    Raises `UserError` when requests get no answer, when none of the first answers can be used, when more than
    `max_left_out` allows cannot be used, or when the budget would be exceeded.
    """
    needed, originals = building.of_job(
        job.settings,
        records.read(job.input("dialogues")),
        lambda name: response_file.read(job.input(name)),
    )
    queue = runner.run(job, job.settings.model, needed, classification.classify, MAX_UNUSABLE_FIRST)
    return _finish(queue, needed, originals, job.settings.max_left_out)


def _finish(
    queue: RequestQueue, needed: Sequence[Request], originals: Mapping[str, str], max_left_out: float
) -> GenerateResult:
    job, ledger = queue.job, queue.ledger
    found = outcomes.of(queue, needed)
    outcomes.check_answered(found)
    outcomes.check_left_out(found, max_left_out, queue.teacher)
    lines = [
        GeneratedResponse(request.dialog_id, answer.text, originals.get(request.dialog_id, ""))
        for request in needed
        if (answer := ledger.answers.get(request.key)) is not None
    ]
    if not needed:
        raise UserError("there are no requests: the train split has no dialogue for this teacher")
    if not lines:
        shown = next(iter(found.left_out_examples.values()), "none")
        raise UserError(
            f"none of the {len(needed)} requests has an answer that can be used "
            f"({outcomes.counts(found.left_out)}), for example {shown}"
        )
    path = job.folder / "answers.jsonl"
    response_file.write(path, lines)
    job.publish("answers", path)
    job.journal.write(Progress(len(needed), len(needed)))
    return GenerateResult(
        answers=len(lines),
        left_out=sum(found.left_out.values()),
        left_out_as=found.left_out,
        left_out_examples=found.left_out_examples,
        cleaned=found.cleaned,
        cleaned_examples=found.cleaned_examples,
        reused=queue.reused,
    )
