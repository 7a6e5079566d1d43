"""Results about comparisons and judges: breakdowns, rankings, tests, agreements, votes.

They are not in `win_rates`, because defining them takes time and the first screen shows none of them.
Intervals are 95 % ones; rates and shares lie between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.domain.evaluation.dimension_rates import DimensionRate
from core.domain.evaluation.human_evaluation import PredictionPoweredWinRate
from core.domain.evaluation.verdicts import AnswerForm, Dimension
from core.domain.evaluation.win_rates import WinRate
from core.domain.names import RunStage

CellKind = Literal["emotion", "sentiment", "length"]
AgreementKind = Literal["judges", "voters", "voter and judge"]


@dataclass(frozen=True)
class Cell:
    """The win rate over some of a comparison's dialogues."""

    kind: CellKind
    """What the dialogues have in common; `length` is that of b's response."""
    value: str
    """The emotion, the sentiment, or a range of words such as `20–29`."""
    n: int
    """Dialogues, invalid ones included."""
    wins_a: int
    """Dialogues in which a scored higher."""
    wins_b: int
    """Dialogues in which b scored higher."""
    ties: int
    """Dialogues in which both scored ½."""
    invalid: int
    """Dialogues with an order without a valid verdict; they are missing from the win rate."""
    win_rate_b: float | None
    """Mean score of b over the valid dialogues; None when none is valid."""
    ci_low: float | None
    """Lower end of the win rate's interval; None with it."""
    ci_high: float | None
    """Upper end of the win rate's interval; None with it."""
    min_win_rate_b: float | None = None
    """The win rate if a had won every invalid dialogue; None where none is invalid."""
    max_win_rate_b: float | None = None
    """The win rate if b had won every invalid dialogue; None where none is invalid."""
    bounds_low: float | None = None
    """Lower end of the Imbens–Manski interval around these bounds; None where none is invalid."""
    bounds_high: float | None = None
    """Upper end of that interval; None where none is invalid."""


@dataclass(frozen=True)
class RecipeRate:
    """How often the runs of one recipe and stage win against their base students, under one judge.

    A dialogue's score is the mean over the students, and seeds, that have a valid one.
    """

    judge: str
    """The judge."""
    recipe: str
    """The recipe's name."""
    stage: RunStage
    """The stage of the runs."""
    comparisons: int
    """Comparisons: one a student and seed."""
    n: int
    """Dialogues, invalid ones included."""
    invalid: int
    """Dialogues that are invalid in all comparisons; they are missing from the win rate."""
    win_rate_b: float | None
    """Mean score of the runs over the other dialogues; None when there is none."""
    ci_low: float | None
    """Lower end of its interval over dialogues; None with it."""
    ci_high: float | None
    """Upper end of its interval; None with it."""
    dimensions: Mapping[Dimension, DimensionRate]
    """The same in each dimension of empathy; empty unless the judge reports them."""
    settings: str = ""
    """The settings of [grid] in which they differ from config.toml's tables; empty for none."""

    @property
    def stage_and_settings(self) -> str:
        """What the runs have in common beside their recipe."""
        return f"{self.stage} {self.settings}" if self.settings else self.stage


@dataclass(frozen=True)
class SequencePoint:
    """Where a comparison that stops once it is decided stood after one more valid dialogue."""

    dialog_id: str
    """The dialogue."""
    n: int
    """Valid dialogues so far."""
    score: float
    """b's score on it."""
    win_rate_b: float
    """Mean score of b so far."""
    low: float
    """Lower end of the confidence sequence."""
    high: float
    """Upper end of the confidence sequence."""
    e_value: float
    """Evidence against a win rate of ½: it is decided at 20."""


@dataclass(frozen=True)
class Comparison:
    """One comparison with its breakdown."""

    rate: WinRate
    """The win rate over all dialogues."""
    cells: tuple[Cell, ...]
    """The win rates over parts of them, grouped by kind; empty before the comparison is finished."""
    sequence: tuple[SequencePoint, ...] = ()
    """The confidence sequence, in the order of judging; empty unless its judge stops once it is decided."""
    with_votes: PredictionPoweredWinRate | None = None
    """The win rate by people, from their votes and the verdicts; None before there are votes and verdicts."""


@dataclass(frozen=True)
class Ranked:
    """A responder's place in a ranking."""

    responder: str
    """Its name."""
    strength: float
    """Bradley–Terry log-strength, 0 on average within its group."""
    low: float
    """Lower end of the strength's interval, from a bootstrap over dialogues."""
    high: float
    """Upper end of the strength's interval."""
    wins: float
    """Sum of its scores over all its comparisons: a win counts 1, a tie ½."""
    dialogues: int
    """Judged dialogues over all its comparisons."""
    group: int
    """Number of its group, from 0; larger groups come first."""


@dataclass(frozen=True)
class Ranking:
    """All responders that a judge compared."""

    judge: str
    """The judge."""
    entries: tuple[Ranked, ...]
    """The responders, by group, the strongest first."""
    groups: int
    """Number of groups. Comparisons link the responders of one group; those of different groups share no
    opponent, not even indirectly, so their strengths cannot be compared."""
    comparisons: int
    """Number of comparisons that the ranking rests on."""
    unjudged: int = 0
    """Dialogues that these comparisons left unjudged, because they were decided before; they are missing."""


