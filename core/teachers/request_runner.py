"""Getting the answers to a job's requests: in batches, by live calls, or from a local model."""

from __future__ import annotations

from collections.abc import Sequence

from core.jobs.context import JobContext
from core.jobs.settings import LargeModel, Settings
from core.teachers.ledger import Ledger
from core.teachers.protocol import Request
from core.teachers.request_queue import Classify, RequestQueue


def run(
    job: JobContext[Settings], model: LargeModel, requests: Sequence[Request], classify: Classify
) -> RequestQueue:
    """Send `requests` to `model` until each is answered or out of tries; the queue has the answers.

    `classify` decides whether a reply can be used. Raises `UserError` if the model cannot be used, or the
    budget would be exceeded.
    """
    client = model.client
    ledger = Ledger(job.folder.parents[1])
    queue = RequestQueue(job, ledger, client.teacher, client.price, client.budget_usd, requests, classify)
    queue.begin()
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
