"""Recipes by the flaws of their teachers' responses, and these responses, as rows of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import App
from textual.content import Content

from core.api import FLAWS
from tui.components.keyed_table import Column
from tui.components.listing import ListEntry
from tui.components.theme import shade
from tui.format.text import visible
from tui.format.values import count

if TYPE_CHECKING:
    from core.api import Flaw, FlawedResponse, Recipe

#: What a flaw is called.
NAMES: Mapping[Flaw, str] = {flaw: flaw.replace("_", " ") for flaw in FLAWS}
_COUNT, _STATE, _DIALOGUE = 9, 8, 16
_KIND = max(map(len, NAMES.values()))


def recipe_columns(width: int) -> list[Column]:
    """The columns of recipes in `width` cells; the numbers of each kind if there is room."""
    found = [Column("flaws", "flaws", _COUNT, "right"), Column("left_out", "left out", _COUNT, "right")]
    kinds = [Column(flaw, name, max(_COUNT, len(name)), "right") for flaw, name in NAMES.items()]
    room = width - sum(column.width + 2 for column in found) - 4
    if room - sum(column.width + 2 for column in kinds) >= 24:
        found += kinds
        room -= sum(column.width + 2 for column in kinds)
    return [Column("recipe", "recipe", max(16, min(40, room))), *found]


def recipe_entry(app: App[Any], columns: Sequence[Column], recipe: Recipe) -> ListEntry:
    """A recipe's cells, its words and its sort keys."""
    flaws = recipe.flaws or {}
    numbers: dict[str, int] = {"flaws": sum(flaws.values()), "left_out": recipe.flawed_left_out}
    numbers |= {flaw: flaws.get(flaw, 0) for flaw in NAMES}
    muted = shade(app, "text-muted")
    cells = [
        Text(visible(recipe.name))
        if column.key == "recipe"
        else Text(count(numbers[column.key]), "" if numbers[column.key] else muted)
        for column in columns
    ]
    return ListEntry(cells, recipe.name, {"recipe": recipe.name, **numbers})


def response_columns(width: int) -> list[Column]:
    """The columns of responses in `width` cells."""
    fixed = [
        Column("flaw", "flaw", _KIND),
        Column("state", "state", _STATE),
        Column("dialogue", "dialogue", _DIALOGUE),
    ]
    room = width - sum(column.width + 2 for column in fixed) - 4
    return [*fixed, Column("text", "response", max(16, room))]


def response_entry(app: App[Any], one: FlawedResponse) -> ListEntry:
    """A response's cells, its words and its sort keys."""
    state = state_of(one)
    cells = [
        Text(NAMES[one.flaw], shade(app, "text-warning")),
        Text(state, shade(app, "text-muted") if one.left_out else ""),
        Text(visible(one.dialog_id)),
        Text(visible(" ".join(one.text.split()))),
    ]
    words = f"{NAMES[one.flaw]} {state} {one.dialog_id} {one.text}"
    return ListEntry(cells, words, {"flaw": NAMES[one.flaw], "state": state, "dialogue": one.dialog_id})


def state_of(one: FlawedResponse) -> str:
    """Whether the response gives examples."""
    return "left out" if one.left_out else "used"


def whole(one: FlawedResponse) -> Content:
    """A response in full, with its reason."""
    state = "left out: it gives no example" if one.left_out else "used: students learn from it"
    return Content.assemble(
        (visible(one.dialog_id), "bold"),
        (f"   {NAMES[one.flaw]}", "$text-warning"),
        (f" · {_MEANINGS[one.flaw]} · {state}\n\n", "$text-muted"),
        visible(one.text.strip(), lines=True),
    )


_MEANINGS: Mapping[Flaw, str] = {
    "refusal": "the teacher refuses to answer",
    "meta_talk": "it talks about the response instead of giving one",
    "over_length": "more words than the prompt allows",
    "unchanged": "the words of the original response",
    "near_copy": "at least 90 % of the original's words",
    "duplicate": "the same response as to an earlier dialogue",
}
