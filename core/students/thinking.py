"""Blocks of thinking (reasoning) that some models write before an answer."""

from __future__ import annotations

import re

#: How a block is opened and closed, in the formats that chat templates use.
_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel>thought", "<channel|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
_BLOCK = re.compile(
    "|".join(rf"{re.escape(start)}.*?(?:{re.escape(end)}|\Z)|{re.escape(end)}" for start, end in _TAGS),
    re.DOTALL,
)


def closing(text: str) -> str:
    """What closes the block that is open at the end of `text`; empty if none is.

    A block that was opened on a line of its own is closed on a line of its own, as the models' own templates
    write an empty block.
    """
    for start, end in _TAGS:
        opened = text.rfind(start)
        if opened >= 0 and text.find(end, opened) < 0:
            return f"\n{end}\n\n" if text.endswith("\n") else end
    return ""


def remove(text: str) -> str:
    """A response without its blocks of thinking.

    A block may be left open, and one that is closed without having been opened began with the response.
    """
    for start, end in _TAGS:
        closed = text.find(end)
        if closed >= 0 and text.find(start, 0, closed) < 0:
            text = text[closed + len(end) :]
    return _BLOCK.sub("", text)


def without(text: str) -> str:
    """`text` without any block or part of one, and without white space at its end."""
    return _BLOCK.sub("", text).rstrip()
