"""Full fine-tuning: the whole model is trained, resumed, saved, preferred and asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from core.config.schema import Responding
from core.jobs import files
from core.jobs.records import Artifact, Metric
from core.responding import respond_job
from tests.support.records import job_attempts, made_settings, training_attempts
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.records.training_attempts import PROMPT, TrainingInputs
from tests.training.conftest import Trained
from tests.training.test_resuming import assert_same_curve, killed


@pytest.fixture(scope="module")
def full(made: TrainingInputs) -> Trained:
    folder = made.attempt("sft", full=True)
    return Trained(folder, training_attempts.run(folder))


@pytest.fixture(scope="module")
def preferred(made: TrainingInputs, full: Trained) -> Trained:
    folder = made.attempt("sft-dpo", model=full.model)
    return Trained(folder, training_attempts.run(folder))


@pytest.mark.parametrize("stage", ["full", "preferred"])
def test_a_whole_model_is_published(stage: str, made: TrainingInputs, request: pytest.FixtureRequest) -> None:
    trained: Trained = request.getfixturevalue(stage)
    (artifact,) = job_attempts.found(trained.folder, Artifact)
    assert (artifact.name, artifact.path, artifact.sha256) == ("model", "model", files.sha256(trained.model))
    assert (trained.model / "chat_template.jinja").is_file()
    base = AutoModelForCausalLM.from_pretrained(made.student.model).state_dict()
    model = AutoModelForCausalLM.from_pretrained(trained.model)
    changed = [name for name, weights in model.state_dict().items() if not torch.equal(weights, base[name])]
    assert len(changed) == len(base)
    ends = json.loads((trained.model / "generation_config.json").read_text())["eos_token_id"]
    assert model.config.eos_token_id in (ends if isinstance(ends, list) else [ends])
    assert trained.result.dtype == "float32"
    card = (trained.model / "README.md").read_text()
    for stated in ("library_name: transformers", "fully fine-tuned", "| lora | `false` |", "MODEL)"):
        assert stated in card, stated
    assert "peft import" not in card


def test_it_learns(full: Trained) -> None:
    first, *_, last = job_attempts.found(full.folder, Metric)
    assert last.values["loss"] < first.values["loss"]


def test_dpo_starts_from_the_model_with_rewards_of_zero(full: Trained, preferred: Trained) -> None:
    first, *_, last = job_attempts.found(preferred.folder, Metric)
    assert first.values["rewards/margins"] == pytest.approx(0.0, abs=1e-4)
    assert last.values["rewards/margins"] > 0
    card = (preferred.model / "README.md").read_text()
    assert "continues from the recipe's weights after SFT" in card


@pytest.mark.parametrize("tree", [True, False])
def test_dpo_against_the_base_has_rewards_from_the_first_step(
    tree: bool, made: TrainingInputs, full: Trained
) -> None:
    folder = made.attempt("sft-dpo", model=full.model, reference="base", max_steps=1, prefix_tree=tree)
    training_attempts.run(folder)
    (first,) = job_attempts.found(folder, Metric)
    assert first.values["rewards/chosen"] > 0.0


@pytest.mark.parametrize("stage", ["sft", "sft-dpo"])
def test_a_killed_run_goes_on(stage: str, made: TrainingInputs, full: Trained, preferred: Trained) -> None:
    whole = full if stage == "sft" else preferred
    start = {"full": True} if stage == "sft" else {"model": full.model}
    first = made.attempt(stage, **start)
    killed(first, "logged", 3)
    second = made.attempt(stage, prior=[first], **start)
    training_attempts.run(second)
    assert [metric.step for metric in job_attempts.found(second, Metric)] == [3, 4, 5, 6]
    assert_same_curve([first, second], whole.folder)
    got = load_file(second / "model/model.safetensors")
    for name, weights in load_file(whole.model / "model.safetensors").items():
        torch.testing.assert_close(got[name], weights, rtol=1e-4, atol=1e-6)


def test_it_answers_with_its_own_weights(made: TrainingInputs, full: Trained, tmp_path: Path) -> None:
    dialogues = synthetic_dialogues(rows=16)
    student = made_settings.student(made.student.model, PROMPT)
    settings = made_settings.responding(student, Responding(max_new_tokens=6))
    folders = [
        job_attempts.attempt(tmp_path / name, dialogues, settings, inputs)
        for name, inputs in (("base", {}), ("tuned", {"model": full.model}))
    ]
    texts = []
    for folder in folders:
        job_attempts.run(folder, respond_job.run)
        texts.append((folder / "responses.jsonl").read_text())
    assert texts[0] != texts[1]
