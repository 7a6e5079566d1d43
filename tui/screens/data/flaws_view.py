"""Teachers' responses with a flaw, and dropped pairs: how many each recipe has, each with reason and text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Static

from core.api import FlawedResponse
from tui.components.listing import ListEntry, Listing
from tui.components.reading_area import ReadingArea
from tui.format.text import visible
from tui.navigation.bindings import verb
from tui.navigation.messages import OpenDialogue
from tui.screens.data import flaw_rows

if TYPE_CHECKING:
    from textual import getters

    from core.api import Flaw, Recipe, Workspace
    from tui.navigation.host import HostApp
    from tui.screens.data.flaw_rows import Listed

_NONE_MADE = (
    "No recipe with a teacher is done yet. Once its job has run, its responses are checked for refusals, "
    "talk about the response, too many words, copies and duplicates. With recipes.filter_judge, preference "
    "pairs that the judge does not agree with are listed here as well."
)


@dataclass(frozen=True)
class FlawsFound:
    """The recipes that were checked, and the responses of one of them."""

    recipes: tuple[Recipe, ...]
    leave_out: tuple[Flaw, ...]
    """The flaws whose responses give no examples, as config.toml says now."""
    shown: str | None
    """The recipe of the responses."""
    responses: tuple[Listed, ...]
    """Those with a flaw, and the pairs that a judge dropped."""


class FlawsView(Container):
    """The recipes above, the selected one's responses below them, and the selected response in full."""

    DEFAULT_CSS: ClassVar[str] = """
    FlawsView {
        layout: vertical;
        & > #about-flaws { height: auto; padding: 1 1 0 1; }
        & > #flawed-recipes { height: auto; max-height: 30%; }
        & > #flawed-recipes KeyedTable { height: auto; }
        & > #flawed-responses { height: 1fr; border-top: solid $border-blurred; }
        & > ReadingArea { height: 30%; padding: 0 1; border-top: solid $border-blurred; }
        & > ReadingArea:focus { border-top: solid $accent; }
        & > ReadingArea > Static { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        verb("next", "step(1)", id="data.next_flaw", tooltip="Next response with a flaw"),
        verb("previous", "step(-1)", id="data.previous_flaw", tooltip="Previous response with a flaw"),
        verb(
            "related",
            "dialogue",
            title="Data",
            id="data.flawed_dialogue",
            tooltip="Show the dialogue of the response",
            show=True,
        ),
        verb("copy", "copy", id="data.copy_flawed", tooltip="Copy the response as text"),
    ]

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self) -> None:
        super().__init__(id="flaws")
        self._found: FlawsFound | None = None
        #: The recipe under the cursor; None before there is one.
        self._wanted: str | None = None

    def compose(self) -> ComposeResult:
        yield Static("reading the recipes …", id="about-flaws", markup=False)
        yield Listing(
            id="flawed-recipes", draw=self._recipe_entry, words="a part of a recipe's name", reading="flaws"
        )
        yield Listing(
            id="flawed-responses", draw=self._response_entry, words="a flaw, left out, used, or words of it"
        )
        with ReadingArea():
            yield Static(id="flawed-text", markup=False)

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def read(self) -> None:
        """Read the recipes and the selected one's responses; redraw if they differ."""
        self.app.read("flaws", partial(_look, self._wanted), self._receive)

    def enter(self) -> None:
        """Take the focus."""
        self._recipes.enter()

    def back(self) -> bool:
        """Go back inside the view; return whether there was anything to go back from."""
        if self.query_one(ReadingArea).has_focus:
            self._responses.enter()
            return True
        if self._responses.back() or self._recipes.back():
            return True
        if self._responses.table.has_focus:
            self._recipes.enter()
            return True
        return False

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        if event.data_table is self._recipes.table:
            if self._recipes.selected_key != self._wanted:
                self._wanted = self._recipes.selected_key
                self.read()
        else:
            self._show_text()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if event.data_table is self._recipes.table:
            self._responses.enter()
        else:
            self.query_one(ReadingArea).focus()

    def action_step(self, by: int) -> None:
        keys, selected = list(self._responses.keys), self._responses.selected_key
        if selected not in keys:
            self.app.show_message("no response is selected")
        elif 0 <= (at := keys.index(selected) + by) < len(keys):
            self._responses.select(keys[at])
        else:
            self.app.show_message("this is the last response" if by > 0 else "this is the first response")

    def action_dialogue(self) -> None:
        if (one := self._selected) is None:
            self.app.show_message("no response is selected")
        else:
            self.app.post_message(OpenDialogue(one.dialog_id))

    def action_copy(self) -> None:
        if (one := self._selected) is None:
            self.app.show_message("no response is selected")
        else:
            self.app.copy(visible(flaw_rows.text_of(one), lines=True))

    @property
    def has_nothing(self) -> bool:
        """Whether it is known that there is nothing to show."""
        return self._found is not None and not self._found.recipes

    @property
    def _recipes(self) -> Listing[Recipe]:
        return self.query_one("#flawed-recipes", Listing)

    @property
    def _responses(self) -> Listing[Listed]:
        return self.query_one("#flawed-responses", Listing)

    @property
    def _selected(self) -> Listed | None:
        key = self._responses.selected_key
        return None if self._found is None or key is None else _by_key(self._found.responses).get(key)

    def _receive(self, found: FlawsFound) -> None:
        if found != self._found:
            self._found = found
            self._draw()
            self.screen.refresh_bindings()

    def recolour(self) -> None:
        """Redraw what has the colours of the theme."""
        self._draw()

    def _draw(self) -> None:
        found = self._found
        if found is None or not self.size.width:
            return
        self.query_one("#about-flaws", Static).update(_about(found, self.app.key_name("app.settings", ",")))
        width = self.size.width
        filtered = any(one.filtered is not None for one in found.recipes)
        self._recipes.show(
            flaw_rows.recipe_columns(width, filtered=filtered), {one.name: one for one in found.recipes}
        )
        self._responses.show(flaw_rows.response_columns(width, filtered=filtered), _by_key(found.responses))
        self._show_text()

    def _show_text(self) -> None:
        one = self._selected
        self.query_one("#flawed-text", Static).update("" if one is None else flaw_rows.whole(one))

    def _recipe_entry(self, recipe: Recipe) -> ListEntry:
        return flaw_rows.recipe_entry(self.app, self._recipes.columns, recipe)

    def _response_entry(self, one: Listed) -> ListEntry:
        return flaw_rows.response_entry(self.app, one)


