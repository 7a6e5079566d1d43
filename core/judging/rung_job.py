"""The job that decides a rung: which runs go on, by their win rates over the base student."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from statistics import fmean

from core.domain.errors import UserError
from core.domain.jobs import rungs
from core.domain.jobs.results import CompareResult, Result, RungPlace, RungResult
from core.domain.names import RunName
from core.jobs import journal
from core.jobs.context import JobContext
from core.jobs.records import Done, Progress
from core.jobs.settings import COMPARISON, PREVIOUS, RungSettings


def run(job: JobContext[RungSettings]) -> RungResult:
    """Place the runs that went on before by their win rates, and decide which go on.

    Those without a comparison failed, and come last. Raises `UserError` when no run has a win rate.
    """
    settings = job.settings
    before = _result(job.input(PREVIOUS)) if PREVIOUS in job.spec.inputs else None
    compared: dict[str, list[CompareResult]] = defaultdict(list)
    for place, name in enumerate(settings.runs):
        if isinstance(before, RungResult) and not rungs.goes_on(name, before):
            continue
        run = RunName.parse(name)
        assert run is not None, f"{name} is a run"
        found = compared[str(run.over_rungs)]
        read = job.spec.inputs.get(COMPARISON.format(place))
        result = None if read is None else _result(Path(read))
        if isinstance(result, CompareResult) and result.win_rate_b is not None:
            found.append(result)
    values = {name: _mean(results) for name, results in compared.items()}
    going_on = rungs.promoted(values, settings.reduction_factor)
    if not going_on:
        raise UserError(
            f"no run of rung {settings.rung} has a win rate: see why its runs and comparisons failed, and "
            "retry them"
        )
    job.journal.write(Progress(len(values), len(values)))
    return RungResult(
        rung=settings.rung,
        examples=settings.examples,
        places=tuple(
            _place(name, compared[name], values[name], is_promoted=name in going_on)
            for name in sorted(values, key=lambda name: _rank(values[name]))
        ),
    )


def _rank(value: float | None) -> float:
    return 1.0 if value is None else -value


def _mean(results: list[CompareResult]) -> float | None:
    """The mean win rate over a run's seeds."""
    rates = [one.win_rate_b for one in results if one.win_rate_b is not None]
    return fmean(rates) if rates else None


def _place(name: str, results: list[CompareResult], value: float | None, *, is_promoted: bool) -> RungPlace:
    (low, high) = (results[0].ci_low, results[0].ci_high) if len(results) == 1 else (None, None)
    return RungPlace(run=name, win_rate=value, ci_low=low, ci_high=high, promoted=is_promoted)


def _result(path: Path) -> Result | None:
    """The result in a journal."""
    ends = (entry.record for entry, _ in journal.read(path.parent) if isinstance(entry.record, Done))
    return next((end.result for end in ends), None)
