"""The keys that work everywhere; each has an id, by which a user's keymap can move it."""

from __future__ import annotations

from textual.binding import Binding

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
    Binding("t", "next_theme", "Light or dark", id="app.theme", show=False, tooltip="Light or dark colours"),
    Binding(
        "ctrl+p",
        "command_palette",
        "Commands",
        id="app.palette",
        priority=True,
        tooltip="All commands, jobs and dialogues",
    ),
    # Not with priority, so that text fields keep the colon.
    Binding(
        "colon",
        "command_palette",
        "Jump",
        id="app.jump",
        show=False,
        key_display=":",
        tooltip="Jump to a command, a job or a dialogue by a few letters",
    ),
    Binding("question_mark,f1", "keys", "Help", id="app.help", key_display="?", tooltip="Show the keys"),
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
