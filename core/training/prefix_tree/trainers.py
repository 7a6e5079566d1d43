"""TRL's trainers, with the forward pass of each optimizer step over a tree.

Everything else is TRL's: batches are collated as ever, and TRL's own loss is computed of each, from the
tree's log-probabilities.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import datasets
from peft import PeftModel
from torch.utils.data import Sampler
from trl import DPOTrainer, SFTTrainer

from core.training.data.dialogue_sampler import DialogueSampler
from core.training.distributed import ranks
from core.training.memory import head_tiles
from core.training.prefix_tree import attention
from core.training.prefix_tree.step_shares import EpochCallback, StepShares
from core.training.prefix_tree.steps import Step

log = logging.getLogger(__name__)


class _TreeTrainer:
    """What both trainers do otherwise than TRL's. Until `use_tree` they do nothing otherwise."""

    model: Any
    args: Any
    add_callback: Any
    is_fsdp_enabled: bool
    _tree_tokens: int | None = None
    _step: Step | None = None
    _dialogues: Sequence[str] | None = None
    _shares: StepShares | None = None
    #: Mean number of rows in a batch of the current step.
    _batch_rows = 0.0

    def use_tree(self, max_tokens: int, implementation: str = attention.IN_BLOCKS) -> None:
        """Compute each optimizer step over trees of at most `max_tokens` tokens, or of one batch."""
        for model in (self.base, getattr(self, "ref_model", None)):
            if model is not None and model.config._attn_implementation in attention.REPLACED:
                model.set_attn_implementation(implementation)
        self._tree_tokens = max_tokens

    def group_by_dialogue(self, dialogues: Sequence[str]) -> None:
        """Keep the examples of a dialogue in one optimizer step; `dialogues` are the ids of all examples."""
        self._dialogues = dialogues

    @property
    def base(self) -> Any:
        """The model without an adapter."""
        return self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model

    @property
    def tree_tokens(self) -> int | None:
        """The most tokens of a tree of several batches; None without trees."""
        return self._tree_tokens

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        batches, items = super().get_batch_samples(*args, **kwargs)  # type: ignore[misc]
        self._batch_rows = sum(len(batch["input_ids"]) for batch in batches) / max(len(batches), 1)
        if self._tree_tokens is None:
            self._step = None
        else:
            self._step = Step(batches, self._tree_tokens, together=self.is_fsdp_enabled)
        return batches, items

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        step = self._step
        if step is not None and self.model.training:

            def tree(**_: Any) -> Any:
                return step.outputs(model, self.base)

            return super().compute_loss(tree, inputs, *args, **kwargs)  # type: ignore[misc]
        return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[misc]

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        with head_tiles.small(self.args.device):
            loss = super().training_step(*args, **kwargs)  # type: ignore[misc]
            if self._step is not None:
                self._step.next(backward=True)
        return loss

    def prediction_step(self, *args: Any, **kwargs: Any) -> Any:
        with head_tiles.small(self.args.device):
            return super().prediction_step(*args, **kwargs)  # type: ignore[misc]

    def divide_by_tokens(
        self, dialogues: Sequence[str], sequences: Sequence[Sequence[list[int]]], *, by_dialogue: bool
    ) -> None:
        """Have each rank compute a part of each optimizer step, with the dialogue and the token sequences of
        all examples; `by_dialogue` as in `group_by_dialogue`."""
        self._shares = StepShares(
            self._order(dialogues if by_dialogue else [str(example) for example in range(len(dialogues))]),
            dialogues,
            sequences,
            batch_size=self.args.train_batch_size,
            accumulation=self.args.gradient_accumulation_steps,
            ranks=ranks.count(),
            rank=ranks.number(),
        )
        self.add_callback(EpochCallback(self._shares))

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[Any] | None:
        if self._shares is not None:
            return self._shares
        if self._dialogues is None:
            sampler: Sampler[int] | None = super()._get_train_sampler(train_dataset)  # type: ignore[misc]
            return sampler
        return self._order(self._dialogues)

    def _order(self, dialogues: Sequence[str]) -> DialogueSampler:
        """The order of examples that keeps those of a dialogue in one optimizer step of all ranks."""
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps * ranks.count()
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        return DialogueSampler(dialogues, size, seed)


class TreeSftTrainer(_TreeTrainer, SFTTrainer):
    """TRL's SFT trainer on prefix trees."""


class TreeDpoTrainer(_TreeTrainer, DPOTrainer):
    """TRL's DPO trainer on prefix trees, for pairs that are tokens already."""

    train_dataset: datasets.Dataset
    eval_dataset: datasets.Dataset | None
    ref_model: Any

    def _prepare_dataset(self, dataset: datasets.Dataset, *_: object) -> datasets.Dataset:
        return dataset

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        rows = len(inputs["input_ids"])
        loss = super().compute_loss(model, inputs, *args, **kwargs)
        if self._shares is not None and self.model.training:
            # TRL gives each batch the same weight, but the last one of an epoch may be smaller.
            loss = loss * (rows / self._batch_rows)
        return loss

    def reference_log_probs(self, rows: Sequence[dict[str, list[int]]]) -> Iterator[tuple[float, float]]:
        """The reference's log-probabilities of the chosen and the rejected answer of each of these pairs.

        Pairs with a common beginning should be neighbours.
        """
        assert self._tree_tokens is not None
        size = self.args.per_device_train_batch_size
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        batches = [self.data_collator(list(part)) for part in parts]
        step = Step(batches, self._tree_tokens)

        def tree(**_: Any) -> Any:
            if self.ref_model is not None:
                return step.outputs(self.ref_model, self.ref_model)
            return step.outputs(self.model, self.base)

        for batch in batches:
            with head_tiles.small(self.args.device):
                chosen, rejected = self.compute_ref_log_probs(tree, self._prepare_inputs(batch))
            step.next(backward=False)
            yield from zip(chosen.tolist(), rejected.tolist(), strict=True)

    def use_reference(self, chosen: Sequence[float], rejected: Sequence[float]) -> None:
        """Train and evaluate with these log-probabilities of the reference, one for each pair, first those
        that are trained on. A reference model of its own is given up."""
        trained = len(self.train_dataset)
        self.train_dataset = _with_reference(self.train_dataset, chosen[:trained], rejected[:trained])
        if self.eval_dataset is not None:
            self.eval_dataset = _with_reference(self.eval_dataset, chosen[trained:], rejected[trained:])
        self.precompute_ref_logps = True
        self.ref_model = None


def _with_reference(
    dataset: datasets.Dataset, chosen: Sequence[float], rejected: Sequence[float]
) -> datasets.Dataset:
    columns = {"ref_chosen_logps": list(chosen), "ref_rejected_logps": list(rejected)}
    return datasets.concatenate_datasets([dataset, datasets.Dataset.from_dict(columns)], axis=1)
