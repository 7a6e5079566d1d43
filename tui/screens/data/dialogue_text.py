"""A dialogue in full: its situation, its utterance, and every response with its rating."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tui.format import marked_text
from tui.format.data import ratings
from tui.format.text import visible
from tui.format.values import counted

if TYPE_CHECKING:
    from core.api import Dialogue

#: Width of the labels beside a text.
_BESIDE = 12
#: Below this width the source is above the text.
_NARROW = 64


def whole(dialogue: Dialogue, sought: str, width: int, shade: Callable[[str], str]) -> RenderableType:
    """The dialogue for this width, with matches of `sought` marked; `shade` maps a variable to its colour."""
    muted, narrow = shade("text-muted"), width < _NARROW
    about = [dialogue.emotion, dialogue.sentiment, dialogue.plutchik]
    head = Text.assemble(
        (visible(dialogue.dialog_id), "bold"),
        ("   " + dialogue.split, shade("text-accent" if dialogue.split == "test" else "text-muted")),
        ("".join(f" · {visible(word)}" for word in about if word), muted),
    )
    context = _grid()
    context.add_row(Text("Situation", muted), _text(dialogue.situation, sought))
    context.add_row(Text("Utterance", muted), _text(dialogue.utterance, sought))
    answered = Table.grid(expand=True) if narrow else _grid()
    for number, (source, response) in enumerate(dialogue.responses.items()):
        if number:
            answered.add_row("")
        words, text = len(response.text.split()), _text(response.text, sought)
        who = Text("   " if narrow else "\n").join(
            [
                Text(visible(source), "bold"),
                Text("not rated", muted)
                if response.rating is None
                else Text(ratings.words(response.rating), shade(ratings.RATINGS[response.rating].colour)),
                Text(counted(words, "word"), muted),
            ]
        )
        if narrow:
            answered.add_row(Group(who, text))
        else:
            answered.add_row(who, text)
    return Group(head, Text(), context, Rule(style=shade("border")), answered)


def plain(dialogue: Dialogue) -> str:
    """The dialogue as plain text to copy."""
    lines = [
        f"dialogue {dialogue.dialog_id} ({dialogue.emotion}, {dialogue.split})",
        f"situation: {dialogue.situation.strip()}",
        f"utterance: {dialogue.utterance.strip()}",
        *(
            f"{source} ({'not rated' if response.rating is None else f'rated {response.rating}'}): "
            f"{response.text.strip()}"
            for source, response in dialogue.responses.items()
        ),
    ]
    return visible("\n".join(lines), lines=True)


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(width=_BESIDE, overflow="fold")
    grid.add_column(ratio=1, overflow="fold")
    return grid


def _text(text: str, sought: str) -> Text:
    beginning, note = marked_text.cut(text)
    shown = Text(beginning)
    if sought:
        shown.highlight_regex(re.compile(re.escape(sought), re.IGNORECASE), marked_text.SOUGHT)
    return Text.assemble(shown, ("\n" + note, "italic")) if note else shown
