"""One key has one meaning on every screen."""

from __future__ import annotations

import pytest
from textual.binding import Binding
from textual.screen import ModalScreen

from tui.app.config import keymap
from tui.navigation import bindings
from tui.navigation.bindings import VERBS, verb

_BY_KEY = {one.key: one for one in VERBS.values()}
_BY_TITLE = {one.titles[0]: one for one in VERBS.values()}


def _bound() -> list[tuple[str, Binding]]:
    """Every binding of a screen, or of a widget in one; dialogs have keys of their own."""
    found = [("app", binding) for binding in Binding.make_bindings(bindings.APP)]
    for cls in keymap.bound_classes():
        if not issubclass(cls, ModalScreen):
            found += [(cls.__name__, one) for one in Binding.make_bindings(cls.__dict__.get("BINDINGS", []))]
    return found


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_has_a_key_of_its_own(name: str) -> None:
    assert [other for other, one in VERBS.items() if one.key == VERBS[name].key] == [name]


def test_no_screen_binds_a_verbs_key_to_anything_else() -> None:
    wrong = [
        f"{where}: {binding.key} is {binding.description}, not {' or '.join(_BY_KEY[binding.key].titles)}"
        for where, binding in _bound()
        # Without an id it is a movement of the cursor or the page.
        if binding.id and binding.key in _BY_KEY and binding.description not in _BY_KEY[binding.key].titles
    ]
    assert wrong == []


def test_no_screen_binds_a_key_that_works_everywhere_to_anything_else() -> None:
    everywhere = {
        one.key: one.action for one in Binding.make_bindings(bindings.APP) if one.key not in _BY_KEY
    }
    wrong = [
        f"{where}: {binding.key} is {binding.id}, not {everywhere[binding.key]}"
        for where, binding in _bound()
        if binding.id
        and binding.key in everywhere
        and binding.action.removeprefix("app.") != everywhere[binding.key]
    ]
    assert wrong == []


def test_no_screen_has_a_verb_on_another_key_alone() -> None:
    keys: dict[tuple[str, str], set[str]] = {}
    for _, binding in _bound():
        if binding.id and binding.description in _BY_TITLE:
            keys.setdefault((binding.id, binding.description), set()).add(binding.key)
    assert [who for who, found in keys.items() if _BY_TITLE[who[1]].key not in found] == []


def test_a_verbs_binding_has_its_key_and_title() -> None:
    made = verb("previous", "step(-1)", id="made.previous", tooltip="Before", also="left")
    assert (made.key, made.description, made.key_display) == ("p,left", "Previous", "p")
