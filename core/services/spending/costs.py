"""The cost of teachers and judges: spent, reserved, and estimated."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from core.config.schema import Config
from core.config.workspace import WorkspacePaths
from core.dialogues import response_file
from core.domain.dependencies import dependencies_of
from core.domain.dialogues import Dialogue
from core.domain.submissions import Estimate, Spending
from core.jobs.inputs import Input, JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import (
    CompareSettings,
    GenerateSettings,
    LlmJudge,
    RespondSettings,
    TeacherResponder,
    ValidateSettings,
)
from core.pipeline import planner
from core.responding import teacher_job as responder
from core.store import connections, job_records, submissions
from core.teachers.costs import estimates as estimating
from core.teachers.costs import prices

#: What answers have used, by stage and model.
UsedTokens = Mapping[tuple[str, str], prices.Used]


def estimates(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    nodes: Sequence[PlannedJob],
    targets: Sequence[str],
    dialogues: Sequence[Dialogue],
) -> tuple[Estimate, ...]:
    """The remaining requests of each recipe, responding teacher and judge among `targets`, and their cost.

    Requests that recipes share are counted for the first of them.
    """
    return of_jobs(connection, workspace, planner.resolve(nodes, targets), nodes, dialogues) if nodes else ()


def of_jobs(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    wanted: Sequence[PlannedJob],
    nodes: Sequence[PlannedJob],
    dialogues: Sequence[Dialogue],
) -> tuple[Estimate, ...]:
    """The same of the jobs `wanted` alone, among all planned ones."""
    answered, used, texts = _read(connection, workspace, wanted)
    return (
        *_of_recipes(wanted, nodes, dialogues, texts, answered, used),
        *_of_teachers(wanted, dialogues, answered, used),
        *_of_judges(wanted, dialogues, texts, answered, used),
    )


def of_verdicts(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    nodes: Sequence[PlannedJob],
    judge: str,
    dialogues: Sequence[Dialogue],
) -> Estimate | None:
    """The requests of all of a judge's comparisons in one order without repeats, as if none was answered.

    None if it is not a large model, or has no comparison.
    """
    needed = dependencies_of(nodes, [node.id for node in _once(nodes, judge)])
    _, used, texts = _read(connection, workspace, [node for node in nodes if node.id in needed])
    return next(_of_judges(_once(nodes, judge), dialogues, texts, set(), used), None)


def _once(nodes: Sequence[PlannedJob], judge: str) -> list[PlannedJob]:
    """The judge's comparisons, as if it judged each pair once."""
    found = []
    for node in nodes:
        match node.settings:
            case CompareSettings(judge=LlmJudge(name=name) as own) if name == judge:
                once = msgspec.structs.replace(own, swap=False, repeats=1)
                settings = msgspec.structs.replace(node.settings, judge=once)
                found.append(replace(node, settings=settings))
    return found


def _read(
    connection: sqlite3.Connection, workspace: WorkspacePaths, wanted: Sequence[PlannedJob]
) -> tuple[set[str], UsedTokens, Callable[[Input], dict[str, str] | None]]:
    """The answered requests, what answers have used, and the texts of finished jobs among `wanted`."""
    with connections.snapshot(connection):
        answered = submissions.answered(connection)
        used = {key: prices.Used(*found) for key, found in submissions.used_tokens(connection).items()}
        outputs = {
            JobOutput(node.id, output): job_records.artifact(connection, node.id, output)
            for node in wanted
            for output in ("answers", "responses")
            if node.stage in ("generate", "respond")
        }

    def texts(read: Input) -> dict[str, str] | None:
        output = outputs.get(read) if isinstance(read, JobOutput) else None
        path = None if output is None else workspace.inside(output[0])
        return None if path is None or not path.exists() else response_file.read(path)

    return answered, used, texts


def _of_recipes(
    wanted: Sequence[PlannedJob],
    nodes: Sequence[PlannedJob],
    dialogues: Sequence[Dialogue],
    texts: Callable[[Input], dict[str, str] | None],
    answered: set[str],
    used: UsedTokens,
) -> Iterator[Estimate]:
    left = {node.id for node in wanted}
    generating = _generating(nodes)
    for node in wanted:
        needed = _generate_jobs(node, generating)
        if needed:
            model = needed[0][1].model.identity.model
            own = [(settings, inputs) for job, settings, inputs in needed if job in left]
            left -= {job for job, *_ in needed}
            yield estimating.of_generation(node.name, model, own, dialogues, texts, answered, used)


