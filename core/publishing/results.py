"""A run's win rates as the Hub and readers of a model card see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.domain import markdown
from core.domain.evaluation.win_rates import WinRate
from core.domain.number_format import percent
from core.domain.text import visible

if TYPE_CHECKING:
    from huggingface_hub import EvalResult


@dataclass(frozen=True)
class RunWinRate:
    """The win rate of a run over another responder, whichever side of the comparison it is."""

    baseline: str
    """The other responder."""
    judge: str
    """The judge."""
    win_rate: float
    """Of the run, from 0 to 1."""
    low: float | None
    """The lower end of its 95 % interval; None without an interval."""
    high: float | None
    """The upper end of its 95 % interval; None without an interval."""
    source: WinRate
    """The comparison."""


def of_run(rates: Iterable[WinRate], run: str) -> tuple[RunWinRate, ...]:
    """The finished comparisons of a run. Where it is side a, its win rate is what b's leaves."""
    found = []
    for rate in rates:
        value, low, high = rate.win_rate_b, rate.ci_low, rate.ci_high
        if value is None:
            continue
        if rate.b == run:
            found.append(RunWinRate(rate.a, rate.judge, value, low, high, rate))
        elif rate.a == run:
            mirrored = None if high is None else 1 - high, None if low is None else 1 - low
            found.append(RunWinRate(rate.b, rate.judge, 1 - value, *mirrored, rate))
    return tuple(found)


def eval_results(
    rates: Sequence[RunWinRate], adjective: str, data_file: str, data_sha256: str
) -> list[EvalResult]:
    """The win rates for the Hub's `model-index`: each with its judge, baseline and interval.

    `adjective` says which responses were to be better.
    """
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type="text-generation",
            task_name=f"{visible(adjective).capitalize()} responses",
            dataset_type=re.sub(r"[^A-Za-z0-9._-]+", "-", data_file).strip("-.") or "dialogues",
            dataset_name=visible(data_file),
            dataset_split="test",
            dataset_args={"sha256": data_sha256},
            metric_type="win_rate",
            metric_name=visible(f"Win rate over {rate.baseline}, judged by {rate.judge}"),
            metric_value=round(rate.win_rate, 4),
            metric_args={
                name: visible(value) if isinstance(value, str) else value
                for name, value in _arguments(rate).items()
                if value is not None
            },
        )
        for rate in rates
    ]


def table(rates: Sequence[RunWinRate]) -> str:
    """The win rates as a table in Markdown."""
    rows = [
        (
            markdown.in_table(markdown.code(rate.baseline)),
            markdown.in_table(markdown.code(rate.judge)),
            percent(rate.win_rate, 1),
            ""
            if rate.low is None or rate.high is None
            else f"{percent(rate.low, 1)} to {percent(rate.high, 1)}",
            str(rate.source.n),
            str(rate.source.invalid),
            "" if rate.source.p is None else f"{rate.source.p:.2g}",
            markdown.escaped(rate.source.label or ""),
        )
        for rate in rates
    ]
    titles = ("baseline", "judge", "win rate", "95 % interval", "dialogues", "invalid", "p", "the judge")
    return markdown.table(titles, rows)


def _arguments(rate: RunWinRate) -> dict[str, object]:
    found = rate.source
    return {
        "baseline": rate.baseline,
        "judge": rate.judge,
        "judge_quality": found.label,
        "design": found.design,
        "ci_low": None if rate.low is None else round(rate.low, 4),
        "ci_high": None if rate.high is None else round(rate.high, 4),
        "interval": found.interval,
        "dialogues": found.n,
        "invalid": found.invalid,
        "p": None if found.p is None else float(f"{found.p:.4g}"),
        "test": found.test,
    }
