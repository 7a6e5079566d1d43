"""The money that teachers cost: spent, on its way, and to be expected."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence

from core.config.schema import Config
from core.config.workspace import WorkspacePaths
from core.dialogues import response_file
from core.domain.dependencies import dependencies_of
from core.domain.dialogues import Dialogue
from core.domain.submissions import Estimate, Spending
from core.judging import llm_judge, protocol, validate_job
from core.pipeline import planner
from core.pipeline.planner import Node
from core.responding import teacher_job as responder
from core.store import connections, jobs, submissions
from core.teachers import estimates as estimating
from core.teachers import prices, request_runner


def estimates(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    nodes: Sequence[Node],
    targets: Sequence[str],
    dialogues: Sequence[Dialogue],
) -> tuple[Estimate, ...]:
    """What each recipe, each teacher that responds and each judge among `targets` will still ask.

    What recipes share stands under the first of them.
    """
    if not nodes:
        return ()
    wanted = planner.resolve(nodes, targets)
    with connections.snapshot(connection):
        answered = submissions.answered(connection)
        outputs = {
            f"{node.id}/{output}": jobs.artifact(connection, node.id, output)
            for node in wanted
            for output in ("answers", "responses")
            if node.stage in ("teach", "respond")
        }

    def texts(ref: str) -> dict[str, str] | None:
        output = outputs.get(ref)
        path = None if output is None else workspace.root / output[0]
        return None if path is None or not path.exists() else response_file.read(path)

    return (
        *_of_recipes(wanted, nodes, dialogues, texts, answered),
        *_of_teachers(wanted, dialogues, answered),
        *_of_judges(wanted, dialogues, texts, answered),
    )


def _of_recipes(
    wanted: Sequence[Node],
    nodes: Sequence[Node],
    dialogues: Sequence[Dialogue],
    texts: Callable[[str], dict[str, str] | None],
    answered: set[str],
) -> Iterator[Estimate]:
    left = {node.id: node for node in wanted if node.stage == "teach"}
    by_id = {node.id: node for node in nodes}
    for node in wanted:
        needed = _teach_jobs(node, nodes)
        if needed:
            model = by_id[needed[0]].settings["identity"]["model"]
            own = [left.pop(job) for job in needed if job in left]
            teaching = [(job.settings, job.inputs) for job in own]
            yield estimating.of_teaching(node.name, model, teaching, dialogues, texts, answered)


def _of_teachers(
    wanted: Sequence[Node], dialogues: Sequence[Dialogue], answered: set[str]
) -> Iterator[Estimate]:
    """Of teachers that answer the test split."""
    for node in wanted:
        if node.stage == "respond" and "reach" in node.settings:
            teacher = request_runner.teacher_of(node.settings)
            requests = responder.requests_of(node.settings["prompt"], dialogues, teacher)
            name = f"responder {node.name}"
            yield estimating.of_requests(name, node.settings, requests, answered, prices.ANSWER)


def _of_judges(
    wanted: Sequence[Node],
    dialogues: Sequence[Dialogue],
    texts: Callable[[str], dict[str, str] | None],
    answered: set[str],
) -> Iterator[Estimate]:
    test = [d for d in dialogues if d.split == "test"]
    parts: dict[tuple[str, str], list[Estimate]] = {}
    for node in wanted:
        if node.stage not in ("compare", "calibrate") or "reach" not in node.settings:
            continue
        chosen, model = node.settings["judge"], node.settings["identity"]["model"]
        name, orders = f"judge {chosen['name']}", llm_judge.orders(chosen["swap"])
        if node.stage == "calibrate":
            rated = validate_job.pairs(dialogues, node.settings["pairs"])
            contests = validate_job.contests_of(dialogues, rated, orders, chosen["repeats"])
        else:
            a, b = (_responses(node, side, test, texts) for side in ("a", "b"))
            contests = protocol.contests(test, a, b, orders, chosen["repeats"])
        judge = request_runner.teacher_of(node.settings)
        requests = llm_judge.requests_of(node.settings["prompt"], contests, judge)
        part = estimating.of_requests(name, node.settings, requests, answered, llm_judge.ANSWER_TOKENS)
        parts.setdefault((name, model), []).append(part)
    for (name, model), found in parts.items():
        yield estimating.total(name, model, found)


def _responses(
    node: Node, side: str, test: Sequence[Dialogue], texts: Callable[[str], dict[str, str] | None]
) -> dict[str, str]:
    """A side's responses, where they are not there yet something of their length.

    One that differs from side to side: identical responses are judged without asking.
    """
    found = texts(node.inputs[side]) if side in node.inputs else None
    if side not in node.inputs:
        source = node.settings[side]
        found = {d.dialog_id: d.responses[source].text for d in test if source in d.responses}
    return {d.dialog_id: (found or {}).get(d.dialog_id, f"{estimating.UNWRITTEN} {side}") for d in test}


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
    found = dependencies_of(nodes, [node.id]) if node.stage == "recipe" else frozenset[str]()
    return [other.id for other in nodes if other.id in found]
