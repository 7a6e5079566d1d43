"""The money that teachers cost: spent, on its way, and to be expected."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from core.config import Config
from core.dialogues.records import Dialogue
from core.pipeline import graph
from core.pipeline.graph import Node
from core.store import connections, jobs, submissions
from core.teacher_views import Estimate, Spending
from core.teachers import answers
from core.teachers import estimates as estimating
from core.workspace import Workspace


def estimates(
    connection: sqlite3.Connection,
    workspace: Workspace,
    nodes: Sequence[Node],
    targets: Sequence[str],
    dialogues: Sequence[Dialogue],
) -> tuple[Estimate, ...]:
    """What each recipe among `targets` will still ask; what recipes share stands under the first."""
    if not nodes:
        return ()
    wanted = graph.resolve(nodes, targets)
    by_id = {node.id: node for node in nodes}
    left = {node.id: node for node in wanted if node.stage == "teach"}
    with connections.snapshot(connection):
        answered = submissions.answered(connection)
        outputs = {f"{job}/answers": jobs.artifact(connection, job, "answers") for job in left}

    def texts(ref: str) -> dict[str, str] | None:
        output = outputs.get(ref)
        path = None if output is None else workspace.root / output[0]
        return None if path is None or not path.exists() else answers.read(path)

    told = []
    for node in wanted:
        needed = _teach_jobs(node, nodes)
        if needed:
            teacher = by_id[needed[0]].settings["identity"]["model"]
            asked = [left.pop(job) for job in needed if job in left]
            jobs_of = [(job.settings, job.inputs) for job in asked]
            told.append(estimating.estimate(node.name, teacher, jobs_of, dialogues, texts, answered))
    return tuple(told)


def spending(connection: sqlite3.Connection | None, config: Config, nodes: Sequence[Node]) -> Spending:
    """The workspace's money, of all that was ever asked, and each recipe's share of it."""
    rows = [] if connection is None else submissions.spending(connection)
    by_job: dict[str, float] = {}
    for job, _, usd, _ in rows:
        by_job[job] = by_job.get(job, 0.0) + (usd or 0.0)
    by_recipe = (
        (node.name, [by_job.get(job, 0.0) for job in _teach_jobs(node, nodes)])
        for node in nodes
        if node.stage == "recipe"
    )
    date = config.prices.date
    return Spending(
        usd=sum(by_job.values()),
        bound_usd=0.0 if connection is None else submissions.bound(connection),
        unpriced=sum(unpriced for *_, unpriced in rows),
        budget_usd=config.spending.budget_usd,
        by_recipe=tuple((name, sum(costs)) for name, costs in by_recipe if costs),
        prices_of=None if date is None else date.isoformat(),
    )


def _teach_jobs(node: Node, nodes: Sequence[Node]) -> list[str]:
    """The ids of the teach jobs that a recipe's node depends on, directly or not, in the graph's order."""
    by_id = {other.id: other for other in nodes}
    found: set[str] = set()
    queue = list(node.depends_on) if node.stage == "recipe" else []
    while queue:
        other = by_id[queue.pop()]
        found.add(other.id)
        queue += other.depends_on
    return [other.id for other in nodes if other.id in found]
