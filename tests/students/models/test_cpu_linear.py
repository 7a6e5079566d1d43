"""Linear layers by oneDNN are those by MKL, up to rounding, in the forward pass and in gradients."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from core.students.models import cpu_linear


def test_loss_and_gradients_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("PyTorch has no oneDNN here")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=99, hidden_size=256, intermediate_size=512, num_hidden_layers=2, attention_bias=True
    )
    plain = LlamaForCausalLM(config)
    # One layer is frozen, and keeps no input.
    plain.model.layers[0].mlp.up_proj.requires_grad_(False)
    fast = copy.deepcopy(plain)
    monkeypatch.setattr(cpu_linear, "is_faster", lambda: True)
    cpu_linear.use(fast)
    assert isinstance(fast.model.layers[1].self_attn.q_proj, cpu_linear.OneDnnLinear)
    for rows in (2, 40):
        ids = torch.randint(99, (1, rows + 1))
        losses = [model(input_ids=ids, labels=ids).loss for model in (plain, fast)]
        for loss in losses:
            loss.backward()
        torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=0)
        for (name, expected), found in zip(plain.named_parameters(), fast.parameters(), strict=True):
            assert (found.grad is None) == (expected.grad is None), name
            if expected.grad is not None:
                apart = (found.grad - expected.grad).norm() / expected.grad.norm()
                assert apart < 1e-4, name
    assert fast.state_dict().keys() == plain.state_dict().keys()
    double = copy.deepcopy(fast).double()
    assert double(input_ids=ids).logits.dtype == torch.float64


def test_a_small_model_is_left_to_mkl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_linear, "is_faster", lambda: True)
    model = torch.nn.Sequential(torch.nn.Linear(16, 16))
    cpu_linear.use(model)
    assert type(model[0]) is torch.nn.Linear


@pytest.mark.parametrize(
    ("cpuinfo", "faster"),
    [
        ("vendor_id\t: AuthenticAMD\n", True),
        ("vendor_id\t: GenuineIntel\n", False),
        ("CPU part: 0xd0c\n", False),
    ],
)
def test_only_processors_that_mkl_does_not_know(
    cpuinfo: str, faster: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(cpu_linear, "_CPUINFO", tmp_path / "cpuinfo")
    assert cpu_linear.is_faster.__wrapped__() == (faster and torch.backends.mkldnn.is_available())
