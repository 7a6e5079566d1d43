"""The win rate in one dimension of empathy."""

from __future__ import annotations

import msgspec

from core.domain.value_types import Count, Share


class DimensionRate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The win rate of b in one dimension of empathy; scores and intervals are made as those overall."""

    wins_a: Count
    """Dialogues in which a scored higher in this dimension."""
    wins_b: Count
    """Dialogues in which b scored higher in it."""
    ties: Count
    """Dialogues in which both scored ½ in it."""
    invalid: Count
    """Dialogues with an order in which no verdict names a response in it; they are missing from it."""
    win_rate_b: Share | None
    """Mean score of b over the other dialogues; None when there is none."""
    ci_low: Share | None
    """Lower end of its interval; None with it."""
    ci_high: Share | None
    """Upper end of its interval; None with it."""
    min_win_rate_b: Share | None = None
    """The win rate if a had won every invalid dialogue; None where none is invalid."""
    max_win_rate_b: Share | None = None
    """The win rate if b had won every invalid dialogue; None where none is invalid."""
