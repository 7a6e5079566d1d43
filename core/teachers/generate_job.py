"""The job that generates one set of a teacher's responses to the train split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from core.dialogues import records, response_file
from core.dialogues.response_file import GeneratedResponse
from core.domain.errors import UserError
from core.domain.results import GenerateResult
from core.domain.submissions import Outcome
from core.jobs.context import JobContext
from core.jobs.records import Progress
from core.jobs.settings import GenerateSettings
from core.teachers import answers, remedies, request_runner, requests
from core.teachers.ledger import UNANSWERED
from core.teachers.protocol import Request
from core.teachers.request_queue import RequestQueue


def run(job: JobContext[GenerateSettings]) -> GenerateResult:
    """Send the requests that have no answer in the workspace yet, and write answers.jsonl.

    Raises `UserError` when requests get no answer, when more answers cannot be used than `max_left_out`
    allows, or when the budget would be exceeded.
    """
    needed, originals = requests.of_job(
        job.settings,
        records.read(job.input("dialogues")),
        lambda name: response_file.read(job.input(name)),
    )
    queue = request_runner.run(job, job.settings.model, needed, answers.classify)
    return _finish(queue, needed, originals, job.settings.max_left_out)


def _finish(
    queue: RequestQueue, needed: Sequence[Request], originals: Mapping[str, str], max_left_out: float
) -> GenerateResult:
    job, ledger = queue.job, queue.ledger
    without = [request for request in needed if request.key not in ledger.answers]
    reasons: Counter[Outcome] = Counter()
    for request in without:
        found = ledger.outcomes(job.spec.job, request.key)
        reasons[next((o for o in reversed(found) if o != "ok"), "missing")] += 1
    unanswered = sum(count for outcome, count in reasons.items() if outcome in UNANSWERED)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in reasons.most_common())
    if unanswered:
        raise UserError(
            f"{unanswered} of {len(needed)} requests got no answer ({counts}): `empathy-tui batches` shows "
            "the provider's errors; a retry sends only these"
        )
    hint = remedies.of_cut_answers(queue.teacher, reasons["cut"], len(without))
    if len(without) > max_left_out * len(needed):
        raise UserError(
            f"{len(without)} of {len(needed)} answers cannot be used ({counts}), more than max_left_out "
            f"allows ({max_left_out:.1%}): a retry sends only these{hint}"
        )
    lines = [
        GeneratedResponse(request.dialog_id, answer.text, originals.get(request.dialog_id, ""))
        for request in needed
        if (answer := ledger.answers.get(request.key)) is not None
    ]
    if not lines:
        raise UserError("there are no requests: the train split has no dialogue for this teacher")
    path = job.folder / "answers.jsonl"
    response_file.write(path, lines)
    job.publish("answers", path)
    job.journal.write(Progress(len(needed), len(needed)))
    return GenerateResult(
        answers=len(lines),
        left_out=len(without),
        left_out_as={str(outcome): count for outcome, count in reasons.items()},
        reused=queue.reused,
    )