def _of_teachers(
    wanted: Sequence[PlannedJob], dialogues: Sequence[Dialogue], answered: set[str], used: UsedTokens
) -> Iterator[Estimate]:
    """Estimates of teachers that respond to the test split."""
    for node in wanted:
        match node.settings:
            case RespondSettings(responder=TeacherResponder() as teacher):
                requests = responder.requests_of(teacher, dialogues)
                name = f"responder {node.name}"
                tokens = estimating.answer_tokens(teacher.model, "respond", prices.ANSWER, used)
                yield estimating.of_requests(name, teacher.model, requests, answered, tokens)


def _of_judges(
    wanted: Sequence[PlannedJob],
    dialogues: Sequence[Dialogue],
    texts: Callable[[Input], dict[str, str] | None],
    answered: set[str],
    used: UsedTokens,
) -> Iterator[Estimate]:
    # They import numpy, which the home screen must not wait for.
    from core.judging import protocol, validate_job
    from core.judging.llm import llm_judge

    test = [d for d in dialogues if d.split == "test"]
    parts: dict[tuple[str, str], list[Estimate]] = {}
    for node in wanted:
        match node.settings:
            case ValidateSettings(judge=judge, pairs=pairs):
                rated = validate_job.pairs(dialogues, pairs)
                contests = validate_job.contests_of(dialogues, rated, llm_judge.orders(judge), judge.repeats)
            case CompareSettings(a=name_a, b=name_b, judge=LlmJudge() as judge):
                a = _responses(node, "a", name_a, test, texts)
                b = _responses(node, "b", name_b, test, texts)
                contests = protocol.contests(test, a, b, llm_judge.orders(judge), judge.repeats)
            case _:
                continue
        name, model = f"judge {judge.name}", judge.model
        requests = llm_judge.requests_of(judge, contests)
        tokens = estimating.answer_tokens(model, node.stage, llm_judge.answer_tokens(judge), used)
        part = estimating.of_requests(name, model, requests, answered, tokens)
        if isinstance(node.settings, CompareSettings) and node.settings.stop is not None:
            part = replace(part, is_upper_bound=True)
        parts.setdefault((name, model.identity.model), []).append(part)
    for (name, model_name), found in parts.items():
        yield estimating.total(name, model_name, found)


def _responses(
    node: PlannedJob,
    side: str,
    responder: str,
    test: Sequence[Dialogue],
    texts: Callable[[Input], dict[str, str] | None],
) -> dict[str, str]:
    """The responses of `responder` on that side; placeholders of similar length for missing ones.

    The placeholders of the two sides differ, because identical responses are not sent to a judge.
    """
    found = texts(node.inputs[side]) if side in node.inputs else None
    if side not in node.inputs:
        found = {d.dialog_id: d.responses[responder].text for d in test if responder in d.responses}
    return {d.dialog_id: (found or {}).get(d.dialog_id, f"{estimating.PLACEHOLDER} {side}") for d in test}


def spending(
    connection: sqlite3.Connection | None,
    config: Config,
    nodes: Sequence[PlannedJob],
    known: submissions.KnownSums,
) -> Spending:
    """The workspace's money, of all that was ever asked, and each recipe's share of it.

    `known` caches the totals of collected submissions.
    """
    rows = [] if connection is None else submissions.spending(connection, known)
    by_job: dict[str, float] = {}
    for job, sums in rows:
        by_job[job] = by_job.get(job, 0.0) + (sums.usd or 0.0)
    generating = _generating(nodes)
    by_recipe = (
        (node.name, [by_job.get(job, 0.0) for job, *_ in _generate_jobs(node, generating)])
        for node in nodes
        if node.stage == "recipe"
    )
    date = config.prices.date
    return Spending(
        usd=sum(by_job.values()),
        estimated_usd=sum(sums.estimated_usd or 0.0 for _, sums in rows),
        reserved_usd=0.0 if connection is None else submissions.reserved_usd(connection),
        unpriced=sum(sums.unpriced for _, sums in rows),
        budget_usd=config.spending.budget_usd,
        by_recipe=tuple((name, sum(costs)) for name, costs in by_recipe if costs),
        prices_of=None if date is None else date.isoformat(),
    )


def _generating(nodes: Sequence[PlannedJob]) -> list[PlannedJob]:
    """The jobs of stage `generate`, in the graph's order: all that a recipe depends on."""
    return [node for node in nodes if node.stage == "generate"]


def _generate_jobs(
    node: PlannedJob, generating: Sequence[PlannedJob]
) -> list[tuple[str, GenerateSettings, dict[str, Input]]]:
    """The id, settings and inputs of the jobs among `generating` on which a recipe depends, directly or not,
    in their order."""
    if node.stage != "recipe":
        return []
    needed = dependencies_of((*generating, node), [node.id])
    return [
        (other.id, other.settings, other.inputs)
        for other in generating
        if other.id in needed and isinstance(other.settings, GenerateSettings)
    ]
