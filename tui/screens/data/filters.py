"""Which dialogues are shown, and in what order, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import DialogueFilter, DialogueOrder

#: What a response may be rated → how that is called.
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
    """The filter as a reader sees it; nothing when all are shown."""
    parts = [
        wanted.split or "",
        f"emotion {wanted.emotion}" if wanted.emotion else "",
        *(f"{source or ANY_RESPONSE} {CHOICES[allowed]}" for source, allowed in wanted.ratings),
        f"with “{wanted.text}”" if wanted.text else "",
    ]
    return ", ".join(part for part in parts if part)


def order_words(order: DialogueOrder) -> str:
    """The order as a reader sees it; nothing when it is the file's."""
    by = {
        "position": "their own order" if order.reverse else "",
        "emotion": "emotion",
        "split": "split",
        "rating": f"{order.source}'s rating",
    }[order.by]
    return by and f"by {by}{', reversed' if order.reverse else ''}"
