"""The alternative annotator test: whether a judge does as well as a person."""

from __future__ import annotations

import random

import pytest
from scipy.stats import ttest_1samp
from statsmodels.stats.multitest import multipletests

from core.domain.evaluation.verdicts import Winner
from core.judging.metrics.judge_quality import annotator_test
from core.judging.metrics.judge_quality.annotator_test import Compared


def votes(n: int, judge_errs: float, voter_errs: float = 0.2, voters: str = "xyz") -> list[Compared]:
    """Pairs on which b is better, and people and the judge err so often."""
    draw = random.Random(5)

    def one(errs: float) -> Winner:
        return "a" if draw.random() < errs else "b"

    return [
        Compared(f"d{i}", {voter: one(voter_errs) for voter in voters}, one(judge_errs)) for i in range(n)
    ]


def test_by_hand() -> None:
    """The judge agrees with both others where the voter agrees with one, and so on."""
    pairs = [Compared(f"d{i}", {"x": "a", "y": "b", "z": "b"}, "b") for i in range(20)]
    pairs += [Compared(f"e{i}", {"x": "a", "y": "a", "z": "b"}, "tie") for i in range(20)]
    found = annotator_test.annotator_test(pairs)
    assert found is not None
    x, y, z = found.tests
    # In place of x: 2 against 0 of the others, then 0 against 1.
    assert (x.voter, x.pairs, x.judge, x.voter_share) == ("x", 40, 0.5, 0.5)
    # In place of y: both agree with z alone, then 0 against 1.
    assert (y.judge, y.voter_share) == (0.5, 1.0)
    # In place of z: both agree with y alone, then nobody agrees with the others.
    assert (z.judge, z.voter_share) == (1.0, 1.0)
    assert found.advantage == pytest.approx(2 / 3)
    p = ttest_1samp([-1.0] * 20 + [1.0] * 20, annotator_test.EPSILON, alternative="less").pvalue
    assert x.p == pytest.approx(p)
    assert [test.is_as_good for test in found.tests] == [False, False, True]
    assert found.winning_rate == pytest.approx(1 / 3)


def test_the_correction_is_benjamini_and_yekutielis() -> None:
    draw = random.Random(6)
    for _ in range(50):
        ps = [draw.random() ** 4 for _ in range(draw.randint(1, 8))]
        rejected, *_ = multipletests(ps, alpha=0.05, method="fdr_by")
        assert annotator_test._discoveries(ps) == rejected.tolist()


def test_a_judge_as_good_as_people_passes_and_a_coin_does_not() -> None:
    good = annotator_test.annotator_test(votes(200, judge_errs=0.1))
    coin = annotator_test.annotator_test(votes(200, judge_errs=0.5))
    assert good is not None
    assert coin is not None
    assert good.winning_rate == 1
    assert coin.winning_rate == 0
    assert good.advantage > coin.advantage


def test_at_the_border_a_judge_seldom_passes() -> None:
    """Where the judge is worse by just ε in the place of every voter, 5 % of discoveries are false."""
    passed = 0
    for seed in range(200):
        draw = random.Random(seed)
        pairs = []
        for i in range(60):
            # Voters agree; the judge differs from them in ε of the pairs.
            judge: Winner = "a" if draw.random() < annotator_test.EPSILON else "b"
            pairs.append(Compared(f"d{i}", dict.fromkeys("xyz", "b"), judge))
        found = annotator_test.annotator_test(pairs)
        assert found is not None
        passed += found.winning_rate >= 0.5
    assert passed / 200 < 0.1


def test_too_few_voters_or_pairs_are_unknown() -> None:
    assert annotator_test.annotator_test(votes(200, 0.1, voters="xy")) is None
    assert annotator_test.annotator_test(votes(29, 0.1)) is None
    assert annotator_test.annotator_test(votes(30, 0.1)) is not None
    assert annotator_test.annotator_test([]) is None
    alone = [Compared(f"d{i}", {"x": "a"}, "a") for i in range(50)]
    assert annotator_test.pairs_of_voters([*alone, *votes(4, 0.1)]) == {"x": 4, "y": 4, "z": 4}
    invalid = [Compared(one.dialogue, one.voters, "invalid") for one in votes(90, 0.1)]
    assert annotator_test.annotator_test(invalid) is None


def test_votes_on_one_dialogue_are_one_cluster() -> None:
    """The same dialogue in several comparisons."""
    once = votes(40, 0.3)
    often = [one for one in once for _ in range(5)]
    found, again = annotator_test.annotator_test(once), annotator_test.annotator_test(often)
    assert found is not None
    assert again is not None
    for one, other in zip(found.tests, again.tests, strict=True):
        assert one.p == pytest.approx(other.p)
