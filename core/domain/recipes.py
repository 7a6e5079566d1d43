"""What a recipe yields."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """A recipe and what it yields from the imported data; counts are None until they are known."""

    name: str
    method: str
    sft_examples: int | None
    preference_pairs: int | None
