"""The students that the playground holds in memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from core.jobs.settings import LocalStudent
from core.students.chat import chat_format
from core.students.chat.chat_format import ChatFormat
from core.students.models import loading, memory, quantization
from core.students.models.adapters import ChangedBaseError, SharedModel


class LoadedStudents:
    """Each base model once, with all adapters that were requested."""

    def __init__(self) -> None:
        #: By the student, and the adapter with which alone a base model can be used.
        self._models: dict[tuple[bytes, Path | None], SharedModel] = {}
        self._chats: dict[bytes, ChatFormat] = {}
        #: Adapters that change their base model.
        self._alone: set[Path] = set()

    def keep(self, students: Iterable[LocalStudent]) -> None:
        """Free all base models but those of these students."""
        kept = set(map(msgspec.json.encode, students))
        others = [key for key in self._models if key[0] not in kept]
        for key in others:
            del self._models[key]
        if others:
            memory.free()

    def is_loaded(self, student: LocalStudent) -> bool:
        """Whether the base model is in memory."""
        return (msgspec.json.encode(student), None) in self._models

    def load(self, student: LocalStudent, adapter: Path | None) -> tuple[SharedModel, ChatFormat]:
        """The student with its adapter, loaded unless it is there. Raises `UserError`."""
        key = msgspec.json.encode(student)
        if key not in self._chats:
            self._chats[key] = chat_format.load(student.config)
        chat = self._chats[key]
        if adapter is None:
            return self._model(student, None), chat
        chat.check_adapter(adapter)
        alone = adapter if adapter in self._alone else None
        model = self._model(student, alone)
        try:
            model.add(adapter)
        except ChangedBaseError:
            self._alone.add(adapter)
            # No other may use this base model any more. Others that it has are loaded again.
            self._models[key, adapter] = self._models.pop((key, alone))
        return model, chat

    def _model(self, student: LocalStudent, alone: Path | None) -> SharedModel:
        key = (msgspec.json.encode(student), alone)
        if key not in self._models:
            device = loading.pick_device(student.device)
            quantization.check(student.quantization, device)
            dtype = loading.pick_dtype(student.dtype, device)
            self._models[key] = SharedModel(student, device, dtype)
        return self._models[key]
