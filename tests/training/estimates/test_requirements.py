"""What a machine cannot do is said before a run starts, with what helps; what it can is done."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
import torch

from core.config.schema import Training
from core.domain.errors import UserError
from core.jobs.records import Metric
from core.students.models import loading, quantization
from core.training.estimates import requirements
from tests.support.records import job_attempts, made_settings, training_attempts
from tests.support.records.training_attempts import TrainingInputs
from tests.training.test_runs import trainer

NO_BITSANDBYTES = find_spec("bitsandbytes") is None


def check(device: str, quantized: bool = False, **training: Any) -> None:
    student = made_settings.student("x", quantization="nf4" if quantized else None)
    requirements.check(made_settings.sft(student=student, training=Training(**training)), device)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quantized": True}, 'runs.quantization = "nf4" needs a CUDA GPU, and the device is cpu'),
        ({"optim": "paged_adamw_8bit"}, 'sft.optim = "paged_adamw_8bit" needs a CUDA GPU'),
        ({"use_liger_kernel": True}, "sft.use_liger_kernel needs a CUDA GPU"),
        ({"extra": {"activation_offloading": True}}, "sft.extra.activation_offloading needs a CUDA GPU"),
    ],
)
def test_without_a_gpu(settings: dict[str, Any], message: str, made: TrainingInputs) -> None:
    with pytest.raises(UserError, match=message):
        check("cpu", **settings)


@pytest.mark.parametrize(
    ("settings", "package"),
    [
        ({"quantized": True}, "bitsandbytes"),
        ({"optim": "adamw_8bit"}, "bitsandbytes"),
        ({"use_liger_kernel": True}, "liger-kernel"),
    ],
)
def test_without_an_optional_package(settings: dict[str, Any], package: str) -> None:
    if find_spec(package.replace("-", "_")) is not None:
        pytest.skip(f"{package} is installed")
    with pytest.raises(UserError, match=rf"needs the package {package}, which .*: `uv pip install"):
        check("cuda", **settings)


def test_what_needs_nothing_is_not_asked_about() -> None:
    check("cpu", optim="adafactor")
    check("cpu", optim="adamw_torch_fused")


def test_an_optimizer_that_is_not_installed_is_said(made: TrainingInputs) -> None:
    if find_spec("galore_torch") is not None:
        pytest.skip("galore_torch is installed")
    with pytest.raises(UserError, match="rejects these settings"):
        training_attempts.run(made.attempt("sft", optim="galore_adamw"))


@pytest.mark.skipif(NO_BITSANDBYTES, reason="bitsandbytes is not installed")
def test_an_adapter_is_trained_on_weights_in_4_bits(
    made: TrainingInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bitsandbytes can do this on the CPU too, slowly: the check for a GPU is left out."""
    monkeypatch.setattr(quantization, "check", lambda *_: None)
    folder = made.attempt("sft", quantization="nf4")
    training_attempts.run(folder)
    first, *_, last = job_attempts.found(folder, Metric)
    assert last.values["loss"] < first.values["loss"]
    model = loading.load_model(made.student, "cpu", torch.float32, folder / "adapter", quantization="nf4")
    assert any(type(module).__name__ == "Linear4bit" for module in model.modules())
    assert "trained on weights in nf4 (QLoRA)" in (folder / "adapter/README.md").read_text()


@pytest.mark.skipif(not torch.cuda.is_available() or NO_BITSANDBYTES, reason="no GPU, or no bitsandbytes")
@pytest.mark.parametrize("training", [{"quantization": "nf4"}, {"optim": "paged_adamw_8bit"}])
def test_on_a_gpu(training: dict[str, Any], made: TrainingInputs) -> None:
    folder = made.attempt("sft", device="cuda", **training)
    training_attempts.run(folder)
    assert len(job_attempts.found(folder, Metric)) == 6


def test_packed_rows_have_the_loss_of_their_examples(made: TrainingInputs) -> None:
    """Examples of a row do not see each other."""
    apart: dict[str, Any] = {
        "prefix_tree": False,
        "group_by_dialogue": False,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 12,
        "max_steps": 1,
        "learning_rate": 1e-9,
    }
    losses = []
    for options in (apart, apart | {"packing": True, "max_length": 2048}):
        folder = made.attempt("sft", **options)
        training_attempts.run(folder)
        (metric,) = job_attempts.found(folder, Metric)
        losses.append(metric.values["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    packed = trainer(made, "sft", **(apart | {"packing": True, "max_length": 2048}))
    assert len(packed.train_dataset) < 12


def test_extra_arguments_reach_trl(made: TrainingInputs) -> None:
    args = trainer(made, "sft", extra={"adam_beta2": 0.95, "loss_type": "dft", "data_seed": 3}).args
    assert (args.adam_beta2, args.loss_type, args.data_seed) == (0.95, "dft", 3)