def _about(found: FlawsFound, settings_key: str) -> Content:
    """What the view shows, and the filter."""
    if not found.recipes:
        return Content(_NONE_MADE)
    names = ", ".join(flaw_rows.NAMES[flaw] for flaw in found.leave_out)
    if names:
        rule = f"left out: {names}"
    elif any(one.flawed_left_out for one in found.recipes):
        rule = "some were left out by other settings; config.toml leaves out none"
    else:
        rule = "all of them are used"
    judge = next((one.filtered.judge for one in found.recipes if one.filtered is not None), None)
    pairs = ""
    if judge is not None:
        pairs, rule = f", and preference pairs dropped by {visible(judge)}", f"flaws: {rule}"
    return Content.assemble(
        (f"Teachers' responses with a flaw{pairs}", "bold"),
        (f"   {rule} (recipes.leave_out; the key {settings_key} opens the settings)", "$text-muted"),
    )


def _by_key(responses: Sequence[Listed]) -> dict[str, Listed]:
    """Each response by its set and dialogue, each pair by its number."""
    return {
        f"{one.answers} {one.dialog_id}" if isinstance(one, FlawedResponse) else f"pair {number}": one
        for number, one in enumerate(responses)
    }


def _look(wanted: str | None, workspace: Workspace) -> FlawsFound:
    recipes = tuple(
        one for one in workspace.data.recipes() if one.flaws is not None or one.filtered is not None
    )
    config, _ = workspace.data.config()
    names = [one.name for one in recipes]
    shown = wanted if wanted in names else next(iter(names), None)
    recipe = next((one for one in recipes if one.name == shown), None)
    responses: list[Listed] = []
    if recipe is not None and recipe.flaws is not None:
        responses += workspace.data.flawed_responses(recipe.name)
    if recipe is not None and recipe.filtered is not None:
        responses += workspace.data.dropped_pairs(recipe.name)
    return FlawsFound(recipes, () if config is None else config.recipes.leave_out, shown, tuple(responses))
