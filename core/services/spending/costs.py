"""The cost of teachers and judges: spent, reserved, and estimated."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import msgspec

from core.config.schema import Config
from core.config.workspace import WorkspacePaths
from core.dialogues.files import response_file
from core.domain.data.dialogues import Split
from core.domain.data.drawn_dialogues import DrawnDialogues
from core.domain.jobs.dependencies import dependencies_of
from core.domain.jobs.results import CompareResult, GenerateResult, RespondResult, Result, ValidateResult
from core.domain.submissions import Asker, Estimate, Spending
from core.jobs.inputs import Input, JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import (
    CompareSettings,
    GenerateSettings,
    LargeModel,
    LlmJudge,
    RespondSettings,
    TeacherResponder,
    ValidateSettings,
)
from core.pipeline.planning import job_targets
from core.responding import teacher_job as responder
from core.store import connections
from core.store.jobs import job_queries, job_records, submissions
from core.teachers.costs import prices
from core.teachers.requests import estimates as estimating
from core.teachers.requests.ledger import REQUESTING_STAGES

#: What answers have used, by stage and model.
UsedTokens = Mapping[tuple[str, str], prices.Used]
Texts = Callable[[Input], Mapping[str, str] | None]

#: Requests for verdicts that an estimate builds, at most: half a second or two. Of more, each comparison
#: is estimated from some of its dialogues.
_BUILT = 200_000
#: Test dialogues from which a comparison is estimated, at least.
_FEWEST = 20
#: Responses of so many jobs are held in memory, for the comparisons that they are part of.
_HELD = 64


@dataclass(frozen=True)
class _Known:
    """What the store knows of requests and answers."""

    answered: Collection[str]
    """The keys of answered requests."""
    used: UsedTokens
    texts: Texts
    """The responses in an input, by dialogue; None if there are none yet."""
    done: Mapping[str, int]
    """Job that is done → how many requests it needed. It sends nothing any more."""

    def of_done(self, asker: Asker, node: PlannedJob, model: LargeModel) -> Estimate | None:
        """The estimate of a job that is done; None for another one."""
        count = self.done.get(node.id)
        if count is None:
            return None
        return Estimate(asker, model.identity.model, count, count, 0, 0, 0.0)


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
    known = _read(connection, workspace, wanted, data)
    return (
        *_of_recipes(wanted, nodes, data, known),
        *_of_teachers(wanted, data, known),
        *_of_judges(wanted, data, known),
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
    known = _read(connection, workspace, [node for node in nodes if node.id in needed], data)
    return next(_of_judges(once, data, replace(known, answered=(), done={})), None)


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
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    wanted: Sequence[PlannedJob],
    data: DrawnDialogues,
) -> _Known:
    with connections.snapshot(connection):
        answered = submissions.answered(connection)
        used = {key: prices.Used(*found) for key, found in submissions.used_tokens(connection).items()}
        outputs = {
            JobOutput(node.id, output): job_records.artifact(connection, node.id, output)
            for node in wanted
            for output in ("answers", "responses")
            if node.stage in ("generate", "respond")
        }
        requesting = [node.id for node in wanted if node.stage in REQUESTING_STAGES]
        results = job_queries.results(connection, requesting)
    drawn = None if data.is_whole else {dialogue.dialog_id for dialogue in data.dialogues}

    @lru_cache(_HELD)
    def texts(read: Input) -> Mapping[str, str] | None:
        output = outputs.get(read) if isinstance(read, JobOutput) else None
        path = None if output is None else workspace.inside(output[0])
        if path is None or not path.exists():
            return None
        found = response_file.read(path)
        return found if drawn is None else {name: found[name] for name in drawn & found.keys()}

    done = {job: count for job, result in results.items() if (count := _requests(result)) is not None}
    return _Known(answered, used, texts, done)


def _requests(result: Result) -> int | None:
    """How many requests a job with that result needed."""
    match result:
        case GenerateResult(answers=answers, left_out=left_out):
            return answers + left_out
        case RespondResult(responses=responses, left_out_as=left_out_as):
            return responses + sum(left_out_as.values())
        case CompareResult(verdicts=verdicts) | ValidateResult(verdicts=verdicts):
            return verdicts
    return None


def _of_recipes(
    wanted: Sequence[PlannedJob], nodes: Sequence[PlannedJob], data: DrawnDialogues, known: _Known
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
                        asker, settings, job.inputs, data.dialogues, *_answers(known)
                    )
                    part = _of_all(found, data, "train")
                parts.append(part)
        if needed:
            left -= {job.id for job, _ in needed}
            yield estimating.total(asker, needed[0][1].model.identity.model, parts)


def _answers(known: _Known) -> tuple[Texts, Collection[str], UsedTokens]:
    return known.texts, known.answered, known.used


def _of_teachers(wanted: Sequence[PlannedJob], data: DrawnDialogues, known: _Known) -> Iterator[Estimate]:
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


def _of_judges(wanted: Sequence[PlannedJob], data: DrawnDialogues, known: _Known) -> Iterator[Estimate]:
    parts: dict[tuple[Asker, str], list[Estimate]] = {}
    comparisons = _Comparisons(wanted, data, known)
    for node in wanted:
        match node.settings:
            case ValidateSettings(judge=judge):
                asker = Asker("judge", judge.name)
                part = known.of_done(asker, node, judge.model)
                part = part or _of_validation(asker, node.settings, data, known)
            case CompareSettings(judge=LlmJudge() as judge):
                asker = Asker("judge", judge.name)
                part = known.of_done(asker, node, judge.model)
                part = part or comparisons.estimate(asker, node, node.settings, judge)
            case _:
                continue
        parts.setdefault((asker, judge.model.identity.model), []).append(part)
    for (asker, model_name), found in parts.items():
        yield estimating.total(asker, model_name, found)


def _of_validation(asker: Asker, settings: ValidateSettings, data: DrawnDialogues, known: _Known) -> Estimate:
    # They import numpy, which the home screen must not wait for.
    from core.judging import validate_job
    from core.judging.llm import llm_judge

    judge = settings.judge
    rated = validate_job.pairs(data.dialogues, settings.pairs)
    ordered_pairs = validate_job.ordered_pairs_of(
        data.dialogues, rated, llm_judge.orders(judge), judge.repeats
    )
    requests = llm_judge.requests_of(judge, ordered_pairs)
    tokens = estimating.answer_tokens(judge.model, settings.stage, llm_judge.answer_tokens(judge), known.used)
    found = estimating.of_requests(asker, judge.model, requests, known.answered, tokens)
    if not rated:
        return found
    there_are = min(settings.pairs, len(rated) * data.totals["train"] / data.drawn["train"])
    return estimating.times(found, there_are / len(rated))


class _Comparisons:
    """Estimates of comparisons with large models, of which there may be thousands."""

    def __init__(self, wanted: Iterable[PlannedJob], data: DrawnDialogues, known: _Known) -> None:
        left = sum(
            node.settings.judge.repeats * (2 if node.settings.judge.swap else 1)
            for node in wanted
            if node.id not in known.done
            and isinstance(node.settings, CompareSettings)
            and isinstance(node.settings.judge, LlmJudge)
        )
        self._known = known
        self._data = data
        self._test = data.of("test", max(_FEWEST, _BUILT // max(left, 1)))
        #: Judge, and what is known of both sides → the estimate: before the responders have answered, that
        #: of many comparisons is the same.
        self._made: dict[tuple[object, ...], Estimate] = {}

    def estimate(
        self, asker: Asker, node: PlannedJob, settings: CompareSettings, judge: LlmJudge
    ) -> Estimate:
        """The estimate of a comparison that is not done."""
        from core.judging import protocol
        from core.judging.llm import llm_judge

        (side_a, a), (side_b, b) = (
            self._texts(node, side, responder) for side, responder in (("a", settings.a), ("b", settings.b))
        )
        key = (asker, None if a is None else side_a, None if b is None else side_b)
        if key not in self._made:
            filled = self._or_placeholders(a, "a"), self._or_placeholders(b, "b")
            orders = llm_judge.orders(judge)
            ordered_pairs = protocol.ordered_pairs(self._test, filled[0], filled[1], orders, judge.repeats)
            requests = llm_judge.requests_of(judge, ordered_pairs)
            answer = llm_judge.answer_tokens(judge)
            tokens = estimating.answer_tokens(judge.model, node.stage, answer, self._known.used)
            found = estimating.of_requests(asker, judge.model, requests, self._known.answered, tokens)
            scale = self._data.totals["test"] / len(self._test) if self._test else 1.0
            self._made[key] = estimating.times(found, scale)
        return replace(self._made[key], is_upper_bound=settings.stop is not None)

    def _texts(self, node: PlannedJob, side: str, responder: str) -> tuple[object, Mapping[str, str] | None]:
        """What a side's responses are, and the responses by dialogue; None if there are none yet."""
        if side in node.inputs:
            return node.inputs[side], self._known.texts(node.inputs[side])
        found = {d.dialog_id: d.responses[responder].text for d in self._test if responder in d.responses}
        return responder, found

    def _or_placeholders(self, texts: Mapping[str, str] | None, side: str) -> dict[str, str]:
        """Responses to the test dialogues, placeholders of similar length for missing ones.

        The placeholders of the two sides differ, because identical responses are not sent to a judge.
        """
        missing = f"{estimating.PLACEHOLDER} {side}"
        return {d.dialog_id: (texts or {}).get(d.dialog_id, missing) for d in self._test}


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