@dataclass(frozen=True)
class PairedTest:
    """A test of two responders that met the same baseline, on the same dialogues, under one judge."""

    judge: str
    """The judge."""
    baseline: str
    """The responder that both met."""
    a: str
    """The first responder."""
    b: str
    """The second responder."""
    n: int
    """Dialogues that are valid for both."""
    unjudged: int
    """Dialogues on which only one of them was judged, because the other comparison was decided before; they
    are missing."""
    better_a: int
    """Dialogues on which a scored higher than b."""
    better_b: int
    """Dialogues on which b scored higher than a."""
    difference: float
    """b's win rate minus a's, over these dialogues."""
    low: float
    """Lower end of the difference's interval."""
    high: float
    """Upper end of the difference's interval."""
    p: float
    """Two-sided p-value of the sign-flip permutation test of this difference."""
    p_holm: float
    """p-value after Holm's correction over all tests of this judge and baseline."""


@dataclass(frozen=True)
class Agreement:
    """How far two judges, two voters, or a voter and a judge agree on the pairs that both decided."""

    one: str
    """The first judge or voter."""
    other: str
    """The second judge or voter."""
    kind: AgreementKind
    """Who the two are."""
    pairs: int
    """Pairs that both decided."""
    dialogues: int
    """Dialogues of these pairs, over which the intervals are bootstrapped."""
    raw: float
    """Share of the pairs with the same outcome: a, b or tie."""
    raw_low: float
    """Lower end of its interval."""
    raw_high: float
    """Upper end of its interval."""
    kappa: float | None
    """Cohen's kappa, from -1 to 1; None where the agreement expected by chance is complete."""
    kappa_low: float | None
    """Lower end of its interval; None with it."""
    kappa_high: float | None
    """Upper end of its interval; None with it."""


@dataclass(frozen=True)
class Scorecard:
    """What is known of a judge."""

    judge: str
    """Its name."""
    provider: str
    """Where its model runs: `embedded`, `openai`, `google`, `anthropic` or `local`."""
    model: str
    """The provider's model name; empty for the embedded judge."""
    design: str
    """What the judge was shown of each pair, in words; empty before its first result."""
    agreement: float | None
    """Share of the pairs that people rated differently which the judge ranks as people did; where its
    verdicts on a pair part, the share of them that do. None until it is measured."""
    agreement_low: float | None
    """Lower end of its interval; None with it."""
    agreement_high: float | None
    """Upper end of its interval; None with it."""
    longer_agreement: float | None
    """Share of the same pairs that "the longer one wins" ranks as people did; None until it is measured."""
    pairs: int | None
    """Number of those pairs, without invalid ones; None with the agreement."""
    verdicts: int
    """All verdicts that it gave in comparisons, its validation and filters of preference pairs, invalid ones
    included; ties of identical texts are not among them."""
    invalid: int
    """Verdicts that name no response."""
    forms: Mapping[AnswerForm, int] | None
    """How many verdicts are in answers of each form; None where no result has counted them."""
    prefers_first: float | None
    """Share of `placed` that name the response shown first; None when there is none."""
    prefers_first_low: float | None
    """Lower end of its interval, clustered by dialogue; None with it."""
    prefers_first_high: float | None
    """Upper end of its interval; None with it."""
    placed: int
    """Verdicts with a winner where the order could matter."""
    flip_rate: float | None
    """How often a verdict in one order and one in the other disagree, over `paired`; None when there is
    none."""
    flip_rate_low: float | None
    """Lower end of its interval, clustered by dialogue; None with it."""
    flip_rate_high: float | None
    """Upper end of its interval; None with it."""
    paired: int
    """Pairs of different texts with a valid verdict in both orders."""
    prefers_longer: float | None
    """Share of `lengths` that name the response with more words; None when there is none."""
    prefers_longer_low: float | None
    """Lower end of its interval, clustered by dialogue; None with it."""
    prefers_longer_high: float | None
    """Upper end of its interval; None with it."""
    lengths: int
    """Verdicts with a winner on responses that differ in length."""
    usd_per_1000: float | None
    """US dollars paid for 1,000 verdicts; 0 for a judge that runs here, None where a price is not known."""

    @property
    def invalid_share(self) -> float | None:
        """The share of its verdicts that name no response; None without a verdict."""
        return self.invalid / self.verdicts if self.verdicts else None


@dataclass(frozen=True)
class HumanWinRate:
    """What people voted on two responders. A dialogue's score is the mean over its voters; a tie is half a
    win."""

    a: str
    """The responder that is the baseline."""
    b: str
    """The responder whose win rate it is."""
    voters: tuple[str, ...]
    """Names of those who voted."""
    dialogues: int
    """Dialogues with a vote that counts."""
    votes: int
    """Votes that count."""
    skipped: int
    """Votes that a voter skipped, which count nowhere."""
    wins_a: int
    """Votes for a."""
    wins_b: int
    """Votes for b."""
    ties: int
    """Votes for neither."""
    win_rate_b: float
    """Mean score of b over the dialogues."""
    ci_low: float
    """Lower end of its interval."""
    ci_high: float
    """Upper end of its interval."""
    interval: str
    """How the interval was found, in words."""
    weighted: bool = False
    """Whether dialogues were drawn by the judge's uncertainty: their scores are weighted by the inverse
    of their probabilities. The numbers of votes are counts, which do not represent all dialogues."""
    cells: tuple[Cell, ...] = ()
    """The same by emotion and by sentiment."""
