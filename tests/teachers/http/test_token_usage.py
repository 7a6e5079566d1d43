"""Every token that a provider reports is billed, reasoning included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.teachers.http import token_usage
from core.teachers.protocol import TokenCounts, Usage


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ((120, None, 20, 140), Usage(120, 0, 20)),
        ((120, 30, 20, 1140), Usage(120, 30, 1020)),
        ((120, None, 20, None), Usage(120, 0, 20)),
        ((120, None, None, 140), Usage(120, 0, 20)),
        ((None, None, 20, 140), Usage(120, 0, 20)),
        ((120, None, 0, 120), Usage(120, 0, 0)),
        ((120, None, None, None), None),
        ((0, 0, 0, 0), None),
        ((None, None, None, None), None),
        ((10, 99, 5, 3), Usage(10, 10, 5)),
        ((120, None, 20, None, 1000), Usage(120, 0, 1020, 1000)),
        ((120, None, 1020, 1140, 1000), Usage(120, 0, 1020, 1000)),
    ],
)
def test_billed_tokens(counts: tuple[int | None, ...], usage: Usage | None) -> None:
    assert token_usage.billed(TokenCounts(*counts), has_answer=False) == usage


def test_an_answer_without_tokens_is_not_counted() -> None:
    counts = TokenCounts(120, 30, 0, 120)
    assert token_usage.billed(counts, has_answer=True) is None
    assert token_usage.completed(counts, Usage(90, 0, 60)) == Usage(120, 30, 60)
    assert token_usage.completed(None, Usage(90, 0, 60)) == Usage(90, 0, 60)
    only_total = TokenCounts(None, None, None, 1140)
    assert token_usage.completed(only_total, Usage(90, 0, 60)) == Usage(90, 0, 1050)


_COUNT = st.none() | st.integers(-5, 10**6)


@given(_COUNT, _COUNT, _COUNT, _COUNT)
def test_no_reported_token_is_free(
    prompt: int | None, cached: int | None, completion: int | None, total: int | None
) -> None:
    usage = token_usage.billed(TokenCounts(prompt, cached, completion, total), has_answer=False)
    if usage is not None:
        assert usage.output_tokens >= (completion or 0)
        assert usage.input_tokens + usage.output_tokens >= (total or 0)
        assert 0 <= usage.cached_tokens <= usage.input_tokens
