"""What requests cost: used tokens times the price table, and estimates before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable

from core.config.schema import Price
from core.teachers.protocol import Request, Usage

#: Characters of English text a token, on the low side, so that estimates are on the high side.
_CHARACTERS = 4.0
#: Tokens around each message.
_FRAME = 4
#: Tokens of an answer of some 28 words with a margin: answers of up to 97 words are asked for.
ANSWER = 60


def cost(price: Price | None, usage: Usage | None, *, batch: bool) -> float | None:
    """US dollars for `usage`; None where the price or the usage is not known."""
    if price is None or usage is None:
        return None
    plain, cached, output = _rates(price, batch)
    fresh = usage.input_tokens - usage.cached_tokens
    return (fresh * plain + usage.cached_tokens * cached + usage.output_tokens * output) / 1e6


def estimate(requests: Iterable[Request], answer: int = ANSWER) -> Usage:
    """The tokens that sending `requests` will take, about: nothing cached, `answer` tokens an answer."""
    tokens = count = 0
    for request in requests:
        count += 1
        tokens += sum(_FRAME + round(len(message.content) / _CHARACTERS) for message in request.messages)
    return Usage(tokens, 0, count * answer)


def _rates(price: Price, batch: bool) -> tuple[float, float, float]:
    """Dollars per million tokens of fresh input, cached input and output."""
    if not batch:
        cached = price.input if price.cached_input is None else price.cached_input
        return price.input, cached, price.output
    plain = price.input if price.batch_input is None else price.batch_input
    cached = plain if price.batch_cached_input is None else price.batch_cached_input
    return plain, cached, price.output if price.batch_output is None else price.batch_output
