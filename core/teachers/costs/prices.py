"""The cost of requests: tokens times prices, and estimates of tokens before requests are sent."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from core.config.schema import Price, Teacher
from core.teachers.protocol import Request, Usage
from core.teachers.settings import reasoning

#: Characters of English text in a token; rather low, so that estimates are rather high.
_CHARACTERS_PER_TOKEN = 4.0
#: Tokens that each message adds to its text.
_TOKENS_PER_MESSAGE = 4
#: What a token that is written to the cache costs at most, in tokens of input: Claude's cache of an hour.
_DEAREST_WRITE = 2.0
#: Answers with reported tokens from which others are estimated, and the factor by which those may differ.
ENOUGH_ANSWERS, _MARGIN = 10, 1.1
#: Tokens of an answer: about 28 words and a margin, where the prompts allow up to 97 words.
ANSWER = 60


@dataclass(frozen=True)
class Used:
    """The tokens of answers so far, of those whose usage the provider reported."""

    answers: int
    """How many answers."""
    output_tokens: int
    """Their output tokens together."""


def cost(price: Price | None, usage: Usage | None, *, batch: bool) -> float | None:
    """The cost of `usage` in US dollars; None if the price or the usage is unknown."""
    if price is None or usage is None:
        return None
    uncached, cached, written, output = _prices(price, batch)
    uncached_tokens = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    return (
        uncached_tokens * uncached
        + usage.cached_tokens * cached
        + usage.cache_write_tokens * written
        + usage.output_tokens * output
    ) / 1e6


def answer_tokens(teacher: Teacher, answer: int, used: Used | None) -> int:
    """Estimated output tokens of an answer: `answer` and reasoning, or what answers like it have `used`."""
    if used is None or used.answers < ENOUGH_ANSWERS:
        return answer + reasoning.reasoning_tokens(teacher)
    return max(answer, math.ceil(_MARGIN * used.output_tokens / used.answers))


def of_unknown_usage(request: Request, text: str, expected: int) -> Usage:
    """Estimated tokens of a request and its answer `text`, if the provider reports none."""
    usage = estimate([request])
    return Usage(usage.input_tokens, 0, max(expected, round(len(text) / _CHARACTERS_PER_TOKEN)))


def estimate(requests: Iterable[Request], answer: int = ANSWER) -> Usage:
    """Estimated tokens of `requests`: nothing is cached, each answer has `answer` tokens."""
    tokens = count = 0
    for request in requests:
        count += 1
        tokens += sum(
            _TOKENS_PER_MESSAGE + round(len(message.content) / _CHARACTERS_PER_TOKEN)
            for message in request.messages
        )
    return Usage(tokens, 0, count * answer)


def _prices(price: Price, batch: bool) -> tuple[float, float, float, float]:
    """US dollars per million tokens of uncached and cached input, input written to the cache, and output."""
    if not batch:
        cached = price.input if price.cached_input is None else price.cached_input
        written = _DEAREST_WRITE * price.input if price.cache_write is None else price.cache_write
        return price.input, cached, written, price.output
    uncached = price.input if price.batch_input is None else price.batch_input
    cached = uncached if price.batch_cached_input is None else price.batch_cached_input
    written = _DEAREST_WRITE * uncached if price.batch_cache_write is None else price.batch_cache_write
    return uncached, cached, written, price.output if price.batch_output is None else price.batch_output
