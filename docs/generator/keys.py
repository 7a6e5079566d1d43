"""docs/keys.md: the app's keys."""

from __future__ import annotations

from docs.generator.markdown import NOTE, cell, table
from tui.app import keymap

_TITLES = {
    "app": "Everywhere",
    "room": "Every screen",
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


def page() -> str:
    """The page, with a table for each part of the app."""
    rows: dict[str, list[tuple[str, ...]]] = {}
    for line in keymap.key_lines():
        part = line.id.partition(".")[0]
        title = _TITLES.get(part, part.replace("_", " ").capitalize())
        rows.setdefault(title, []).append((f"`{cell(line.shown)}`", cell(line.what), f"`{line.id}`"))
    tables = (f"\n## {title}\n\n{table(('keys', 'action', 'id'), lines)}" for title, lines in rows.items())
    return _INTRODUCTION + "".join(tables)
