"""What a recipe yields."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """A recipe and what it yields from the imported data."""

    name: str
    """`<method>/<source or strategy>`."""
    method: str
    """`direct`, `improve-human` or `improve-llm`."""
    sft_examples: int | None
    """SFT examples; None until they are known."""
    preference_pairs: int | None
    """Preference pairs; None until they are known."""
