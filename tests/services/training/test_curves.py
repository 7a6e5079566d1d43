"""Curves as they are read from the store: everything that was logged, each point once, and smoothed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.runs import RunSetting
from core.jobs import records
from core.services.training.curves import Curve, CurveReader, Curves
from core.services.workspace import open_workspace
from core.store import connections
from core.store.connections import transaction
from core.store.jobs import job_attempts, job_records, jobs
from tests.support.records import made_settings
from tests.support.records.made_settings import planned
from tests.support.records.stored_metrics import stored_metrics
from tests.support.workspaces.filled_workspace import fill, job_id

RUN = "sft-1"
PLENTY = 10_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Connection]:
    with closing(begun(tmp_path / "state.db")) as connection:
        yield connection


def begun(path: Path) -> Connection:
    """A store in which a run has begun."""
    connection = connections.writer(path)
    with transaction(connection):
        jobs.put(connection, [planned(RUN, settings=made_settings.sft(), slot="gpu")])
        job_attempts.begin_attempt(connection, RUN, 1, "one")
    return connection


def log(store: Connection, step: int, at: float, **metrics: float) -> None:
    with transaction(store):
        job_records.put_metric(store, RUN, at, records.metric(step, metrics))
        jobs.set_progress(store, RUN, step, 1000, None)


def read(reader: CurveReader, store: Connection, limit: int = PLENTY) -> Curves:
    (curves,) = reader.read(store, [RUN], limit)
    return curves


def logged(curves: Curves) -> dict[int, dict[str, float]]:
    """What the curves say was logged, by step."""
    found: dict[int, dict[str, float]] = {int(step): {} for step in curves.steps}
    for name, curve in curves.metrics.items():
        for place, value in zip(curve.places, curve.values, strict=True):
            found[int(curves.steps[place])][name] = float(value)
    return found


def test_figures_stand_at_the_steps_at_which_they_were_logged(store: Connection) -> None:
    log(store, 10, 100.0, loss=2.0, epoch=0.5)
    log(store, 20, 160.0, loss=1.0, epoch=1.0, eval_loss=1.5)
    curves = read(CurveReader(), store)
    assert curves.whole
    assert curves.x("loss", "step").tolist() == [10.0, 20.0]
    assert curves.x("loss", "time").tolist() == [0.0, 60.0]
    assert curves.x("loss", "epoch").tolist() == [0.5, 1.0]
    assert curves.x("eval_loss", "step").tolist() == [20.0]
    assert curves.metrics["eval_loss"].values.tolist() == [1.5]


def test_nothing_new_is_the_same_object(store: Connection) -> None:
    reader = CurveReader()
    log(store, 1, 1.0, loss=2.0)
    first = read(reader, store)
    assert read(reader, store) is first
    log(store, 2, 2.0, loss=1.0)
    second = read(reader, store)
    assert second is not first
    assert logged(second) == {1: {"loss": 2.0}, 2: {"loss": 1.0}}


def test_evaluation_adds_to_the_step_that_was_read_already(store: Connection) -> None:
    reader = CurveReader()
    log(store, 1, 1.0, loss=2.0)
    read(reader, store)
    log(store, 1, 2.0, eval_loss=3.0)
    assert logged(read(reader, store)) == {1: {"loss": 2.0, "eval_loss": 3.0}}


def test_a_new_attempt_writes_over_what_the_one_before_had_reached(store: Connection) -> None:
    reader = CurveReader()
    for step in range(1, 9):
        log(store, step, float(step), loss=1.0)
    read(reader, store)
    with transaction(store):
        job_attempts.begin_attempt(store, RUN, 2, "two")
    read(reader, store)
    with transaction(store):
        jobs.set_progress(store, RUN, 4, 1000, None)
    read(reader, store)
    log(store, 5, 100.0, loss=0.5)
    assert logged(read(reader, store))[5] == {"loss": 0.5}
    log(store, 6, 101.0, loss=0.4)
    found = logged(read(reader, store))
    assert [found[step]["loss"] for step in range(1, 9)] == [1.0, 1.0, 1.0, 1.0, 0.5, 0.4, 1.0, 1.0]


def test_a_job_that_does_not_exist_has_no_curves(store: Connection) -> None:
    assert CurveReader().read(store, ["no-such-run"], PLENTY) == []


def test_at_most_the_limit_is_read_at_once(store: Connection) -> None:
    reader = CurveReader()
    for step in range(1, 26):
        log(store, step, float(step), loss=1.0 / step)
    counts, curves = [], read(reader, store, limit=10)
    while not curves.whole:
        counts.append(len(curves.steps))
        curves = read(reader, store, limit=10)
    # Each time the last point again, to which evaluation may have added.
    assert counts == [10, 19]
    assert logged(curves) == {step: {"loss": 1.0 / step} for step in range(1, 26)}


def test_what_is_not_finite_is_a_value(store: Connection) -> None:
    log(store, 1, 1.0, loss=1.0)
    record = records.metric(2, {"loss": math.nan, "grad_norm": math.inf, "margin": -math.inf})
    with transaction(store):
        job_records.put_metric(store, RUN, 2.0, record)
    curves = read(CurveReader(), store)
    assert math.isnan(curves.metrics["loss"].values[1])
    assert curves.metrics["grad_norm"].values.tolist() == [math.inf]
    assert curves.metrics["margin"].values.tolist() == [-math.inf]


#: A step with or without metrics, its evaluation, going on from some steps before, and a look.
moves = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.booleans()),
        st.tuples(st.just("evaluate"), st.just(0)),
        st.tuples(st.just("resume"), st.integers(0, 5)),
        st.tuples(st.just("read"), st.integers(2, 6)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(moves)
def test_read_on_it_says_the_same_as_read_anew(made: list[tuple[str, int]]) -> None:
    """Whatever the run does in between, and wherever in it somebody looks."""
    with TemporaryDirectory() as folder, closing(begun(Path(folder) / "state.db")) as store:
        reader, step, attempt, at = CurveReader(), 0, 1, 0.0
        for move, number in made:
            at += 1.0
            if move == "step":
                step += 1
                with transaction(store):
                    jobs.set_progress(store, RUN, step, 1000, None)
                    if number:
                        job_records.put_metric(store, RUN, at, records.Metric(step, {"loss": at}))
            elif move == "evaluate":
                with transaction(store):
                    job_records.put_metric(store, RUN, at, records.Metric(step, {"eval_loss": at}))
            elif move == "resume":
                step, attempt = max(0, step - number), attempt + 1
                with transaction(store):
                    job_attempts.begin_attempt(store, RUN, attempt, str(attempt))
                    jobs.set_progress(store, RUN, step, 1000, None)
            else:
                read(reader, store, limit=number)
        curves = read(reader, store)
        assert curves.whole
        assert logged(curves) == stored_metrics(store, RUN)


metrics = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf]))


@given(st.lists(metrics, max_size=40), st.sampled_from([0.6, 0.9, 0.99]))
def test_smoothing_is_that_of_tensorboard(values: list[float], weight: float) -> None:
    curve = Curve(np.arange(len(values)), np.array(values, np.float64))
    last, count, wanted = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            wanted.append(value)
            continue
        last, count = last * weight + (1 - weight) * value, count + 1
        wanted.append(last / (1 - weight**count))
    np.testing.assert_allclose(curve.smoothed(weight), wanted, rtol=1e-6, atol=1e-6)
    assert curve.smoothed(0) is curve.values


def test_the_reader_tells_the_last_losses_and_what_a_run_is_trained_with(tmp_path: Path) -> None:
    workspace = fill(tmp_path / "study")
    sft = job_id(workspace, "sft", "smollm2/direct/chatgpt/sft")
    (workspace.attempt(sft, 1) / "run.json").write_text('{"libraries": {"trl": "1.16.0"}}')
    with open_workspace(workspace) as opened:
        losses, found = opened.training.last_metrics("loss"), opened.training.run_settings(sft)
        dpo = next(
            job for job in opened.pipeline.snapshot().jobs if job.stage == "sft-dpo" and not job.requested
        )
        planned = opened.training.run_settings(dpo.id)
        assert opened.training.run_settings("no-such-run") == ()
    assert losses[sft] == pytest.approx(2.9 * math.exp(-60 / 40) + 0.03 * math.sin(60))
    assert list(dict.fromkeys(one.group for one in found)) == ["training", "lora", "student", "libraries"]
    assert RunSetting("training", "learning_rate", 5e-5) in found
    assert RunSetting("lora", "r", 8) in found
    assert [one for one in found if one.group == "libraries"] == [RunSetting("libraries", "trl", "1.16.0")]
    assert RunSetting("training", "beta", 0.1) in planned
