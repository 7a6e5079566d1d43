"""Settings and recipes as rows of a table, and the description of the one under the cursor."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import App
from textual.content import Content

from tui.components.listing import ListEntry
from tui.components.table_cells import Column
from tui.components.theme import shade
from tui.format import config_changes
from tui.format.text import visible
from tui.format.values import count, shorten

if TYPE_CHECKING:
    from core.api import Recipe, Setting

#: The option that lists the recipes to train on.
RECIPES = "recipes.train"
_SET, _CHANGED, _DEFAULT = 8, "changed", 14


@dataclass(frozen=True)
class SettingRow:
    """A setting, and its value in the file if another one is not saved yet."""

    setting: Setting
    saved: Setting | None
    """As it is in the file; None where that is the same."""


@dataclass(frozen=True)
class RecipeRow:
    """A recipe, and whether students are trained on it."""

    recipe: Recipe
    is_on: bool
    is_changed: bool
    """Whether that is not saved yet."""


SettingsRow = SettingRow | RecipeRow


def setting_rows(shown: Sequence[Setting], saved: Sequence[Setting]) -> dict[str, SettingsRow]:
    """A row for each setting, by its key."""
    before = {one.key: one for one in saved}
    return {
        one.key: SettingRow(one, None if _is_same(one, before.get(one.key)) else before.get(one.key, one))
        for one in shown
    }


def recipe_rows(
    recipes: Sequence[Recipe], trained: Sequence[str], saved: Sequence[str]
) -> dict[str, SettingsRow]:
    """A row for each recipe, by its name."""
    return {
        one.name: RecipeRow(one, one.name in trained, (one.name in trained) != (one.name in saved))
        for one in recipes
    }


def trained_recipes(settings: Sequence[Setting]) -> tuple[str, ...]:
    """The recipes that `recipes.train` names."""
    value = next((one.value for one in settings if one.key == RECIPES), "[]")
    return tuple(tomllib.loads(f"value = {value}")["value"])


def setting_columns(width: int) -> list[Column]:
    """The columns of settings in `width` cells."""
    # Two cells of padding for each of four columns, and the scroll bar.
    room = max(30, width - _SET - _DEFAULT - 10)
    key = max(20, min(44, room * 11 // 20))
    return [
        Column("key", "setting", key),
        Column("value", "value", room - key),
        Column("default", "default", _DEFAULT),
        Column("set", "in file", _SET),
    ]


def recipe_columns(width: int) -> list[Column]:
    """The columns of recipes in `width` cells."""
    return [
        Column("on", "train", 7),
        Column("recipe", "recipe", max(20, min(40, width - 7 - 2 * 12 - 10))),
        Column("sft", "SFT examples", 12, "right"),
        Column("pairs", "pairs", 12, "right"),
    ]


def entry(app: App[Any], columns: Sequence[Column], row: SettingsRow) -> ListEntry:
    """A row's cells, its words and its sort keys."""
    muted, changed = shade(app, "text-muted"), shade(app, "text-warning")
    if isinstance(row, RecipeRow):
        recipe = row.recipe
        style = changed if row.is_changed else shade(app, "text-success") if row.is_on else muted
        return ListEntry(
            [
                Text("● on" if row.is_on else "○ off", style),
                Text(visible(recipe.name), "" if row.is_on else muted),
                Text(count(recipe.sft_examples), muted),
                Text(count(recipe.preference_pairs), muted),
            ],
            f"{recipe.name} {'on' if row.is_on else 'off'}",
            {
                "on": 0.0 if row.is_on else 1.0,
                "recipe": recipe.name,
                "sft": recipe.sft_examples,
                "pairs": recipe.preference_pairs,
            },
        )
    one, saved = row.setting, row.saved
    value = config_changes.value(one.value)
    if saved is not None:
        value = f"{config_changes.value(saved.value)} → {value}"
    if one.no_effect is not None:
        value = f"{value}  {config_changes.no_effect(one.no_effect)}"
    style = changed if saved is not None else "" if one.is_set and one.no_effect is None else muted
    state = _CHANGED if saved is not None else f"line {one.line}" if one.is_set else ""
    return ListEntry(
        [
            Text(shorten(visible(one.key), columns[0].width)),
            Text(value, style),
            Text(config_changes.value(one.default), muted),
            Text(state, changed if saved is not None else muted),
        ],
        visible(
            f"{one.key} {one.value} {one.meaning} {state} {'set' if one.is_set else ''}"
            f"{'' if one.no_effect is None else f' {config_changes.no_effect(one.no_effect)}'}"
        ),
        {"key": one.key, "set": float(one.line or 0) if one.is_set else None},
    )


def describe(row: SettingsRow | None) -> Content:
    """What the setting or the recipe under the cursor is for."""
    match row:
        case None:
            return Content("")
        case RecipeRow(recipe=recipe):
            teacher = (
                "" if recipe.method == "direct" else " It needs a teacher, with requests for each dialogue."
            )
            examples, pairs = count(recipe.sft_examples), count(recipe.preference_pairs)
            return Content.assemble(
                (visible(recipe.name), "bold"),
                f"\n{examples} SFT examples and {pairs} preference pairs from the train dialogues.{teacher}",
            )
        case SettingRow(setting=one, saved=saved):
            where = f"line {one.line} of config.toml" if one.is_set else "not in config.toml"
            if saved is not None:
                where = "not saved yet"
            details = f"{one.kind} · default {config_changes.value(one.default)} · {where}"
            idle = "" if one.no_effect is None else f" · {config_changes.no_effect(one.no_effect)}"
            return Content.assemble(
                (visible(one.key), "bold"),
                ("  " + visible(details), "$text-muted"),
                (idle, "$text-warning"),
                "\n" + visible(" ".join(one.meaning.split())).replace("`", ""),
            )


def _is_same(one: Setting, other: Setting | None) -> bool:
    return other is not None and (one.value, one.is_set) == (other.value, other.is_set)


def by_key(rows: Mapping[str, SettingsRow], key: str | None) -> SettingsRow | None:
    """The row of a key."""
    return None if key is None else rows.get(key)
