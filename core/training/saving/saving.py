"""Saving what a run has trained: an adapter, or a whole model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from core.config.schema import Lora
from core.domain.jobs.results import TrainingResult
from core.jobs.context import JobContext
from core.jobs.settings import RunSettings
from core.students.chat.chat_format import ChatFormat
from core.training import trainers
from core.training.distributed import ranks
from core.training.saving import model_card

#: The adapter before training, of which one that changes its base model is made a plain one.
_INITIAL = "initial_adapter"
_ADAPTER = "default"


def keep_initial(trainer: Any, lora: Lora | None, folder: Path) -> None:
    """Save the adapter as it is before training, if `save` will need it."""
    if lora is not None and trainers.changes_base(lora) and ranks.is_first():
        _save_adapter(trainer.model, folder / _INITIAL)


def save(job: JobContext[RunSettings], trainer: Any, chat: ChatFormat, result: TrainingResult) -> None:
    """Save and publish the adapter, or the model if all weights were trained, with a model card.

    Rank 0 alone writes, but all have to come here.
    """
    # Of a divided model, each has a part of the weights.
    weights = trainer.accelerator.get_state_dict(trainer.model) if trainer.is_fsdp_enabled else None
    if not ranks.is_first():
        return
    settings = job.settings
    name = "model" if settings.lora is None else "adapter"
    folder = job.folder / name
    model = trainer.accelerator.unwrap_model(trainer.model)
    if settings.lora is None:
        # Programs that load the model must stop where it was trained to.
        model.generation_config.eos_token_id = chat.stops_of(model)
        if weights is not None:
            # What is tied is one tensor no more.
            weights = {name: w for name, w in weights.items() if name not in model.all_tied_weights_keys}
        model.save_pretrained(str(folder), state_dict=weights)
    else:
        # Users of the adapter need the base model's name on the Hub, not a local path.
        base = model_card.base_model(settings.student.config.model)
        model.peft_config[_ADAPTER].base_model_name_or_path = base
        initial = job.folder / _INITIAL
        _save_adapter(model, folder, initial if initial.exists() else None, weights)
        shutil.rmtree(initial, ignore_errors=True)
    trainer.processing_class.save_pretrained(str(folder))
    model_card.write(folder, settings, result)
    job.publish(name, folder)


def _save_adapter(
    model: Any, folder: Path, initial: Path | None = None, weights: dict[str, Any] | None = None
) -> None:
    model.save_pretrained(
        str(folder),
        selected_adapters=[_ADAPTER],
        state_dict=weights,
        # Embeddings do not change. Without this, PEFT queries the Hub to find out.
        save_embedding_layers=False,
        path_initial_model_for_weight_conversion=None if initial is None else str(initial),
    )
