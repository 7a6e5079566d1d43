"""The one way to get what a desk wants: in batches, live, or from a local model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.domain.submissions import Outcome
from core.jobs.context import JobContext
from core.jobs.settings import LargeModel, Settings
from core.teachers.ledger import Ledger
from core.teachers.protocol import Reply, Request
from core.teachers.request_queue import Desk


def ask(
    job: JobContext[Settings],
    model: LargeModel,
    asked: Sequence[Request],
    usable: Callable[[Reply], tuple[Outcome, str]],
) -> Desk:
    """Ask `model` until nothing of `asked` is left to send or to try; the desk that holds the answers.

    `usable` says what of a reply can be used, and as what. Raises `UserError` when the teacher cannot be
    asked, or the budget does not allow for more.
    """
    client = model.client
    ledger = Ledger(job.folder.parents[1])
    desk = Desk(job, ledger, client.teacher, client.price, client.budget_usd, asked, usable)
    desk.begin()
    if model.placement is not None:
        from core.teachers import local

        local.ask(desk, model.placement)
    elif client.teacher.mode == "batch":
        from core.teachers import batches

        batches.ask(desk)
    else:
        from core.teachers import live_sessions

        live_sessions.ask(desk)
    ledger.refresh()
    return desk
