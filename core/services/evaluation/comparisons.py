"""Results of comparisons, from the jobs and verdicts in the store."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.comparison_metrics import ComparisonMetrics
from core.domain.evaluation.comparisons import Cell, CellKind, PairedTest, Ranking, SequencePoint
from core.domain.evaluation.verdicts import MIRRORED, REVERSED, Dimension, Order, Pair, Verdict, Winner
from core.domain.evaluation.win_rates import WinRate
from core.domain.jobs.job import Job
from core.domain.jobs.results import CompareResult
from core.domain.names import ComparisonName
from core.services.evaluation import decisions, seed_groups
from core.store.dialogues import dialogue_queries
from core.store.evaluation import response_queries, verdict_queries

if TYPE_CHECKING:
    # Importing them takes time, and the first screen needs none of them.
    from core.judging.metrics.judge_quality.judge_bias import BiasCounts
    from core.judging.metrics.scores import Scores

    DimensionScores = Mapping[Dimension, Scores]

#: Words per bin of the breakdown by length.
_BIN = 10


def win_rates(jobs: Sequence[Job], labels: Mapping[str, str]) -> tuple[WinRate, ...]:
    """The win rate of every comparison among `jobs`; `labels` describe each judge's agreement with people."""
    from core.judging.metrics.inference import statistics

    rates = [_win_rate(job, labels) for job in jobs if job.stage == "compare"]
    by_judge: dict[str, list[WinRate]] = defaultdict(list)
    for rate in rates:
        if rate.p is not None:
            by_judge[rate.judge].append(rate)
    corrected = {
        rate.job: p
        for found in by_judge.values()
        for rate, p in zip(found, statistics.holm([r.p for r in found if r.p is not None]), strict=True)
    }
    return tuple(
        decisions.decided(msgspec.structs.replace(rate, p_holm=corrected.get(rate.job))) for rate in rates
    )


def dialogue_scores(connection: sqlite3.Connection, job: str) -> Scores:
    """b's score on each dialogue of a comparison; None on an invalid one."""
    from core.judging.metrics import scores

    return scores.by_dialogue(verdicts_of(connection, job))


def dimension_scores(connection: sqlite3.Connection, job: str) -> DimensionScores:
    """b's score on each dialogue of a comparison in each dimension that its judge reports."""
    from core.judging.metrics import scores

    return {
        dimension: scores.by_dialogue(_by_dialogue(found))
        for dimension, found in verdict_queries.dimension_winners(connection, job).items()
    }


def bias_counts(
    connection: sqlite3.Connection, job: str, texts: tuple[Mapping[str, str], Mapping[str, str]], placed: bool
) -> dict[str, BiasCounts]:
    """What a job's verdicts say of its judge, by dialogue.

    `texts` are those of a and b by dialogue, empty for a validation. `placed` is whether the order could
    matter."""
    from core.judging.metrics.judge_quality import judge_bias

    found = {}
    for name, verdicts in verdicts_of(connection, job).items():
        a, b = (own.get(name) for own in texts)
        words = judge_bias.word_counts(a, b)
        is_identical = a is not None and a == b
        found[name] = judge_bias.counts(verdicts, words, placed=placed, identical=is_identical)
    return found


def verdicts_of(connection: sqlite3.Connection, job: str) -> dict[str, list[tuple[Order, Winner]]]:
    """The verdicts of a job by dialogue."""
    return _by_dialogue(verdict_queries.winners(connection, job))


def uncertainties(connection: sqlite3.Connection, jobs: Iterable[str]) -> dict[str, float]:
    """How uncertain the judges of these comparisons, which are of the same two responders, are of each
    dialogue that one of them judged."""
    from core.judging import active_voting

    judged: dict[str, list[list[tuple[Order, Winner, float | None]]]] = defaultdict(list)
    for job in jobs:
        rows = verdict_queries.probable_winners(connection, job)
        for name, found in groupby(rows, lambda row: row[0]):
            judged[name].append([(order, winner, chance) for _, order, winner, chance in found])
    return {name: active_voting.uncertainty(verdicts) for name, verdicts in judged.items()}


def _by_dialogue(rows: Iterable[tuple[str, Order, Winner]]) -> dict[str, list[tuple[Order, Winner]]]:
    return {
        name: [(order, winner) for _, order, winner in found]
        for name, found in groupby(rows, lambda row: row[0])
    }


