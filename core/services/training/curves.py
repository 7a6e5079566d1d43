"""Curves of runs: their logged metrics as arrays, cached in memory and read incrementally."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.store import connections
from core.store.jobs import job_queries

#: The x axis: optimiser steps, seconds since the run's first point, or epochs.
Axis = Literal["step", "time", "epoch"]
Floats = NDArray[np.float64]
Places = NDArray[np.int64]

#: Runs whose points are cached, so that they need not be read again.
_KEPT = 12

_decode = msgspec.json.Decoder(dict[str, float | str]).decode


@dataclass(frozen=True, eq=False)
class Curve:
    """One metric of a run."""

    places: Places
    """The places among the run's points at which it was logged."""
    values: Floats
    """The values there; they may be nan, inf and -inf."""
    _smooth: dict[float, Floats] = field(default_factory=dict, repr=False)

    def smoothed(self, weight: float) -> Floats:
        """The exponential moving average, debiased as in TensorBoard and W&B. Values that are not finite are
        unchanged and ignored. `weight` (0 ≤ weight < 1) is that of the previous average.
        """
        if weight == 0:
            return self.values
        if weight not in self._smooth:
            from pandas import Series

            finite = np.isfinite(self.values)
            averaged = self.values.copy()
            average = Series(self.values[finite]).ewm(alpha=1 - weight, adjust=True).mean()
            averaged[finite] = average.to_numpy()
            self._smooth[weight] = averaged
        return self._smooth[weight]


@dataclass(frozen=True, eq=False)
class Curves:
    """A run's points in the order of their steps.

    The object is the same as the last time if nothing was added.
    """

    job: str
    """Id of the run's job."""
    steps: Places
    """Optimiser step of each point, never decreasing."""
    at: Floats
    """When each point was logged, in Unix seconds."""
    metrics: Mapping[str, Curve]
    """The curves by TRL's names, in the order in which they were first logged."""
    whole: bool = True
    """Whether every point in the store was read."""
    _positions: dict[Axis, Floats] = field(default_factory=dict, repr=False)

    def x(self, name: str, axis: Axis) -> Floats:
        """The x position of each value of a metric, never decreasing; nan for all if unknown."""
        return self.positions(axis)[self.metrics[name].places]

    def positions(self, axis: Axis) -> Floats:
        """The x position of each of the run's points; nan for all if unknown."""
        if axis not in self._positions:
            self._positions[axis] = _positions(self, axis)
        return self._positions[axis]


def _positions(curves: Curves, axis: Axis) -> Floats:
    if axis == "step":
        return curves.steps.astype(np.float64)
    if axis == "time":
        # A new attempt logs steps again, so the later steps of the previous attempt may be older.
        return np.maximum.accumulate(curves.at - curves.at[0]) if len(curves.at) else curves.at
    epoch = curves.metrics.get("epoch")
    if epoch is None:
        return np.full(len(curves.steps), np.nan)
    known = np.maximum.accumulate(epoch.values)
    return np.interp(curves.steps, curves.steps[epoch.places], known)


@dataclass(frozen=True)
class _CachedCurves:
    """The cached curves of a run's `attempt`, which had finished `done` steps when they were read."""

    curves: Curves
    attempt: int
    done: int | None


