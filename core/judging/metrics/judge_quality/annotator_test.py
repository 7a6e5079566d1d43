"""The alternative annotator test: whether a judge does as well as a person.

After Calderon, Reichart and Dror, "The alternative annotator test for LLM-as-a-judge: how to statistically
justify replacing human annotators with LLMs" (arXiv 2501.10970). Each voter in turn is compared with the
judge: on every pair that the voter and others voted on, whose choice agrees more with the others'?
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.domain.evaluation.human_evaluation import MIN_VOTER_PAIRS, MIN_VOTERS, VoterTest
from core.domain.evaluation.verdicts import Winner

if TYPE_CHECKING:
    pass


#: How much worse than a voter the judge may be, because it is cheaper: ε of the paper, which advises 0.2 for
#: experts, 0.15 for skilled voters and 0.1 for crowd workers. Voters are unknown, so the strictest is taken.
EPSILON = 0.1
#: The rate of false discoveries over the voters.
_FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True)
class Compared:
    """A pair that several people voted on."""

    dialogue: str
    """The dialogue's id."""
    voters: Mapping[str, Winner]
    """Voter → the choice."""
    judge: Winner
    """The judge's choice."""


@dataclass(frozen=True)
class AnnotatorResult:
    """The comparison of a judge with each voter who has enough pairs."""

    tests: tuple[VoterTest, ...]
    """One for each of these voters."""
    winning_rate: float
    """The share of them that the judge does as well as, from 0 to 1; the test is passed from ½ on."""
    advantage: float
    """The mean probability that the judge agrees with the others at least as well as a voter."""


def annotator_test(pairs: Sequence[Compared], epsilon: float = EPSILON) -> AnnotatorResult | None:
    """The test over pairs with a valid outcome of the judge; None if too few voters have enough pairs.

    Each voter's hypothesis is that the judge is worse by `epsilon` or more: a one-sided t-test of the mean
    over dialogues, corrected over voters after Benjamini and Yekutieli.
    """
    found = {voter: rows for voter, rows in _advantages(pairs).items() if len(rows) >= MIN_VOTER_PAIRS}
    if len(found) < MIN_VOTERS:
        return None
    voters = sorted(found)
    ps = [_p(found[voter], epsilon) for voter in voters]
    rejected = _discoveries(ps)
    tests = []
    for voter, p, is_rejected in zip(voters, ps, rejected, strict=True):
        of_judge = float(np.mean([judge for _, judge, _ in found[voter]]))
        of_voter = float(np.mean([own for _, _, own in found[voter]]))
        tests.append(VoterTest(voter, len(found[voter]), of_judge, of_voter, p, is_rejected))
    return AnnotatorResult(
        tuple(tests), sum(rejected) / len(tests), sum(test.judge for test in tests) / len(tests)
    )


def pairs_of_voters(pairs: Sequence[Compared]) -> dict[str, int]:
    """The number of pairs on which each voter can be compared: those that others voted on as well."""
    return {voter: len(rows) for voter, rows in _advantages(pairs).items()}


def _advantages(pairs: Sequence[Compared]) -> dict[str, list[tuple[str, float, float]]]:
    """Voter → (dialogue, 1 if the judge agrees with the others at least as well, 1 if the voter does)."""
    found: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for pair in pairs:
        if pair.judge == "invalid" or len(pair.voters) < 2:
            continue
        for voter, choice in pair.voters.items():
            others = [other for name, other in pair.voters.items() if name != voter]
            judge, own = others.count(pair.judge), others.count(choice)
            found[voter].append((pair.dialogue, float(judge >= own), float(own >= judge)))
    return found


def _p(rows: Sequence[tuple[str, float, float]], epsilon: float) -> float:
    """The one-sided p-value of a mean of (voter − judge) of `epsilon` or more, over dialogues."""
    from scipy.special import stdtr

    by_dialogue: dict[str, list[float]] = defaultdict(list)
    for dialogue, judge, own in rows:
        by_dialogue[dialogue].append(own - judge)
    sums = np.array([sum(own) for own in by_dialogue.values()])
    counts = np.array([len(own) for own in by_dialogue.values()], dtype=np.float64)
    mean, clusters = float(sums.sum() / counts.sum()), len(sums)
    if clusters < 2:
        return 1.0
    variance = clusters / (clusters - 1) * float(((sums - mean * counts) ** 2).sum()) / counts.sum() ** 2
    if variance <= 0:
        return float(mean >= epsilon)
    return float(stdtr(clusters - 1, (mean - epsilon) / variance**0.5))


def _discoveries(ps: Sequence[float]) -> list[bool]:
    """Which hypotheses are rejected after Benjamini and Yekutieli, "The control of the false discovery rate
    in multiple testing under dependency", Annals of Statistics 29, 2001."""
    m = len(ps)
    level = _FALSE_DISCOVERIES / m / sum(1 / i for i in range(1, m + 1))
    ranked = sorted(ps)
    last = max((rank for rank, p in enumerate(ranked, start=1) if p <= rank * level), default=0)
    return [last > 0 and p <= ranked[last - 1] for p in ps]
