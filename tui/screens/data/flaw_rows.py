"""Recipes by the flaws of their teachers' responses and by dropped pairs, and both, as rows of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import App
from textual.content import Content

from core.api import DROP_REASONS, FLAWS, FlawedResponse
from tui.components.listing import ListEntry
from tui.components.table_cells import Column
from tui.components.theme import shade
from tui.format.data.recipes import dropped_pairs
from tui.format.text import visible
from tui.format.values import count

if TYPE_CHECKING:
    from core.api import DroppedPair, DropReason, Flaw, Recipe

    Listed = FlawedResponse | DroppedPair

_USED = "used"
#: What a flaw is called.
NAMES: Mapping[Flaw, str] = {flaw: flaw.replace("_", " ") for flaw in FLAWS}
_COUNT, _STATE, _DIALOGUE, _DROPPED = 7, 8, 16, 14
_KIND = max(map(len, NAMES.values()))
_REASON = max(map(len, DROP_REASONS.values()))


def recipe_columns(width: int, *, filtered: bool) -> list[Column]:
    """The columns of recipes in `width` cells; the numbers of each kind if there is room.

    `filtered`: a judge has filtered the pairs of some.
    """
    found = [Column("flaws", "flaws", _COUNT, "right"), Column("left_out", "left out", 8, "right")]
    found += [Column("dropped", "dropped pairs", _DROPPED, "right")] if filtered else []
    kinds = [Column(flaw, name, max(_COUNT, len(name)), "right") for flaw, name in NAMES.items()]
    room = width - sum(column.width + 2 for column in found) - 4
    if room - sum(column.width + 2 for column in kinds) >= 20:
        found += kinds
        room -= sum(column.width + 2 for column in kinds)
    return [Column("recipe", "recipe", max(16, min(40, room))), *found]


def recipe_entry(app: App[Any], columns: Sequence[Column], recipe: Recipe) -> ListEntry:
    """A recipe's cells, its words and its sort keys."""
    flaws, filtered = recipe.flaws, recipe.filtered
    numbers: dict[str, int | None] = dict.fromkeys(("flaws", "left_out", *NAMES))
    if flaws is not None:
        numbers |= {"flaws": sum(flaws.values()), "left_out": recipe.flawed_left_out}
        numbers |= {flaw: flaws.get(flaw, 0) for flaw in NAMES}
    numbers["dropped"] = None if filtered is None else filtered.pairs - filtered.kept
    muted = shade(app, "text-muted")

    def cell(key: str) -> Text:
        if key == "recipe":
            return Text(visible(recipe.name))
        text = dropped_pairs(filtered) if key == "dropped" else count(numbers[key])
        return Text(text, "" if numbers[key] else muted)

    cells = [cell(column.key) for column in columns]
    return ListEntry(cells, recipe.name, {"recipe": recipe.name, **numbers})


def response_columns(width: int, *, filtered: bool) -> list[Column]:
    """The columns of responses in `width` cells, and of dropped pairs where some are `filtered`."""
    fixed = [
        Column("flaw", "reason" if filtered else "flaw", max(_KIND, _REASON) if filtered else _KIND),
        Column("state", "state", _STATE),
        Column("dialogue", "dialogue", _DIALOGUE),
    ]
    room = width - sum(column.width + 2 for column in fixed) - 4
    return [*fixed, Column("text", "response", max(16, room))]


def response_entry(app: App[Any], one: Listed) -> ListEntry:
    """The cells of a response or a pair, its words and its sort keys."""
    reason, state, text = _reason_of(one), _state_of(one), text_of(one)
    cells = [
        Text(reason, shade(app, "text-warning")),
        Text(state, "" if state == _USED else shade(app, "text-muted")),
        Text(visible(one.dialog_id)),
        Text(visible(" ".join(text.split()))),
    ]
    words = f"{reason} {state} {one.dialog_id} {text}"
    return ListEntry(cells, words, {"flaw": reason, "state": state, "dialogue": one.dialog_id})


def _reason_of(one: Listed) -> str:
    """The flaw of a response, or why a pair is dropped."""
    return NAMES[one.flaw] if isinstance(one, FlawedResponse) else DROP_REASONS[one.reason]


def _state_of(one: Listed) -> str:
    """Whether it gives examples."""
    if not isinstance(one, FlawedResponse):
        return "dropped"
    return "left out" if one.left_out else _USED


def text_of(one: Listed) -> str:
    """The response; of a pair, both."""
    if isinstance(one, FlawedResponse):
        return one.text
    return f"chosen: {one.chosen.strip()}\n\nrejected: {one.rejected.strip()}"


def whole(one: Listed) -> Content:
    """A response, or a pair, in full with its reason."""
    if not isinstance(one, FlawedResponse):
        score = "" if one.score is None else f" · chosen response scores {one.score:.2f}"
        return Content.assemble(
            (visible(one.dialog_id), "bold"),
            (f"   {DROP_REASONS[one.reason]}", "$text-warning"),
            (f" · {_DROPS[one.reason]}{score} · dropped: DPO does not train on it\n\n", "$text-muted"),
            visible(text_of(one), lines=True),
        )
    state = "left out: it gives no example" if one.left_out else "used: students learn from it"
    return Content.assemble(
        (visible(one.dialog_id), "bold"),
        (f"   {NAMES[one.flaw]}", "$text-warning"),
        (f" · {_MEANINGS[one.flaw]} · {state}\n\n", "$text-muted"),
        visible(one.text.strip(), lines=True),
    )


_DROPS: Mapping[DropReason, str] = {
    "prefers_rejected": "the judge prefers the rejected response",
    "undecided": "the judge prefers neither, or another one in each order",
    "identical": "both responses are the same text",
    "invalid": "no valid verdict in each order",
}
_MEANINGS: Mapping[Flaw, str] = {
    "refusal": "the teacher refuses to answer",
    "meta_talk": "it talks about the response instead of giving one",
    "over_length": "more words than the prompt allows",
    "unchanged": "the words of the original response",
    "near_copy": "at least 90 % of the original's words",
    "language": "another language than that of the dialogues, at least in part",
    "duplicate": "the same response as to an earlier dialogue",
}
