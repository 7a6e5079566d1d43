"""On a tree, loss, gradient and metrics are those of TRL's own step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer
from trl.trainer.utils import add_fused_lm_head

from core.config import training_arguments
from core.training.prefix_tree import attention, forward, trie
from core.training.prefix_tree.forward import Sequences, TreePass
from tests.support import tiny_student
from tests.training.prefix_tree import tiny_trainers
from tests.training.prefix_tree.tiny_trainers import CONFIGS, Done, Row, relative_difference, step

#: Prompt and completion of each example.
Examples = list[tuple[list[int], list[int]]]


def ids(seed: int, count: int) -> list[int]:
    made: list[int] = torch.randint(
        3, tiny_trainers.VOCABULARY, (count,), generator=torch.Generator().manual_seed(seed)
    ).tolist()
    return made


STEM = ids(0, 30)
END = [2]
SHAPES: dict[str, Examples] = {
    "common beginning": [(STEM + ids(n // 2, 6), ids(10 + n, 8) + END) for n in range(6)],
    "no common beginning": [([3 + n, *ids(n, 12)], ids(20 + n, 7)) for n in range(4)],
    "one example": [(STEM, ids(1, 9))],
    "duplicates": [(STEM, ids(1, 9)), (STEM, ids(1, 9)), (STEM, ids(2, 9)), (STEM, ids(1, 9))],
    "an example that begins another": [(STEM, ids(1, 9)), (STEM, ids(1, 9) + ids(2, 5))],
    "completions that share their beginning": [(STEM, ids(1, 6) + ids(n, 4)) for n in range(4)],
    "a prompt that is another's completion": [(STEM[:10], STEM[10:]), (STEM, ids(4, 5))],
    "very different lengths": [(STEM[:2], [7]), (STEM, ids(1, 60)), (STEM[:9], ids(2, 3))],
    "a last batch that is smaller": [(STEM, ids(n, 5 + n)) for n in range(5)],
}


def sft_rows(examples: Examples) -> list[Row]:
    return [
        {"input_ids": prompt + completion, "labels": [-100] * len(prompt) + completion}
        for prompt, completion in examples
    ]


def dpo_rows(examples: Examples) -> list[Row]:
    """Pairs in which every third answer is its neighbour's, too."""
    return [
        {
            "prompt_ids": prompt,
            "chosen_ids": chosen,
            "rejected_ids": chosen[: len(chosen) // 2] + ids(50 + n // 3, 4 + n),
        }
        for n, (prompt, chosen) in enumerate(examples)
    ]


ROWS: dict[str, Callable[[Examples], list[Row]]] = {"sft": sft_rows, "sft-dpo": dpo_rows}


def assert_same(found: Done, wanted: Done) -> None:
    assert found.loss == pytest.approx(wanted.loss, rel=1e-4)
    assert relative_difference(found.gradient, wanted.gradient) < 1e-4
    assert found.metrics.keys() == wanted.metrics.keys()
    for name, values in wanted.metrics.items():
        if name != "num_tokens":
            assert found.metrics[name] == pytest.approx(values, rel=1e-4, abs=1e-5), name


def compare(trainer: Any, rows: list[Row], max_tokens: int = 1000) -> tuple[Done, Done]:
    """TRL's step and that on a tree, after it is known that they are the same."""
    wanted = step(trainer, rows)
    counted = trainer._total_train_tokens
    trainer.use_tree(max_tokens)
    found = step(trainer, rows)
    assert trainer._total_train_tokens == 2 * counted
    assert_same(found, wanted)
    return wanted, found


@pytest.mark.parametrize("stage", ["sft", "sft-dpo"])
@pytest.mark.parametrize("family", CONFIGS)
def test_families(family: str, stage: str, tiny: Path, tmp_path: Path) -> None:
    rows = ROWS[stage](SHAPES["common beginning"])
    wanted, found = compare(tiny_trainers.trainer(stage, tiny, rows, tmp_path, CONFIGS[family]), rows)
    # The reference's pass of DPO is TRL's here.
    assert found.tokens < wanted.tokens * (0.5 if stage == "sft" else 0.7)


@pytest.mark.parametrize("stage", ["sft", "sft-dpo"])
def test_shapes(stage: str, tiny: Path, tmp_path: Path) -> None:
    trainer = tiny_trainers.trainer(stage, tiny, ROWS[stage](SHAPES["common beginning"]), tmp_path)
    wanted = {shape: step(trainer, ROWS[stage](examples)) for shape, examples in SHAPES.items()}
    trainer.use_tree(1000)
    for shape, examples in SHAPES.items():
        assert_same(step(trainer, ROWS[stage](examples)), wanted[shape])


def test_texts_that_part_within_a_word_and_two_templates(tiny_without_padding: Path, tmp_path: Path) -> None:
    """The padding token is the end token; one template begins with a token of its own."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_without_padding)
    other = tiny_student.TEMPLATE.replace("{%- for", "{{- '<|pad|>' -}}{%- for", 1)
    examples = [
        (
            tokenizer.apply_chat_template(
                [{"role": "user", "content": f"I feel {word} today"}],
                chat_template=template,
                add_generation_prompt=True,
                return_dict=False,
            ),
            [*tokenizer.encode(answer), tokenizer.eos_token_id],
        )
        for template in (None, other)
        for word in ("lonely", "lonelier", "alone")
        for answer in ("That sounds hard.", "That sounds harder.")
    ]
    assert tokenizer.pad_token is None
    rows = sft_rows(examples)
    trainer = tiny_trainers.trainer("sft", tiny_without_padding, rows, tmp_path)
    assert trainer.processing_class.pad_token_id == tokenizer.eos_token_id
    compare(trainer, rows)


@pytest.mark.parametrize("stage", ["sft", "sft-dpo"])
def test_a_step_of_several_trees(stage: str, tiny: Path, tmp_path: Path) -> None:
    rows = ROWS[stage](SHAPES["common beginning"])
    trainer = tiny_trainers.trainer(stage, tiny, rows, tmp_path)
    wanted, found = compare(trainer, rows, max_tokens=60)
    trainer.use_tree(1000)
    assert step(trainer, rows).tokens < found.tokens < wanted.tokens


def test_gradient_checkpointing(tiny: Path, tmp_path: Path) -> None:
    rows = sft_rows(SHAPES["common beginning"])
    trainer = tiny_trainers.trainer("sft", tiny, rows, tmp_path, gradient_checkpointing=True)
    trainer.model.gradient_checkpointing_enable({"use_reentrant": False})
    wanted, found = compare(trainer, rows)
    assert found.tokens < wanted.tokens / 2


LOSSES = (
    *("sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard"),
    *("aot", "aot_unpaired", "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm"),
)


def test_losses_of_preferences(tiny: Path, tmp_path: Path) -> None:
    """Every one that TRL has, and lengths desensitised, and weights by probability."""
    assert sorted(LOSSES) == sorted(training_arguments._compared_by_dpo("loss_type"))
    rows = dpo_rows(SHAPES["common beginning"])[:3]
    trainer = tiny_trainers.trainer("sft-dpo", tiny, rows, tmp_path)
    trainer.label_smoothing = 0.1

    def steps() -> dict[str, Done]:
        found = {}
        for loss in LOSSES:
            trainer.loss_types, trainer.loss_weights, trainer.ld_alpha = [loss], [1.0], None
            found[loss] = step(trainer, rows)
        trainer.loss_types, trainer.loss_weights, trainer.ld_alpha = ["sigmoid", "sft"], [0.7, 0.3], 0.5
        found["two, with ld_alpha"] = step(trainer, rows)
        return found

    wanted = steps()
    trainer.use_tree(1000)
    for loss, found in steps().items():
        assert_same(found, wanted[loss])


def test_the_loss_of_dft(tiny: Path, tmp_path: Path) -> None:
    rows = sft_rows(SHAPES["completions that share their beginning"])
    trainer = tiny_trainers.trainer("sft", tiny, rows, tmp_path)
    trainer.args.loss_type = "dft"
    compare(trainer, rows)


@pytest.fixture(scope="module")
def plain_model() -> Any:
    made = tiny_trainers.model(CONFIGS["llama"])
    add_fused_lm_head(made, outputs=("log_probs", "entropy", "is_top1"))
    return made


TOKENS = st.lists(st.integers(3, 5), min_size=2, max_size=14)


@settings(max_examples=20, deadline=None)
@given(
    batches=st.lists(st.lists(TOKENS, min_size=1, max_size=3), min_size=1, max_size=3),
    prompt=st.integers(0, 6),
    implementation=st.sampled_from(["sdpa", "eager", attention.IN_BLOCKS]),
)
def test_any_tree(plain_model: Any, batches: list[list[list[int]]], prompt: int, implementation: str) -> None:
    def padded(rows: list[list[int]], value: int) -> torch.Tensor:
        width = max(map(len, rows))
        return torch.tensor([row + [value] * (width - len(row)) for row in rows])

    made = []
    for rows in batches:
        labels = [[-100] * min(prompt, len(row)) + row[prompt:] for row in rows]
        made.append(
            {
                "input_ids": padded(rows, 0),
                "attention_mask": padded([[1] * len(row) for row in rows], 0),
                "labels": padded(labels, -100),
            }
        )
    tree = TreePass([forward.sequences(batch) for batch in made])
    gradients = []
    for on_tree in (False, True):
        plain_model.set_attn_implementation(implementation if on_tree else "sdpa")
        plain_model.zero_grad(set_to_none=False)
        for number, batch in enumerate(made):
            found = (
                tree.outputs(number, plain_model, plain_model)
                if on_tree
                else plain_model(**batch, fused_lm_head=True)
            )
            weights = torch.linspace(0.5, 2, found.log_probs.numel()).view(found.log_probs.shape)
            (found.log_probs * weights).sum().backward()
            if not on_tree:
                batch["wanted"] = found.log_probs.detach()
            else:
                torch.testing.assert_close(found.log_probs, batch["wanted"], rtol=1e-4, atol=1e-5)
        if on_tree:
            tree.backward()
        gradients.append(
            torch.cat(
                [
                    torch.zeros(weights.numel()) if weights.grad is None else weights.grad.flatten().clone()
                    for weights in plain_model.parameters()
                ]
            )
        )
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


def test_attention_over_blocks_has_the_gradient_of_sdpa() -> None:
    """More tokens than a block has, in double precision, without the model."""
    stem = ids(0, 100)
    tree = trie.build([stem + ids(n, 90) for n in range(4)])
    made = [
        torch.randn(1, heads, len(tree), 8, dtype=torch.float64, requires_grad=True) for heads in (4, 2, 2)
    ]
    module = torch.nn.Module()
    module.num_key_value_groups = 2
    mask = attention.mask(tree, torch.device("cpu"))
    blocks = attention.blocks(tree, torch.device("cpu"))
    query, key, value = made
    tree_blocks: Any = {attention.ARGUMENT: blocks}
    wanted, _ = attention.tree_attention(module, query, key, value, mask)
    found, _ = attention.tree_attention(module, query, key, value, mask, **tree_blocks)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    weights = torch.randn_like(wanted)
    for a, b in zip(
        torch.autograd.grad((found * weights).sum(), made),
        torch.autograd.grad((wanted * weights).sum(), made),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("stage", ["sft", "sft-dpo"])
def test_a_gpu_in_bfloat16(stage: str, tiny: Path, tmp_path: Path) -> None:
    rows = ROWS[stage](SHAPES["common beginning"])
    trainer = tiny_trainers.trainer(stage, tiny, rows, tmp_path, device="cuda", dtype=torch.bfloat16)
    wanted = step(trainer, rows)
    trainer.use_tree(1000)
    found = step(trainer, rows)
    assert found.loss == pytest.approx(wanted.loss, rel=0.03)
    assert relative_difference(found.gradient, wanted.gradient) < 0.1


def test_reading_a_batch_leaves_out_its_padding() -> None:
    batch = {
        "input_ids": torch.tensor([[5, 6, 0], [5, 7, 8]]),
        "attention_mask": torch.tensor([[1, 1, 0], [1, 1, 1]]),
        "completion_mask": torch.tensor([[0, 1, 0], [0, 0, 1]]),
    }
    assert forward.sequences(batch) == Sequences([[5, 6], [5, 7, 8]], [[-100, 6], [-100, -100, 8]], 3)
