"""How far a comparison was judged whose judge stops once it is decided who is better."""

from __future__ import annotations

import msgspec

from core.domain.value_types import Count


class Stopping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a comparison was judged whose judge stops once it is decided who is better."""

    decided: bool
    """Whether a win rate of ½ left the confidence sequence."""
    dialogues: Count
    """Dialogues that could be compared; those beyond the judged ones have no verdict: they are missing, not
    invalid."""
    requests: Count
    """Pairs of texts, orders and repeats on which the judge has ruled; identical texts need none."""
    all_requests: Count
    """The same for all these dialogues."""
    seed: int
    """Seed of the order in which dialogues are judged."""
