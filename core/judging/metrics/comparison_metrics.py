"""The metrics of a comparison, computed from its verdicts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from core.domain.data.dialogues import MAX_WORDS
from core.domain.evaluation.dimension_rates import DimensionRate
from core.domain.evaluation.stopping import Stopping
from core.domain.evaluation.verdicts import AnswerForm, Dimension, Order, Winner
from core.domain.jobs.results import CompareResult
from core.jobs.records import VerdictRecord
from core.judging import protocol
from core.judging.metrics import length_control, scores
from core.judging.metrics.inference import intervals, statistics
from core.judging.metrics.inference.intervals import ShareInterval
from core.judging.metrics.inference.statistics import ScoreCounts
from core.judging.metrics.judge_quality import judge_bias
from core.judging.metrics.study_design import sequential
from core.judging.protocol import OrderedPair

#: Text that addresses the judge: a label of its prompt, or an instruction such as "ignore the instructions".
_ADDRESSES_JUDGE = re.compile(
    r"\bresponse\s*[12]\b|\b(?:first|second)\s+response\b|\banswer\s*(?:with\s*)?:?\s*[12]\b"
    r"|\b(?:ignore|disregard|forget)\b[^.!?\n]{0,40}\binstructions?\b",
    re.IGNORECASE,
)


def of_comparison(
    ordered_pairs: Sequence[OrderedPair],
    verdicts: Sequence[VerdictRecord],
    *,
    placed: bool,
    design: str,
    label: str | None = None,
    stops: bool = False,
) -> CompareResult:
    """The metrics of a comparison from its pairs and their verdicts.

    `placed` is whether the order of the responses can influence the judge. `design` describes the orders and
    repeats; `label` describes the judge's agreement with human ratings. `stops` is whether judging stops once
    it is decided: then `verdicts` are in the order of judging, and may be those of some ordered_pairs only.
    """
    found = _by_dialogue(verdicts)
    made = scores.by_dialogue(found)
    each = list(made.values())
    rate = statistics.win_rate(each, with_bootstrap=len(verdicts) > len(found))
    even = statistics.even_test([score for score in each if score is not None])
    if stops:
        rate, even = _at_any_time(rate, each)
    shown = {ordered_pair.dialog_id: ordered_pair for ordered_pair in ordered_pairs}
    texts_a = [shown[dialog_id].response_a for dialog_id in found]
    texts_b = [shown[dialog_id].response_b for dialog_id in found]
    words_a = [len(text.split()) for text in texts_a]
    words_b = [len(text.split()) for text in texts_b]
    controlled = length_control.length_controlled(each, words_a, words_b)
    bias = judge_bias.judge_bias(
        judge_bias.counts(own, (a, b), placed=placed, identical=text_a == text_b)
        for own, a, b, text_a, text_b in zip(found.values(), words_a, words_b, texts_a, texts_b, strict=True)
    )
    win_rate_b, ci_low, ci_high = parts(rate.rate)
    probability_win_rate_b, probability_low, probability_high = parts(_by_probability(verdicts, made))
    prefers_first, prefers_first_low, prefers_first_high = parts(bias.prefers_first)
    flip_rate, flip_rate_low, flip_rate_high = parts(bias.flip_rate)
    prefers_longer, prefers_longer_low, prefers_longer_high = parts(bias.prefers_longer)
    return CompareResult(
        n=rate.n,
        wins_a=rate.wins_a,
        wins_b=rate.wins_b,
        ties=rate.ties,
        invalid=rate.invalid,
        win_rate_b=win_rate_b,
        ci_low=ci_low,
        ci_high=ci_high,
        interval=None if rate.rate is None else rate.rate.method,
        min_win_rate_b=None if rate.bounds is None else rate.bounds.low,
        max_win_rate_b=None if rate.bounds is None else rate.bounds.high,
        bounds_low=None if rate.bounds is None else rate.bounds.ci_low,
        bounds_high=None if rate.bounds is None else rate.bounds.ci_high,
        bootstrap_low=rate.bootstrap_low,
        bootstrap_high=rate.bootstrap_high,
        p=even.p,
        test=even.name,
        lc_win_rate_b=None if controlled is None else controlled.win_rate_b,
        lc_low=None if controlled is None else controlled.low,
        lc_high=None if controlled is None else controlled.high,
        lc_difference_low=None if controlled is None else controlled.difference_low,
        lc_difference_high=None if controlled is None else controlled.difference_high,
        lc_differs=None if controlled is None else controlled.differs,
        lc_overlap=None if controlled is None else controlled.overlap,
        probability_win_rate_b=probability_win_rate_b,
        probability_low=probability_low,
        probability_high=probability_high,
        words_a=sum(words_a) / len(words_a),
        words_b=sum(words_b) / len(words_b),
        over_limit_a=_over_limit(words_a),
        over_limit_b=_over_limit(words_b),
        # Responses that may mislead a judge: they are judged unchanged, and counted.
        identical=sum(a == b for a, b in zip(texts_a, texts_b, strict=True)),
        empty_a=_empty(texts_a),
        empty_b=_empty(texts_b),
        addressing_a=_addressing(texts_a),
        addressing_b=_addressing(texts_b),
        prefers_first=prefers_first,
        prefers_first_low=prefers_first_low,
        prefers_first_high=prefers_first_high,
        placed=bias.placed,
        flip_rate=flip_rate,
        flip_rate_low=flip_rate_low,
        flip_rate_high=flip_rate_high,
        paired=bias.paired,
        prefers_longer=prefers_longer,
        prefers_longer_low=prefers_longer_low,
        prefers_longer_high=prefers_longer_high,
        lengths=bias.lengths,
        verdicts=len(verdicts),
        invalid_verdicts=sum(verdict.winner == "invalid" for verdict in verdicts),
        design=design,
        label=label,
        stopping=_stopping(ordered_pairs, found, each) if stops else None,
        dimensions=_dimensions(verdicts),
        forms=forms(verdicts),
    )


def is_decided(verdicts: Iterable[VerdictRecord]) -> bool:
    """Whether verdicts, in the order of judging, have decided who is better."""
    return sequential.is_decided([score for score in scores_of(verdicts).values() if score is not None])


def _at_any_time(rate: ScoreCounts, each: Sequence[float | None]) -> tuple[ScoreCounts, statistics.Test]:
    """The win rate with the interval and the test that hold whenever judging stops.

    They are used as well if it did not stop early: otherwise one comparison would have two chances to err.
    """
    valid = [score for score in each if score is not None]
    made = replace(
        rate,
        rate=sequential.estimate(valid) if valid else None,
        bounds=sequential.bounds(each),
        bootstrap_low=None,
        bootstrap_high=None,
    )
    return made, statistics.Test(sequential.p_value(valid), sequential.TEST)


def _stopping(
    ordered_pairs: Sequence[OrderedPair], judged: Collection[str], each: Sequence[float | None]
) -> Stopping:
    asked = protocol.different(ordered_pairs)
    return Stopping(
        decided=sequential.is_decided([score for score in each if score is not None]),
        dialogues=len({ordered_pair.dialog_id for ordered_pair in ordered_pairs}),
        requests=sum(ordered_pair.dialog_id in judged for ordered_pair in asked),
        all_requests=len(asked),
        seed=sequential.SEED,
    )


def scores_of(verdicts: Iterable[VerdictRecord]) -> dict[str, float | None]:
    """The score of each dialogue."""
    return scores.by_dialogue(_by_dialogue(verdicts))


def forms(verdicts: Iterable[VerdictRecord]) -> dict[AnswerForm, int]:
    """How many verdicts are in answers of each form, the most frequent first."""
    return dict(Counter(verdict.form for verdict in verdicts if verdict.form is not None).most_common())


def dimension_scores(verdicts: Iterable[VerdictRecord]) -> dict[Dimension, dict[str, float | None]]:
    """b's score on each dialogue in each dimension that the judge reports."""
    found: dict[Dimension, dict[str, list[tuple[Order, Winner]]]] = {}
    for verdict in verdicts:
        for dimension, winner in verdict.dimensions.items():
            own = found.setdefault(dimension, {})
            own.setdefault(verdict.dialog_id, []).append((verdict.order, winner))
    return {dimension: scores.by_dialogue(own) for dimension, own in found.items()}


