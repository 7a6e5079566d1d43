"""Results of comparisons, from the jobs and verdicts in the store."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import combinations, groupby
from typing import Any

from core.domain.comparisons import Cell, PairedTest, Ranking
from core.domain.dialogues import Dialogue
from core.domain.jobs import Job
from core.domain.names import ComparisonName
from core.domain.results import CompareResult
from core.domain.verdicts import Pair, Verdict, Winner
from core.domain.win_rates import WinRate
from core.store import queries

#: Dialogue → its outcome.
Outcomes = Mapping[str, Winner]

#: Words per bin of the breakdown by length.
_BIN = 10
#: The metrics that a win rate takes from a comparison's result: the fields that both define.
_METRICS = tuple(field.name for field in fields(WinRate) if field.name in CompareResult.__struct_fields__)
MIRRORED: dict[Winner, Winner] = {"a": "b", "b": "a", "tie": "tie", "invalid": "invalid"}


def win_rates(jobs: Sequence[Job], labels: Mapping[str, str]) -> tuple[WinRate, ...]:
    """The win rate of every comparison among `jobs`; `labels` describe each judge's agreement with people."""
    from core.judging import statistics

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
    return tuple(replace(rate, p_holm=corrected.get(rate.job)) for rate in rates)


def outcomes(connection: sqlite3.Connection, job: str) -> Outcomes:
    """Each dialogue's outcome in a comparison."""
    from core.judging import statistics

    rows = queries.winners(connection, job)
    return {
        dialog_id: statistics.outcome([(order, winner) for _, order, winner in found])
        for dialog_id, found in groupby(rows, lambda row: row[0])
    }


