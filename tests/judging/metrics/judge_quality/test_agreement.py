"""Agreement against published tables, and what must hold of any."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from core.domain.evaluation.comparisons import Agreement
from core.domain.evaluation.verdicts import MIRRORED, Winner
from core.judging.metrics.judge_quality.agreement import agreement, human_agreement, longer_agreement

Labels = list[tuple[str, Winner, Winner]]

OUTCOMES: tuple[Winner, ...] = ("a", "b", "tie")


def of_table(rows: list[list[int]]) -> Labels:
    """A pair a dialogue, from a table of the one's outcomes (rows) and the other's (columns)."""
    pairs = [
        (one, other)
        for one, row in zip(OUTCOMES, rows, strict=True)
        for other, count in zip(OUTCOMES, row, strict=True)
        for _ in range(count)
    ]
    return [(f"d{i}", one, other) for i, (one, other) in enumerate(pairs)]


def judge_agreement(labels: Labels) -> Agreement | None:
    return agreement("one", "other", "judges", labels)


def found(labels: Labels) -> Agreement:
    agreed = judge_agreement(labels)
    assert agreed is not None
    return agreed


def test_a_published_table() -> None:
    """Two judges of 200 diagnoses: Cohen, "Weighted kappa", Psychological Bulletin 70, 1968, table 1."""
    rows = [[88, 10, 2], [14, 40, 6], [18, 10, 12]]
    agreed = found(of_table(rows))
    assert (agreed.pairs, agreed.dialogues, agreed.raw) == (200, 200, 0.7)
    assert agreed.kappa == pytest.approx(0.492, abs=5e-4)
    # The interval by the standard error that statsmodels finds is about the same.
    expected = cohens_kappa(rows)
    assert agreed.kappa_low == pytest.approx(expected.kappa_low, abs=0.03)
    assert agreed.kappa_high == pytest.approx(expected.kappa_upp, abs=0.03)


def test_another_published_table() -> None:
    """Two raters, three categories: kappa .654, standard error .062 (the manual of Bonnardel's Kappa.exe)."""
    agreed = found(of_table([[25, 3, 5], [6, 32, 8], [1, 0, 20]]))
    assert agreed.raw == pytest.approx(0.77)
    assert agreed.kappa == pytest.approx(0.654, abs=5e-4)
    assert agreed.kappa_low is not None
    assert agreed.kappa_high is not None
    assert (agreed.kappa_high - agreed.kappa_low) / 3.92 == pytest.approx(0.062, abs=0.006)


def test_invalid_outcomes_are_left_out() -> None:
    labels = of_table([[4, 1, 0], [2, 5, 1], [0, 0, 3]])
    invalid: Labels = [("x", "invalid", "a"), ("y", "b", "invalid"), ("z", "invalid", "invalid")]
    assert judge_agreement([*labels, *invalid]) == judge_agreement(labels)
    assert judge_agreement(invalid) is None
    assert judge_agreement([]) is None


def test_perfect_agreement_on_few_pairs_is_not_certain() -> None:
    agreed = found(of_table([[5, 0, 0], [0, 5, 0], [0, 0, 0]]))
    assert (agreed.raw, agreed.kappa) == (1.0, 1.0)
    # Wilson's interval of 10 of 10, with Student's quantile and a dialogue less: 1 / (1 + 2.2622² / size).
    low = 1 / (1 + 2.2621572**2 / (10 * 11 / 12))
    assert (agreed.raw_low, agreed.raw_high) == pytest.approx((low, 1.0), abs=1e-4)
    # Half of the agreement is chance's.
    assert (agreed.kappa_low, agreed.kappa_high) == pytest.approx((2 * low - 1, 1.0), abs=1e-3)


def test_where_all_say_the_same_kappa_is_not_known() -> None:
    agreed = found(of_table([[0, 0, 0], [0, 8, 0], [0, 0, 0]]))
    assert (agreed.raw, agreed.kappa, agreed.kappa_low, agreed.kappa_high) == (1.0, None, None, None)
    always_apart = found(of_table([[0, 8, 0], [0, 0, 0], [0, 0, 0]]))
    assert (always_apart.raw, always_apart.kappa) == (0.0, 0.0)


labels = st.lists(
    st.tuples(
        st.sampled_from(["d1", "d2", "d3", "d4", "d5", "d6", "d7"]),
        st.sampled_from(["a", "b", "tie", "invalid"]),
        st.sampled_from(["a", "b", "tie", "invalid"]),
    ),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(labels)
def test_of_any_labels(found: Labels) -> None:
    valid = [(d, one, other) for d, one, other in found if "invalid" not in (one, other)]
    agreed = judge_agreement(found)
    if agreed is None:
        assert not valid
        return
    assert (agreed.pairs, agreed.dialogues) == (len(valid), len({d for d, _, _ in valid}))
    assert agreed.raw == pytest.approx(sum(one == other for _, one, other in valid) / len(valid))
    assert -1e-9 <= agreed.raw_low <= agreed.raw_high <= 1 + 1e-9
    ones, others = [one for _, one, _ in valid], [other for _, _, other in valid]
    if agreed.kappa is None:
        assert len({*ones, *others}) == 1
        assert agreed.kappa_low is None
    else:
        assert agreed.kappa_low is not None
        assert agreed.kappa_high is not None
        assert agreed.kappa == pytest.approx(cohen_kappa_score(ones, others))
        assert -1 - 1e-9 <= agreed.kappa_low <= agreed.kappa_high <= 1 + 1e-9
    # It does not matter who is the one and who the other, nor which responder is called a.
    assert judge_agreement([(d, other, one) for d, one, other in found]) == agreed
    turned = judge_agreement([(d, MIRRORED[one], MIRRORED[other]) for d, one, other in found])
    assert turned is not None
    assert turned.kappa == pytest.approx(agreed.kappa)
    assert (turned.raw, turned.raw_low, turned.raw_high) == pytest.approx(
        (agreed.raw, agreed.raw_low, agreed.raw_high)
    )


@settings(max_examples=20, deadline=None)
@given(labels)
def test_the_same_rows_again_narrow_no_interval(found: Labels) -> None:
    once, often = judge_agreement(found), judge_agreement(found * 5)
    assert (once is None) == (often is None)
    if once is not None and often is not None:
        assert (once.raw_low, once.raw_high) == pytest.approx((often.raw_low, often.raw_high))
        assert (once.kappa_low, once.kappa_high) == pytest.approx((often.kappa_low, often.kappa_high))


def test_pairs_of_one_dialogue_are_no_independent_draws() -> None:
    apart = of_table([[40, 10, 0], [10, 40, 0], [0, 0, 0]])
    together: Labels = [(f"d{i // 5}", one, other) for i, (_, one, other) in enumerate(apart)]
    narrow, wide = found(apart), found(together)
    assert narrow.raw == wide.raw
    assert wide.raw_high - wide.raw_low > 1.5 * (narrow.raw_high - narrow.raw_low)


def test_a_judge_is_right_when_it_names_the_better_response() -> None:
    found: list[tuple[Winner, float]] = [("a", 0.0), ("b", 1.0), ("a", 0.5), ("b", 0.0), ("b", 0.75)]
    assert human_agreement(found).share == pytest.approx(3.25 / 5)
    with pytest.raises(ValueError, match="no dialogues"):
        human_agreement([])


def test_the_interval_of_agreement_is_the_one_of_a_mean() -> None:
    found: list[tuple[Winner, float]] = [("b", 1.0 if i < 140 else 0.0) for i in range(200)]
    share = human_agreement(found)
    reach = 1.96 * (0.7 * 0.3 / 200) ** 0.5
    assert (share.low, share.high) == pytest.approx((0.7 - reach, 0.7 + reach), abs=0.006)


def test_what_the_longer_one_wins_would_reach() -> None:
    found: list[tuple[Winner, int, int]] = [("b", 3, 9), ("a", 3, 9), ("a", 9, 3), ("b", 4, 4)]
    assert longer_agreement(found) == pytest.approx(2.5 / 4)
    with pytest.raises(ValueError, match="no pairs"):
        longer_agreement([])
