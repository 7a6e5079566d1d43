"""The metrics of a comparison, computed from its verdicts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from core.domain.dialogues import MAX_WORDS
from core.domain.results import CompareResult
from core.domain.verdicts import Order, Winner
from core.jobs.records import VerdictRecord
from core.judging import length_control, statistics
from core.judging.protocol import Contest

#: Text that addresses the judge: a label of its prompt, or an instruction such as "ignore the instructions".
_ADDRESSES_JUDGE = re.compile(
    r"\bresponse\s*[12]\b|\b(?:first|second)\s+response\b|\banswer\s*(?:with\s*)?:?\s*[12]\b"
    r"|\b(?:ignore|disregard|forget)\b[^.!?\n]{0,40}\binstructions?\b",
    re.IGNORECASE,
)


def of_comparison(
    contests: Sequence[Contest],
    verdicts: Sequence[VerdictRecord],
    *,
    placed: bool,
    design: str,
    label: str | None = None,
) -> CompareResult:
    """The metrics of a comparison from its contests and their verdicts.

    `placed` is whether the order of the responses can influence the judge. `design` describes the orders and
    repeats; `label` describes the judge's agreement with human ratings.
    """
    found = _by_dialogue(verdicts)
    decided = [statistics.outcome(pairs) for pairs in found.values()]
    rate = statistics.win_rate(decided, len(verdicts) > len(found))
    shown = {contest.dialog_id: contest for contest in contests}
    texts_a = [contest.response_a for contest in shown.values()]
    texts_b = [contest.response_b for contest in shown.values()]
    words_a = [len(shown[dialog_id].response_a.split()) for dialog_id in found]
    words_b = [len(shown[dialog_id].response_b.split()) for dialog_id in found]
    controlled = length_control.length_controlled(decided, words_a, words_b)
    longer, different = length_control.prefers_longer(decided, words_a, words_b)
    # A judge that scores each response alone has no position bias.
    order = statistics.position_bias(list(found.values()) if placed else [])
    by_probability = _by_probability(verdicts)
    return CompareResult(
        n=rate.n,
        wins_a=rate.wins_a,
        wins_b=rate.wins_b,
        ties=rate.ties,
        invalid=rate.invalid,
        win_rate_b=rate.win_rate_b,
        ci_low=rate.ci_low,
        ci_high=rate.ci_high,
        interval=rate.interval,
        bootstrap_low=rate.bootstrap_low,
        bootstrap_high=rate.bootstrap_high,
        p=statistics.sign_test(rate.wins_a, rate.wins_b),
        lc_win_rate_b=None if controlled is None else controlled.win_rate_b,
        lc_low=None if controlled is None else controlled.low,
        lc_high=None if controlled is None else controlled.high,
        lc_parted=None if controlled is None else controlled.parted,
        soft_win_rate_b=None if by_probability is None else by_probability[0],
        soft_low=None if by_probability is None else by_probability[1],
        soft_high=None if by_probability is None else by_probability[2],
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
        prefers_first=order.prefers_first,
        placed=order.placed,
        flip_rate=order.flip_rate,
        paired=order.paired,
        prefers_longer=longer / different if different else None,
        lengths=different,
        verdicts=len(verdicts),
        invalid_verdicts=sum(verdict.winner == "invalid" for verdict in verdicts),
        design=design,
        label=label,
    )


def _over_limit(words: Sequence[int]) -> float:
    return sum(count > MAX_WORDS for count in words) / len(words)


def _empty(texts: Iterable[str]) -> int:
    return sum(not text.strip() for text in texts)


def _addressing(texts: Iterable[str]) -> int:
    return sum(_ADDRESSES_JUDGE.search(text) is not None for text in texts)


def outcomes(verdicts: Iterable[VerdictRecord]) -> dict[str, Winner]:
    """The outcome of each dialogue."""
    return {dialog_id: statistics.outcome(found) for dialog_id, found in _by_dialogue(verdicts).items()}


def _by_dialogue(verdicts: Iterable[VerdictRecord]) -> dict[str, list[tuple[Order, Winner]]]:
    found: dict[str, list[tuple[Order, Winner]]] = defaultdict(list)
    for verdict in verdicts:
        found[verdict.dialog_id].append((verdict.order, verdict.winner))
    return found


def _by_probability(verdicts: Sequence[VerdictRecord]) -> tuple[float, float, float] | None:
    """The win rate computed from the verdicts' probabilities, and its interval.

    None unless every dialogue has a probability.
    """
    found: Mapping[str, list[float]] = defaultdict(list)
    for verdict in verdicts:
        scores = found[verdict.dialog_id]
        if verdict.probability_b is not None:
            scores.append(verdict.probability_b)
        elif verdict.winner == "tie":
            # Identical responses are a tie without a request to the judge.
            scores.append(0.5)
    if not any(verdict.probability_b is not None for verdict in verdicts) or not all(found.values()):
        return None
    means = [sum(scores) / len(scores) for scores in found.values()]
    low, high, _ = statistics.mean_interval(means)
    return sum(means) / len(means), low, high