def breakdown(
    rate: WinRate, decided: Outcomes, dialogues: Iterable[Dialogue], texts_b: Mapping[str, str]
) -> tuple[Cell, ...]:
    """The win rate per emotion, per sentiment, and per length of b's response in words."""
    named: dict[tuple[str, str], list[Winner]] = defaultdict(list)
    bins: dict[int, list[Winner]] = defaultdict(list)
    for dialogue in dialogues:
        winner = decided.get(dialogue.dialog_id)
        if winner is None:
            continue
        named["emotion", dialogue.emotion].append(winner)
        named["sentiment", dialogue.sentiment].append(winner)
        if dialogue.dialog_id in texts_b:
            bins[len(texts_b[dialogue.dialog_id].split()) // _BIN].append(winner)
    clustered = rate.bootstrap_low is not None
    return (
        *(_cell(kind, value, named[kind, value], clustered) for kind, value in sorted(named)),
        *(
            _cell("length", f"{bin * _BIN}–{bin * _BIN + _BIN - 1}", bins[bin], clustered)
            for bin in sorted(bins)
        ),
    )


def rankings(rates: Sequence[WinRate], decided: Mapping[str, Outcomes]) -> tuple[Ranking, ...]:
    """Each judge's ranking of the responders that it compared; `decided` by the comparison's job."""
    from core.judging import ranking

    found = []
    for judge, compared in by_judge(rates, decided):
        entries, groups = ranking.rank({(rate.a, rate.b): decided[rate.job] for rate in compared})
        found.append(Ranking(judge, entries, groups, len(compared)))
    return tuple(found)


def paired_tests(rates: Sequence[WinRate], decided: Mapping[str, Outcomes]) -> tuple[PairedTest, ...]:
    """Paired tests of all responders that the same judge compared with the same baseline."""
    import numpy as np

    from core.judging import statistics

    tests: list[PairedTest] = []
    for judge, compared in by_judge(rates, decided):
        met: dict[str, dict[str, Outcomes]] = defaultdict(dict)
        for rate in compared:
            met[rate.a][rate.b] = decided[rate.job]
            met[rate.b][rate.a] = {name: MIRRORED[winner] for name, winner in decided[rate.job].items()}
        for baseline, others in met.items():
            dialogues = list(dict.fromkeys(name for made in others.values() for name in made))
            scores = {
                name: np.array([_score(made.get(dialogue)) for dialogue in dialogues])
                for name, made in others.items()
            }
            family = []
            for a, b in combinations(others, 2):
                # A dialogue without a valid outcome of both is not part of the test.
                shared = ~np.isnan(scores[a] + scores[b])
                if shared.any():
                    said = statistics.paired(scores[a][shared], scores[b][shared])
                    family.append((a, b, int(shared.sum()), said))
            corrected = statistics.holm([said.p for *_, said in family])
            tests += [
                PairedTest(
                    judge, baseline, a, b, n, said.better_a, said.better_b, said.difference, said.p, p_holm
                )
                for (a, b, n, said), p_holm in zip(family, corrected, strict=True)
            ]
    return tuple(tests)


def _score(winner: Winner | None) -> float:
    """The score of an outcome; NaN for an invalid one."""
    from core.judging import statistics

    return math.nan if winner is None or winner == "invalid" else statistics.score(winner)


def texts(connection: sqlite3.Connection, jobs: Sequence[Job], responder: str) -> dict[str, str]:
    """A responder's responses to the test split, by dialogue."""
    for job in jobs:
        if job.stage == "respond" and job.name == responder:
            return queries.responses(connection, job.id)
    return queries.source_responses(connection, responder)


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


def pairs(
    connection: sqlite3.Connection, jobs: Sequence[Job], dialogues: Iterable[Dialogue], a: str, b: str
) -> tuple[Pair, ...]:
    """The test dialogues among `dialogues` with the responses of `a` and `b` and all verdicts on them.

    `jobs` are the respond and compare jobs of `a` and `b`.
    """
    texts_a, texts_b = (texts(connection, jobs, name) for name in (a, b))
    verdicts: dict[str, list[Verdict]] = {}
    for job in jobs:
        if job.stage != "compare":
            continue
        name = ComparisonName.parse(job.name)
        for dialog_id, found in queries.verdicts(connection, job.id, name.judge).items():
            swapped = found if (name.a, name.b) == (a, b) else [_swapped(verdict) for verdict in found]
            verdicts.setdefault(dialog_id, []).extend(swapped)
    return tuple(
        Pair(
            dialog_id=dialogue.dialog_id,
            emotion=dialogue.emotion,
            situation=dialogue.situation,
            utterance=dialogue.utterance,
            response_a=texts_a.get(dialogue.dialog_id),
            response_b=texts_b.get(dialogue.dialog_id),
            verdicts=tuple(verdicts.get(dialogue.dialog_id, ())),
            sentiment=dialogue.sentiment,
        )
        for dialogue in dialogues
        if dialogue.split == "test"
    )


def _swapped(verdict: Verdict) -> Verdict:
    return replace(
        verdict,
        order="ba" if verdict.order == "ab" else "ab",
        winner=MIRRORED[verdict.winner],
        probability_b=None if verdict.probability_b is None else 1 - verdict.probability_b,
    )


def by_judge(
    rates: Sequence[WinRate], decided: Mapping[str, Outcomes]
) -> Iterator[tuple[str, list[WinRate]]]:
    """Each judge with its finished comparisons; `decided` by the comparison's job."""
    for judge in dict.fromkeys(rate.judge for rate in rates):
        compared = [rate for rate in rates if rate.judge == judge and rate.job in decided]
        if compared:
            yield judge, compared


def _cell(kind: Any, value: str, decided: Sequence[Winner], clustered: bool) -> Cell:
    from core.judging import statistics

    rate = statistics.win_rate(decided, clustered, with_bootstrap=False)
    return Cell(
        kind,
        value,
        rate.n,
        rate.wins_a,
        rate.wins_b,
        rate.ties,
        rate.invalid,
        rate.win_rate_b,
        rate.ci_low,
        rate.ci_high,
    )


def _win_rate(job: Job, labels: Mapping[str, str]) -> WinRate:
    name = ComparisonName.parse(job.name)
    result = job.result if isinstance(job.result, CompareResult) else None
    metrics = {metric: getattr(result, metric, None) for metric in _METRICS}
    metrics["label"] = metrics["label"] or labels.get(name.judge)
    return WinRate(
        a=name.a,
        b=name.b,
        judge=name.judge,
        job=job.id,
        state=job.state,
        fingerprint=job.fingerprint,
        **metrics,
    )
