"""When a server says that the next request may be sent, in every way in which servers say it."""

from __future__ import annotations

import datetime
import email.utils
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.teachers.http import headers

NOW = 1_795_870_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0.25", 0.25),
        ("6m0s", 360),
        ("1h2m3.5s", 3723.5),
        ("1D 2H", 93_600),
        ("20ms", 0.02),
        ("999µs", 0.000999),
        (str(NOW + 90), 90),
        (str(int((NOW + 90) * 1000)), 90),
        (str(int((NOW + 90) * 1e9)), 90),
        ("1000000000", 0),
        ("2026-11-28T12:48:40+00:00", 1_795_870_120 - NOW),
        ("2026-11-28T12:48:40Z", 1_795_870_120 - NOW),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("5 apples", None),
        (None, None),
    ],
)
def test_the_moment_that_a_header_names(text: str | None, seconds: float | None) -> None:
    found = headers.seconds_until(text, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=1e-3))


@given(st.text(max_size=40))
def test_no_text_breaks_it_or_waits_for_ever(text: str) -> None:
    for found in (headers.seconds_until(text, NOW), headers.parse_duration(text)):
        assert found is None or (found >= 0 and math.isfinite(found))


@given(st.floats(min_value=0, max_value=366 * 86_400.0))
def test_an_instant_is_the_same_in_every_unit_and_as_a_date(delay: float) -> None:
    instant = NOW + delay
    for unit in (1, 1e3, 1e6, 1e9):
        assert headers.seconds_until(f"{instant * unit:.0f}", NOW) == pytest.approx(delay, abs=0.51)
    date = datetime.datetime.fromtimestamp(instant, datetime.UTC)
    for text in (email.utils.format_datetime(date, usegmt=True), date.isoformat()):
        assert headers.seconds_until(text, NOW) == pytest.approx(delay, abs=1)


@given(
    st.integers(0, 400),
    st.integers(0, 23),
    st.integers(0, 59),
    st.floats(0, 59.999).map(lambda s: round(s, 3)),
)
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: float) -> None:
    whole = days * 86_400 + hours * 3600 + minutes * 60 + seconds
    assert headers.parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == pytest.approx(whole)


@given(st.floats(0, 1e9, exclude_max=True, allow_nan=False))
def test_a_number_of_seconds_is_itself(seconds: float) -> None:
    assert headers.seconds_until(repr(seconds), NOW) == seconds


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset"]), st.text()))
def test_no_header_breaks_a_response(found: dict[str, str]) -> None:
    seconds = headers.retry_after(found)
    assert seconds is None or seconds >= 0
    headers.rate_limits(found)


def test_limits_without_a_kind_are_about_requests() -> None:
    sent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}
    limits = headers.rate_limits(sent)
    assert (limits.remaining_requests, limits.reset_requests_s) == (0, 30)


@pytest.mark.parametrize(
    ("answered", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "2", "retry-after-ms": "40"}, 0.04),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after(answered: dict[str, str], seconds: float | None) -> None:
    assert headers.retry_after(answered) == seconds


def test_retry_after_as_a_date() -> None:
    seconds = headers.retry_after({"retry-after": email.utils.formatdate(time.time() + 100, usegmt=True)})
    assert seconds is not None
    assert 0 < seconds <= 100


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1.5s", 1.5),
        ("6m0s", 360.0),
        ("1h2m3s", 3723.0),
        ("20ms", 0.02),
        ("8", 8.0),
        ("x1s", None),
        ("", None),
        (None, None),
    ],
)
def test_periods(text: str | None, seconds: float | None) -> None:
    assert headers.parse_duration(text) == seconds
