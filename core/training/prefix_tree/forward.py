"""The forward pass over a tree, and its results in the layout of TRL's batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel
from trl.trainer.utils import FusedCausalLMOutput

from core.training.data.tokenized_data import NO_LOSS
from core.training.prefix_tree import attention, flex_attention, recomputing, trie
from core.training.prefix_tree.trie import Integers

#: What TRL's fused head returns for each token, beside its log-probability.
_PER_TOKEN = ("entropy", "log_sum_sq_probs", "mean_logits", "is_top1")


@dataclass(frozen=True)
class Sequences:
    """The sequences of one of TRL's batches, without padding."""

    ids: list[list[int]]
    """The tokens of each sequence."""
    labels: list[list[int]]
    """Their labels; -100 where there is no loss."""
    width: int
    """The length of the padded batch."""


def sequences(inputs: Mapping[str, torch.Tensor]) -> Sequences:
    """Read a batch of TRL's collators for SFT or for preferences."""
    ids, attended = inputs["input_ids"], inputs["attention_mask"].bool()
    labels = inputs.get("labels")
    if labels is None:
        labels = ids.masked_fill(inputs["completion_mask"] == 0, NO_LOSS)
    lengths = attended.sum(1).tolist()
    # TRL's collators pad on the right.
    return Sequences(
        [row[:length] for row, length in zip(ids.tolist(), lengths, strict=True)],
        [row[:length] for row, length in zip(labels.tolist(), lengths, strict=True)],
        ids.shape[1],
    )


class TreePass:
    """One forward and one backward pass over the tree of several batches.

    The model runs once. The log-probabilities are leaves of a graph of their own, so that each batch's loss
    can be differentiated by itself; `backward` then passes what they have gathered on to the model.
    """

    def __init__(self, batches: Sequence[Sequences]) -> None:
        self._batches = batches
        self._trie = trie.build([ids for batch in batches for ids in batch.ids])
        self._rows, self._labels, self._places = _scored(self._trie, batches)
        self._log_probs: torch.Tensor | None = None
        self._leaf = torch.empty(0)
        self._others: dict[str, torch.Tensor | None] = {}

    def __len__(self) -> int:
        """Tokens of the tree."""
        return len(self._trie)

    def outputs(self, number: int, model: Any, base: PreTrainedModel) -> FusedCausalLMOutput:
        """What TRL's model with a fused head returns for that batch; `base` is the model without an adapter.

        The first call runs the model.
        """
        if self._log_probs is None:
            self.run(model, base)
        device = self._leaf.device
        places = torch.from_numpy(self._places[number]).to(device)
        found: dict[str, Any] = {
            name: None if values is None else _with_zero(values)[places]
            for name, values in self._others.items()
        }
        return FusedCausalLMOutput(
            log_probs=_with_zero(self._leaf)[places], label_mask=places < len(self._rows), **found
        )

    def backward(self) -> None:
        """Add the gradient of the losses of all batches to the model's."""
        assert self._log_probs is not None
        if self._leaf.grad is not None:
            torch.autograd.backward(self._log_probs, self._leaf.grad)

    def run(self, model: Any, base: PreTrainedModel) -> torch.Tensor:
        """Run the model; the log-probabilities of all tokens with a loss, with their graph."""
        device = base.get_input_embeddings().weight.device
        rows = torch.from_numpy(self._rows).to(device)

        def score_only(_: Any, __: Any, output: Any) -> Any:
            output.last_hidden_state = output.last_hidden_state.index_select(1, rows)
            return output

        # Between the last layer and the head: logits are needed only where there is a loss.
        hook = base.base_model.register_forward_hook(score_only)
        try:
            with recomputing.cheap_activations():
                output = model(
                    input_ids=torch.from_numpy(self._trie.tokens).to(device)[None],
                    position_ids=torch.from_numpy(self._trie.depth).to(device)[None],
                    shift_labels=torch.from_numpy(self._labels).to(device)[None],
                    fused_lm_head=True,
                    use_cache=False,
                    **_attention_arguments(base, self._trie, device),
                )
        finally:
            hook.remove()
        self._log_probs = output.log_probs[0]
        self._leaf = self._log_probs.detach().requires_grad_(self._log_probs.requires_grad)
        self._others = {
            name: None if (values := output.get(name)) is None else values[0].detach() for name in _PER_TOKEN
        }
        return self._log_probs


def _attention_arguments(base: PreTrainedModel, tree: trie.Trie, device: torch.device) -> dict[str, Any]:
    visible = attention.mask(tree, device)
    match base.config._attn_implementation:
        case attention.IN_BLOCKS:
            return {"attention_mask": visible, attention.ARGUMENT: attention.blocks(tree, device)}
        case attention.BY_FLEX:
            return {"attention_mask": visible, attention.ARGUMENT: flex_attention.tree_mask(tree, device)}
        case "sdpa":
            return {"attention_mask": visible}
    # Eager attention adds its mask to the scores.
    hidden = torch.zeros(visible.shape, dtype=base.dtype, device=device)
    return {"attention_mask": hidden.masked_fill_(~visible, torch.finfo(base.dtype).min)}


def _scored(tree: trie.Trie, batches: Sequence[Sequences]) -> tuple[Integers, Integers, list[Integers]]:
    """The nodes whose next tokens have a loss, these tokens, and where each batch's are among them.

    A node whose next token several examples share is scored once. A place without a loss is the number of
    scored nodes.
    """
    found: dict[tuple[int, int], int] = {}
    places = []
    paths = iter(tree.paths)
    for batch in batches:
        place = np.full((len(batch.ids), batch.width - 1), -1, np.int64)
        for row, labels in enumerate(batch.labels):
            path = next(paths)
            for position, label in enumerate(labels[1:]):
                if label != NO_LOSS:
                    key = (int(path[position]), label)
                    place[row, position] = found.setdefault(key, len(found))
        places.append(place)
    for place in places:
        place[place < 0] = len(found)
    return (
        np.array([node for node, _ in found], np.int64),
        np.array([label for _, label in found], np.int64),
        places,
    )


def _with_zero(values: torch.Tensor) -> torch.Tensor:
    return torch.cat((values, values.new_zeros(1)))
