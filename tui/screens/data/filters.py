"""The filter and the order of dialogues as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import DialogueFilter, DialogueOrder

#: Allowed ratings → label.
CHOICES: dict[tuple[int, ...], str] = {
    (1,): "1 bad",
    (2,): "2 okay",
    (3,): "3 good",
    (1, 2): "1 or 2",
    (2, 3): "2 or 3",
}
SPLITS = ("train", "test")
ANY_RESPONSE = "any response"


def words(wanted: DialogueFilter) -> str:
    """The filter as text; empty if all are shown."""
    parts = [
        wanted.split or "",
        f"emotion {wanted.emotion}" if wanted.emotion else "",
        *(f"{source or ANY_RESPONSE} {CHOICES[allowed]}" for source, allowed in wanted.ratings),
        f"with “{wanted.text}”" if wanted.text else "",
    ]
    return ", ".join(part for part in parts if part)


def order_words(order: DialogueOrder) -> str:
    """The order as text; empty if it is the file's."""
    by = {
        "position": "their own order" if order.is_reversed else "",
        "emotion": "emotion",
        "split": "split",
        "rating": f"{order.source}'s rating",
    }[order.by]
    return by and f"by {by}{', reversed' if order.is_reversed else ''}"
