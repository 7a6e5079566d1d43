"""What people's votes say of comparisons by judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.domain.dialogues import Dialogue
from core.domain.human_evaluation import PredictionPoweredWinRate
from core.domain.votes import Vote
from core.domain.win_rates import WinRate

if TYPE_CHECKING:
    from core.judging.scores import Scores

#: Responder → its responses by dialogue.
Texts = Mapping[str, Mapping[str, str]]


def prediction_powered(
    rates: Sequence[WinRate],
    scores: Mapping[str, Scores],
    votes: Sequence[Vote],
    texts: Texts,
    dialogues: Mapping[str, Dialogue],
) -> tuple[PredictionPoweredWinRate, ...]:
    """The prediction-powered win rates of the finished comparisons with votes; `scores` by the comparison's
    job."""
    found = (_of(rate, scores[rate.job], votes, texts, dialogues) for rate in rates if rate.job in scores)
    return tuple(one for one in found if one is not None)


def _of(
    rate: WinRate,
    scores: Scores,
    votes: Sequence[Vote],
    texts: Texts,
    dialogues: Mapping[str, Dialogue],
) -> PredictionPoweredWinRate | None:
    from core.judging import prediction_powered as powered
    from core.judging import voting
    from core.judging.scores import WORTH

    a, b = texts[rate.a], texts[rate.b]
    # Those on other responders that happen to give the same text are no random sample of the dialogues.
    own = [vote for vote in votes if {vote.a, vote.b} == {rate.a, rate.b} and vote.dialog_id in scores]
    said = voting.outcomes(own, a, b)
    means = {
        name: sum(WORTH[choice] for choice in by_voter.values()) / len(by_voter)
        for name, by_voter in said.items()
    }
    identical = {name for name in scores if name in a and a[name] == b.get(name)}
    made = powered.prediction_powered(
        [
            powered.Predicted(
                score,
                means.get(name),
                dialogues[name].emotion if name in dialogues else "",
                dialogues[name].sentiment if name in dialogues else "",
                name in identical,
            )
            for name, score in scores.items()
        ]
    )
    if made is None:
        return None
    return PredictionPoweredWinRate(
        job=rate.job,
        a=rate.a,
        b=rate.b,
        judge=rate.judge,
        win_rate_b=made.rate.share,
        ci_low=made.rate.low,
        ci_high=made.rate.high,
        interval=f"PPI++, {made.rate.method}",
        votes_win_rate_b=made.votes_alone.share,
        votes_low=made.votes_alone.low,
        votes_high=made.votes_alone.high,
        n=len(scores),
        voted=made.voted,
        changed=len({vote.dialog_id for vote in own if vote.choice != "skip"} - said.keys()),
        identical=len(identical),
        voters=tuple(sorted({voter for by_voter in said.values() for voter in by_voter})),
        weight=made.weight,
        strata=made.strata,
        more=made.more,
    )
