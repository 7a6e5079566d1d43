"""Blocks of thinking (reasoning) in the answers of models and in chat templates."""

from __future__ import annotations

import re

#: Names of elements that enclose thinking, as in `<think>…</think>`: one of these words, perhaps with others
#: before and behind it, as in `seed:think` and `hidden_thought_process`.
_NAMES = (
    r"(?:[a-z]{1,20}[_:.-]){0,3}(?:(?:deep|inner|ant)?(?:think(?:ing)?|thoughts?)|reasoning|scratch[_-]?pad|cot"
    r"|(?:inner|internal)?monologue)(?:[_:.-][a-z]{1,20}){0,3}"
    "|reason|analysis|reflection|ponder"
)
#: What stands for `<`, `>` and the slash of a closing tag, where a model or a server has escaped them.
_LEFT, _RIGHT, _SLASH = r"(?:[<＜]|&lt;)", r"(?:[>＞]|&gt;)", r"[\\]?/"
#: White space, and characters without width.
_BLANK = r"[\s\u200b-\u200d\u2060\ufeff]{0,4}"
#: What else opens and closes a block.
_OTHER = (
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel>thought", "<channel|>"),
    ("<unused94>thought", "<unused95>"),
    ("<|start_thinking|>", "<|end_thinking|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|begin_of_think|>", "<|end_of_think|>"),
    ("<|think_start|>", "<|think_end|>"),
    ("<|thinking|>", "<|/thinking|>"),
    ("<|think|>", "<|/think|>"),
)
_TAG = re.compile(
    rf"(?P<open>{_LEFT}{_BLANK}(?P<name>{_NAMES})(?:\s[^<>\n]{{0,200}}|{_BLANK}){_RIGHT}"
    rf"|{'|'.join(re.escape(tag) for tag, _ in _OTHER)})"
    rf"|(?P<close>{_LEFT}{_BLANK}{_SLASH}{_BLANK}(?:{_NAMES}){_BLANK}{_RIGHT}"
    rf"|{'|'.join(re.escape(tag) for _, tag in _OTHER)})",
    re.IGNORECASE,
)


#: The header of a message in a channel, as gpt-oss's templates write it at the end of a prompt.
_CHANNEL = re.compile(r"<\|channel\|>(?P<name>\w+)<\|message\|>\Z")


def remove(text: str) -> str:
    """A response without its blocks of thinking.

    A closing tag without an opening one ends thinking that began with the response; an opening one without a
    closing one begins thinking that reaches to the end.
    """
    kept: list[str] = []
    at, is_open = 0, False
    for tag in _TAG.finditer(text):
        if tag["close"]:
            if not is_open:
                kept.clear()
            at, is_open = tag.end(), False
        elif not is_open:
            kept.append(text[at : tag.start()])
            is_open = True
    if not is_open:
        kept.append(text[at:])
    return "".join(kept)


def end(text: str) -> int:
    """The position after the last tag that ends thinking; 0 without one."""
    return max((tag.end() for tag in _TAG.finditer(text) if tag["close"]), default=0)


def closing(text: str) -> str:
    """What closes the block that is open at the end of `text`; empty if none is.

    A block that was opened on a line of its own is closed on a line of its own, as the models' own templates
    write an empty block.
    """
    opened: re.Match[str] | None = None
    for tag in _TAG.finditer(text):
        opened = None if tag["close"] else opened or tag
    if opened is None:
        return ""
    closes = _closing_tag(opened)
    return f"\n{closes}\n\n" if text.endswith("\n") else closes


def channel_switch(given: str, wanted: str) -> str:
    """What follows `given`, which opens a channel, up to the channel that `wanted` opens in its place.

    Empty unless they are the same up to there.
    """
    opened, other = _CHANNEL.search(given), _CHANNEL.search(wanted)
    if opened is None or other is None or opened["name"] == other["name"]:
        return ""
    if given[: opened.start()] != wanted[: other.start()]:
        return ""
    return f"<|end|>{wanted[max(0, wanted.rfind('<|start|>')) :]}"


def _closing_tag(opened: re.Match[str]) -> str:
    if opened["name"] is not None:
        return f"</{opened['name']}>"
    spelled = opened["open"]
    tag = next(close for open_, close in _OTHER if open_.lower() == spelled.lower())
    return tag.upper() if spelled.isupper() else tag


def without(text: str) -> str:
    """`text` without any block or part of one, and without white space at its end."""
    kept: list[str] = []
    at, is_open = 0, False
    for tag in _TAG.finditer(text):
        if not is_open:
            kept.append(text[at : tag.start()])
        at, is_open = tag.end(), not tag["close"]
    if not is_open:
        kept.append(text[at:])
    return "".join(kept).rstrip()
