"""What people's votes say of comparisons by judges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.human_evaluation import (
    MIN_VOTER_PAIRS,
    MIN_VOTERS,
    AnnotatorTest,
    PredictionPoweredWinRate,
)
from core.domain.evaluation.votes import Vote
from core.domain.evaluation.win_rates import WinRate

if TYPE_CHECKING:
    # Importing them takes time, and the first screen needs none of them.
    from core.domain.evaluation.comparisons import Cell, HumanWinRate
    from core.judging.metrics.judge_quality import annotator_test
    from core.judging.metrics.scores import Scores

#: Responder → its responses by dialogue.
ResponseTexts = Mapping[str, Mapping[str, str]]


def prediction_powered(
    rates: Sequence[WinRate],
    scores: Mapping[str, Scores],
    votes: Sequence[Vote],
    texts: ResponseTexts,
    dialogues: Mapping[str, Dialogue],
) -> tuple[PredictionPoweredWinRate, ...]:
    """The prediction-powered win rates of the finished comparisons with votes; `scores` by the comparison's
    job."""
    found = (_of(rate, scores[rate.job], votes, texts, dialogues) for rate in rates if rate.job in scores)
    return tuple(one for one in found if one is not None)


def breakdown(
    rate: HumanWinRate, votes: Sequence[Vote], texts: ResponseTexts, dialogues: Sequence[Dialogue]
) -> tuple[Cell, ...]:
    """The win rate by votes for each emotion and each sentiment."""
    from core.domain.evaluation.comparisons import Cell
    from core.judging import voting
    from core.judging.metrics import scores

    a, b = texts[rate.a], texts[rate.b]
    said, weights = voting.outcomes(votes, a, b), voting.weights(votes, rate.a, rate.b, a, b)
    groups: dict[tuple[Literal["emotion", "sentiment"], str], list[tuple[float, float]]] = defaultdict(list)
    for dialogue in dialogues:
        if by_voter := said.get(dialogue.dialog_id):
            own = (voting.score(by_voter), weights.get(dialogue.dialog_id, 1.0))
            groups["emotion", dialogue.emotion].append(own)
            groups["sentiment", dialogue.sentiment].append(own)
    found = []
    for (kind, value), group in sorted(groups.items()):
        winners = [scores.winner(mean) for mean, _ in group]
        made = voting.rate_of(group)
        counts = len(group), winners.count("a"), winners.count("b"), winners.count("tie"), 0
        found.append(Cell(kind, value, *counts, made.share, made.low, made.high))
    return tuple(found)


def annotator_tests(
    rates: Sequence[WinRate], scores: Mapping[str, Scores], votes: Sequence[Vote], texts: ResponseTexts
) -> tuple[AnnotatorTest, ...]:
    """The alternative annotator test of each judge that compared responders on whom people voted."""
    from core.judging import voting
    from core.judging.metrics.judge_quality import annotator_test
    from core.judging.metrics.scores import winner

    pairs: dict[str, list[annotator_test.Compared]] = {}
    for rate in rates:
        own = [vote for vote in votes if {vote.a, vote.b} == {rate.a, rate.b}]
        if rate.job not in scores or not own:
            continue
        made = scores[rate.job]
        pairs.setdefault(rate.judge, []).extend(
            annotator_test.Compared(name, by_voter, winner(made[name]))
            for name, by_voter in voting.outcomes(own, texts[rate.a], texts[rate.b]).items()
            if name in made
        )
    return tuple(_annotator_test(judge, found) for judge, found in pairs.items())


def _annotator_test(judge: str, pairs: Sequence[annotator_test.Compared]) -> AnnotatorTest:
    from core.judging.metrics.judge_quality import annotator_test

    found = annotator_test.annotator_test(pairs)
    if found is None:
        return AnnotatorTest(judge, annotator_test.EPSILON, (), None, None, None, _missing(pairs))
    passed = found.winning_rate >= 0.5
    return AnnotatorTest(
        judge, annotator_test.EPSILON, found.tests, found.winning_rate, found.advantage, passed, None
    )


def _missing(pairs: Sequence[annotator_test.Compared]) -> str:
    from core.judging.metrics.judge_quality import annotator_test

    counts = annotator_test.pairs_of_voters(pairs)
    alone = {voter for pair in pairs for voter in pair.voters} - counts.keys()
    counts |= dict.fromkeys(alone, 0)
    there_are = ", ".join(f"{voter} {count}" for voter, count in sorted(counts.items())) or "none"
    return (
        f"needs {MIN_VOTERS} voters with {MIN_VOTER_PAIRS} pairs each that others voted on as well; "
        f"there are: {there_are}"
    )


def _of(
    rate: WinRate,
    scores: Scores,
    votes: Sequence[Vote],
    texts: ResponseTexts,
    dialogues: Mapping[str, Dialogue],
) -> PredictionPoweredWinRate | None:
    from core.judging import voting
    from core.judging.metrics import prediction_powered as powered

    a, b = texts[rate.a], texts[rate.b]
    # Those on other responders that happen to give the same text are no random sample of the dialogues.
    own = [vote for vote in votes if {vote.a, vote.b} == {rate.a, rate.b}]
    # Where judging stopped, the judged dialogues alone would represent what the judge happened to say first.
    unjudged = a.keys() & b.keys() - scores.keys() if rate.unjudged else set()
    predicted = {**scores, **dict.fromkeys(sorted(unjudged))}
    own = [vote for vote in own if vote.dialog_id in predicted]
    said = voting.outcomes(own, a, b)
    weights = voting.weights(own, rate.a, rate.b, a, b)
    means = {name: voting.score(by_voter) for name, by_voter in said.items()}
    identical = {name for name in predicted if name in a and a[name] == b.get(name)}
    made = powered.prediction_powered(
        [
            powered.Predicted(
                score,
                means.get(name),
                dialogues[name].emotion if name in dialogues else "",
                dialogues[name].sentiment if name in dialogues else "",
                name in identical,
                weights.get(name, 1.0),
            )
            for name, score in predicted.items()
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
        n=len(predicted),
        voted=made.voted,
        changed=len({vote.dialog_id for vote in own if vote.choice != "skip"} - said.keys()),
        identical=len(identical),
        voters=tuple(sorted({voter for by_voter in said.values() for voter in by_voter})),
        weight=made.weight,
        strata=made.strata,
        unjudged=len(unjudged),
        weighted=any(weights[name] != 1 for name in said),
        more=made.more,
    )
