"""Every key of the app, by its id: for config.toml's [app.keys], the command `keys`, and the docs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import getmembers, isclass
from pkgutil import walk_packages

from textual.app import App
from textual.binding import Binding, BindingsMap, BindingType
from textual.dom import DOMNode
from textual.keys import Keys, _character_to_key, format_key

import tui.components
import tui.dialogs
import tui.screens
from tui.navigation import bindings

#: Modifiers, and Textual's key names that `Keys` lacks.
_MODIFIERS = {"ctrl", "shift", "alt", "super", "meta", "hyper"}


@dataclass(frozen=True)
class KeyLine:
    """The keys of one binding id, as in config.toml and as displayed, and its description."""

    id: str
    keys: str
    shown: str
    what: str


def key_lines() -> list[KeyLine]:
    """Every binding id once, the global ones first; imports the whole app."""
    found: dict[str, list[Binding]] = {}
    own: list[Iterable[BindingType]] = [cls.__dict__.get("BINDINGS", []) for cls in bound_classes()]
    for group in [bindings.APP, *own]:
        for binding in Binding.make_bindings(group):
            if binding.id:
                found.setdefault(binding.id, []).append(binding)
    lines = [_line(name, same) for name, same in found.items()]
    return sorted(lines, key=lambda line: (not line.id.startswith("app."), line.id.partition(".")[0]))


def problems(keys: Mapping[str, str]) -> list[str]:
    """The problems in [app.keys]; imports the whole app unless the table is empty."""
    if not keys:
        return []
    known = {line.id for line in key_lines()}
    found = []
    for name, wanted in keys.items():
        if name not in known:
            found.append(f"app.keys: unknown id {name!r}; `empathy-tui keys` lists all ids")
        found += [
            f"app.keys.{name}: unknown key {key!r}; write ctrl+s, f5, slash, or a character"
            for key in _split(wanted)
            if not is_key(key)
        ]
    return [*found, *_clashes(keys)]


def _clashes(keys: Mapping[str, str]) -> list[str]:
    """Two actions of one screen or widget with the same key, of which only one would run."""
    found: dict[str, None] = {}
    of_app = BindingsMap.merge([App._merged_bindings or BindingsMap(), BindingsMap(bindings.APP)])
    for scope in (of_app, *(cls._merged_bindings or () for cls in bound_classes())):
        taken: dict[str, str] = {}
        for _, binding in scope:
            name = binding.id or binding.action
            for key in _split(keys.get(name, binding.key)):
                other = taken.setdefault(key, name)
                if other != name and not keys.keys().isdisjoint((name, other)):
                    found[f"app.keys: {key!r} is bound to both {other} and {name}"] = None
    return list(found)


def _split(keys: str) -> list[str]:
    """A comma-separated list of keys, in Textual's long form."""
    return [_character_to_key(key) if len(key) == 1 else key for key in map(str.strip, keys.split(","))]


def is_key(key: str) -> bool:
    """Whether a terminal can send a key of that name, as far as Textual knows."""
    *modifiers, name = key.split("+") if len(key) > 1 else [key]
    if not _MODIFIERS.issuperset(modifiers):
        return False
    return len(name) == 1 or name in _NAMES or _is_character_name(name)


_NAMES = {key.value for key in Keys}


def _is_character_name(name: str) -> bool:
    """Whether a character has this name in Textual's spelling, such as `question_mark`."""
    import unicodedata

    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        # Textual abbreviates some names.
        return format_key(name) != name
    return True


def _line(name: str, same: list[Binding]) -> KeyLine:
    keys = list(dict.fromkeys(binding.key for binding in same))
    shown = list(dict.fromkeys(_shown(binding.key) for binding in same))
    first = same[0]
    return KeyLine(name, ",".join(keys), " ".join(shown), first.tooltip or first.description)


def _shown(key: str) -> str:
    *modifiers, name = key.split("+")
    return "".join(f"{modifier}+" for modifier in modifiers) + format_key(name)


def bound_classes() -> Iterator[type[DOMNode]]:
    """Every screen and widget of the app."""
    for package in (tui.components, tui.dialogs, tui.screens):
        for found in walk_packages(package.__path__, f"{package.__name__}."):
            module = import_module(found.name)
            for _, cls in getmembers(module, isclass):
                if issubclass(cls, DOMNode) and cls.__module__ == module.__name__:
                    yield cls
