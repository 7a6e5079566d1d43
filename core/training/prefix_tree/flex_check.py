"""Whether FlexAttention computes trees here, tried on the model and device of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from core.training.prefix_tree import attention
from core.training.prefix_tree.forward import Sequences, TreePass

#: Tokens of the longest sequence that is tried: several blocks of the mask.
_TRIED_TOKENS = 320
#: Trained tensors of the first layers whose gradient is compared: it comes through all layers.
_TRIED_WEIGHTS = 8
#: Differences, relative to the largest value, that rounding explains.
_TOLERANCE = 1e-2
_ROUGH_TOLERANCE = 0.1


def reason_against(trainer: Any, tokens: Sequence[int]) -> str | None:
    """Why the trees of a trainer need attention in blocks; None if FlexAttention gives the same.

    `tokens` are those of some example. The trainer's model keeps its attention.
    """
    base = trainer.base
    before = base.config._attn_implementation
    if before not in attention.REPLACED:
        return f"the model has {before} attention"
    tree = _sequences(tokens, base.config.get_text_config().max_position_embeddings)
    rounded = trainer.args.bf16 or trainer.args.fp16 or base.dtype != torch.float32
    tolerance = _ROUGH_TOLERANCE if rounded else _TOLERANCE
    training = trainer.model.training
    trainer.model.eval()
    try:
        wanted = _computed(trainer, tree, attention.IN_BLOCKS)
        return _difference(_computed(trainer, tree, attention.BY_FLEX), wanted, tolerance)
    except Exception as error:  # noqa: BLE001 - compilers and drivers raise errors of many classes
        message = (str(error).strip() or "no message").splitlines()[0]
        return f"{type(error).__name__}: {message[:200]}"
    finally:
        base.set_attn_implementation(before)
        trainer.model.train(training)


def _sequences(tokens: Sequence[int], max_positions: int) -> Sequences:
    """Three sequences with a common beginning."""
    length = min(_TRIED_TOKENS, max_positions)
    some = (list(tokens) * (length // len(tokens) + 1))[:length]
    third = length // 3
    found = [some, some[:third] + some[2 * third :], some[: 2 * third] + some[:third]]
    return Sequences(found, found, length)


def _computed(trainer: Any, tree: Sequences, implementation: str) -> list[torch.Tensor]:
    """The log-probabilities of a tree, and the gradient of some weights."""
    trainer.base.set_attn_implementation(implementation)
    with trainer.accelerator.autocast():
        log_probs = TreePass([tree]).run(trainer.model, trainer.base)
    trained = [weights for weights in trainer.model.parameters() if weights.requires_grad][:_TRIED_WEIGHTS]
    gradient = torch.autograd.grad(log_probs.mean(), trained, allow_unused=True, materialize_grads=True)
    return [log_probs.detach(), *gradient]


def _difference(
    found: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor], tolerance: float
) -> str | None:
    names = ("log-probability", *["gradient"] * (len(wanted) - 1))
    for name, a, b in zip(names, found, wanted, strict=True):
        furthest = ((a - b).abs().max() / b.abs().max().clamp_min(1e-12)).item()
        # NaN is not within the tolerance.
        if not furthest <= tolerance:
            return f"its {name} differs by {furthest:.2g} of the largest value"
    return None
