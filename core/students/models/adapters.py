"""A base model that is loaded once, with several adapters of which one answers at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from core.jobs.settings import LocalStudent
from core.students.models import loading


class ChangedBaseError(Exception):
    """An adapter changed weights of the base model: it cannot share that with others."""


class SharedModel:
    """A loaded student and the adapters that were added to it."""

    def __init__(self, student: LocalStudent, device: str, dtype: torch.dtype) -> None:
        """Raises `UserError` when the student cannot be loaded."""
        self._student = student
        self._model = loading.load_model(student.config, device, dtype, quantization=student.quantization)
        #: Where each weight and buffer of the base model is, and how often it was changed in place.
        self._weights = _weights(self._model)
        #: The folder of each adapter → its name in the model.
        self._names: dict[Path, str] = {}

    def add(self, adapter: Path) -> None:
        """Load an adapter, once. Raises `UserError`, and `ChangedBaseError`: then no other may be used."""
        if adapter in self._names:
            return
        name = f"adapter-{len(self._names)}"
        self._model = loading.with_adapter(self._model, adapter, self._student.config, name)
        self._names[adapter] = name
        if not self._weights <= _weights(self._model):
            raise ChangedBaseError

    @contextmanager
    def answering(self, adapter: Path | None) -> Iterator[Any]:
        """The model with this adapter, or without any. Raises `KeyError` for one that was not added."""
        if adapter is not None:
            name = self._names[adapter]
            if self._model.active_adapter != name:
                self._model.set_adapter(name)
            yield self._model
        elif self._names:
            with self._model.disable_adapter():
                yield self._model
        else:
            yield self._model


def _weights(model: Any) -> set[tuple[int, int]]:
    tensors = (*model.parameters(), *model.buffers())
    return {(tensor.data_ptr(), tensor._version) for tensor in tensors}
