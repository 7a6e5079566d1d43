"""Getting the answers to a job's requests: in batches, by live calls, or from a local model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.domain.errors import UserError
from core.jobs.context import JobContext
from core.jobs.settings import LargeModel, Settings
from core.teachers.protocol import Request
from core.teachers.requests.first_answers import FirstAnswers
from core.teachers.requests.ledger import Ledger
from core.teachers.requests.queue import Classify, RequestQueue


@dataclass(frozen=True)
class Parts:
    """Requests that are sent in parts, each once those before it have their outcomes."""

    requests: Sequence[Sequence[Request]]
    """The requests of each part; a part may have none."""
    is_last: Callable[[RequestQueue, int], bool]
    """Called with the number of a part, from 0, once it has its outcomes: whether no more are sent."""


def run(
    job: JobContext[Settings],
    model: LargeModel,
    requests: Sequence[Request],
    classify: Classify,
    max_unusable_first: int | None = None,
    parts: Parts | None = None,
) -> RequestQueue:
    """Send `requests` to `model` until each is answered or out of tries; the queue has the answers.

    `classify` decides whether a reply can be used. If so many as `max_unusable_first` answers come, and none
    before or among them can be used, nothing more is sent. `parts` has `requests` in parts; not for batches.
    Raises `UserError` then, if the model cannot be
    used, if the budget would be exceeded, or if the job may send nothing and answers are missing.
    """
    client = model.client
    ledger = Ledger(job.folder.parents[2] / "jobs")
    queue = RequestQueue(job, ledger, client.teacher, client.price, client.budget_usd, requests, classify)
    if parts is not None:
        _release(queue, parts)
    queue.begin()
    if not job.spec.sends_requests:
        _check_answered(queue)
        while queue.release_more():
            _check_answered(queue)
        return queue
    if max_unusable_first is not None and not any(key in ledger.answers for key in queue.requests):
        queue.on_answers = FirstAnswers(queue, max_unusable_first).note
    if model.placement is not None:
        from core.teachers.local import client as local

        local.run(queue, model.placement)
    elif client.teacher.mode == "batch":
        from core.teachers.batches import polling

        polling.run(queue)
    else:
        from core.teachers.live import sessions

        sessions.run(queue)
    ledger.refresh()
    return queue


def _release(queue: RequestQueue, parts: Parts) -> None:
    """Let the queue release part after part."""
    queue.released = set()
    done = 0

    def release_more() -> bool:
        nonlocal done
        if done and (parts.is_last(queue, done - 1) or done == len(parts.requests)):
            return False
        queue.released |= {request.key for request in parts.requests[done]}
        done += 1
        return True

    queue.release_more = release_more


def _check_answered(queue: RequestQueue) -> None:
    """Raise `UserError` if a request has no outcome yet."""
    ledger, job = queue.ledger, queue.job.spec.job
    missing = sum(
        key not in ledger.answers and key not in ledger.invalid and ledger.newest(job, key) is None
        for key in queue.released
    )
    if missing:
        raise UserError(
            f"{missing} of {len(queue.released)} requests have no stored answer: run the job to send them"
        )
