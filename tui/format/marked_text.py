"""Texts from outside with words marked in them, cut where they are very long."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher

from textual.content import Content

from tui.format.text import visible

#: Characters that are shown; no response that follows its prompt has a twentieth of them.
LONGEST = 20_000
#: Pairs of equal words up to which texts are compared: the time that it takes grows faster than they do.
_MOST_PAIRS = 20_000

DIFFERING, SOUGHT = "$text-warning underline", "reverse"


def cut(text: str, longest: int = LONGEST) -> tuple[str, str]:
    """What is shown of a text, and a note on what is not."""
    text = text.strip()
    if len(text) <= longest:
        return visible(text, lines=True), ""
    note = f"… and {len(text) - longest:,} characters more"
    return visible(text[:longest], lines=True), note


def marked(text: str, *, against: str | None = None, sought: str = "", longest: int = LONGEST) -> Content:
    """A text to read: with `against`, those of its words marked that the other does not have there;
    `sought` marked wherever it stands."""
    shown, note = cut(text, longest)
    content = Content(shown)
    if against is not None:
        spans = differing(shown, cut(against, longest)[0])
        if spans is None:
            note = f"{note}\n(too many words that repeat: differences are not marked)".strip()
        for start, end in spans or ():
            # Underlined as well: colour alone is not for everybody.
            content = content.stylize(DIFFERING, start, end)
    if sought:
        content = content.highlight_regex(re.compile(re.escape(sought), re.IGNORECASE), style=SOUGHT)
    return Content.assemble(content, (f"\n{note}", "$text-muted")) if note else content


def differing(text: str, other: str) -> list[tuple[int, int]] | None:
    """Where in `text` words stand that `other` does not have there; None when it would take too long."""
    places = [match.span() for match in re.finditer(r"\S+", text)]
    own, others = [text[start:end] for start, end in places], other.split()
    repeated = Counter(others)
    if sum(number * repeated[word] for word, number in Counter(own).items()) > _MOST_PAIRS:
        return None
    matcher = SequenceMatcher(None, own, others, autojunk=False)
    return [
        (places[start][0], places[end - 1][1])
        for kind, start, end, _, _ in matcher.get_opcodes()
        if kind in ("replace", "delete")
    ]
