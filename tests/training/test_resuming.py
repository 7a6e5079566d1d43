"""Killed and cancelled runs go on as if nothing had happened."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from core.domain.errors import Cancelled
from core.jobs import journal, processes, spec
from core.jobs.context import JobContext
from core.jobs.journal import Journal
from core.jobs.records import Artifact, Done, Metric, Preempted, Progress, Record
from core.jobs.settings import RunSettings
from core.training import training_job
from core.training.saving import checkpoints
from tests.support import waiting
from tests.support.records import job_attempts, training_attempts
from tests.support.records.training_attempts import TrainingInputs
from tests.training import dying_worker
from tests.training.conftest import Trained


def killed(folder: Path, where: str, step: int) -> None:
    """Do an attempt in a process that is killed there by SIGKILL."""
    assert waiting.wait_for_exit(dying_worker.start(folder, where, step)) == -signal.SIGKILL
    assert not job_attempts.found(folder, Done)


def assert_same_curve(folders: list[Path], whole: Path) -> None:
    """Together the attempts have every step of the uninterrupted run, with its metrics."""
    got, wanted = training_attempts.metrics(*folders), training_attempts.metrics(whole)
    assert list(got) == list(wanted)
    for step, metrics in wanted.items():
        assert got[step] == pytest.approx(metrics, rel=1e-4, abs=1e-6), step


def assert_same_adapter(folder: Path, whole: Path) -> None:
    got = load_file(folder / "adapter/adapter_model.safetensors")
    wanted = load_file(whole / "adapter/adapter_model.safetensors")
    assert got.keys() == wanted.keys()
    for name, weights in wanted.items():
        torch.testing.assert_close(got[name], weights, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def killed_sft(made: TrainingInputs) -> Path:
    """An attempt that was killed with a checkpoint at step 2 and metrics up to step 3."""
    folder = made.attempt("sft")
    killed(folder, "logged", 3)
    return folder


@pytest.fixture(scope="module")
def killed_dpo(made: TrainingInputs, sft: Trained) -> Path:
    """The same of DPO."""
    folder = made.attempt("sft-dpo", adapter=sft.adapter)
    killed(folder, "logged", 3)
    return folder


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_a_killed_run_goes_on_from_its_last_checkpoint(
    stage: str, made: TrainingInputs, sft: Trained, request: pytest.FixtureRequest
) -> None:
    whole: Trained = request.getfixturevalue(stage)
    first: Path = request.getfixturevalue(f"killed_{stage}")
    assert checkpoints.newest([first]) == first / "checkpoints/checkpoint-2"
    second = made.attempt(spec.read(first).stage, adapter=sft.adapter, prior=[first])
    result = training_attempts.run(second)
    assert [metric.step for metric in job_attempts.found(second, Metric)] == [3, 4, 5, 6]
    assert job_attempts.found(second, Progress)[0].done == 2
    assert_same_curve([first, second], whole.folder)
    assert_same_adapter(second, whole.folder)
    assert result.train_loss == pytest.approx(whole.result.train_loss)
    assert result.steps == 6


def test_a_run_that_was_killed_twice_goes_on_from_the_furthest_checkpoint(
    made: TrainingInputs, sft: Trained, killed_sft: Path
) -> None:
    second = made.attempt("sft", prior=[killed_sft])
    killed(second, "logged", 5)
    assert checkpoints.newest([second, killed_sft]) == second / "checkpoints/checkpoint-4"
    # One that did not come to its first checkpoint lies between.
    third = made.attempt("sft", prior=[second, killed_sft])
    fourth = made.attempt("sft", prior=[third, second, killed_sft])
    training_attempts.run(fourth)
    assert [metric.step for metric in job_attempts.found(fourth, Metric)] == [5, 6]
    assert_same_curve([killed_sft, second, fourth], sft.folder)
    assert_same_adapter(fourth, sft.folder)


def test_a_checkpoint_torn_by_the_kill_is_passed_over(made: TrainingInputs, sft: Trained) -> None:
    first = made.attempt("sft")
    killed(first, "saving", 4)
    assert (first / "checkpoints/checkpoint-4").is_dir()
    assert checkpoints.newest([first]) == first / "checkpoints/checkpoint-2"
    second = made.attempt("sft", prior=[first])
    training_attempts.run(second)
    assert [metric.step for metric in job_attempts.found(second, Metric)] == [3, 4, 5, 6]
    assert_same_curve([first, second], sft.folder)
    assert_same_adapter(second, sft.folder)


def test_a_run_that_was_killed_after_its_last_step_trains_no_more(made: TrainingInputs, sft: Trained) -> None:
    first = made.attempt("sft")
    killed(first, "publishing", 6)
    assert (first / "adapter").is_dir()
    assert not job_attempts.found(first, Artifact)
    second = made.attempt("sft", prior=[first])
    result = training_attempts.run(second)
    assert job_attempts.found(second, Metric) == []
    assert_same_adapter(second, sft.folder)
    (artifact,) = job_attempts.found(second, Artifact)
    assert artifact.name == "adapter"
    assert result.steps == 6
    assert result.train_loss == pytest.approx(sft.result.train_loss)


class StoppingJournal(Journal):
    """Has the job stop once the metrics of a step are written."""

    def __init__(self, folder: Path, step: int) -> None:
        super().__init__(folder)
        self.step = step
        self.job: JobContext[RunSettings] | None = None

    def write(self, *records: Record) -> None:
        super().write(*records)
        if self.job and any(isinstance(r, Metric) and r.step == self.step for r in records):
            self.job.stop.set()


def test_a_cancelled_run_saves_its_last_step_and_stops_within_a_batch(
    made: TrainingInputs, sft: Trained
) -> None:
    first = made.attempt("sft", save_steps=100, sample_dialogues=2)
    stopping = StoppingJournal(first, 3)
    job: JobContext[Any] = JobContext(first, spec.read(first), stopping)
    stopping.job = job
    with pytest.raises(Cancelled):
        training_job.run(job)
    stopping.close()
    assert checkpoints.newest([first]) == first / "checkpoints/checkpoint-3"
    assert list(training_attempts.metrics(first)) == [1, 2, 3]
    second = made.attempt("sft", prior=[first])
    training_attempts.run(second)
    assert_same_curve([first, second], sft.folder)
    assert_same_adapter(second, sft.folder)


def test_a_run_that_is_cancelled_before_it_trains_stops(made: TrainingInputs) -> None:
    folder = made.attempt("sft")
    job = job_attempts.context(folder)
    job.stop.set()
    with pytest.raises(Cancelled):
        training_job.run(job)
    assert job_attempts.found(folder, Metric) == []


@pytest.mark.parametrize("signal_number", processes.GIVE_BACK)
def test_a_run_gives_its_slot_back_with_a_checkpoint(
    made: TrainingInputs, signal_number: signal.Signals
) -> None:
    folder = made.attempt("sft", num_train_epochs=5000.0, save_steps=10_000)
    process = dying_worker.start(folder)
    try:
        waiting.wait_until(
            lambda: any(isinstance(entry.record, Metric) for entry, _ in journal.read(folder)),
            "the first step",
            processes=[process],
        )
        process.send_signal(signal_number)
        assert waiting.wait_for_exit(process) == 1
    finally:
        process.kill()
        process.wait()
    assert job_attempts.found(folder, Preempted)
    saved = checkpoints.newest([folder])
    assert saved is not None
    assert checkpoints.step(saved) == job_attempts.found(folder, Metric)[-1].step


def test_long_steps_are_saved_one_by_one(made: TrainingInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.callbacks._SAVE_EVERY_S", 0.0)
    folder = made.attempt("sft", save_steps=100, save_total_limit=10)
    training_attempts.run(folder)
    assert {path.name for path in (folder / "checkpoints").glob("checkpoint-*")} == {
        f"checkpoint-{step}" for step in range(1, 7)
    }
