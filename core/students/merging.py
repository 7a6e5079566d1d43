"""Saving a student as a model that other programs load: with an adapter merged into it, or as it is."""

from __future__ import annotations

from pathlib import Path

import torch

from core.config.schema import Student
from core.students.chat import chat_format
from core.students.models import loading, rope_names


def merge(
    student: Student, adapter: Path | None, destination: Path, dtype: torch.dtype = torch.float32
) -> Path:
    """Save the student with the adapter, if any, merged into its weights, and its tokenizer, to a folder.

    It is computed in float32, and rounded to `dtype` once. Raises `UserError` when the student cannot be
    loaded.
    """
    model = loading.load_model(student, "cpu", torch.float32, adapter)
    if adapter is not None:
        model = model.merge_and_unload()
    model = model.to(dtype)
    chat = chat_format.load(student)
    # Programs that load the merged model must stop where it was trained to.
    model.generation_config.eos_token_id = chat.stops_of(model)
    model.save_pretrained(destination)
    rope_names.add_older(destination)
    chat.tokenizer.save_pretrained(destination)
    return destination
