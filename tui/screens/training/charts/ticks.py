"""Positions and labels of ticks on an axis: round numbers, powers of ten, times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: Round durations in seconds.
_CLOCK = (
    *(1.0, 2, 5, 10, 15, 30),
    *(60.0 * n for n in (1, 2, 5, 10, 15, 30)),
    *(3600.0 * n for n in (1, 2, 3, 6, 12)),
)
_DAY = 86400.0
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_UNITS = (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9))


@dataclass(frozen=True)
class Tick:
    """A position on an axis and its label."""

    at: float
    label: str


def linear(low: float, high: float, limit: int) -> list[Tick]:
    """At most `limit` round numbers from `low` to `high`, with enough digits to distinguish them."""
    if max(abs(low), abs(high)) >= 1e5:
        return counts(low, high, limit)
    values = _multiples(low, high, _round_step((high - low) / max(1, limit)), limit)
    return [Tick(value, label) for value, label in zip(values, _labels(values), strict=True)]


def counts(low: float, high: float, limit: int) -> list[Tick]:
    """The same for whole numbers; large ones in thousands and millions."""
    step = max(1.0, _round_step((high - low) / max(1, limit)))
    if step == 2.5:
        step = 5.0
    values = _multiples(low, high, step, limit)
    labels = [count(value) for value in values]
    if len(set(labels)) < len(labels):
        labels = [f"{value:.0f}" for value in values]
    return [Tick(value, label) for value, label in zip(values, labels, strict=True)]


def times(low: float, high: float, limit: int) -> list[Tick]:
    """The same for seconds, at round durations."""
    wanted = (high - low) / max(1, limit)
    if wanted < 1:
        return [Tick(tick.at, f"{tick.label}s") for tick in linear(low, high, limit)]
    step = next((step for step in _CLOCK if step >= wanted), None)
    if step is None:
        step = _DAY * _round_step(wanted / _DAY)
    values = _multiples(low, high, step, limit)
    labels = [time(value) for value in values]
    if len(set(labels)) < len(labels):
        labels = [_to_the_second(value) for value in values]
    return [Tick(value, label) for value, label in zip(values, labels, strict=True)]


def logarithmic(low: float, high: float, limit: int) -> list[Tick]:
    """The same for a logarithmic axis from `low` > 0: powers of ten, and values between if few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for mantissas in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1, 3), (1,)):
        values = [m * 10.0**power for power in range(first, last + 1) for m in mantissas]
        values = [value for value in values if low <= value <= high]
        if len(values) <= limit:
            break
    if len(values) > limit:
        every = -(-len(values) // max(1, limit))
        values = values[(len(values) - 1) % every :: every]
    if len(values) < 2:
        return linear(low, high, limit)
    return [Tick(value, number(value, 1)) for value in values]


def count(value: float) -> str:
    """A whole number in few characters, as `950`, `12.5k`, `3M`; exact below 10,000."""
    if abs(value) < 10_000:
        return f"{value:.0f}"
    unit, scale = next(one for one in reversed(_UNITS) if abs(value) >= one[1])
    return f"{value / scale:.4g}{unit}"


def time(seconds: float) -> str:
    """Seconds in few characters, as `45s`, `12m`, `1h30`, `2d6h`."""
    whole = round(seconds)
    sign, whole = ("-" if whole < 0 else ""), abs(whole)
    if whole < 60:
        return f"{sign}{whole}s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{sign}{minutes}m{f'{rest:02}' if rest else ''}"
    if whole < _DAY:
        hours, rest = divmod(whole // 60, 60)
        return f"{sign}{hours}h{f'{rest:02}' if rest else ''}"
    days, rest = divmod(whole // 3600, 24)
    return f"{sign}{days}d{f'{rest}h' if rest else ''}"


def number(value: float, digits: int = 4) -> str:
    """A number in few characters: `digits` significant digits, with an exponent if it is small or large."""
    if not math.isfinite(value):
        return {math.inf: "inf", -math.inf: "-inf"}.get(value, "NaN")
    if 1e3 <= abs(value) < 1e6:
        return f"{value:.{1 if abs(value) < 1e4 else 0}f}".removesuffix(".0")
    value = float(f"{value:.{digits - 1}e}")
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
        places = max(0, digits - whole) if whole else digits - 1 - math.floor(math.log10(abs(value)))
        text = f"{value:.{places}f}"
        return text.rstrip("0").rstrip(".") if "." in text and digits < 4 else text
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(power)}"


def _to_the_second(seconds: float) -> str:
    """A duration as `1:00:30`."""
    minutes, second = divmod(abs(round(seconds)), 60)
    return f"{'-' if seconds < 0 else ''}{minutes // 60}:{minutes % 60:02}:{second:02}"


def _round_step(wanted: float) -> float:
    """The smallest round step >= `wanted`."""
    if not wanted > 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(wanted))
    return scale * next(step for step in _STEPS if step * scale >= wanted * (1 - 1e-9))


def _multiples(low: float, high: float, step: float, limit: int) -> list[float]:
    slack = min(step, high - low) * 1e-9
    first = math.ceil((low - slack) / step)
    values = [first * step]
    while len(values) <= limit and (first + len(values)) * step <= high + slack:
        values.append((first + len(values)) * step)
    return [value for value in values if value <= high + slack]


def _labels(values: Sequence[float]) -> list[str]:
    largest = max(map(abs, values), default=0.0)
    write: Callable[[float, int], str] = _plain if largest == 0 or 1e-3 <= largest < 1e5 else _exponent
    for digits in range(9):
        labels = [write(value, digits) for value in values]
        if all(
            math.isclose(float(label), value, rel_tol=1e-6) or value == 0
            for label, value in zip(labels, values, strict=True)
        ):
            return labels
    return labels


def _plain(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if value else "0"


def _exponent(value: float, digits: int) -> str:
    if not value:
        return "0"
    mantissa, _, power = f"{value:.{digits}e}".partition("e")
    return f"{mantissa}e{int(power)}"
