"""What a recipe yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.domain.names import Method


@dataclass(frozen=True)
class Recipe:
    """A recipe and what it yields from the imported data."""

    name: str
    """`<method>/<source or strategy>`."""
    method: Method
    """How the teacher's empathy is distilled."""
    sft_examples: int | None
    """SFT examples; None until they are known."""
    preference_pairs: int | None
    """Preference pairs; None until they are known."""
    # Not hashed, because a mapping has no hash.
    flaws: Mapping[str, int] | None = field(default=None, hash=False)
    """The teacher's responses with a flaw, by its kind; None until the recipe is made, and for direct."""
    flawed_left_out: int = 0
    """Responses that give no examples because of their flaw."""
