"""How a teacher decodes that is a Hugging Face model in this process."""

from __future__ import annotations

from core.config.schema import Responding, Teacher
from core.teachers.settings import reasoning

#: Requests in one batch of the model.
_BATCH_SIZE = 16


def decoding(teacher: Teacher) -> Responding:
    """Greedy unless a temperature is set; the model's own generation settings are ignored."""
    return Responding(
        batch_size=_BATCH_SIZE,
        max_new_tokens=reasoning.max_output_tokens(teacher),
        do_sample=bool(teacher.temperature),
        temperature=teacher.temperature or 1.0,
        top_p=1.0 if teacher.top_p is None else teacher.top_p,
        seed=42 if teacher.seed is None else teacher.seed,
    )
