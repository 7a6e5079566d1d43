"""The cost of requests: tokens times prices, and estimates of tokens before requests are sent."""

from __future__ import annotations

from collections.abc import Iterable

from core.config.schema import Price
from core.teachers.protocol import Request, Usage

#: Characters of English text in a token; rather low, so that estimates are rather high.
_CHARACTERS_PER_TOKEN = 4.0
#: Tokens that each message adds to its text.
_TOKENS_PER_MESSAGE = 4
#: Tokens of an answer: about 28 words and a margin, where the prompts allow up to 97 words.
ANSWER = 60


def cost(price: Price | None, usage: Usage | None, *, batch: bool) -> float | None:
    """The cost of `usage` in US dollars; None if the price or the usage is unknown."""
    if price is None or usage is None:
        return None
    uncached, cached, output = _prices(price, batch)
    uncached_tokens = usage.input_tokens - usage.cached_tokens
    return (uncached_tokens * uncached + usage.cached_tokens * cached + usage.output_tokens * output) / 1e6


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


def _prices(price: Price, batch: bool) -> tuple[float, float, float]:
    """US dollars per million tokens of uncached input, cached input and output."""
    if not batch:
        cached = price.input if price.cached_input is None else price.cached_input
        return price.input, cached, price.output
    uncached = price.input if price.batch_input is None else price.batch_input
    cached = uncached if price.batch_cached_input is None else price.batch_cached_input
    return uncached, cached, price.output if price.batch_output is None else price.batch_output
