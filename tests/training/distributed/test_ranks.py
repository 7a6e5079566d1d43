"""Runs of several processes train what one process trains, and end as one does.

Here they are two on the CPU, where the program itself has one; GPUs are tested where there are two.
"""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from core.config.schema import Fsdp
from core.jobs.records import Done, Failed, Metric, Preempted, Warned
from core.jobs.settings import Ranks
from core.training.distributed import peers
from core.training.prefix_tree import step_shares
from core.training.saving import checkpoints
from tests.support import waiting
from tests.support.records import job_attempts, training_attempts
from tests.support.records.training_attempts import TrainingInputs
from tests.training import dying_worker
from tests.training.conftest import Trained
from tests.training.test_resuming import assert_same_adapter, assert_same_curve

TWO = Ranks(count=2, fsdp=None)
#: Four examples in an optimizer step, of one process and of two.
OF_ONE: dict[str, Any] = {"gradient_accumulation_steps": 4}
OF_TWO: dict[str, Any] = {"gradient_accumulation_steps": 2, "ranks": TWO}
#: Averages over batches depend on what is in a batch; these are of steps.
OF_STEPS = ("loss", "grad_norm", "learning_rate", "num_tokens", "epoch")


def done(folder: Path, **how: Any) -> Path:
    """Do an attempt in processes."""
    code = waiting.wait_for_exit(dying_worker.start(folder, **how))
    assert code == 0, "".join(path.read_text() for path in folder.glob("log*.txt"))
    return folder


def curve(*folders: Path) -> dict[int, dict[str, float]]:
    found = training_attempts.metrics(*folders)
    return {
        step: {name: values[name] for name in OF_STEPS if name in values} for step, values in found.items()
    }


def assert_same_steps(got: dict[int, dict[str, float]], wanted: dict[int, dict[str, float]]) -> None:
    assert list(got) == list(wanted)
    for step, values in wanted.items():
        assert got[step] == pytest.approx(values, rel=1e-4), step


