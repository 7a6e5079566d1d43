"""Whether a model is a causal language model, which is what a student must be."""

from __future__ import annotations

from typing import Any

import torch

from core.domain.errors import UserError

_NEEDED = "a student is a causal language model, such as Llama or Qwen: name another one"
#: How much the first token's logits may depend on later tokens, as a share of the largest: rounding.
_ROUNDING = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}


def check_config(config: Any, model: str) -> None:
    """Raises `UserError` for an encoder-decoder model such as T5, of which at best a part is loaded."""
    if config.is_encoder_decoder:
        raise UserError(f"{model!r} is an encoder-decoder model ({config.model_type}): {_NEEDED}")


def check_causal(loaded: Any, model: str) -> None:
    """Raises `UserError` if a token sees the tokens after it, as in an encoder such as BERT.

    Such a model would see the answer that it learns to write. The same for logits that are not numbers.
    """
    ids = torch.tensor([[1] + [token] * 7 for token in (2, 3)], device=loaded.device)
    training = loaded.training
    loaded.eval()
    with torch.no_grad():
        first, second = loaded(input_ids=ids).logits[:, 0].float()
    loaded.train(training)
    difference = (first - second).abs().max().item()
    if first.isnan().any():
        raise UserError(
            f"the logits of {model!r} are not numbers (NaN) with {loaded.dtype}: set runs.dtype to another "
            "one, such as bfloat16; if it is the same there, the weights are damaged: download them again"
        )
    if difference > _ROUNDING.get(loaded.dtype, 0.0) * first.abs().max().item():
        raise UserError(
            f"in {model!r} ({loaded.config.model_type}) a token sees the tokens after it: {_NEEDED}"
        )
