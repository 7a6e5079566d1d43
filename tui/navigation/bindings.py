"""The keys that work everywhere, and the verbs; each has an id, by which a user's keymap can move it.

A verb is what people do with many kinds of things, such as copy. It has one key on all screens. No screen
binds that key, or one that works everywhere, to anything else.
"""

from __future__ import annotations

from typing import NamedTuple

from textual.binding import Binding
from textual.keys import key_to_character

#: Shown when a key is refused in a read-only app.
READ_ONLY = "this app is read-only: open it with --write to change anything"

#: The app's actions that change the workspace.
APP_WRITES = frozenset(
    {
        *("app.start_all", "app.pause", "app.import_data", "app.edit_config", "app.report"),
        *("app.export_training_data", "app.publish", "app.vote", "app.validate_judge"),
    }
)


def types_character(key: str) -> bool:
    """Whether a text field takes a key, named as Textual spells it, as a character."""
    character = key_to_character(key)
    return character is not None and character.isprintable()


class Verb(NamedTuple):
    """What a key does on every screen that binds it."""

    key: str
    """As Textual spells it."""
    shown: str
    """As people read it."""
    titles: tuple[str, ...]
    """What it is called where it is bound, the usual title first."""
    meaning: str


VERBS: dict[str, Verb] = {
    "open": Verb(
        "enter", "⏎", ("Open", "Log", "Pairs", "B", "Write", "One or grid"), "Open the item under the cursor"
    ),
    "related": Verb(
        "o",
        "o",
        ("Log", "Pairs", "Data", "Files", "Path"),
        "Go to what is related: log, pairs, data, files",
    ),
    "search": Verb("slash", "/", ("Search",), "Show or find what contains some words"),
    "filter": Verb("f", "f", ("Filter",), "Choose filter conditions"),
    "sort": Verb("greater_than_sign", ">", ("Sort",), "Sort by the next column"),
    "next": Verb("n", "n", ("Next",), "Next dialogue, match, section or judge"),
    "previous": Verb("p", "p", ("Previous",), "Previous dialogue, match, section or judge"),
    "copy": Verb("y", "y", ("Copy",), "Copy it as text"),
    "retry": Verb("r", "r", ("Retry",), "Retry what failed or was stopped"),
    "cancel": Verb("c", "c", ("Cancel",), "Stop a job or batch"),
    "edit": Verb("e", "e", ("Edit",), "Change it"),
    "note": Verb("N", "N", ("Note",), "Write a note on it"),
    "export": Verb("x", "x", ("Export", "Publish"), "Write it to files"),
    "pause": Verb("P", "P", ("Pause",), "Start no new jobs, or resume"),
    "help": Verb("question_mark", "?", ("Help",), "Show the keys"),
}


def verb(
    name: str,
    action: str,
    *,
    id: str,
    tooltip: str,
    title: str | None = None,
    also: str = "",
    show: bool = False,
) -> Binding:
    """The binding of a verb; `title` is one of the verb's, `also` has more keys, separated by commas."""
    one = VERBS[name]
    keys = ",".join(key for key in (one.key, also) if key)
    return Binding(
        keys,
        action,
        one.titles[0] if title is None else title,
        id=id,
        key_display=one.shown,
        show=show,
        tooltip=tooltip,
    )


#: Mode, key, title, in the order of the tabs.
SCREENS = (
    ("home", "1", "Home"),
    ("pipeline", "2", "Pipeline"),
    ("data", "3", "Data"),
    ("training", "4", "Training"),
    ("win_rates", "5", "Win rates"),
    ("pairs", "6", "Pairs"),
    ("batches", "7", "Batches"),
    ("logs", "8", "Logs"),
    ("playground", "9", "Chat"),
)

APP = [
    *(
        Binding(
            key, f"screen('{mode}')", title, id=f"app.{mode}", show=False, tooltip=f"Open {title.lower()}"
        )
        for mode, key, title in SCREENS
    ),
    Binding(
        "i", "import_data", "Import data", id="app.import", show=False, tooltip="Check a file, then import it"
    ),
    Binding(
        "comma",
        "screen('settings')",
        "Settings",
        id="app.settings",
        show=False,
        key_display=",",
        tooltip="Settings and recipes of config.toml",
    ),
    Binding(
        "E",
        "edit_config",
        "Edit config.toml",
        id="app.edit_config",
        show=False,
        tooltip="Open config.toml in your editor, at the setting or recipe under the cursor",
    ),
    Binding("C", "next_theme", "Light or dark", id="app.theme", show=False, tooltip="Light or dark colours"),
    Binding(
        "ctrl+p",
        "command_palette",
        "Commands",
        id="app.palette",
        priority=True,
        tooltip="All commands, settings, jobs, runs and dialogues",
    ),
    # Not with priority, so that text fields keep the colon.
    Binding(
        "colon",
        "command_palette",
        "Jump",
        id="app.jump",
        show=False,
        key_display=":",
        tooltip="Jump to a command, a setting, a job, a run or a dialogue by a few letters",
    ),
    verb("help", "keys", id="app.help", tooltip="Show the keys", also="f1", show=True),
    Binding(
        "ctrl+z",
        "suspend_process",
        "Suspend",
        id="app.suspend",
        show=False,
        tooltip="Suspend the app; `fg` in the shell resumes it",
    ),
    Binding("q", "quit", "Quit", id="app.quit", tooltip="Close the app; jobs continue in the background"),
]

#: The app's own actions, which need nothing of a screen.
APP_ACTIONS = frozenset(binding.action for binding in APP)