def assert_same_weights(got: Path, wanted: Path) -> None:
    (one,) = wanted.glob("[am]*/*model.safetensors")
    found, weights = load_file(got / one.relative_to(wanted)), load_file(one)
    assert found.keys() == weights.keys()
    for name, values in weights.items():
        torch.testing.assert_close(found[name], values, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("tree", [True, False], ids=["tree", "no tree"])
@pytest.mark.parametrize("stage", ["sft", "sft-dpo"])
def test_two_processes_train_as_one_does(stage: str, tree: bool, made: TrainingInputs, sft: Trained) -> None:
    one = made.attempt(stage, adapter=sft.adapter, prefix_tree=tree, **OF_ONE)
    training_attempts.run(one)
    two = done(made.attempt(stage, adapter=sft.adapter, prefix_tree=tree, **OF_TWO))
    assert ("prefix trees of at most" in peers.log_of(two, 1).read_text()) is tree
    assert_same_steps(curve(two), curve(one))
    assert_same_weights(two, one)
    # The journal has one writer.
    assert [metric.step for metric in job_attempts.found(two, Metric)] == [1, 2, 3]
    assert len(job_attempts.found(two, Done)) == 1


@pytest.mark.parametrize("how", ["sft", "full", "dpo"])
def test_a_divided_model_trains_as_a_whole_one(how: str, made: TrainingInputs, sft: Trained) -> None:
    options: dict[str, Any] = {"full": how == "full"}
    stage = "sft-dpo" if how == "dpo" else "sft"
    one = made.attempt(stage, adapter=sft.adapter, **options, **OF_ONE)
    training_attempts.run(one)
    divided = OF_TWO | {"ranks": Ranks(count=2, fsdp=Fsdp())}
    two = done(made.attempt(stage, adapter=sft.adapter, **options, **divided))
    assert (two / "checkpoints/checkpoint-2/pytorch_model_fsdp.bin").exists()
    assert_same_steps(curve(two), curve(one))
    assert_same_weights(two, one)
    if how == "sft":
        # From the checkpoint before the last one.
        shutil.rmtree(two / "checkpoints/checkpoint-3")
        resumed = done(made.attempt(stage, prior=[two], **options, **divided))
        assert [metric.step for metric in job_attempts.found(resumed, Metric)] == [3]
        assert_same_steps(curve(two, resumed), curve(one))
        assert_same_weights(resumed, one)


@pytest.fixture(scope="module")
def undisturbed(made: TrainingInputs) -> Path:
    return done(made.attempt("sft", **OF_TWO), forks=False)


def test_a_run_goes_on_after_one_of_its_processes_was_killed(made: TrainingInputs, undisturbed: Path) -> None:
    first = made.attempt("sft", **OF_TWO)
    process = dying_worker.start(first, "rank 1 killed", 2)
    # As if the worker itself had been killed.
    assert waiting.wait_for_exit(process) == -signal.SIGKILL
    (warning,) = job_attempts.found(first, Warned)
    assert warning.text == "rank 1 ended by SIGKILL (out of memory?), and the run with it"
    assert not job_attempts.found(first, Failed)
    assert checkpoints.newest([first]) == first / "checkpoints/checkpoint-2"
    second = done(made.attempt("sft", prior=[first], **OF_TWO))
    assert [metric.step for metric in job_attempts.found(second, Metric)] == [3]
    assert_same_curve([first, second], undisturbed)
    assert_same_adapter(second, undisturbed)


def test_an_error_of_one_process_is_that_of_the_attempt(made: TrainingInputs) -> None:
    folder = made.attempt("sft", **OF_TWO)
    assert waiting.wait_for_exit(dying_worker.start(folder, "rank 1 raises", 1)) == 1
    (failed,) = job_attempts.found(folder, Failed)
    assert failed.error == "rank 1: unexpected: ValueError: it was made to fail (see log-rank-1.txt)"
    assert "it was made to fail" in peers.log_of(folder, 1).read_text()


def test_all_processes_give_their_slots_back(made: TrainingInputs) -> None:
    folder = made.attempt("sft", num_train_epochs=5000.0, save_steps=10_000, **OF_TWO)
    process = dying_worker.start(folder)
    try:
        waiting.wait_until(
            lambda: bool(job_attempts.found(folder, Metric)), "the first step", processes=[process]
        )
        others = psutil.Process(process.pid).children()
        # As a scheduler does, all of them.
        for one in (process, *others):
            one.send_signal(signal.SIGUSR1)
        assert waiting.wait_for_exit(process) == 1
    finally:
        process.kill()
        process.wait()
    assert job_attempts.found(folder, Preempted)
    assert len(others) == 1
    assert not any(one.is_running() for one in others)
    saved = checkpoints.newest([folder])
    assert saved is not None
    assert checkpoints.step(saved) == job_attempts.found(folder, Metric)[-1].step
    assert len(list(saved.glob("rng_state_*.pth"))) == 2


def test_a_process_ends_with_its_worker(made: TrainingInputs) -> None:
    folder = made.attempt("sft", num_train_epochs=5000.0, **OF_TWO)
    process = dying_worker.start(folder)
    try:
        waiting.wait_until(
            lambda: bool(job_attempts.found(folder, Metric)), "the first step", processes=[process]
        )
        (other,) = psutil.Process(process.pid).children()
    finally:
        process.kill()
        process.wait()
    waiting.wait_until(lambda: not other.is_running(), "the end of the other process")


def test_a_step_is_divided_by_its_computed_tokens() -> None:
    beginning = list(range(100, 200))
    # Two dialogues of three examples, and two of one: a dialogue's examples share a long beginning.
    dialogues = ["a", "b", "a", "c", "b", "a", "d", "b"]
    starts = {"a": 1, "b": 2, "c": 3, "d": 4}
    sequences = [[[starts[name], *beginning, at]] for at, name in enumerate(dialogues)]
    shares = step_shares.divided(range(8), dialogues, sequences, 2)
    assert sorted(map(sorted, shares)) == [[0, 2, 3, 5], [1, 4, 6, 7]]
    # Equally many each, the first ones again where there are too few; a dialogue is divided if it must be.
    for step in ([0, 2, 5], [0, 2, 5, 3], [3], range(7)):
        shares = step_shares.divided(step, dialogues, sequences, 2)
        assert len(shares[0]) == len(shares[1]) == -(-len(step) // 2)
        assert {example for share in shares for example in share} == set(step)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
@pytest.mark.parametrize("fsdp", [None, Fsdp()], ids=["ddp", "fsdp"])
def test_two_gpus_train_as_one_does(fsdp: Fsdp | None, made: TrainingInputs) -> None:
    one = done(made.attempt("sft", device="cuda", **OF_ONE))
    processes = Ranks(count=2, fsdp=fsdp)
    two = done(
        made.attempt("sft", device="cuda", gradient_accumulation_steps=2, ranks=processes), forks=False
    )
    assert_same_steps(curve(two), curve(one))
