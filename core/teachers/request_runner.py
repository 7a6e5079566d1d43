"""Getting the answers to a job's requests: in batches, by live calls, or from a local model."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.errors import UserError
from core.jobs.context import JobContext
from core.jobs.settings import LargeModel, Settings
from core.teachers.answers.first_answers import FirstAnswers
from core.teachers.ledger import Ledger
from core.teachers.protocol import Request
from core.teachers.request_queue import Classify, RequestQueue


def run(
    job: JobContext[Settings],
    model: LargeModel,
    requests: Sequence[Request],
    classify: Classify,
    max_unusable_first: int | None = None,
) -> RequestQueue:
    """Send `requests` to `model` until each is answered or out of tries; the queue has the answers.

    `classify` decides whether a reply can be used. If so many as `max_unusable_first` answers come, and none
    before or among them can be used, nothing more is sent. Raises `UserError` then, if the model cannot be
    used, if the budget would be exceeded, or if the job may send nothing and answers are missing.
    """
    client = model.client
    ledger = Ledger(job.folder.parents[1])
    queue = RequestQueue(job, ledger, client.teacher, client.price, client.budget_usd, requests, classify)
    queue.begin()
    if not job.spec.sends_requests:
        _check_answered(queue)
        return queue
    if max_unusable_first is not None and not any(key in ledger.answers for key in queue.requests):
        queue.on_answers = FirstAnswers(queue, max_unusable_first).note
    if model.placement is not None:
        from core.teachers import local

        local.run(queue, model.placement)
    elif client.teacher.mode == "batch":
        from core.teachers.batches import polling

        polling.run(queue)
    else:
        from core.teachers.live import sessions

        sessions.run(queue)
    ledger.refresh()
    return queue


def _check_answered(queue: RequestQueue) -> None:
    """Raise `UserError` if a request has no outcome yet."""
    ledger, job = queue.ledger, queue.job.spec.job
    missing = sum(
        key not in ledger.answers and key not in ledger.invalid and ledger.newest(job, key) is None
        for key in queue.requests
    )
    if missing:
        raise UserError(
            f"{missing} of {len(queue.requests)} requests have no stored answer: run the job to send them"
        )
