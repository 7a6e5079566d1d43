"""What the votes of people say of comparisons and of judges.

Intervals are 95 % ones; rates and shares lie between 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Dialogues with votes from which on the verdicts are used; a judge's errors are not known from fewer.
MIN_VOTED = 10


@dataclass(frozen=True)
class PredictionPoweredWinRate:
    """A comparison's win rate by people, from votes on some of its dialogues and a judge's verdicts on all.

    It estimates what people would vote on all of the dialogues, whatever the errors of the judge, and its
    interval is never wider than that of the votes alone. Identical texts are ties.
    """

    job: str
    """Id of the comparison's job."""
    a: str
    """The responder that is the baseline."""
    b: str
    """The responder whose win rate it is."""
    judge: str
    """The judge whose verdicts are used."""
    win_rate_b: float
    """Prediction-powered win rate of b."""
    ci_low: float
    """Lower end of its interval, clustered by dialogue."""
    ci_high: float
    """Upper end of its interval."""
    interval: str
    """How the interval was found, in words."""
    votes_win_rate_b: float
    """Win rate of b by the votes alone, over the same dialogues: identical texts are ties here too."""
    votes_low: float
    """Lower end of its interval."""
    votes_high: float
    """Upper end of its interval."""
    n: int
    """Dialogues of the comparison."""
    voted: int
    """Dialogues of them with a vote on these two responders that counts."""
    changed: int
    """Dialogues whose votes no longer count, because a text has changed since; the others may differ from
    them."""
    identical: int
    """Dialogues of them with the same text twice, on which nobody votes."""
    voters: tuple[str, ...]
    """Names of those who voted."""
    weight: float
    """How much the judge's verdicts count, from 0 to 1 (λ of PPI++); 0 where they do not help, or where there
    are too few votes to know."""
    strata: int
    """Groups of emotions within which votes and verdicts are compared; 1 where votes are too few for more."""
    more: int | None
    """Further dialogues with votes after which the interval will exclude ½, if the win rate stays as it is; 0
    if it excludes ½ already. None if votes on all dialogues would not be enough, or `has_few`."""
    unjudged: int = 0
    """Dialogues without a verdict, because judging stopped before: they are predicted by the mean score."""
    weighted: bool = False
    """Whether dialogues were drawn by the judge's uncertainty, and their votes weighted by the inverse of
    their probabilities."""

    @property
    def has_few(self) -> bool:
        """Whether there are too few votes to use the verdicts, and to estimate how many more are needed."""
        return self.voted < MIN_VOTED


#: Voters, and pairs of each that others voted on as well, that the alternative annotator test needs.
MIN_VOTERS, MIN_VOTER_PAIRS = 3, 30


@dataclass(frozen=True)
class VoterTest:
    """A judge in the place of one voter."""

    voter: str
    """The voter's name."""
    pairs: int
    """Pairs of responses that this voter, at least one other, and the judge decided."""
    judge: float
    """Share of them on which the judge agrees with the other voters at least as well as this voter."""
    voter_share: float
    """Share of them on which this voter agrees with the others at least as well as the judge."""
    p: float
    """One-sided p-value of the hypothesis that the judge is worse than the voter by ε or more."""
    is_as_good: bool
    """Whether that hypothesis is rejected, after Benjamini and Yekutieli's correction over the voters."""


@dataclass(frozen=True)
class AnnotatorTest:
    """The alternative annotator test of one judge: whether it does as well as a person."""

    judge: str
    """The judge."""
    epsilon: float
    """How much worse than a voter it may be, from 0 to 1, because it is cheaper."""
    voters: tuple[VoterTest, ...]
    """Each voter who has enough pairs; empty if there are too few."""
    winning_rate: float | None
    """Share of these voters that the judge is as good as; None if there are too few."""
    advantage: float | None
    """Mean over these voters of the share of pairs on which the judge agrees with the others at least as
    well; None if there are too few."""
    passed: bool | None
    """Whether the winning rate is at least ½; None if there are too few voters."""
    missing: str | None
    """What is missing, in a sentence; None if nothing is."""
