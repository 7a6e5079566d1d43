"""A workspace with a tiny base student, two runs of it with random adapters, and one that is not trained."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec

from core.api import PlaygroundAnswer, PlaygroundQuestion, PlaygroundTurn, Responding, Workspace
from core.config.load import load_config
from core.config.workspace import WorkspacePaths
from core.dialogues.importing import staging
from core.jobs import files, locks
from core.jobs.records import Artifact
from core.pipeline.planning import workspace_graph
from core.playground import process
from core.services.creation.workspace_creation import create_workspace
from core.store import connections
from core.store.dialogues import dialogues as data
from core.store.jobs import job_attempts, job_records, jobs
from tests.support import tiny_student, waiting
from tests.support.records import made_results
from tests.support.records.synthetic_dialogues import synthetic_dialogues

BASE = "tiny"
SFT = "tiny/direct/chatgpt/sft"
DPO = "tiny/direct/chatgpt/sft-dpo"
UNTRAINED = "tiny/direct/llama/sft"
SITUATION, UTTERANCE = "I moved to a town where I know nobody.", "Every evening is so quiet."

_CONFIG = """
[students.tiny]
model = "{student}"
[recipes]
train = ["direct/chatgpt", "direct/llama"]
[runs]
device = "cpu"
[responding]
max_new_tokens = 12
[judges.embedded]
provider = "embedded"
"""


def make(root: Path) -> WorkspacePaths:
    """The workspace in `root`, the student beside it."""
    workspace = create_workspace(root)
    student = tiny_student.make(root.parent / "student")
    workspace.config.write_text(_CONFIG.format(student=student))
    dialogues = synthetic_dialogues(rows=48)
    imported = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    nodes = workspace_graph.plan(workspace, load_config(workspace.config), imported, {})
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        data.replace(connection, imported, dialogues)
        runs = [node for node in nodes if node.name in (SFT, DPO) and node.stage in ("sft", "sft-dpo")]
        jobs.put(connection, runs)
        for seed, node in enumerate(runs):
            folder = workspace.attempt(node.id, 1)
            _make_adapter(student, folder / "adapter", seed)
            relative = folder.relative_to(workspace.root).as_posix()
            attempt = job_attempts.begin_attempt(connection, node.id, 1, relative)
            size = files.size(folder / "adapter")
            job_records.put_artifact(connection, attempt, Artifact("adapter", "adapter", "0" * 64, size))
            job_attempts.end_attempt(connection, attempt, "done")
            jobs.set_state(connection, node.id, "done", result=made_results.of_stage(node.stage))
    return workspace


@contextmanager
def copied(made: Path, root: Path) -> Iterator[WorkspacePaths]:
    """A copy of the workspace in `made`; its playground is ended afterwards."""
    shutil.copytree(made, root)
    workspace = WorkspacePaths(root)
    try:
        yield workspace
    finally:
        end(workspace)


def end(workspace: WorkspacePaths) -> None:
    """Kill the playground's process, if there is one."""
    found = process.running(workspace)
    if found is not None:
        with suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGKILL)
        lock = process.lock_file(workspace)
        waiting.wait_until(lambda: not locks.is_held(lock), "the playground to end")


def _make_adapter(student: Path, folder: Path, seed: int) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(student)
    torch.manual_seed(seed)
    lora = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(base, lora).save_pretrained(folder)


def question(*responders: str, **changes: object) -> PlaygroundQuestion:
    """A question to these responders."""
    made = PlaygroundQuestion(
        situation=SITUATION,
        utterance=UTTERANCE,
        responders=responders,
        sampling=Responding(max_new_tokens=12),
    )
    return msgspec.structs.replace(made, **changes)


def ask(workspace: Workspace, wanted: PlaygroundQuestion) -> tuple[PlaygroundTurn, list[PlaygroundAnswer]]:
    """The turn, and the answers as they grew."""
    turn, grown = None, []
    for event in workspace.playground.ask(wanted):
        if event.answer is not None:
            grown.append(event.answer)
        turn = event.turn or turn
    assert turn is not None
    return turn, grown
