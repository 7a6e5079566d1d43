"""What a recipe yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from core.domain.names import Method
from core.domain.number_format import percent

#: Why a judge's filter drops a preference pair: the judge prefers the rejected response; it prefers neither,
#: or each in one order; both are the same text; an order has no valid verdict.
DropReason = Literal["prefers_rejected", "undecided", "identical", "invalid"]
#: The reasons in words.
DROP_REASONS: Mapping[DropReason, str] = {
    "prefers_rejected": "rejected preferred",
    "undecided": "undecided",
    "identical": "same text",
    "invalid": "no valid verdict",
}


@dataclass(frozen=True)
class FilteredPairs:
    """Which of a recipe's preference pairs a judge agreed with."""

    judge: str
    """The judge's name."""
    pairs: int
    """The pairs that it was to judge."""
    kept: int
    """Those whose chosen response it prefers: DPO trains on them."""
    # Not hashed, because a mapping has no hash.
    dropped: Mapping[DropReason, int] = field(hash=False)
    """The others, by the reason."""
    dropped_share: float | None
    """Their share of the pairs; None without pairs."""

    @property
    def words(self) -> str:
        """The judge, how many pairs it dropped, and why."""
        share = "" if self.dropped_share is None else f" ({percent(self.dropped_share, 1)})"
        counts = ((DROP_REASONS[reason], self.dropped.get(reason, 0)) for reason in DROP_REASONS)
        reasons = ", ".join(f"{words} in {count:,}" for words, count in counts if count)
        return (
            f"{self.judge} dropped {sum(self.dropped.values()):,} of {self.pairs:,} preference pairs{share}"
            f"{': ' if reasons else ''}{reasons}"
        )


@dataclass(frozen=True)
class Recipe:
    """A recipe and what it yields from the imported data."""

    name: str
    """`<method>/<source or strategy>`."""
    method: Method
    """How the teacher's empathy is distilled."""
    sft_examples: int | None
    """SFT examples: those that its job has made, or else what it can yield; None until they are known."""
    preference_pairs: int | None
    """Preference pairs, likewise, before a judge filters them; None until they are known."""
    # Not hashed, because a mapping has no hash.
    flaws: Mapping[str, int] | None = field(default=None, hash=False)
    """The teacher's responses with a flaw, by its kind; None until the recipe is made, and for direct."""
    flawed_left_out: int = 0
    """Responses that give no examples because of their flaw."""
    filtered: FilteredPairs | None = None
    """What the judge of `recipes.filter_judge` left of its pairs; None without one, and before its job is
    done."""