def dimension_rate(found: Sequence[float | None]) -> DimensionRate:
    """The win rate of b from its score on each dialogue."""
    rate = statistics.win_rate(found)
    win_rate_b, ci_low, ci_high = parts(rate.rate)
    return DimensionRate(
        wins_a=rate.wins_a,
        wins_b=rate.wins_b,
        ties=rate.ties,
        invalid=rate.invalid,
        win_rate_b=win_rate_b,
        ci_low=ci_low,
        ci_high=ci_high,
        min_win_rate_b=None if rate.bounds is None else rate.bounds.low,
        max_win_rate_b=None if rate.bounds is None else rate.bounds.high,
    )


def _dimensions(verdicts: Sequence[VerdictRecord]) -> dict[Dimension, DimensionRate]:
    return {
        dimension: dimension_rate(list(found.values()))
        for dimension, found in dimension_scores(verdicts).items()
    }


def parts(found: ShareInterval | None) -> tuple[float, float, float] | tuple[None, None, None]:
    """An estimate and the ends of its interval."""
    return (None, None, None) if found is None else (found.share, found.low, found.high)


def _over_limit(words: Sequence[int]) -> float:
    return sum(count > MAX_WORDS for count in words) / len(words)


def _empty(texts: Iterable[str]) -> int:
    return sum(not text.strip() for text in texts)


def _addressing(texts: Iterable[str]) -> int:
    return sum(_ADDRESSES_JUDGE.search(text) is not None for text in texts)


def _by_dialogue(verdicts: Iterable[VerdictRecord]) -> dict[str, list[tuple[Order, Winner]]]:
    found: dict[str, list[tuple[Order, Winner]]] = defaultdict(list)
    for verdict in verdicts:
        found[verdict.dialog_id].append((verdict.order, verdict.winner))
    return found


def _by_probability(verdicts: Sequence[VerdictRecord], made: scores.Scores) -> ShareInterval | None:
    """The win rate by the verdicts' probabilities, over the dialogues that have a score.

    None unless every such dialogue has a probability in each order.
    """
    known: dict[str, list[tuple[Order, float]]] = {
        name: [] for name, score in made.items() if score is not None
    }
    asked: dict[str, set[Order]] = defaultdict(set)
    for verdict in verdicts:
        asked[verdict.dialog_id].add(verdict.order)
        if verdict.dialog_id not in known or verdict.winner == "invalid":
            continue
        if verdict.probability_b is not None:
            known[verdict.dialog_id].append((verdict.order, verdict.probability_b))
        elif verdict.winner == "tie":
            # Identical responses are a tie without a request to the judge.
            known[verdict.dialog_id].append((verdict.order, 0.5))
    if not known or all(verdict.probability_b is None for verdict in verdicts):
        return None
    if any({order for order, _ in found} != asked[name] for name, found in known.items()):
        return None
    return intervals.of_mean([scores.mean_over_orders(found) for found in known.values()])
