"""What a comparison's verdicts say: the result of the job that makes them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.domain.dialogues import MAX_WORDS
from core.jobs.journal import Order, Verdict, Winner
from core.judging import length_control, statistics
from core.judging.protocol import Contest

#: A label of the judge's prompt, or words that a response to a speaker has no use for.
_ADDRESSES_JUDGE = re.compile(
    r"\bresponse\s*[12]\b|\b(?:first|second)\s+response\b|\banswer\s*(?:with\s*)?:?\s*[12]\b"
    r"|\b(?:ignore|disregard|forget)\b[^.!?\n]{0,40}\binstructions?\b",
    re.IGNORECASE,
)


def of_comparison(
    contests: Sequence[Contest], verdicts: Sequence[Verdict], *, placed: bool
) -> dict[str, Any]:
    """The figures of a comparison from its contests and their verdicts.

    Under the names of `core.views.WinRate`, with the counts behind the shares. `placed` when the order in
    which the responses are shown can move the judge.
    """
    found = _by_dialogue(verdicts)
    decided = [statistics.outcome(pairs) for pairs in found.values()]
    rate = statistics.win_rate(decided, len(verdicts) > len(found))
    shown = {contest.dialog_id: contest for contest in contests}
    words = {
        side: [len(getattr(shown[dialog_id], f"response_{side}").split()) for dialog_id in found]
        for side in ("a", "b")
    }
    controlled = length_control.length_controlled(decided, words["a"], words["b"])
    longer, different = length_control.prefers_longer(decided, words["a"], words["b"])
    # Where order cannot matter there is nothing to say about it.
    order = statistics.orders(list(found.values()) if placed else [])
    return {
        "n": rate.n,
        "wins_a": rate.wins_a,
        "wins_b": rate.wins_b,
        "ties": rate.ties,
        "invalid": rate.invalid,
        "win_rate_b": rate.win_rate_b,
        "ci_low": rate.ci_low,
        "ci_high": rate.ci_high,
        "interval": rate.interval,
        "bootstrap_low": rate.bootstrap_low,
        "bootstrap_high": rate.bootstrap_high,
        "p": statistics.sign_test(rate.wins_a, rate.wins_b),
        "lc_win_rate_b": None if controlled is None else controlled.win_rate_b,
        "lc_low": None if controlled is None else controlled.low,
        "lc_high": None if controlled is None else controlled.high,
        "lc_parted": None if controlled is None else controlled.parted,
        **_soft(verdicts),
        **{f"words_{side}": sum(counts) / len(counts) for side, counts in words.items()},
        **{
            f"over_limit_{side}": sum(count > MAX_WORDS for count in counts) / len(counts)
            for side, counts in words.items()
        },
        **_noticed(shown.values()),
        "prefers_first": order.prefers_first,
        "placed": order.placed,
        "flip_rate": order.flip_rate,
        "paired": order.paired,
        "prefers_longer": longer / different if different else None,
        "lengths": different,
        "verdicts": len(verdicts),
        "invalid_verdicts": sum(verdict.winner == "invalid" for verdict in verdicts),
    }


def _noticed(shown: Iterable[Contest]) -> dict[str, int]:
    """How many responses may have led a judge astray; they are judged as they are, and counted."""
    texts = [(contest.response_a, contest.response_b) for contest in shown]
    found = {"identical": sum(a == b for a, b in texts)}
    for side, own in zip(("a", "b"), zip(*texts, strict=True), strict=True):
        found[f"empty_{side}"] = sum(not text.strip() for text in own)
        found[f"addressing_{side}"] = sum(_ADDRESSES_JUDGE.search(text) is not None for text in own)
    return found


def outcomes(verdicts: Iterable[Verdict]) -> dict[str, Winner]:
    """Each dialogue's outcome."""
    return {dialog_id: statistics.outcome(found) for dialog_id, found in _by_dialogue(verdicts).items()}


def _by_dialogue(verdicts: Iterable[Verdict]) -> dict[str, list[tuple[Order, Winner]]]:
    found: dict[str, list[tuple[Order, Winner]]] = defaultdict(list)
    for verdict in verdicts:
        found[verdict.dialog_id].append((verdict.order, verdict.winner))
    return found


def _soft(verdicts: Sequence[Verdict]) -> dict[str, float | None]:
    """The win rate by the probabilities of the verdicts; None unless every dialogue has some."""
    found: Mapping[str, list[float]] = defaultdict(list)
    for verdict in verdicts:
        scores = found[verdict.dialog_id]
        if verdict.probability_b is not None:
            scores.append(verdict.probability_b)
        elif verdict.winner == "tie":
            # Identical responses, about which nobody was asked.
            scores.append(0.5)
    if not any(verdict.probability_b is not None for verdict in verdicts) or not all(found.values()):
        return {"soft_win_rate_b": None, "soft_low": None, "soft_high": None}
    means = [sum(scores) / len(scores) for scores in found.values()]
    low, high, _ = statistics.mean_interval(means)
    return {"soft_win_rate_b": sum(means) / len(means), "soft_low": low, "soft_high": high}
