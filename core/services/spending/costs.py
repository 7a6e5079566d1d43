"""The cost of teachers and judges: spent, reserved, and estimated."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from core.config.schema import Config
from core.config.workspace import WorkspacePaths
from core.domain.data.dialogues import Split
from core.domain.data.drawn_dialogues import DrawnDialogues
from core.domain.jobs.dependencies import dependencies_of
from core.domain.submissions import Asker, Estimate, Spending
from core.jobs.inputs import JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import (
    CompareSettings,
    FilterSettings,
    GenerateSettings,
    LlmJudge,
    RecipeSettings,
    RespondSettings,
    TeacherResponder,
    ValidateSettings,
)
from core.pipeline.planning import job_targets
from core.responding import teacher_job as responder
from core.services.spending import pair_estimates, request_history
from core.services.spending.comparison_estimates import ComparisonEstimates
from core.services.spending.request_history import RequestHistory
from core.store.jobs import submissions
from core.teachers.costs import prices
from core.teachers.requests import estimates as estimating


def estimates(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    nodes: Sequence[PlannedJob],
    targets: Sequence[str],
    data: DrawnDialogues,
) -> tuple[Estimate, ...]:
    """The remaining requests of each recipe, responding teacher and judge among `targets`, and their cost.

    Requests that recipes share are counted for the first of them.
    """
    return of_jobs(connection, workspace, job_targets.resolve(nodes, targets), nodes, data) if nodes else ()


def of_jobs(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    wanted: Sequence[PlannedJob],
    nodes: Sequence[PlannedJob],
    data: DrawnDialogues,
) -> tuple[Estimate, ...]:
    """The same of the jobs `wanted` alone, among all planned ones."""
    known = request_history.read(connection, workspace, wanted, data)
    return (
        *_of_recipes(wanted, nodes, data, known),
        *_of_teachers(wanted, data, known),
        *_of_judges(wanted, nodes, data, known),
    )


def of_verdicts(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    nodes: Sequence[PlannedJob],
    judge: str,
    data: DrawnDialogues,
) -> Estimate | None:
    """The requests of all of a judge's comparisons in one order without repeats, as if none was answered.

    None if it is not a large model, or has no comparison.
    """
    once = _once(nodes, judge)
    needed = dependencies_of(nodes, [node.id for node in once])
    known = request_history.read(
        connection, workspace, [node for node in nodes if node.id in needed], data, from_scratch=True
    )
    return next(_of_judges(once, nodes, data, known), None)


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


def _of_recipes(
    wanted: Sequence[PlannedJob], nodes: Sequence[PlannedJob], data: DrawnDialogues, known: RequestHistory
) -> Iterator[Estimate]:
    left = {node.id for node in wanted}
    generating = _generating(nodes)
    for node in wanted:
        asker = Asker("recipe", node.name)
        parts = []
        needed = _generate_jobs(node, generating)
        for job, settings in needed:
            if job.id in left:
                part = known.of_done(asker, job, settings.model)
                if part is None:
                    found = estimating.of_generation(
                        asker, settings, job.inputs, data.dialogues, known.texts, known.answered, known.used
                    )
                    part = _of_all(found, data, "train")
                parts.append(part)
        # Examples of rungs are made from the same answers.
        if needed and (
            parts or (isinstance(node.settings, RecipeSettings) and node.name == node.settings.recipe)
        ):
            left -= {job.id for job, _ in needed}
            yield estimating.total(asker, needed[0][1].model.identity.model, parts)


def _of_teachers(
    wanted: Sequence[PlannedJob], data: DrawnDialogues, known: RequestHistory
) -> Iterator[Estimate]:
    """Estimates of teachers that respond to the test split."""
    for node in wanted:
        match node.settings:
            case RespondSettings(responder=TeacherResponder() as teacher):
                asker = Asker("responder", node.name)
                done = known.of_done(asker, node, teacher.model)
                if done is not None:
                    yield done
                    continue
                requests = responder.requests_of(teacher, data.dialogues)
                tokens = estimating.answer_tokens(teacher.model, "respond", prices.ANSWER, known.used)
                found = estimating.of_requests(asker, teacher.model, requests, known.answered, tokens)
                yield _of_all(found, data, "test")


def _of_judges(
    wanted: Sequence[PlannedJob], nodes: Sequence[PlannedJob], data: DrawnDialogues, known: RequestHistory
) -> Iterator[Estimate]:
    recipes = {node.id: node for node in nodes if node.stage == "recipe"}
    parts: dict[tuple[Asker, str], list[tuple[Estimate, float]]] = {}
    comparisons = ComparisonEstimates(wanted, data, known)
    for node in wanted:
        match node.settings:
            case ValidateSettings(judge=judge):
                asker = Asker("judge", judge.name)
                part = known.of_done(asker, node, judge.model)
                part = part or pair_estimates.of_validation(asker, node.settings, data, known)
            case FilterSettings(judge=LlmJudge() as judge):
                asker = Asker("judge", judge.name)
                part = known.of_done(asker, node, judge.model)
                part = part or pair_estimates.of_filter(asker, judge, _filtered(node, recipes), data, known)
            case CompareSettings(judge=LlmJudge() as judge):
                asker = Asker("judge", judge.name)
                part = known.of_done(asker, node, judge.model)
                part = part or comparisons.estimate(asker, node, node.settings, judge)
            case _:
                continue
        chance = known.chances.get(node.id, 1.0)
        if chance:
            parts.setdefault((asker, judge.model.identity.model), []).append((part, chance))
    for (asker, model_name), found in parts.items():
        total = estimating.total(asker, model_name, (part for part, _ in found))
        if total.usd is not None and any(chance < 1 for _, chance in found):
            expected = sum((part.usd or 0.0) * chance for part, chance in found)
            total = replace(total, expected_usd=expected)
        yield total


def _filtered(node: PlannedJob, recipes: Mapping[str, PlannedJob]) -> PlannedJob:
    """The recipe's job whose pairs a job filters."""
    read = node.inputs["preferences"]
    assert isinstance(read, JobOutput)
    return recipes[read.job]


def _of_all(found: Estimate, data: DrawnDialogues, split: Split) -> Estimate:
    """The estimate for all dialogues of a split, from that for the drawn ones."""
    drawn = data.drawn[split]
    return estimating.times(found, data.totals[split] / drawn) if drawn else found


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
        (node.name, [by_job.get(job.id, 0.0) for job, _ in _generate_jobs(node, generating)])
        for node in nodes
        if isinstance(node.settings, RecipeSettings) and node.name == node.settings.recipe
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
) -> list[tuple[PlannedJob, GenerateSettings]]:
    """The jobs among `generating` on which a recipe depends, directly or not, in their order."""
    if node.stage != "recipe":
        return []
    needed = dependencies_of((*generating, node), [node.id])
    return [
        (other, other.settings)
        for other in generating
        if other.id in needed and isinstance(other.settings, GenerateSettings)
    ]
