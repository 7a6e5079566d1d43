"""Quality of judges: agreement with people and with each other, biases, and cost."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from core.config.schema import JudgeConfig
from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.comparisons import Agreement, AgreementKind, HumanWinRate, Scorecard
from core.domain.evaluation.verdicts import AnswerForm, Winner
from core.domain.evaluation.votes import Vote
from core.domain.evaluation.win_rates import WinRate
from core.domain.jobs.job import Job
from core.domain.jobs.results import CompareResult, FilterResult, JudgeResult, ValidateResult
from core.domain.names import ComparisonName
from core.domain.number_format import percent
from core.services.evaluation import comparisons, human_votes
from core.store.jobs import submissions

if TYPE_CHECKING:
    # Importing them takes time, and the first screen needs none of them.
    from core.judging.metrics.judge_quality.judge_bias import BiasCounts, JudgeBias
    from core.judging.metrics.scores import Scores


@dataclass(frozen=True)
class Validated:
    """A judge's measured agreement with people."""

    job: str
    """The id of the job that measured it."""
    result: JudgeResult | ValidateResult
    """What it measured."""


_Judged = CompareResult | FilterResult | ValidateResult


def agreements(
    rates: Sequence[WinRate],
    scores: Mapping[str, Scores],
    read: Callable[[Iterable[str]], Mapping[str, Mapping[str, str]]],
) -> tuple[Agreement, ...]:
    """The agreement of any two judges on the comparisons that both made.

    `read` gives the texts of responders by dialogue. Identical ones are left out: no judge saw them.
    """
    from core.judging.metrics.judge_quality.agreement import agreement
    from core.judging.metrics.scores import winner

    by_judge = {
        judge: {(rate.a, rate.b): scores[rate.job] for rate in compared}
        for judge, compared in comparisons.by_judge(rates, scores)
    }
    judged = Counter(sides for made in by_judge.values() for sides in made)
    texts = read({responder for sides, judges in judged.items() if judges > 1 for responder in sides})
    found = []
    for (one, ones), (other, others) in combinations(by_judge.items(), 2):
        labels = [
            (name, winner(score), winner(others[sides][name]))
            for sides, made in ones.items()
            if sides in others
            for name, score in made.items()
            if name in others[sides] and not _is_identical(name, texts[sides[0]], texts[sides[1]])
        ]
        view = agreement(one, other, "judges", labels)
        if view is not None:
            found.append(view)
    return tuple(found)


def _is_identical(dialogue: str, a: Mapping[str, str], b: Mapping[str, str]) -> bool:
    return dialogue in a and a[dialogue] == b.get(dialogue)


def voted(found: Iterable[Vote]) -> set[str]:
    """The responders that people voted on."""
    return {name for vote in found for name in (vote.a, vote.b)}


def human_win_rates(
    found: Sequence[Vote], texts: Mapping[str, Mapping[str, str]], dialogues: Sequence[Dialogue]
) -> tuple[HumanWinRate, ...]:
    """The win rates by votes of any two responders, whose `texts` are by dialogue, with their breakdown."""
    from core.judging import voting

    rates = (voting.win_rate(a, b, found, texts[a], texts[b]) for a, b in _met(found))
    return tuple(
        replace(rate, cells=human_votes.breakdown(rate, found, texts, dialogues))
        for rate in rates
        if rate is not None
    )


def of_voters(
    rates: Sequence[WinRate],
    scores: Mapping[str, Scores],
    found: Sequence[Vote],
    texts: Mapping[str, Mapping[str, str]],
) -> tuple[Agreement, ...]:
    """The agreement of voters with each other and with judges, over all pairs of responders."""
    from core.judging import voting
    from core.judging.metrics.judge_quality.agreement import agreement
    from core.judging.metrics.scores import mirrored, winner

    labels: dict[tuple[str, str, AgreementKind], list[tuple[str, Winner, Winner]]] = defaultdict(list)
    weights: dict[tuple[str, str, AgreementKind], list[float]] = defaultdict(list)
    jobs = {(rate.a, rate.b, rate.judge): rate.job for rate in rates if rate.job in scores}
    for a, b in _met(found):
        by_dialogue = voting.outcomes(found, texts[a], texts[b])
        weighing = voting.weights(found, a, b, texts[a], texts[b])
        for name, by_voter in by_dialogue.items():
            for one, other in combinations(sorted(by_voter), 2):
                labels[one, other, "voters"].append((name, by_voter[one], by_voter[other]))
                weights[one, other, "voters"].append(weighing.get(name, 1.0))
        for judge in dict.fromkeys(rate.judge for rate in rates):
            for sides, swapped in (((a, b), False), ((b, a), True)):
                job = jobs.get((*sides, judge))
                if job is None:
                    continue
                for name, by_voter in by_dialogue.items():
                    score = scores[job].get(name)
                    ruled = winner(mirrored(score) if swapped else score)
                    for voter, choice in by_voter.items():
                        labels[voter, judge, "voter and judge"].append((name, choice, ruled))
                        weights[voter, judge, "voter and judge"].append(weighing.get(name, 1.0))
    views = (agreement(*key, found, weights[key]) for key, found in sorted(labels.items()))
    return tuple(view for view in views if view is not None)


def _met(found: Iterable[Vote]) -> list[tuple[str, str]]:
    """The pairs of responders that people voted on, each once."""
    return list(dict.fromkeys((min(vote.a, vote.b), max(vote.a, vote.b)) for vote in found))


