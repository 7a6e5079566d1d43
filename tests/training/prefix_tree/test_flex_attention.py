"""FlexAttention on trees: its mask, its gradient, and the choice between it and blocks.

PyTorch refuses its gradient on a CPU, where it is slow, but can compute it: the check is lifted here.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._dynamo.testing import CompileCounterWithBackend
from torch.nn.attention import flex_attention as torch_flex

from core.training.prefix_tree import attention, flex_attention, flex_check, trie
from tests.training.prefix_tree import tiny_trainers
from tests.training.prefix_tree.test_equality import ROWS, SHAPES, assert_same, ids, sft_rows
from tests.training.prefix_tree.tiny_trainers import CONFIGS, step

CPU = torch.device("cpu")
ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.fixture
def gradient_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_flex, "_validate_device", lambda *_: None)


def branches(seed: int, stem: int = 100, length: int = 90, count: int = 4) -> trie.Trie:
    return trie.build([ids(seed, stem) + ids(seed + 1 + n, length) for n in range(count)])


def heads(tree: trie.Trie, width: int = 8, **kind: Any) -> list[torch.Tensor]:
    """Queries of three times as many heads as the keys and values have."""
    return [torch.randn(1, count, len(tree), width, requires_grad=True, **kind) for count in (9, 3, 3)]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 300)).map(lambda made: [made[0], *range(made[1])]),
        min_size=1,
        max_size=8,
    )
)
def test_the_mask_is_that_of_the_tree(sequences: list[list[int]]) -> None:
    tree = trie.build(sequences)
    mask = flex_attention.tree_mask(tree, CPU)
    blocks = mask.blocks
    assert mask.padded == blocks.shape[-1] >= len(tree)
    nodes = torch.arange(mask.padded)
    pairs = blocks.mask_mod(0, 0, nodes[:, None], nodes[None, :])
    assert torch.equal(pairs[: len(tree), : len(tree)], attention.mask(tree, CPU)[0, 0])
    # PyTorch's own look at all pairs finds the same blocks.
    wanted = torch_flex.create_block_mask(blocks.mask_mod, None, None, mask.padded, mask.padded, device="cpu")
    assert torch.equal(blocks.to_dense(), wanted.to_dense())
    assert torch.equal(blocks.full_kv_num_blocks, wanted.full_kv_num_blocks)
    assert torch.equal(blocks.full_q_num_blocks, wanted.full_q_num_blocks)


def assert_same_as_blocks(made: list[torch.Tensor], tree: trie.Trie, tolerance: float) -> None:
    query, key, value = made
    weights = torch.randn_like(query).transpose(1, 2)
    found = []
    for mask in (flex_attention.tree_mask(tree, query.device), attention.blocks(tree, query.device)):
        given: Any = {attention.ARGUMENT: mask}
        output, _ = attention.tree_attention(torch.nn.Module(), query, key, value, None, **given)
        found.append([output, *torch.autograd.grad((output * weights).sum(), made)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * b.abs().max().item())


@pytest.mark.usefixtures("gradient_on_cpu")
def test_output_and_gradient_are_those_of_blocks() -> None:
    tree = branches(0)
    assert_same_as_blocks(heads(tree), tree, 1e-4)


@pytest.mark.usefixtures("gradient_on_cpu")
def test_trees_of_a_length_share_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(torch_flex.flex_attention, dynamic=False, backend=counter)
    monkeypatch.setattr(flex_attention, "_compiled", lambda _: compiled)
    trees = [branches(0), branches(9, count=3), branches(20, count=6)]
    lengths = [flex_attention.tree_mask(tree, CPU).padded for tree in trees]
    assert lengths == [512, 512, 1024]
    for tree in trees:
        assert_same_as_blocks(heads(tree), tree, 1e-4)
    assert counter.frame_count == 2


@pytest.mark.usefixtures("gradient_on_cpu")
@pytest.mark.parametrize("stage", ["sft", "sft-dpo"])
@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_a_step_is_that_of_trl(family: str, stage: str, tiny: Path, tmp_path: Path) -> None:
    rows = ROWS[stage](SHAPES["common beginning"])
    trainer = tiny_trainers.trainer(stage, tiny, rows, tmp_path, CONFIGS[family])
    wanted = step(trainer, rows)
    trainer.use_tree(1000, attention.BY_FLEX)
    assert_same(step(trainer, rows), wanted)


@pytest.mark.usefixtures("gradient_on_cpu")
def test_gradient_checkpointing(tiny: Path, tmp_path: Path) -> None:
    rows = sft_rows(SHAPES["common beginning"])
    trainer = tiny_trainers.trainer("sft", tiny, rows, tmp_path, gradient_checkpointing=True)
    wanted = step(trainer, rows)
    trainer.model.gradient_checkpointing_enable({"use_reentrant": False})
    trainer.use_tree(1000, attention.BY_FLEX)
    assert_same(step(trainer, rows), wanted)


@pytest.mark.usefixtures("gradient_on_cpu")
def test_it_is_tried_before_it_is_used(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = sft_rows(SHAPES["common beginning"])
    trainer = tiny_trainers.trainer("sft", tiny, rows, tmp_path)
    tokens = rows[0]["input_ids"]
    assert flex_check.reason_against(trainer, tokens) is None
    assert trainer.base.config._attn_implementation == "sdpa"
    monkeypatch.setattr(flex_attention, "_compiled", lambda _: _of_all_tokens)
    reason = flex_check.reason_against(trainer, tokens)
    assert reason is not None
    assert reason.startswith("its log-probability differs by")
    assert trainer.base.config._attn_implementation == "sdpa"


def _of_all_tokens(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **_: Any) -> torch.Tensor:
    """Attention that ignores the mask."""
    return torch.nn.functional.scaled_dot_product_attention(query, key, value, enable_gqa=True)


def test_where_it_does_not_work_the_log_says_why(
    tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = sft_rows(SHAPES["common beginning"])
    with caplog.at_level(logging.INFO):
        trainer = tiny_trainers.trainer("sft", tiny, rows, tmp_path, prefix_tree=True)
    assert trainer.base.config._attn_implementation == attention.IN_BLOCKS
    assert "in blocks, without FlexAttention: the device is no CUDA GPU" in caplog.text
    # PyTorch refuses a gradient on this device.
    reason = flex_check.reason_against(trainer, rows[0]["input_ids"])
    assert reason is not None
    assert "does not support backward on CPU" in reason


@ON_GPU
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.bfloat16, 3e-2)])
def test_on_a_gpu_output_and_gradient_are_those_of_blocks(dtype: torch.dtype, tolerance: float) -> None:
    tree = branches(0, count=8)
    assert_same_as_blocks(heads(tree, 64, device="cuda", dtype=dtype), tree, tolerance)


@ON_GPU
@pytest.mark.parametrize("checkpointing", [False, True])
def test_on_a_gpu_it_is_chosen_and_its_step_is_that_of_trl(
    checkpointing: bool, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = sft_rows(SHAPES["common beginning"])
    config = CONFIGS["llama"].__class__(**tiny_trainers.SIZES | {"hidden_size": 64, "head_dim": 16})
    given: dict[str, Any] = {
        "device": "cuda",
        "dtype": torch.bfloat16,
        "gradient_checkpointing": checkpointing,
    }
    wanted = step(tiny_trainers.trainer("sft", tiny, rows, tmp_path / "plain", config, **given), rows)
    with caplog.at_level(logging.INFO):
        trainer = tiny_trainers.trainer(
            "sft", tiny, rows, tmp_path / "tree", config, prefix_tree=True, **given
        )
    assert "FlexAttention computes the attention in trees" in caplog.text
    found = step(trainer, rows)
    assert found.tokens < wanted.tokens
    assert found.loss == pytest.approx(wanted.loss, rel=0.03)
    assert tiny_trainers.relative_difference(found.gradient, wanted.gradient) < 0.1
