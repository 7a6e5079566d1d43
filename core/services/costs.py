"""What teachers and judges have cost so far, in all and by recipe."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from core.config.schema import Config
from core.domain.submissions import Spending
from core.pipeline.planner import Node
from core.store import submissions


def spending(
    connection: sqlite3.Connection | None, config: Config, nodes: Sequence[Node], known: submissions.Known
) -> Spending:
    """The workspace's money, of all that was ever asked, and each recipe's share of it.

    `known` keeps what need not be counted again.
    """
    rows = [] if connection is None else submissions.spending(connection, known)
    by_job: dict[str, float] = {}
    for job, _, usd, _ in rows:
        by_job[job] = by_job.get(job, 0.0) + (usd or 0.0)
    by_recipe = (
        (node.name, [by_job.get(job, 0.0) for job in teach_jobs(node, nodes)])
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


def teach_jobs(node: Node, nodes: Sequence[Node]) -> list[str]:
    """The ids of the teach jobs that a recipe's node depends on, directly or not, in the graph's order."""
    by_id = {other.id: other for other in nodes}
    found: set[str] = set()
    queue = list(node.depends_on) if node.stage == "recipe" else []
    while queue:
        other = by_id[queue.pop()]
        found.add(other.id)
        queue += other.depends_on
    return [other.id for other in nodes if other.id in found]