def scorecards(
    connection: sqlite3.Connection,
    judges: Mapping[str, JudgeConfig],
    jobs: Sequence[Job],
    validated: Mapping[str, Validated],
    biases: Mapping[str, Mapping[str, BiasCounts]],
    filter_judge: str | None,
) -> tuple[Scorecard, ...]:
    """A scorecard of each judge, over all its comparisons and the pairs of its validation.

    `biases` has each of these jobs' counts by dialogue. The verdicts of `filter_judge` on preference pairs
    count as well, but not in its biases: these are of responders to the same dialogues.
    """
    costs = submissions.costs(connection)
    filters = {job.id: job.result for job in jobs if job.in_config and isinstance(job.result, FilterResult)}
    return tuple(
        _scorecard(
            name,
            judge,
            jobs,
            filters if name == filter_judge else {},
            validated.get(name),
            costs,
            biases,
        )
        for name, judge in judges.items()
    )


def label(judge: str, validated: Validated | None) -> str:
    """One line on a judge's agreement with people."""
    if validated is None:
        return f"{judge}: its agreement with people was not measured"
    found = validated.result
    return (
        f"{judge}: agrees with human ratings on {percent(found.agreement)} of "
        f"{found.agreement_pairs:,} pairs "
        f"({percent(found.agreement_low)} to {percent(found.agreement_high)})"
        + (
            ""
            if found.longer_agreement is None
            else f"; the longer one wins: {percent(found.longer_agreement)}"
        )
    )


def _forms(results: Iterable[_Judged]) -> dict[AnswerForm, int] | None:
    counted = [result.forms for result in results if result.forms is not None]
    total: Counter[AnswerForm] = Counter()
    for forms in counted:
        total.update(forms)
    return dict(total.most_common()) if counted else None


def _given(result: _Judged) -> int:
    """The verdicts that the judge gave: on identical texts they are ties without it."""
    match result:
        case CompareResult(n=pairs, identical=identical):
            pass
        case FilterResult(pairs=pairs, dropped=dropped):
            identical = dropped.get("identical", 0)
        case ValidateResult():
            pairs = identical = 0
    return result.verdicts - identical * (result.verdicts // pairs if pairs else 0)


def _scorecard(
    name: str,
    judge: JudgeConfig,
    jobs: Sequence[Job],
    filters: Mapping[str, FilterResult],
    validated: Validated | None,
    costs: Mapping[str, tuple[float | None, int]],
    biases: Mapping[str, Mapping[str, BiasCounts]],
) -> Scorecard:
    from core.judging.metrics.comparison_metrics import parts

    compared = {
        job.id: job.result
        for job in jobs
        if isinstance(job.result, CompareResult) and ComparisonName.parse(job.name).judge == name
    }
    of_people = None if validated is None else validated.result
    # Position bias and flips are measured on the validation pairs as well.
    judged: list[_Judged] = [*compared.values(), *filters.values()]
    if isinstance(of_people, ValidateResult):
        judged.append(of_people)
    measured = [*compared, *([] if validated is None else [validated.job])]
    bias = _bias([biases[job] for job in measured if job in biases])
    prefers_first, prefers_first_low, prefers_first_high = parts(bias.prefers_first)
    flip_rate, flip_rate_low, flip_rate_high = parts(bias.flip_rate)
    prefers_longer, prefers_longer_low, prefers_longer_high = parts(bias.prefers_longer)
    return Scorecard(
        judge=name,
        provider=judge.provider,
        model=judge.model,
        design=judged[0].design if judged else "",
        agreement=None if of_people is None else of_people.agreement,
        agreement_low=None if of_people is None else of_people.agreement_low,
        agreement_high=None if of_people is None else of_people.agreement_high,
        longer_agreement=None if of_people is None else of_people.longer_agreement,
        pairs=None if of_people is None else of_people.agreement_pairs,
        verdicts=sum(map(_given, judged)),
        invalid=sum(result.invalid_verdicts for result in judged),
        forms=_forms(judged),
        prefers_first=prefers_first,
        prefers_first_low=prefers_first_low,
        prefers_first_high=prefers_first_high,
        placed=bias.placed,
        flip_rate=flip_rate,
        flip_rate_low=flip_rate_low,
        flip_rate_high=flip_rate_high,
        paired=bias.paired,
        prefers_longer=prefers_longer,
        prefers_longer_low=prefers_longer_low,
        prefers_longer_high=prefers_longer_high,
        lengths=bias.lengths,
        usd_per_1000=_usd_per_1000(judge, [costs[job] for job in (*measured, *filters) if job in costs]),
    )


def _bias(by_job: Iterable[Mapping[str, BiasCounts]]) -> JudgeBias:
    """A judge's biases over jobs; the same dialogue in several of them is one cluster."""
    from core.judging.metrics.judge_quality.judge_bias import BiasCounts, judge_bias

    counts: dict[str, BiasCounts] = defaultdict(BiasCounts)
    for by_dialogue in by_job:
        for dialogue, own in by_dialogue.items():
            counts[dialogue] += own
    return judge_bias(counts.values())


def _usd_per_1000(judge: JudgeConfig, costs: Sequence[tuple[float | None, int]]) -> float | None:
    """What 1,000 verdicts cost by the cost and the requests of each job; None if one is unknown."""
    if judge.provider in ("embedded", "local"):
        return 0.0
    usd = [cost for cost, _ in costs if cost is not None]
    requests = sum(count for _, count in costs)
    return sum(usd) / requests * 1000 if len(usd) == len(costs) and requests else None
