"""docs/configuration.md: every option of config.toml, from the schema and the docstrings in it."""

from __future__ import annotations

from core.config import reference
from docs.generator.markdown import NOTE, cell, table

_INTRODUCTION = f"""# Configuration

{NOTE}

`config.toml` in the workspace says what to do. Every option has a default unless it is marked as required.
`empathy-tui init` writes a commented file to start from, and `empathy-tui doctor` checks it. API keys come
from environment variables, never from this file.
"""


def page() -> str:
    """The page, with a section for each table of the file."""
    return _INTRODUCTION + "".join(map(_section, reference.tables()))


def _section(one: reference.TableDescription) -> str:
    """One table of the file: what it is for, and its own options; inherited ones stand with its base."""
    rows = [
        (f"`{option.name}`", cell(option.kind), cell(_default(option)), cell(option.meaning))
        for option in one.options
        if not option.is_inherited
    ]
    described = table(("option", "type", "default", "meaning"), rows)
    return f"\n## `[{one.header}]`\n\n{one.meaning}\n\n{described}"


def _default(option: reference.Option) -> str:
    words = option.default in ("required", "not set", "")
    return option.default if words else f"`{option.default}`"
