"""Settings: every option of config.toml and the recipes, changed here or in an editor."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Static

from tui.components.listing import ListEntry, Listing
from tui.components.workspace_screen import START_ALL, WorkspaceScreen
from tui.format import config_changes
from tui.format.text import visible
from tui.screens.settings import draft as drafts
from tui.screens.settings import rows
from tui.screens.settings.draft import CurrentSettings, Draft, Edits
from tui.screens.settings.keys import KEYS
from tui.screens.settings.rows import RECIPES, RecipeRow, SettingRow, SettingsRow

if TYPE_CHECKING:
    from core.api import Setting, Snapshot
    from tui.navigation.host import ConfigPlace


class SettingsScreen(WorkspaceScreen):
    """A list of settings, or of recipes; changes stay here until they are saved."""

    MODE = "settings"
    ABOUT = (
        "All settings of config.toml, and the recipes to train on. Changes are pending until "
        "saved, and their effect is shown; saving starts no jobs."
    )
    CSS_PATH = "settings.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*KEYS]
    WRITES = frozenset({"edit", "switch", "default", "save"})

    def __init__(self) -> None:
        super().__init__()
        self._found: CurrentSettings | None = None
        self._draft: Draft | None = None
        #: The changes that are being computed; None if none are.
        self._computing: Edits | None = None
        #: The setting that was edited last, and what was typed.
        self._typed: tuple[Setting, str] | None = None
        self._generation = 0
        self._shows_recipes = False
        self._rows: dict[str, SettingsRow] = {}
        #: The setting to move the cursor to, once it is in the list.
        self._wanted: str | None = None

    def is_offered(self, action: str) -> bool:
        # Enter edits.
        return super().is_offered("edit" if action == "select_cursor" else action)

    def body(self) -> ComposeResult:
        yield Static(id="meaning", markup=False)
        yield Listing(
            id="settings",
            draw=self._entry,
            words="a part of a setting or of its description",
            opens="Edit",
            reading="settings",
        )
        yield Static(id="about", markup=False)

    def on_mount(self) -> None:
        self._listing.enter()
        self.query_one("#meaning", Static).update("reading config.toml …")

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def show(self, snapshot: Snapshot) -> None:
        if self.app.workspace.config.exists():
            self.app.read("settings", drafts.look, self._receive)
        else:
            line = self.query_one("#meaning", Static)
            key = self.app.key_name("welcome.init", "w")
            line.update(f"there is no config.toml yet: {key} on home writes one, or `empathy-tui init`")

    def seek(self, key: str) -> None:
        """Move the cursor to a setting; the recipes are shown for that of the recipes to train on."""
        self._listing.back()
        self._wanted = key
        self._draw()
        self._listing.enter()

    def config_place(self) -> ConfigPlace | None:
        row = self._selected
        match row:
            case RecipeRow(recipe=recipe):
                return (RECIPES, recipe.name)
            case SettingRow(setting=setting):
                return (setting.key, None)
        return None

    @property
    def _listing(self) -> Listing[SettingsRow]:
        return self.query_one("#settings", Listing)

    @property
    def _selected(self) -> SettingsRow | None:
        return rows.by_key(self._rows, self._listing.selected_key)

    @property
    def _settings(self) -> tuple[Setting, ...]:
        if self._draft is not None:
            return self._draft.settings
        return () if self._found is None else self._found.settings

    @property
    def _is_invalid(self) -> bool:
        """Whether config.toml is invalid, as every screen shows."""
        return self.app.snapshot is not None and self.app.snapshot.config_error is not None

    # What people do.

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._describe()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.action_edit()

    def action_edit(self) -> None:
        row = self._selected
        if isinstance(row, RecipeRow) or (isinstance(row, SettingRow) and _is_boolean(row.setting)):
            self.action_switch()
        elif isinstance(row, SettingRow) and self.can("edit"):
            self._ask_for(row.setting)

    def action_switch(self) -> None:
        row = self._selected
        if not self.can("switch"):
            return
        if isinstance(row, RecipeRow):
            trained = rows.trained_recipes(self._settings)
            name = row.recipe.name
            wanted = [one for one in trained if one != name] if row.is_on else [*trained, name]
            self._change(RECIPES, json.dumps(wanted, ensure_ascii=False))
        elif isinstance(row, SettingRow) and _is_boolean(row.setting):
            self._change(row.setting.key, "false" if row.setting.value == "true" else "true")
        else:
            key = self.app.key_name("table.open", "Enter")
            self.app.show_message(f"only a recipe, or a setting that is true or false: {key} edits others")

    def action_default(self) -> None:
        row = self._selected
        if not self.can("default"):
            return
        if not isinstance(row, SettingRow):
            self.app.show_message(
                f"it removes a setting from config.toml: {self.key_of('settings.view')} shows them"
            )
        elif not row.setting.is_set:
            self.app.show_message(f"{row.setting.key} has its default")
        else:
            self._change(row.setting.key, None)

    def action_view(self) -> None:
        self._shows_recipes = not self._shows_recipes
        if self._shows_recipes and self._found is not None and not self._found.recipes:
            key = self.app.key_name("app.import", "i")
            self.app.show_message(f"the recipes are known once data is imported: press {key}")
        self._listing.back()
        self._draw()
        # The cursor would stay on the line that it had in the other list.
        if self._rows:
            self._listing.select(next(iter(self._rows)))
        self._listing.enter()

    def action_save(self) -> None:
        if self._computing is not None:
            self.app.show_message("the effect of the changes is being computed")
        elif self._draft is None:
            self.app.show_message("there are no changes to save")
        elif self.can("save"):
            self.app.save_config(self._draft.base, self._draft.text)

    async def action_start(self) -> None:
        if self._draft is not None or self._computing is not None:
            save, discard = self._change_keys()
            self.app.show_message(
                f"jobs start as config.toml says: {save} saves the changes first, {discard} undoes them"
            )
        else:
            await self.run_action(START_ALL)

    def action_discard(self) -> None:
        if self._draft is None and self._computing is None:
            self.app.show_message("there are no changes")
        self._generation += 1
        self._draft = self._computing = self._typed = None
        self._draw()

    def step_back(self) -> None:
        if self._draft is not None:
            key = self.app.key_name("app.settings", ",")
            self.app.show_message(
                f"the changes are pending on the settings screen until saved: {key} opens it"
            )
        super().step_back()

    def _change_keys(self) -> tuple[str, str]:
        """The keys that save and discard the changes."""
        return self.app.key_name("settings.save", "w"), self.app.key_name("settings.discard", "u")

    def _ask_for(self, setting: Setting, typed_before: str | None = None, problem: str = "") -> None:
        """Ask for a value; again, if what was typed before is invalid because of a problem."""
        value = config_changes.without_fraction(setting.value)
        if setting.choices and not value.startswith("["):
            from tui.dialogs.choose import ChooseScreen

            names = [json.loads(choice) for choice in setting.choices]
            current = json.loads(value) if value else None
            self.app.push_screen(
                ChooseScreen(visible(setting.key), [str(name) for name in names], current),
                lambda chosen: None if chosen is None else self._change(setting.key, chosen),
            )
            return
        from tui.dialogs.ask_text import AskTextScreen

        def take(typed: str | None) -> None:
            if typed is not None and typed.strip() != value:
                self._typed = setting, typed
                self._change(setting.key, typed.strip() or None)

        title = f"{visible(setting.key)}: {setting.kind}; empty for the default"
        text = value if typed_before is None else typed_before
        self.app.push_screen(AskTextScreen(title, text, problem=problem), take)

    # Changes, which are computed in a thread: that plans all jobs.

    def _change(self, key: str, value: str | None) -> None:
        before = self._computing or ({} if self._draft is None else self._draft.edits)
        if self._found is not None:
            self._compute(self._found.text, {**before, key: value})

    def _compute(self, base: str, edits: Edits) -> None:
        self._generation += 1
        self._computing = edits
        self._draw_meaning()
        work = partial(self._make, self._generation, base, edits)
        self.run_worker(work, name="Settings", group="settings", thread=True, exit_on_error=False)

    def _make(self, generation: int, base: str, edits: Edits) -> None:
        from core.api import UserError

        try:
            made: Draft | str = drafts.make(self.app.workspace, base, edits)
        except UserError as error:
            made = str(error)
        self.app.call_later(self._made, generation, made)

    def _made(self, generation: int, made: Draft | str) -> None:
        if generation != self._generation:
            return
        self._computing = None
        typed, self._typed = self._typed, None
        if isinstance(made, str):
            if typed is not None and self.is_current:
                self._ask_for(*typed, made)
            else:
                self.app.show_message(made, title="Not changed", error=True)
        elif made.change.settings or made.text != made.base:
            self._draft = made
        else:
            self._draft = None
        self._draw()

    def _receive(self, found: CurrentSettings) -> None:
        before, self._found = self._found, found
        if self._draft is not None and found.text == self._draft.text:
            # Saved.
            self._draft = None
        elif self._draft is not None and found.text != self._draft.base and not self._is_invalid:
            # Somebody else has changed the file: the changes are made on top of that.
            edits, self._draft = self._draft.edits, None
            self._compute(found.text, edits)
        if before != found or not self._rows:
            self._draw()

    # Drawing.

    def _draw(self) -> None:
        found = self._found
        if found is None:
            return
        if self._wanted is not None:
            self._shows_recipes = self._wanted == RECIPES and bool(found.recipes)
        if self._shows_recipes:
            trained, saved = rows.trained_recipes(self._settings), rows.trained_recipes(found.settings)
            self._rows = rows.recipe_rows(found.recipes, trained, saved)
            columns = rows.recipe_columns(self.size.width)
        else:
            self._rows = rows.setting_rows(self._settings, found.settings)
            columns = rows.setting_columns(self.size.width)
        self._listing.show(columns, self._rows)
        if self._wanted is not None and (self._shows_recipes or self._listing.select(self._wanted)):
            self._wanted = None
        self._draw_meaning()
        self._describe()

    def _draw_meaning(self) -> None:
        line = self.query_one("#meaning", Static)
        draft = self._draft
        if self._computing is not None:
            line.update("computing the effect of the changes …")
        elif draft is not None:
            save, discard = self._change_keys()
            line.update(
                Content.assemble(
                    ("not saved: ", "$text-warning"),
                    (config_changes.settings(draft.change.settings) or "how the file is written", "bold"),
                    f"\n{config_changes.summary(draft.change)} · {save} saves, {discard} undoes",
                )
            )
        elif self._shows_recipes:
            trained = rows.trained_recipes(self._settings)
            line.update(Content(f"students are trained on {len(trained)} of {len(self._rows)} recipes"))
        elif self._is_invalid:
            line.update("settings of the last valid configuration; to change them, fix the file first")
        else:
            number = sum(one.is_set for one in self._settings)
            line.update(Content(f"{len(self._settings)} settings, {number} of them in config.toml"))

    def _describe(self) -> None:
        self.query_one("#about", Static).update(rows.describe(self._selected))

    def _entry(self, row: SettingsRow) -> ListEntry:
        return rows.entry(self.app, self._listing.columns, row)


def _is_boolean(setting: Setting) -> bool:
    return setting.kind == "boolean"
