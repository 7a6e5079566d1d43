"""Numbers of providers: none that is negative, huge or absurd reaches a record."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.schema import Price
from core.teachers.batches.polling import _overdue_at
from core.teachers.costs import prices
from core.teachers.http import json_values, token_usage
from core.teachers.protocol import BatchInfo, TokenCounts

numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([2**53, 2**63, 2**64, 2**80, -1, -(2**63), "1e999", "nan", "-5", "12", True, None]),
)
PRICE = Price(input=2.5, cached_input=1.25, output=10.0)


@given(st.lists(numbers, min_size=5, max_size=5), st.booleans())
def test_no_usage_is_free_of_charge_by_its_sign_or_size(found: list[object], has_answer: bool) -> None:
    counts = TokenCounts(*map(json_values.count, found))
    usage = token_usage.billed(counts, has_answer=has_answer)
    if usage is not None:
        assert 0 < usage.input_tokens <= 10**9
        assert 0 <= usage.cached_tokens <= usage.input_tokens
        assert 0 <= usage.output_tokens <= 2 * 10**9
        assert (prices.cost(PRICE, usage, batch=False) or 0.0) > 0


@pytest.mark.parametrize("expires_at", [0, -1, 1, 86400, "1970-01-01T00:00:00Z", None, "", 1_700_000_000])
@pytest.mark.parametrize("created_at", [None, 0, 1_700_000_000, "2026-01-01T14:00:00+00:00"])
def test_a_batch_that_has_just_begun_is_not_overdue(expires_at: object, created_at: object) -> None:
    """Whatever its provider says of its times; it would be cancelled."""
    now = time.time()
    created, expires = json_values.seconds(created_at), json_values.seconds(expires_at)
    info = BatchInfo("b", "in_progress", 0, 0, 1, "in", None, None, (), {}, created, expires)
    assert _overdue_at(info, "24h", now) == now + 86_400 + 3600


def test_a_batch_is_overdue_an_hour_after_the_end_of_its_window() -> None:
    info = BatchInfo("b", "in_progress", 0, 0, 1, "in", None, None, (), {}, 2e9, 2e9 + 86_400)
    assert _overdue_at(info, "24h", 2e9 - 60) == 2e9 + 86_400 + 3600
    assert _overdue_at(info, "48h", 2e9 - 60) == 2e9 + 2 * 86_400 + 3600
