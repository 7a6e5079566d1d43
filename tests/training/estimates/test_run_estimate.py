"""What a run is estimated to need is near what one takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from core.config.schema import Dpo, Fsdp, Lora, Student, Training
from core.domain.errors import UserError
from core.jobs.settings import DpoSettings, Ranks, SftSettings
from core.recipes import examples
from core.recipes.examples import PreferencePair, SftExample
from core.students.models import model_shape
from core.students.models.model_shape import ModelShape
from core.training import trainers
from core.training.estimates import run_estimate
from tests.support.records import made_settings
from tests.support.records.training_attempts import TrainingInputs
from tests.training.test_runs import trainer

GIB = 2**30
SMOLLM2 = model_shape.of_config(model_shape._EMBEDDED)


@pytest.fixture(scope="module")
def shape(tiny: Path) -> ModelShape:
    return model_shape.of(Student(model=str(tiny)))


@pytest.fixture(scope="module")
def some(made: TrainingInputs) -> list[SftExample]:
    return list(examples.read(made.sft, SftExample))


def settings(lora: Lora | None = None, *, full: bool = False, **training: Any) -> SftSettings:
    return made_settings.sft(training=Training(**training), lora=None if full else lora or Lora())


def memory(made: SftSettings, some: list[SftExample], of: ModelShape = SMOLLM2) -> run_estimate.Memory:
    work = run_estimate.work(made, some, len(some), of, "float32", 16 * GIB)
    return run_estimate.memory(made, of, work, "float32", "cpu")


def test_the_shape_is_that_of_the_model(tiny: Path, shape: ModelShape, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny)
    assert shape.parameters == sum(weights.numel() for weights in model.parameters())
    assert not shape.has_head
    assert {
        name: tuple(module.weight.shape)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and name != "lm_head"
    } == dict(shape.linear)
    # Without its weights, it is the same.
    (tmp_path / "config.json").write_bytes((tiny / "config.json").read_bytes())
    assert model_shape.of(Student(model=str(tmp_path))) == shape


def test_a_model_that_is_not_here_is_unknown() -> None:
    with pytest.raises(UserError, match=r"nobody/nothing is not on this machine yet: `hf download"):
        model_shape.of(Student(model="nobody/nothing"))


def test_a_configuration_of_another_kind_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"d_model": 8}')
    with pytest.raises(UserError, match="whose size is not known"):
        model_shape.of(Student(model=str(tmp_path)))


@pytest.mark.parametrize(
    "lora",
    [Lora(), Lora(r=4, target_modules=("q_proj", "v_proj")), Lora(use_dora=True), Lora(lora_bias=True)],
)
def test_an_adapter_has_as_many_weights(lora: Lora, tiny: Path, shape: ModelShape) -> None:
    from peft import get_peft_model

    model = AutoModelForCausalLM.from_pretrained(tiny)
    adapted = get_peft_model(model, trainers.lora_config(lora, model))
    trained = sum(weights.numel() for weights in adapted.parameters() if weights.requires_grad)
    assert run_estimate._adapter(lora, shape) == trained


def test_the_work_is_that_of_the_trainer(
    made: TrainingInputs, some: list[SftExample], shape: ModelShape
) -> None:
    options: dict[str, Any] = {
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "num_train_epochs": 2.0,
    }
    work = run_estimate.work(settings(**options), some, len(some), shape, "float32", None)
    found = trainer(made, "sft", **options)
    tokens = sum(len(row["input_ids"]) for row in found.train_dataset) / 3
    assert (work.examples, work.steps) == (12, 6)
    # Each token of a step's tree once, and the tiny tokenizer's tokens are shorter.
    assert work.step_tokens < tokens
    padded = run_estimate.work(settings(prefix_tree=False, **options), some, 12, shape, "float32", None)
    assert padded.step_tokens > 1.5 * work.step_tokens
    assert padded.pass_tokens < padded.step_tokens


def test_a_limit_of_steps_and_a_share_held_out_count(some: list[SftExample], shape: ModelShape) -> None:
    work = run_estimate.work(settings(max_steps=7, eval_share=0.25), some, 100, shape, "float32", None)
    assert (work.steps, work.examples) == (7, 75)


def test_memory_is_near_what_was_measured(some: list[SftExample]) -> None:
    """SmolLM2-135M, 16 examples a step on the CPU: the growth of the process, measured apart from tests."""
    runs: tuple[tuple[dict[str, Any], int, float], ...] = (
        ({}, 1313, 2030e6),
        ({}, 1743, 2830e6),
        ({"prefix_tree": False}, 866, 3834e6),
        ({"gradient_checkpointing": True}, 1062, 2019e6),
        ({"full": True}, 1062, 4324e6),
        ({"full": True, "optim": "adafactor"}, 1062, 3092e6),
    )
    for options, tokens, measured in runs:
        made = settings(**options)
        work = run_estimate.work(made, some, 16, SMOLLM2, "float32", 20 * GIB)
        # The examples that it was measured on have other numbers of tokens.
        scale = tokens / work.pass_tokens
        parts = run_estimate.memory(made, SMOLLM2, work, "float32", "cpu").parts()
        fixed = sum(size for name, size in parts.items() if name != "activations")
        assert 0.6 < (fixed + parts["activations"] * scale) / measured < 1.6, options


def test_several_gpus_take_fewer_steps_and_divide_what_they_hold(some: list[SftExample]) -> None:
    def of(ranks: Ranks | None) -> tuple[run_estimate.Work, run_estimate.Memory]:
        made = msgspec.structs.replace(
            settings(full=True, num_train_epochs=1.0, gradient_accumulation_steps=1), ranks=ranks
        )
        work = run_estimate.work(made, some, 100, SMOLLM2, "float32", 16 * GIB)
        return work, run_estimate.memory(made, SMOLLM2, work, "float32", "gpu")

    (one, whole), (four, ddp) = of(None), of(Ranks(count=4, fsdp=None))
    assert (one.steps, four.steps) == (50, 13)
    assert four.step_tokens == one.step_tokens
    assert ddp.weights == whole.weights
    assert ddp.gradients == 2 * whole.gradients
    _, divided = of(Ranks(count=4, fsdp=Fsdp()))
    assert divided.optimizer == whole.optimizer // 4
    assert divided.gradients == whole.gradients // 4
    # The weights of some layers are there at a time, and all of them once, before they are divided.
    assert whole.weights / 4 < divided.weights < whole.weights / 2
    _, offloaded = of(Ranks(count=4, fsdp=Fsdp(cpu_offload=True)))
    assert offloaded.optimizer == 0
    assert sum(offloaded.parts().values()) >= whole.weights
    _, kept = of(Ranks(count=4, fsdp=Fsdp(reshard_after_forward=False)))
    assert kept.weights > whole.weights


def test_what_saves_memory_is_less(some: list[SftExample]) -> None:
    plain = sum(memory(settings(), some).parts().values())
    full = memory(settings(full=True), some)
    assert full.weights == SMOLLM2.parameters * 4
    assert full.optimizer == SMOLLM2.parameters * 8
    assert sum(full.parts().values()) > plain
    assert memory(settings(full=True, optim="adafactor"), some).optimizer < full.optimizer / 20
    assert memory(settings(full=True, optim="adamw_torch_8bit"), some).optimizer == full.optimizer / 4
    assert (
        memory(settings(gradient_checkpointing=True), some).activations < memory(settings(), some).activations
    )
    in_4_bits = made_settings.sft(student=made_settings.student("x", quantization="nf4"))
    work = run_estimate.work(in_4_bits, some, 16, SMOLLM2, "bfloat16", None)
    small = run_estimate.memory(in_4_bits, SMOLLM2, work, "bfloat16", "gpu").weights
    assert small < SMOLLM2.parameters * 2 * 0.5


def test_dpo_counts_its_reference(made: TrainingInputs, shape: ModelShape) -> None:
    pairs = list(examples.read(made.preferences, PreferencePair))
    base = settings(full=True)
    for tree, copies in ((True, 1), (False, 2)):
        dpo = DpoSettings(
            student=base.student,
            student_name="s",
            recipe="direct/chatgpt",
            lora=None,
            training=Dpo(prefix_tree=tree),
        )
        work = run_estimate.work(dpo, pairs, len(pairs), shape, "float32", None)
        found = run_estimate.memory(dpo, shape, work, "float32", "cpu")
        assert found.weights == copies * shape.parameters * 4


def test_saved_checkpoints_hold_what_is_estimated(sft: Any, shape: ModelShape) -> None:
    weights = load_file(sft.adapter / "adapter_model.safetensors")
    assert sum(part.numel() for part in weights.values()) == run_estimate._adapter(Lora(), shape)
