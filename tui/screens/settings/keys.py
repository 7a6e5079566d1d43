"""The keys of the settings screen, beside Enter, which edits."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: tuple[BindingType, ...] = (
    Binding("e", "edit", "Edit", id="settings.edit", show=False, tooltip="Change the setting, as Enter does"),
    Binding(
        "space", "switch", "On/off", id="settings.switch", tooltip="Switch a recipe, or a setting, on or off"
    ),
    Binding(
        "v",
        "view",
        "Recipes",
        id="settings.view",
        tooltip="Show the recipes with their examples, or all settings",
    ),
    Binding(
        "d",
        "default",
        "Default",
        id="settings.default",
        show=False,
        tooltip="Remove the setting from the file, so that its default applies",
    ),
    Binding("w", "save", "Save", id="settings.save", tooltip="Write the changes to config.toml"),
    Binding("S", "start", "Start all", id="settings.start_all", show=False, tooltip="Start every job"),
    Binding("u", "discard", "Undo", id="settings.discard", tooltip="Discard the changes that are not saved"),
)
