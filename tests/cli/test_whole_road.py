"""From a CSV to a win rate by commands alone, with a tiny student; and what cannot stop it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.pipeline import launch
from tests.cli.conftest import Program, end_processes, environment, make_program
from tests.loopback import hub_server
from tests.support import tiny_student, waiting
from tests.support.processes.forking import preload
from tests.support.processes.supervising import supervised
from tests.support.records.synthetic_dialogues import synthetic_csv

preload(
    "core.judging.compare_job",
    "core.judging.embedded.fit_job",
    "core.responding.respond_job",
    "core.responding.student_job",
    "core.training.training_job",
    into="models",
)

CONFIG = """
[students.tiny]
model = "{student}"
[recipes]
train = ["direct/chatgpt"]
sft_limit = 8
preference_limit = 4
[runs]
device = "cpu"
[sft]
max_steps = 2
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
sample_dialogues = 1
[dpo]
max_steps = 2
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
sample_dialogues = 1
[responding]
max_new_tokens = 8
[judges.embedded]
provider = "embedded"
[slots]
cpu = 2
"""
SFT, DPO = "tiny/direct/chatgpt/sft", "tiny/direct/chatgpt/sft-dpo"


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_student.make(tmp_path_factory.mktemp("tiny-student"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, student: Path) -> Iterator[tuple[Program, str]]:
    """A workspace in which everything was run, and what `run --wait` printed."""
    folder = tmp_path_factory.mktemp("road")
    program = make_program(folder / "work", CONFIG.format(student=student))
    with supervised(program.root, loaded="models"):
        program("import", synthetic_csv(folder / "made.csv", rows=24))
        yield program, program("run", "--wait").out


def test_every_step_is_reported(finished: tuple[Program, str]) -> None:
    program, result = finished
    assert "recipe direct/chatgpt: done in" in result
    assert f"sft {SFT}: done in" in result
    assert f"sft-dpo {DPO}: done in" in result
    assert "2 steps, mean loss" in result
    assert "6 responses" in result
    assert "agrees with held-out human ratings" in result
    jobs = program("status", "--json").json["jobs"]
    assert len(jobs) == 9
    assert {job["state"] for job in jobs} == {"done"}
    assert "9 of 9 done" in program("status").out


def test_win_rates(finished: tuple[Program, str]) -> None:
    program, _ = finished
    rates = program("winrates", "--json").json
    assert [(rate["a"], rate["b"]) for rate in rates] == [("tiny", SFT), ("tiny", DPO)]
    for rate in rates:
        assert rate["judge"] == "embedded"
        assert rate["n"] == 6 == rate["wins_a"] + rate["wins_b"] + rate["ties"] + rate["invalid"]
        assert rate["win_rate_b"] == pytest.approx((rate["wins_b"] + rate["ties"] / 2) / 6)
        assert 0 <= rate["ci_low"] <= rate["win_rate_b"] <= rate["ci_high"] <= 1
    shown = program("winrates").out
    assert DPO in shown
    assert "held-out human ratings" in shown
    assert "wilson" in shown.lower()
    assert "not research data" not in shown, "these are not the sample's results"


def test_pairs(finished: tuple[Program, str]) -> None:
    program, _ = finished
    found = program("pairs", "tiny", SFT, "--json").json
    assert len(found) == 6
    keys = {"dialog_id", "emotion", "sentiment", "situation", "utterance"}
    keys |= {"response_a", "response_b", "verdicts"}
    assert all(set(pair) == keys for pair in found)
    assert all(pair["response_a"] is not None and pair["response_b"] is not None for pair in found)
    assert all(verdict["judge"] == "embedded" for pair in found for verdict in pair["verdicts"])
    wins = sum(pair["verdicts"][0]["winner"] == "b" for pair in found)
    assert wins == program("winrates", "--json").json[0]["wins_b"]
    turned = program("pairs", SFT, "tiny", "--json", "--limit", "3").json
    assert [pair["response_a"] for pair in turned] == [pair["response_b"] for pair in found[:3]]
    shown = program("pairs", "tiny", SFT).out
    assert "5 of 6 test dialogues" in shown
    assert found[0]["dialog_id"] in shown


def test_the_logs(finished: tuple[Program, str]) -> None:
    program, _ = finished
    assert f"sft {SFT}, attempt 1" in program("logs", f"sft:{SFT}", "-n", "10000").out
    assert "supervisor" in program("logs").out


def test_everything_again_is_nothing_to_do(finished: tuple[Program, str]) -> None:
    program, _ = finished
    before = program("status", "--json").json["jobs"]
    assert "9 jobs: 0 new, 9 done before" in program("run", "--wait").out
    assert program("status", "--json").json["jobs"] == before


#: Answers as plain Transformers and PEFT do, without this project: folder, and the base for an adapter.
PLAIN = """
import json, sys
from pathlib import Path
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

