"""Which runs cannot use prefix trees, and how large a tree may be."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import psutil
import torch
from torch import nn

from core.training.data.tokenized_data import NO_LOSS
from core.training.memory import activation_memory
from core.training.prefix_tree.forward import Sequences, TreePass

#: Layers of these types attend, and do nothing else with other tokens.
_ATTENTION = {"full_attention", "sliding_attention", "chunked_attention", "attention"}
#: Names in a model's configuration for the number of tokens that a local layer looks back.
_WINDOWS = ("sliding_window", "attention_chunk_size", "window_size")
#: How rotary embeddings depend on the longest sequence of a batch.
_LENGTH_DEPENDENT = ("dynamic", "longrope")
#: Tokens of the sequences on which the tree is compared with TRL's batch.
_COMPARED_TOKENS = 48
#: Differences of log-probabilities, absolute and relative, that rounding explains.
_TOLERANCE = {torch.float32: (1e-3, 1e-3)}
_ROUGH_TOLERANCE = (0.15, 0.03)


def reason_against(trainer: Any, longest: int, tokens: Sequence[int]) -> str | None:
    """Why a trainer must use TRL's own step; None if trees give the same.

    `longest` is the number of tokens of the longest example, `tokens` are those of some example.
    """
    found = next(_reasons(trainer, longest), None)
    return found or _difference(trainer, tokens)


def max_tokens(model: Any, *, gradient_checkpointing: bool) -> int:
    """The number of tokens of a tree for which the free memory suffices."""
    config = model.config.get_text_config()
    hidden = config.hidden_size
    inner = getattr(config, "intermediate_size", None) or 4 * hidden
    if model.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(model.device)
    else:
        free = psutil.virtual_memory().available
    return activation_memory.tree_tokens(
        free,
        hidden,
        inner,
        config.num_hidden_layers,
        model.dtype.itemsize,
        gradient_checkpointing=gradient_checkpointing,
    )


def _reasons(trainer: Any, longest: int) -> Iterator[str]:
    base, args = trainer.base, trainer.args
    config = base.config.get_text_config()
    if args.neftune_noise_alpha is not None:
        yield "NEFTune's noise would fall on a shared token once instead of once an example"
    if args.use_liger_kernel:
        yield "Liger replaces layers when training starts, after a tree has been compared with a batch"
    if args.torch_compile:
        yield "the model is compiled when training starts, after a tree has been compared with a batch"
    if args.activation_offloading:
        yield "activations are offloaded batch by batch"
    if args.padding_free:
        yield "its batches are one row without padding"
    if getattr(args, "sync_ref_model", False):
        yield "its reference changes during training"
    if getattr(trainer, "aux_loss_enabled", False):
        yield "the load-balancing loss of its experts depends on how often a token is computed"
    if getattr(trainer, "label_smoother", None) is not None or trainer.compute_loss_func is not None:
        yield "its loss needs the logits of all tokens"
    if any(isinstance(module, nn.Dropout) and module.p > 0 for module in trainer.model.modules()):
        yield "dropout would fall on a shared token once instead of once an example"
    if any((getattr(config, name, 0) or 0) > 0 for name in ("attention_dropout", "attn_pdrop")):
        yield "it has dropout in attention"
    types = set(getattr(config, "layer_types", None) or ())
    if types - _ATTENTION or any(_is_recurrent(module) for module in base.modules()):
        yield "it has recurrent or convolutional layers, which read tokens in their order"
    if (window := _window(config, types)) is not None and longest > window:
        yield f"its local attention looks back {window} tokens, and the longest example has {longest}"
    if "position_ids" not in inspect.signature(type(base).forward).parameters:
        yield "its positions cannot be given"
    rope = getattr(config, "rope_parameters", None) or {}
    original = rope.get("original_max_position_embeddings") or config.max_position_embeddings
    if rope.get("rope_type") in _LENGTH_DEPENDENT and longest > original:
        yield "its position embeddings depend on the longest example of a batch"


def _is_recurrent(module: nn.Module) -> bool:
    return hasattr(module, "A_log") or isinstance(module, nn.Conv1d)


def _window(config: Any, types: set[str]) -> int | None:
    """The shortest window of a model's local layers; None without such layers."""
    if types and not types & {"sliding_attention", "chunked_attention"}:
        return None
    if getattr(config, "use_sliding_window", True) is False:
        return None
    found = [value for name in _WINDOWS if isinstance(value := getattr(config, name, None), int)]
    return min(found, default=None)


def _difference(trainer: Any, tokens: Sequence[int]) -> str | None:
    """Compare the tree of three short sequences with the same as a batch."""
    model, base = trainer.model, trainer.base
    some = list(tokens[:_COMPARED_TOKENS])
    third = len(some) // 3
    found = [some, some[:third] + some[2 * third :], some[: 2 * third] + some[:third]]
    width = max(map(len, found))
    training, device = model.training, base.device
    ids = torch.tensor([row + [0] * (width - len(row)) for row in found], device=device)
    attended = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in found], device=device)
    labels = ids.masked_fill(attended == 0, NO_LOSS)
    model.eval()
    try:
        with torch.no_grad():
            # Labels of plain lists: the first token of a sequence is never predicted.
            tree = TreePass([Sequences(found, found, width)]).outputs(0, model, base).log_probs.float()
            batch = model(input_ids=ids, attention_mask=attended, labels=labels, fused_lm_head=True)
            wanted = batch.log_probs.float()
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        # Models of other families may refuse anything that TRL does not give them.
        return f"its forward pass refuses a tree ({type(error).__name__}: {str(error).strip()[:200]})"
    finally:
        model.train(training)
    absolute, relative = _TOLERANCE.get(base.dtype, _ROUGH_TOLERANCE)
    if torch.allclose(tree, wanted, rtol=relative, atol=absolute):
        return None
    largest = (tree - wanted).abs().max().item()
    return f"its log-probabilities on a tree differ from those of a batch by {largest:.2g}"
