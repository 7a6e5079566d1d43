"""Runs over several machines: here the processes that two machines would have, and all that is between."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import psutil

from core.jobs.records import Done, Failed, Metric, Warned
from core.jobs.settings import Ranks
from core.training import node_process
from core.training.distributed import peers
from core.training.saving import checkpoints
from tests.support import waiting
from tests.support.processes.forking import ForkedProcess
from tests.support.records import job_attempts, training_attempts
from tests.support.records.training_attempts import TrainingInputs
from tests.training import dying_worker
from tests.training.distributed import forked_rank
from tests.training.distributed.test_ranks import OF_ONE, assert_same_steps, assert_same_weights, curve

OF_TWO_NODES: dict[str, Any] = {
    "gradient_accumulation_steps": 2,
    "ranks": Ranks(count=2, fsdp=None, nodes=2),
}


def start_node(folder: Path, ends: str | None = None, step: int = 0) -> ForkedProcess:
    """Start what runs on the second machine; its rank ends as `forked_rank.arrange` says."""
    return ForkedProcess(_node, folder, ends, step, out=folder / "log-node-1.txt", loaded="models")


def _node(folder: Path, ends: str | None, step: int) -> int:
    forked_rank.arrange(ends, step)
    return node_process.main(folder, 1)


def train(folder: Path, ends: str | None = None, step: int = 0) -> tuple[int, int]:
    """The exit codes of the worker and of the second machine."""
    node, worker = start_node(folder, ends, step), dying_worker.start(folder)
    return waiting.wait_for_exit(worker), waiting.wait_for_exit(node)


def test_two_machines_train_as_one_process_does_although_a_rank_dies(made: TrainingInputs) -> None:
    one = made.attempt("sft", **OF_ONE)
    training_attempts.run(one)
    first = made.attempt("sft", **OF_TWO_NODES)
    assert train(first, "killed", 2) == (-signal.SIGKILL, 1)
    (warning,) = job_attempts.found(first, Warned)
    assert warning.text == "rank 1 ended by SIGKILL (out of memory?), and the run with it"
    assert not job_attempts.found(first, Failed)
    assert checkpoints.newest([first]) == first / "checkpoints/checkpoint-2"
    second = made.attempt("sft", prior=[first], **OF_TWO_NODES)
    assert train(second) == (0, 0)
    assert "rank 1 of" in peers.log_of(second, 1).read_text()
    assert [metric.step for metric in job_attempts.found(second, Metric)] == [3]
    assert len(job_attempts.found(second, Done)) == 1
    assert_same_steps(curve(first, second), curve(one))
    assert_same_weights(second, one)


def test_a_run_is_lost_with_one_of_its_machines(made: TrainingInputs, monkeypatch: Any) -> None:
    folder = made.attempt("sft", num_train_epochs=5000.0, save_steps=10_000, **OF_TWO_NODES)
    node, worker = start_node(folder), dying_worker.start(folder)
    try:
        waiting.wait_until(
            lambda: bool(job_attempts.found(folder, Metric)), "the first step", processes=[worker, node]
        )
        others = psutil.Process(node.pid).children()
        node.kill()
        assert waiting.wait_for_exit(worker) == -signal.SIGKILL
    finally:
        for process in (node, worker):
            process.kill()
            process.wait()
    assert not job_attempts.found(folder, Failed)
    waiting.wait_until(lambda: not any(one.is_running() for one in others), "the end of its rank")
