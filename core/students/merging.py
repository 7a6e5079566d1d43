"""Merging an adapter into its student."""

from __future__ import annotations

from pathlib import Path

import torch

from core.config.schema import Student
from core.students import loading


def merge(student: Student, adapter: Path, destination: Path, dtype: torch.dtype = torch.float32) -> Path:
    """Save the student with the adapter merged into its weights, and its tokenizer, to a folder.

    Raises `UserError` when the student cannot be loaded.
    """
    model = loading.load_model(student, "cpu", dtype, adapter).merge_and_unload()
    model.save_pretrained(destination)
    loading.load_tokenizer(student).save_pretrained(destination)
    return destination
