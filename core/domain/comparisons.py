"""What the store's readers hand out about comparisons and judges: frozen dataclasses, as `core/views.py` has
them.

Apart from those, because defining them takes time and the first screen shows none of them. `None` means
not known. Intervals are of 95 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.domain.win_rates import WinRate


@dataclass(frozen=True)
class Cell:
    """The win rate over some of a comparison's dialogues: those of one emotion or sentiment, or of one
    length of b's response (`kind` length: `value` is a range of words such as `20–29`).

    The rate and its interval are None when none of its dialogues has a valid outcome."""

    kind: Literal["emotion", "sentiment", "length"]
    value: str
    n: int
    wins_a: int
    wins_b: int
    ties: int
    invalid: int
    win_rate_b: float | None
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True)
class Comparison:
    """One comparison with its breakdown: `cells` by kind, each kind's in their natural order."""

    rate: WinRate
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Ranked:
    """A responder's place in a ranking.

    `strength` is its Bradley–Terry log-strength, 0 on average within its group; `low` and `high` come from
    a bootstrap over dialogues. `wins` (ties count half) of `dialogues` judged ones.
    """

    responder: str
    strength: float
    low: float
    high: float
    wins: float
    dialogues: int
    group: int


@dataclass(frozen=True)
class Ranking:
    """All responders that a judge compared, the strongest first within each group.

    Responders of one group are linked by comparisons; those of different groups never met, not even by
    way of others, and their strengths say nothing of each other. `groups` is their number.
    """

    judge: str
    entries: tuple[Ranked, ...]
    groups: int
    comparisons: int


@dataclass(frozen=True)
class PairedTest:
    """Two responders that met the same third one, `baseline`, on the same dialogues under one judge.

    `better_a` and `better_b` of `n` dialogues went better for a, or for b; the others were equal.
    `difference` is b's win rate less a's. `p` is the exact sign test's, `p_holm` after Holm's correction
    over all tests of this judge and baseline.
    """

    judge: str
    baseline: str
    a: str
    b: str
    n: int
    better_a: int
    better_b: int
    difference: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Agreement:
    """How two judges, two voters, or a voter and a judge agree on the pairs that both decided.

    `raw` is the share of the `pairs` with the same outcome (a, b or tie), `kappa` Cohen's, None where
    chance alone would agree. The intervals are from a bootstrap over `dialogues`.
    """

    one: str
    other: str
    kind: Literal["judges", "voters", "voter and judge"]
    pairs: int
    dialogues: int
    raw: float
    raw_low: float
    raw_high: float
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None


@dataclass(frozen=True)
class Scorecard:
    """What is known of a judge.

    `agreement` is the share of `pairs` with a better response by the human ratings that it ranks so too
    (ties half). `prefers_first` of `placed` verdicts with a winner name the response shown first;
    `prefers_longer` of `lengths` dialogues with a winner the one with more words. `invalid` of `verdicts`
    name none; of two orders `flip_rate` of `paired` dialogues disagree. `usd_per_1000` verdicts, as paid.
    """

    judge: str
    provider: str
    model: str
    design: str
    agreement: float | None
    agreement_low: float | None
    agreement_high: float | None
    pairs: int | None
    verdicts: int
    invalid: int
    prefers_first: float | None
    placed: int
    flip_rate: float | None
    paired: int
    prefers_longer: float | None
    lengths: int
    usd_per_1000: float | None


@dataclass(frozen=True)
class HumanWinRate:
    """What people voted on two responders: `a` is the baseline.

    A dialogue's score is the mean over its voters (a tie is half a win); `skipped` votes count nowhere.
    """

    a: str
    b: str
    voters: tuple[str, ...]
    dialogues: int
    votes: int
    skipped: int
    wins_a: int
    wins_b: int
    ties: int
    win_rate_b: float
    ci_low: float
    ci_high: float
    interval: str
