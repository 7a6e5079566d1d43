"""Runs' curves: their logged metrics as arrays, kept in memory and read on from where they ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.store import connections, queries

#: What a curve is drawn over: optimiser steps, seconds since the run's first point, or epochs.
Axis = Literal["step", "time", "epoch"]
Floats = NDArray[np.float64]
Places = NDArray[np.int64]

#: Runs whose points are kept, beside those that are asked for: going back to one costs nothing.
_KEPT = 12

_decode = msgspec.json.Decoder(dict[str, float | str]).decode


@dataclass(frozen=True, eq=False)
class Curve:
    """One figure where it was logged: `places` among the run's points, and as many `values`.

    A value that is not finite is a value: nan, inf and -inf.
    """

    places: Places
    values: Floats
    _smooth: dict[float, Floats] = field(default_factory=dict, repr=False)

    def smoothed(self, weight: float) -> Floats:
        """The exponential moving average, debiased as TensorBoard's and W&B's; values that are not finite
        stay, and count for nothing. `weight`, from 0 to below 1, is that of what was before.
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
    """A run's points in the order of their steps, and its metrics under TRL's names in the order in which
    they first came. The same object as the last time when nothing was added.

    `at` are Unix seconds. `whole` once every point of the store is read.
    """

    job: str
    steps: Places
    at: Floats
    metrics: Mapping[str, Curve]
    whole: bool = True
    _positions: dict[Axis, Floats] = field(default_factory=dict, repr=False)

    def x(self, name: str, axis: Axis) -> Floats:
        """Where each value of a figure stands on the axis, never falling; nan for all where that is not
        known."""
        return self.positions(axis)[self.metrics[name].places]

    def positions(self, axis: Axis) -> Floats:
        """Where each of the run's points stands on the axis; nan for all where that is not known."""
        if axis not in self._positions:
            self._positions[axis] = _positions(self, axis)
        return self._positions[axis]


def _positions(curves: Curves, axis: Axis) -> Floats:
    if axis == "step":
        return curves.steps.astype(np.float64)
    if axis == "time":
        # A new attempt writes over the last points of the one before, which then are older.
        return np.maximum.accumulate(curves.at - curves.at[0]) if len(curves.at) else curves.at
    epoch = curves.metrics.get("epoch")
    if epoch is None:
        return np.full(len(curves.steps), np.nan)
    known = np.maximum.accumulate(epoch.values)
    return np.interp(curves.steps, curves.steps[epoch.places], known)


@dataclass(frozen=True)
class _Kept:
    """What was read of a run's `attempt`, which had done so many steps then."""

    curves: Curves
    attempt: int
    done: int | None


class CurveReader:
    """Reads runs' points, each once as long as no step is logged again."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def read(self, connection: sqlite3.Connection, jobs: Sequence[str], limit: int) -> list[Curves]:
        """The curves of those `jobs` that exist, after at most `limit` further points were read."""
        found = []
        for job in jobs:
            kept, added = self._extended(connection, job, limit)
            if kept is not None:
                # Behind the others: those that nobody asked for longest go first.
                self._kept.pop(job, None)
                self._kept[job] = kept
                found.append(kept.curves)
                limit -= added
        for job in list(self._kept)[: max(0, len(self._kept) - max(_KEPT, len(jobs)))]:
            del self._kept[job]
        return found

    def _extended(self, connection: sqlite3.Connection, job: str, limit: int) -> tuple[_Kept | None, int]:
        """A run as it is after at most `limit` points more, and how many they were; None without a job."""
        with connections.snapshot(connection):
            state = queries.attempt_and_done(connection, job)
            if state is None:
                return None, 0
            attempt, done = state
            kept = self._kept.get(job)
            before = _EMPTY if kept is None else kept.curves
            start = -1
            if kept is not None and len(before.steps) and _goes_on(kept, attempt, done):
                # Inclusive, because evaluation adds to the step that was logged last; and from where the
                # attempt was, because behind that lie points that an earlier attempt left.
                start = int(before.steps[-1]) if kept.done is None else min(int(before.steps[-1]), kept.done)
            elif kept is not None:
                before = replace(_EMPTY, job=job)
            if limit <= 0:
                unread = replace(before, job=job, whole=False)
                return _Kept(unread, attempt, done) if kept is None else kept, 0
            rows = queries.logged(connection, job, start, limit)
        whole = len(rows) < limit
        if kept is not None and _has(kept.curves, rows, whole):
            return _Kept(kept.curves, attempt, done), len(rows)
        curves = _joined(replace(before, job=job), rows, whole=whole)
        return _Kept(curves, attempt, done), len(rows)


def _goes_on(kept: _Kept, attempt: int, done: int | None) -> bool:
    """Whether what is kept only lacks what came since: the same attempt, which did not go back."""
    return kept.attempt == attempt and (kept.done is None or (done is not None and done >= kept.done))


def _has(curves: Curves, rows: Sequence[tuple[int, float, str]], whole: bool) -> bool:
    """Whether the last points are exactly these; one that was written again has another time."""
    last = len(curves.steps) - len(rows)
    return (
        curves.whole == whole
        and last >= 0
        and curves.steps[last:].tolist() == [step for step, _, _ in rows]
        and curves.at[last:].tolist() == [moment for _, moment, _ in rows]
    )


def _joined(before: Curves, rows: Sequence[tuple[int, float, str]], *, whole: bool) -> Curves:
    """The curves with those points of `rows` in place of everything from the first of them on."""
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
    # What is not finite is a word: NaN, Infinity, -Infinity.
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