class CurveReader:
    """Reads the points of runs, each only once unless its step is logged again."""

    def __init__(self) -> None:
        self._kept: dict[str, _CachedCurves] = {}

    def read(self, connection: sqlite3.Connection, jobs: Sequence[str], limit: int) -> list[Curves]:
        """The curves of those `jobs` that exist, after reading at most `limit` more points."""
        found = []
        for job in jobs:
            kept, added = self._extended(connection, job, limit)
            if kept is not None:
                # Move it to the end: the least recently used runs are dropped first.
                self._kept.pop(job, None)
                self._kept[job] = kept
                found.append(kept.curves)
                limit -= added
        for job in list(self._kept)[: max(0, len(self._kept) - max(_KEPT, len(jobs)))]:
            del self._kept[job]
        return found

    def _extended(
        self, connection: sqlite3.Connection, job: str, limit: int
    ) -> tuple[_CachedCurves | None, int]:
        """A run after reading at most `limit` more points, and how many were read; None without a job."""
        with connections.snapshot(connection):
            state = job_queries.attempt_and_done(connection, job)
            if state is None:
                return None, 0
            attempt, done = state
            kept = self._kept.get(job)
            before = _EMPTY if kept is None else kept.curves
            start = -1
            if kept is not None and len(before.steps) and _goes_on(kept, attempt, done):
                # Inclusive, because evaluation adds metrics to the last step; and from the attempt's last
                # finished step, because later points are from an earlier attempt.
                start = int(before.steps[-1]) if kept.done is None else min(int(before.steps[-1]), kept.done)
            elif kept is not None:
                before = replace(_EMPTY, job=job)
            if limit <= 0:
                unread = replace(before, job=job, whole=False)
                return _CachedCurves(unread, attempt, done) if kept is None else kept, 0
            rows = job_queries.logged(connection, job, start, limit)
        whole = len(rows) < limit
        if kept is not None and _has(kept.curves, rows, whole):
            return _CachedCurves(kept.curves, attempt, done), len(rows)
        curves = _joined(replace(before, job=job), rows, whole=whole)
        return _CachedCurves(curves, attempt, done), len(rows)


def _goes_on(kept: _CachedCurves, attempt: int, done: int | None) -> bool:
    """Whether the cached points are still valid: the same attempt, which did not go back."""
    return kept.attempt == attempt and (kept.done is None or (done is not None and done >= kept.done))


def _has(curves: Curves, rows: Sequence[tuple[int, float, str]], whole: bool) -> bool:
    """Whether the last points are exactly these; a point that was logged again has another time."""
    last = len(curves.steps) - len(rows)
    return (
        curves.whole == whole
        and last >= 0
        and curves.steps[last:].tolist() == [step for step, _, _ in rows]
        and curves.at[last:].tolist() == [moment for _, moment, _ in rows]
    )


def _joined(before: Curves, rows: Sequence[tuple[int, float, str]], *, whole: bool) -> Curves:
    """The curves with the points of `rows` in place of all points from the first of them on."""
    if not rows:
        return replace(before, whole=whole)
    keep = int(np.searchsorted(before.steps, rows[0][0]))
    places: dict[str, list[int]] = {name: [] for name in before.metrics}
    values: dict[str, list[float | str]] = {name: [] for name in before.metrics}
    steps, at = [], []
    for place, (step, moment, text) in enumerate(rows, start=keep):
        steps.append(step)
        at.append(moment)
        for name, value in _decode(text).items():
            if name not in places:
                places[name], values[name] = [], []
            places[name].append(place)
            values[name].append(value)
    return Curves(
        before.job,
        np.concatenate((before.steps[:keep], np.array(steps, np.int64))),
        np.concatenate((before.at[:keep], np.array(at, np.float64))),
        {name: _extended(before.metrics.get(name), keep, places[name], values[name]) for name in places},
        whole,
    )


def _extended(curve: Curve | None, keep: int, places: list[int], values: list[float | str]) -> Curve:
    # Values that are not finite are strings: NaN, Infinity, -Infinity.
    more = np.array(places, np.int64), np.array([float(value) for value in values], np.float64)
    if curve is None:
        return Curve(*more)
    kept = int(np.searchsorted(curve.places, keep))
    if kept == len(curve.places) and not places:
        return curve
    return Curve(
        np.concatenate((curve.places[:kept], more[0])), np.concatenate((curve.values[:kept], more[1]))
    )


_EMPTY = Curves("", np.empty(0, np.int64), np.empty(0, np.float64), {}, whole=False)
