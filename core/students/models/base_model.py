"""The base model that answering jobs of one process share: it is loaded once, and adapters are switched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core.jobs.settings import LocalStudent
from core.students.models import loading, memory


@dataclass(frozen=True)
class _LoadedModel:
    """A model that was loaded for a job, as it was then."""

    student: LocalStudent
    device: str
    dtype: torch.dtype
    model: Any
    weights: dict[str, tuple[int, int]]


_kept: _LoadedModel | None = None


@contextmanager
def for_answering(
    student: LocalStudent, device: str, dtype: torch.dtype, adapter: Path | None
) -> Iterator[Any]:
    """The student with `adapter`, if there is one. Raises `UserError` when it cannot be loaded.

    The base model stays in memory for the next job with the same student. An adapter is taken off afterwards;
    where it, or an error, has left a trace in the base model, that is not kept.
    """
    global _kept
    wanted = (student, device, dtype)
    if _kept is None or (_kept.student, _kept.device, _kept.dtype) != wanted:
        forget()
        model = loading.load_model(student.config, device, dtype, quantization=student.quantization)
        _kept = _LoadedModel(*wanted, model, _weights(model))
    kept, _kept = _kept, None
    model = kept.model
    if adapter is not None:
        model = loading.with_adapter(kept.model, adapter, student.config)
    yield model
    # Not reached after an error: then the base model is not kept.
    if adapter is not None:
        model.unload()
    if _weights(kept.model) == kept.weights:
        _kept = kept


def forget() -> None:
    """Free the model that is kept, if there is one."""
    global _kept
    if _kept is not None:
        _kept = None
        memory.free()


def _weights(model: Any) -> dict[str, tuple[int, int]]:
    """Where each weight and buffer is, and how often it was changed in place."""
    return {
        name: (tensor.data_ptr(), tensor._version)
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
    }
