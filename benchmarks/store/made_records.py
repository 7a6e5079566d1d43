"""Rows and lines such as journals and logs bring, made up: always the same for the same seed."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator

from core.domain.evaluation.verdicts import Winner
from core.judging.protocol import OrderedPair

_OPENINGS = (
    "I can hear how {emotion} you feel, and it makes sense to me.",
    "It is no wonder that you feel {emotion} after all of that.",
    "Oh, that sounds like a lot to carry on your own.",
    "Thank you for telling me, I know that this is not easy to say.",
    "Anyone in your place would feel {emotion}, I think.",
    "I am so glad that you told me about it.",
)
_MIDDLES = (
    "You have put so much of yourself into this, and it shows.",
    "When something like that happens, it stays with you for days.",
    "It must be hard to keep going as if nothing had happened.",
    "What you did there took courage, whatever the others may say.",
    "I would have wanted somebody beside me at that moment, too.",
    "There is no right way to feel about it, so take all the time that you need.",
    "I remember how you looked forward to it, and how much it means to you.",
    "Perhaps a quiet evening with somebody whom you trust would do you good.",
)
_ENDINGS = (
    "Do you want to tell me more about it?",
    "I am here for you, whenever you want to talk.",
    "What would help you most right now?",
    "Shall we think about it together?",
    "Is there anything that I can do for you this week?",
)


def text(draw: random.Random, emotion: str) -> str:
    """A response of some 10 to 75 words."""
    middles = draw.sample(_MIDDLES, k=draw.choice((0, 0, 1, 1, 1, 2, 2, 3, 4)))
    return " ".join([draw.choice(_OPENINGS), *middles, draw.choice(_ENDINGS)]).format(emotion=emotion)


def metric_rows(
    job: str, steps: int, began: float, ended: float, *, dpo: bool
) -> Iterator[tuple[str, int, float, str]]:
    """Rows of the table `metrics` under TRL's names, one a step."""
    draw = random.Random(job)
    floor, top, pace = (0.31, 0.38, steps / 6) if dpo else (1.42, 1.55, steps / 8)
    for step in range(1, steps + 1):
        fallen = math.exp(-step / pace)
        metrics = (
            f'{{"loss": {floor + top * fallen + draw.gauss(0, 0.05):.4f}, '
            f'"grad_norm": {0.9 + fallen + draw.random() / 4:.4f}, '
            f'"learning_rate": {5e-5 * (1 + math.cos(math.pi * step / steps)) / 2:.4e}, '
            f'"num_tokens": {step * 6144}, "mean_token_accuracy": {0.71 - 0.2 * fallen:.4f}, '
            f'"entropy": {1.1 + 0.6 * fallen:.4f}, "epoch": {3 * step / steps:.4f}, '
            f'"tokens_per_second": {2950 + draw.gauss(0, 60):.1f}'
        )
        if dpo:
            margin = 1.8 * (1 - fallen) + draw.gauss(0, 0.1)
            metrics += (
                f', "rewards/margins": {margin:.4f}, "rewards/accuracies": {0.9 - 0.4 * fallen:.4f}, '
                f'"rewards/chosen": {margin * 0.4:.4f}, "rewards/rejected": {-margin * 0.6:.4f}'
            )
        yield job, step, began + (ended - began) * step / steps, metrics + "}"


def answer_row(
    token: str, number: int, dialog_id: str, at: float, text: str, outcome: str, usd: float
) -> tuple[object, ...]:
    """A row of the table `answers`, the `number`th of its submission."""
    key = hashlib.sha256(f"{token} {number}".encode()).hexdigest()[:32]
    if outcome == "error":
        error = "server_error: The server had an error while processing your request"
        return token, key, 1, dialog_id, outcome, "", error, None, None, None, None, at, 0, None
    tokens = 310 + number % 83, 0, max(1, len(text) // 4)
    cost = usd * (0.9 + number % 83 / 400)
    return token, key, 1, dialog_id, outcome, text, None, *tokens, cost, at, 0, None


def winner(draw: random.Random, ordered_pair: OrderedPair, odds: float) -> tuple[Winner, str]:
    """A judge's verdict and its words, drawn from the log-odds of b and a liking for the first place."""
    if draw.random() < 0.004:
        return "invalid", "Both responses show empathy; I cannot choose one of them."
    liked = odds + (0.35 if ordered_pair.order == "ba" else -0.35)
    chosen: Winner = "b" if draw.random() < 1 / (1 + math.exp(-liked)) else "a"
    return chosen, str(ordered_pair.order.index(chosen) + 1)


def log_lines(name: str, lines: int) -> str:
    """What a worker writes: a step a line, and a warning now and then."""
    draw = random.Random(name)
    found = []
    for step in range(lines):
        clock = f"2026-05-12 {step // 3600 % 24:02}:{step // 60 % 60:02}:{step % 60:02},{step % 1000:03}"
        level = "WARNING" if step % 97 == 96 else "INFO"
        found.append(
            f"{clock} {level} core.training.callbacks: {name} step {step} loss {draw.random():.4f}\n"
        )
    return "".join(found)


def strength(responder: str) -> float:
    """The log-odds that a responder adds to its wins: runs are better than their base, DPO more so."""
    draw = random.Random(responder).random()
    if "/" not in responder:
        return 0.3 * draw
    return 0.4 + 1.2 * draw + (0.7 if responder.endswith("sft-dpo") else 0.0)
