"""The job that gets one set of answers from a teacher: in batches, live, or from a local model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from core.dialogues import records, response_file
from core.dialogues.response_file import GeneratedResponse
from core.domain.errors import UserError
from core.jobs.context import Job
from core.jobs.journal import Outcome, Progress
from core.teachers import answers, request_runner, requests
from core.teachers.ledger import UNANSWERED
from core.teachers.protocol import Request
from core.teachers.request_queue import Desk


def run(job: Job) -> dict[str, Any]:
    """Ask for what no journal of the workspace answers yet, and write answers.jsonl.

    Raises `UserError` when requests stay without an answer, when more answers are unusable than may
    be left out, or when the budget does not allow for more.
    """
    asked, originals = requests.of_job(
        job.settings,
        records.read(job.input("dialogues")),
        lambda name: response_file.read(job.input(name)),
        request_runner.teacher_of(job.settings),
    )
    return _finish(request_runner.ask(job, asked, answers.judge), asked, originals)


def _finish(desk: Desk, asked: Sequence[Request], originals: Mapping[str, str]) -> dict[str, Any]:
    job, ledger = desk.job, desk.ledger
    without = [request for request in asked if request.key not in ledger.answers]
    reasons: Counter[Outcome] = Counter()
    for request in without:
        found = ledger.outcomes(job.spec.job, request.key)
        reasons[next((o for o in reversed(found) if o != "ok"), "missing")] += 1
    unanswered = sum(count for outcome, count in reasons.items() if outcome in UNANSWERED)
    told = ", ".join(f"{count} {outcome}" for outcome, count in reasons.most_common())
    if unanswered:
        raise UserError(
            f"{unanswered} of {len(asked)} requests got no answer ({told}): `empathy-tui batches` shows what "
            "the provider said; a retry asks for these alone"
        )
    if len(without) > desk.teacher.max_left_out * len(asked):
        raise UserError(
            f"{len(without)} of {len(asked)} answers cannot be used ({told}), more than max_left_out allows "
            f"({desk.teacher.max_left_out:.1%}): a retry asks for these alone"
        )
    lines = [
        GeneratedResponse(request.dialog_id, answer.text, originals.get(request.dialog_id, ""))
        for request in asked
        if (answer := ledger.answers.get(request.key)) is not None
    ]
    if not lines:
        raise UserError("the teacher was asked nothing: the train split has no dialogue for it")
    path = job.folder / "answers.jsonl"
    response_file.write(path, lines)
    job.publish("answers", path)
    job.journal.write(Progress(len(asked), len(asked)))
    return {
        "answers": len(lines),
        "left_out": len(without),
        "left_out_as": dict(reasons),
        "reused": desk.reused,
    }
