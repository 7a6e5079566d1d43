"""Untrusted texts with marked words, cut if they are very long."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher

from textual.content import Content

from tui.format.text import visible

#: Characters that are shown; a response that follows its prompt has less than a twentieth of them.
LONGEST = 20_000
#: Pairs of equal words up to which texts are compared; the time grows faster than linearly.
_MAX_PAIRS = 20_000

DIFFERING, SOUGHT = "$text-warning underline", "reverse"


def cut(text: str, longest: int = LONGEST) -> tuple[str, str]:
    """The part of a text that is shown, and a note on the rest."""
    text = text.strip()
    if len(text) <= longest:
        return visible(text, lines=True), ""
    note = f"… and {len(text) - longest:,} characters more"
    return visible(text[:longest], lines=True), note


def marked(text: str, *, against: str | None = None, sought: str = "", longest: int = LONGEST) -> Content:
    """A text with marked words: those that differ from `against`, and every match of `sought`."""
    shown, note = cut(text, longest)
    content = Content(shown)
    if against is not None:
        spans = differing(shown, cut(against, longest)[0])
        if spans is None:
            note = f"{note}\n(too many repeated words: differences are not marked)".strip()
        for start, end in spans or ():
            # Underlined too, for users who cannot distinguish the colours.
            content = content.stylize(DIFFERING, start, end)
    if sought:
        content = content.highlight_regex(re.compile(re.escape(sought), re.IGNORECASE), style=SOUGHT)
    return Content.assemble(content, (f"\n{note}", "$text-muted")) if note else content


def differing(text: str, other: str) -> list[tuple[int, int]] | None:
    """The spans of words in `text` that differ from `other`; None when the comparison would take too long."""
    places = [match.span() for match in re.finditer(r"\S+", text)]
    own, others = [text[start:end] for start, end in places], other.split()
    repeated = Counter(others)
    if sum(number * repeated[word] for word, number in Counter(own).items()) > _MAX_PAIRS:
        return None
    matcher = SequenceMatcher(None, own, others, autojunk=False)
    return [
        (places[start][0], places[end - 1][1])
        for kind, start, end, _, _ in matcher.get_opcodes()
        if kind in ("replace", "delete")
    ]