def breakdown(scores: Scores, dialogues: Iterable[Dialogue], texts_b: Mapping[str, str]) -> tuple[Cell, ...]:
    """The win rate per emotion, per sentiment, and per length of b's response in words."""
    named: dict[tuple[CellKind, str], list[float | None]] = defaultdict(list)
    bins: dict[int, list[float | None]] = defaultdict(list)
    for dialogue in dialogues:
        if dialogue.dialog_id not in scores:
            continue
        score = scores[dialogue.dialog_id]
        named["emotion", dialogue.emotion].append(score)
        named["sentiment", dialogue.sentiment].append(score)
        if dialogue.dialog_id in texts_b:
            bins[len(texts_b[dialogue.dialog_id].split()) // _BIN].append(score)
    return (
        *(_cell(kind, value, named[kind, value]) for kind, value in sorted(named)),
        *(_cell("length", f"{bin * _BIN}–{bin * _BIN + _BIN - 1}", bins[bin]) for bin in sorted(bins)),
    )


def sequence(rate: WinRate, scores: Scores) -> tuple[SequencePoint, ...]:
    """The confidence sequence of a comparison whose judge stops once it is decided; empty for another one."""
    from core.judging.metrics.study_design import sequential

    if rate.stopping is None:
        return ()
    order = sequential.in_order(scores, rate.stopping.seed)
    judged = [(name, score) for name in order if (score := scores[name]) is not None]
    values = [score for _, score in judged]
    ends, e_values = sequential.confidence_sequence(values), sequential.e_values(values)
    means = (sum(values[:n]) / n for n in range(1, len(values) + 1))
    return tuple(
        SequencePoint(name, n, score, mean, low, high, e_value)
        for n, ((name, score), mean, (low, high), e_value) in enumerate(
            zip(judged, means, ends, e_values, strict=True), start=1
        )
    )


def rankings(
    rates: Sequence[WinRate], scores: Mapping[str, Scores], *, over_seeds: bool = False
) -> tuple[Ranking, ...]:
    """Each judge's ranking of the responders that it compared; `scores` by the comparison's job.

    `over_seeds`: of runs that differ in their seeds alone, one entry.
    """
    from core.judging.metrics import ranking
    from core.judging.metrics.scores import mean_over

    found = []
    for judge, compared in by_judge(rates, scores):
        if over_seeds:
            grouped = seed_groups.grouped(compared)
            made = {
                (name.a, name.b): mean_over([scores[rate.job] for rate in own])
                for name, own in grouped.items()
            }
        else:
            made = {(rate.a, rate.b): scores[rate.job] for rate in compared}
        entries, groups = ranking.rank(made)
        found.append(Ranking(judge, entries, groups, len(compared), sum(rate.unjudged for rate in compared)))
    return tuple(found)


def paired_tests(rates: Sequence[WinRate], scores: Mapping[str, Scores]) -> tuple[PairedTest, ...]:
    """Paired tests of all responders that the same judge compared with the same baseline."""
    from core.judging.metrics.inference.paired_tests import of_baseline
    from core.judging.metrics.scores import mirrored

    tests: list[PairedTest] = []
    for judge, compared in by_judge(rates, scores):
        met: dict[str, dict[str, Scores]] = defaultdict(dict)
        for rate in compared:
            met[rate.a][rate.b] = scores[rate.job]
            met[rate.b][rate.a] = {name: mirrored(score) for name, score in scores[rate.job].items()}
        for baseline, others in met.items():
            if len(others) > 1:
                tests += of_baseline(judge, baseline, others)
    return tuple(tests)


def texts(
    connection: sqlite3.Connection,
    jobs: Sequence[Job],
    responders: Iterable[str],
    *,
    answered: bool = False,
) -> dict[str, dict[str, str]]:
    """Each responder's responses to the test split, by dialogue.

    With `answered`, those of sources in the data are left out for dialogues that no other responder answered.
    """
    # Of jobs with the same name, the first one is that of the configuration.
    answering = {job.name: job.id for job in reversed(jobs) if job.stage == "respond"}
    wanted = list(responders)
    of_data = [name for name in wanted if name not in answering]
    given = [answering[name] for name in wanted if name in answering]
    responses = response_queries.responses_of(connection, given) if given else {}
    dialogues = set().union(*responses.values()) if answered else None
    sources = response_queries.source_responses(connection, of_data, dialogues) if of_data else {}
    return {
        name: responses.get(answering[name], {}) if name in answering else sources.get(name, {})
        for name in wanted
    }


def concerned(jobs: Iterable[Job], a: str, b: str) -> tuple[Job, ...]:
    """The jobs that generated the responses of `a` or `b`, or compared the two."""
    return tuple(
        job
        for job in jobs
        if (job.stage == "respond" and job.name in (a, b))
        or (job.stage == "compare" and _compares(ComparisonName.parse(job.name), a, b))
    )


def _compares(name: ComparisonName, a: str, b: str) -> bool:
    return (name.a, name.b) in ((a, b), (b, a))


def pairs(connection: sqlite3.Connection, jobs: Sequence[Job], a: str, b: str) -> tuple[Pair, ...]:
    """The test dialogues with the responses of `a` and `b` and all verdicts on them.

    `jobs` are the respond and compare jobs of `a` and `b`.
    """
    responses = texts(connection, jobs, (a, b))
    verdicts: dict[str, list[Verdict]] = {}
    for job in jobs:
        if job.stage != "compare":
            continue
        name = ComparisonName.parse(job.name)
        for dialog_id, found in verdict_queries.verdicts(connection, job.id, name.judge).items():
            swapped = found if (name.a, name.b) == (a, b) else [_swapped(verdict) for verdict in found]
            verdicts.setdefault(dialog_id, []).extend(swapped)
    return tuple(
        Pair(
            dialog_id=dialog_id,
            emotion=emotion,
            situation=situation,
            utterance=utterance,
            response_a=responses[a].get(dialog_id),
            response_b=responses[b].get(dialog_id),
            verdicts=tuple(verdicts.get(dialog_id, ())),
            sentiment=sentiment,
        )
        for dialog_id, emotion, sentiment, situation, utterance in dialogue_queries.test_texts(connection)
    )


def _swapped(verdict: Verdict) -> Verdict:
    return replace(
        verdict,
        order=REVERSED[verdict.order],
        winner=MIRRORED[verdict.winner],
        dimensions={name: MIRRORED[winner] for name, winner in verdict.dimensions.items()},
        probability_b=None if verdict.probability_b is None else 1 - verdict.probability_b,
    )


def by_judge(rates: Sequence[WinRate], scores: Mapping[str, Scores]) -> Iterator[tuple[str, list[WinRate]]]:
    """Each judge with its finished comparisons; `scores` by the comparison's job."""
    for judge in dict.fromkeys(rate.judge for rate in rates):
        compared = [rate for rate in rates if rate.judge == judge and rate.job in scores]
        if compared:
            yield judge, compared


def _cell(kind: CellKind, value: str, found: Sequence[float | None]) -> Cell:
    from core.judging.metrics.inference import statistics

    rate = statistics.win_rate(found)
    return Cell(
        kind=kind,
        value=value,
        n=rate.n,
        wins_a=rate.wins_a,
        wins_b=rate.wins_b,
        ties=rate.ties,
        invalid=rate.invalid,
        win_rate_b=None if rate.rate is None else rate.rate.share,
        ci_low=None if rate.rate is None else rate.rate.low,
        ci_high=None if rate.rate is None else rate.rate.high,
        min_win_rate_b=None if rate.bounds is None else rate.bounds.low,
        max_win_rate_b=None if rate.bounds is None else rate.bounds.high,
        bounds_low=None if rate.bounds is None else rate.bounds.ci_low,
        bounds_high=None if rate.bounds is None else rate.bounds.ci_high,
    )


def _win_rate(job: Job, labels: Mapping[str, str]) -> WinRate:
    name = ComparisonName.parse(job.name)
    result = job.result if isinstance(job.result, CompareResult) else None
    fields: dict[str, object] = {
        "a": name.a,
        "b": name.b,
        "judge": name.judge,
        "job": job.id,
        "state": job.state,
        "fingerprint": job.fingerprint,
    }
    if result is not None:
        fields |= {metric: getattr(result, metric) for metric in ComparisonMetrics.__struct_fields__}
    fields["label"] = (None if result is None else result.label) or labels.get(name.judge)
    # Checks the types of what was copied by name.
    return msgspec.convert(fields, WinRate)
