"""docs/keys.md: the app's keys."""

from __future__ import annotations

from docs.generator.markdown import NOTE, cell, table
from tui.app.config import keymap
from tui.navigation.bindings import VERBS

_TITLES = {
    "app": "Everywhere",
    "screen": "Every screen",
    "list": "Every list",
    "table": "Every table",
}

_INTRODUCTION = f"""# Keys

{NOTE} `empathy-tui keys` prints the same.

Use an action's id to give it other keys in `config.toml`:

```toml
[app]
keys = {{ "pipeline.start" = "ctrl+s", "app.help" = "f1" }}
```
"""

_VERBS = (
    "One key means one thing: where a screen has one of these, it is on this key, and on no other. No screen "
    "has another meaning for a key that works everywhere."
)


def page() -> str:
    """The page, with a table for each part of the app."""
    rows: dict[str, list[tuple[str, ...]]] = {}
    for line in keymap.key_lines():
        part = line.id.partition(".")[0]
        title = _TITLES.get(part, part.replace("_", " ").capitalize())
        rows.setdefault(title, []).append((f"`{cell(line.shown)}`", cell(line.what), f"`{line.id}`"))
    verbs = [(f"`{cell(one.shown)}`", cell(name), cell(one.meaning)) for name, one in VERBS.items()]
    rest = f"\n## Verbs\n\n{_VERBS}\n\n{table(('key', 'verb', 'meaning'), verbs)}"
    tables = (f"\n## {title}\n\n{table(('keys', 'action', 'id'), lines)}" for title, lines in rows.items())
    return _INTRODUCTION + rest + "".join(tables)
