"""What people say of two texts.

Apart from the other records of comparisons, because intents carry votes, and what leads to the first screen
reads intents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.domain.verdicts import Order

#: What a voter says of two texts.
Choice = Literal["a", "b", "tie", "skip"]


@dataclass(frozen=True)
class Vote:
    """One voter's choice between two texts that answer a dialogue; Unix seconds.

    `digest_a` and `digest_b` are the SHA-256 of the texts, `digest_a` the smaller one; `a` and `b` are
    the responders that they came from. `ordering` is `ab` when a's text stood on the left.
    """

    voter: str
    dialog_id: str
    digest_a: str
    digest_b: str
    a: str
    b: str
    ordering: Order
    choice: Choice
    at: float