sys.modules["core"] = sys.modules["tui"] = None
cases, pairs = json.load(sys.stdin)
found = []
for folder, base in cases:
    model = AutoModelForCausalLM.from_pretrained(base or folder)
    if base:
        model = PeftModel.from_pretrained(model, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = Path(folder, "prompt.txt").read_text(encoding="utf-8")
    answers = []
    for situation, utterance in pairs:
        text = prompt.replace("{situation}", situation).replace("{utterance}", utterance)
        messages = [{"role": "user", "content": text}]
        inputs = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        output = model.generate(**inputs, generation_config=GenerationConfig.from_pretrained(folder))
        new = output[0, inputs["input_ids"].shape[1] :]
        answers.append(tokenizer.decode(new, skip_special_tokens=True).strip())
    found.append(answers)
print(json.dumps(found))
"""


def test_published_runs_answer_without_this_project_as_they_did(
    finished: tuple[Program, str], student: Path, tmp_path: Path
) -> None:
    program, _ = finished
    adapter, merged = tmp_path / "adapter", tmp_path / "merged"
    made = replace(program, loaded="models")("publish", SFT, adapter, "--json").json
    assert made["kind"] == "adapter"
    assert made["notes"] == ["The base model is a folder on the machine that trained it."]
    with hub_server.running() as hub:
        variables = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_made", "HF_HOME": str(tmp_path / "hub")}
        words = ("publish", DPO, merged, "--merge", "--ollama", "--push", "me/tiny")
        program(*words, code=0, **variables)
    assert (hub.created["name"], hub.created.get("type", "model")) == ("tiny", "model")
    assert set(hub.pushed) == {path.name for path in merged.iterdir()} - {".published.json"}
    assert hub.pushed["model.safetensors"] == (merged / "model.safetensors").read_bytes()
    assert (merged / "Modelfile").read_text().startswith("FROM .\n")
    pairs = [program("pairs", "tiny", run, "--json").json for run in (SFT, DPO)]
    asked = [(pair["situation"], pair["utterance"]) for pair in pairs[0]]
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    answered = subprocess.run(
        [sys.executable, "-c", PLAIN],
        input=json.dumps([[(str(adapter), str(student)), (str(merged), None)], asked]).encode(),
        env=outside | {"HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert json.loads(answered.stdout) == [[pair["response_b"] for pair in found] for found in pairs]


def test_the_card_of_a_published_run_has_its_results(finished: tuple[Program, str], tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    program = replace(finished[0], loaded="models")
    folder = tmp_path / "adapter"
    program("publish", SFT, folder)
    # Again, into what it has written.
    program("publish", SFT, folder)
    (folder / "mine.txt").write_text("years of work")
    assert "contains 'mine.txt', which is not part of" in program("publish", SFT, folder, code=1).err
    card = ModelCard.load(folder / "README.md")
    rate = program("winrates", "--json").json[0]
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value) == ("win_rate", round(rate["win_rate_b"], 4))
    assert (result.dataset_name, result.dataset_split) == ("made.csv", "test")
    given = result.metric_args
    assert (given["baseline"], given["judge"], given["dialogues"]) == ("tiny", "embedded", 6)
    assert given["ci_low"] == round(rate["ci_low"], 4)
    assert "held-out human ratings" in given["judge_quality"]
    assert "## Intended use and limits" in card.text
    # The base model is a folder, and no model of the Hub.
    assert card.data.base_model is None
    assert 'AutoModelForCausalLM.from_pretrained("./' in card.text
    refused = program("publish", SFT, tmp_path / "served", "--ollama", code=1).err
    assert "only as a GGUF file: publish it with --gguf too, or with --merge" in refused
    refused = program("publish", SFT, tmp_path / "pushed", "--push", "me/tiny", code=1).err
    assert "nobody else could load it: publish it with --merge" in refused
    assert "Did you mean 'tiny/direct/chatgpt/sft'?" in program("publish", f"{SFT}x", folder, code=1).err


def test_the_card_of_a_run_whose_pairs_were_made_again(finished: tuple[Program, str], tmp_path: Path) -> None:
    program = replace(finished[0], loaded="models")
    with closing(sqlite3.connect(program.root / "state.db")) as connection, connection:
        (kept,) = connection.execute("SELECT result FROM jobs WHERE stage = 'sft-dpo'").fetchone()
        connection.execute(
            "UPDATE jobs SET result = json_set(result, '$.data_sha256', 'of others') WHERE stage = 'sft-dpo'"
        )
    try:
        notes = program("publish", DPO, tmp_path / "merged", "--merge", "--json").json["notes"]
    finally:
        with closing(sqlite3.connect(program.root / "state.db")) as connection, connection:
            connection.execute("UPDATE jobs SET result = ? WHERE stage = 'sft-dpo'", (kept,))
    assert notes == ["It was trained on other examples than recipe direct/chatgpt yields now."]
    card = (tmp_path / "merged" / "README.md").read_text()
    assert "in a file with SHA-256 `of others`" in card
    assert "It was trained on other examples" in card


def test_published_data_is_pushed_privately(finished: tuple[Program, str], tmp_path: Path) -> None:
    from datasets import load_dataset

    program, _ = finished
    folder = tmp_path / "data"
    with hub_server.running() as hub:
        variables = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_made", "HF_HOME": str(tmp_path / "hub")}
        words = ("publish", "direct/chatgpt", folder, "--push", "me/data", "--json")
        made = program(*words, code=0, **variables).json
        assert made["url"] == f"{hub.url}/datasets/me/data"
        assert hub.created == {
            "name": "data",
            "organization": "me",
            "type": "dataset",
            "visibility": "private",
        }
        assert set(hub.pushed) == {path.name for path in folder.iterdir()} - {".published.json"}
        assert hub.pushed["sft.jsonl"] == (folder / "sft.jsonl").read_bytes()
        hub.private = False
        refused = program(*words, code=1, **variables)
        assert "me/data is public on the Hub: push to it with --public" in refused.err
    cache = str(tmp_path / "cache")
    for name, columns in (
        ("sft", {"dialog_id", "prompt", "completion"}),
        ("preferences", {"dialog_id", "prompt", "chosen", "rejected"}),
    ):
        read = load_dataset(str(folder), name, split="train", cache_dir=cache)
        assert set(read.column_names) == columns
        assert read[0]["prompt"][0]["role"] == "user"


def test_neither_ctrl_c_nor_a_killed_supervisor_ends_the_work_but_cancel_does(
    tmp_path: Path, student: Path
) -> None:
    # A run that would go on for days.
    config = CONFIG.format(student=student).replace("max_steps = 2", "max_steps = 1000000", 1)
    program = make_program(tmp_path / "work", config)
    workspace = WorkspacePaths(program.root)
    progress = waiting.file_sizes(program.root)
    program("import", synthetic_csv(tmp_path / "made.csv"))

    def state() -> dict[str, object]:
        return next(job for job in program("status", "--json").json["jobs"] if job["stage"] == "sft")

    def run_sft() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            program.command("run", "sft", "--wait"),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A terminal's Ctrl-C reaches a whole process group: this test's own must not have it.
            start_new_session=True,
            # Where the tests themselves run in the background, Ctrl-C is ignored, and that is inherited.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    try:
        first = run_sft()
        # Each look runs a command, while the worker loads PyTorch.
        waiting.wait_until(lambda: bool(state()["done"]), "steps", progress=progress, pause_s=0.3)
        os.killpg(first.pid, signal.SIGINT)
        _, result = waiting.communicate(first)
        assert first.returncode == 130
        assert b"jobs continue" in result
        assert state()["state"] == "running"

        second = run_sft()
        before = launch.is_running(workspace)[1]
        assert before is not None
        os.kill(before, signal.SIGKILL)
        waiting.wait_until(
            lambda: launch.is_running(workspace)[1] not in (None, before),
            "another supervisor",
            progress=progress,
        )
        assert state()["attempt"] == 1, "the worker went on meanwhile"

        program("cancel", f"sft:{SFT}")
        _, result = waiting.communicate(second)
        assert second.returncode == 1
        assert b"1 cancelled" in result
        assert state()["state"] == "cancelled"
    finally:
        end_processes(tmp_path)
