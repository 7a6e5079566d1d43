"""Takes off what a model writes around its answer. Every use of an answer follows this one rule:

- `broken character`: halves of characters outside the Basic Multilingual Plane (lone surrogates) are removed,
  also where a server has replaced them by U+FFFD.
- `control character`: control characters other than tabs and ends of lines are removed.
- `thinking`: blocks of thinking are removed, in tags (`<think>`, `<thought>`, `[THINK]`, …) or channels
  (`analysis` of gpt-oss). A closing tag without an opening one ends thinking that began with the answer; an
  opening one without a closing one begins thinking that reaches to the end. So only thinking is no answer.
  What stands under "Reasoning:" before a line with "Answer:" is thinking too.
- `control token`: tokens of chat formats at the beginning are removed, with the role that they name, or with
  the whole prompt where a server repeats it. The first one that ends a turn, or begins another, ends the
  answer; all others are removed.
- `markdown`: a code fence, emphasis or block quote around the whole answer.
- `preamble`: a first line that announces the answer ("Sure! Here is a more empathetic version:").
- `label`: a label ("Improved response:"), with the prompt if the model repeats it before, a tag (`<answer>`)
  or a JSON object around the answer.
- `next turn`: lines from "User:", "Speaker:" or the like on, where the model goes on with the conversation.
- `quotes`: quotation marks around the whole answer.
- `remark`: last paragraphs about the answer ("This version acknowledges …", "Let me know if you'd like …").

What else the answer says is kept, word for word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.dialogues import control_tokens, thinking
from core.teachers.answers import characters, wording

Removal = Literal[
    "broken character",
    "control character",
    "thinking",
    "control token",
    "markdown",
    "preamble",
    "label",
    "next turn",
    "quotes",
    "remark",
]


@dataclass(frozen=True)
class CleanedText:
    """An answer without what stood around it."""

    text: str
    """The answer; empty if there is nothing else."""
    removed: tuple[Removal, ...]
    """What was removed, in the order of the rule."""


#: How often the rule is applied at most: an answer in more layers is none, and each costs time.
_MAX_ROUNDS = 20


def clean(text: str) -> CleanedText:
    """Apply the rule until nothing changes: a clean text stays as it is."""
    removed: set[Removal] = set()
    text = _strip(text)
    before = None
    for _ in range(_MAX_ROUNDS):
        if before == text:
            break
        before = text
        for removal, step in _STEPS:
            after = _strip(step(text))
            if after != text:
                removed.add(removal)
                text = after
    return CleanedText(text, tuple(removal for removal, _ in _STEPS if removal in removed))


def thinking_end(text: str) -> int:
    """Where the answer begins: after the last tag or header that ends thinking; 0 without one."""
    return max(thinking.end(text), *(match.end() for match in _CHANNEL.finditer(text)), 0)


#: White space and characters without width, which may stand at either end.
_BLANK = " \t\r\n\f\v\u00a0\u200b\u200c\u200d\u2060\ufeff"


def _strip(text: str) -> str:
    return text.strip(_BLANK).strip().strip(_BLANK)


# Thinking

#: The header of a message in a channel, as gpt-oss writes it.
_CHANNEL = re.compile(
    r"(?:<\|start\|>[^<]{0,40})?<\|channel\|>\s*(?P<name>\w+)[^<]{0,80}(?:<\|constrain\|>[^<]*)?<\|message\|>"
)
_MESSAGE_END = re.compile(r"<\|(?:end|return|call|start)\|>")
#: The same after a server dropped the control tokens.
_BARE_CHANNELS = re.compile(r"\A(?:analysis.*)?assistantfinal(?=[^a-z]|\Z)", re.DOTALL)
_BARE_THINKING = re.compile(r"\Aanalysis(?=[A-Z])")
_THOUGHT_PROCESS = re.compile(
    r"\Ahere(?:'s| is) my (?:thought|thinking|reasoning) process\b:?", re.IGNORECASE
)
_MY_RESPONSE = re.compile(r"\bhere(?:'s| is) my (?:response|answer|reply)\b:?", re.IGNORECASE)

#: Thinking in a turn of its own, before that of the answer.
_TURN = re.compile(r"\A<\|im_start\|>think\b.*?<\|im_start\|>(?=answer\b)", re.DOTALL)
#: How Ollama and Open WebUI write thinking, and how models write it without tags.
_DONE_THINKING = re.compile(r"\Athinking\.\.\.\s*\n.*?\n\s*\.\.\.done thinking\.?", re.IGNORECASE | re.DOTALL)
_DETAILS = re.compile(
    r'<details(?: type="reasoning"[^>]*>|[^>]*>\s*<summary>\s*(?:thinking|thoughts?|reasoning)\b)'
    r".*?</details>"
    r"|<!--\s*(?:thinking|thoughts?|reasoning)\b.*?-->"
    r"|\A(?P<fence>`{3,}|~{3,})(?:think(?:ing)?|thoughts?|reasoning)[ \t]*\n.*?\n(?P=fence)[ \t]*(?=\n)",
    re.IGNORECASE | re.DOTALL,
)
_LABELLED = re.compile(
    r"\A[*_#\s]*(?:(?:thinking|thoughts?|thought process|reasoning|analysis|internal monologue"
    r"|chain of thought)[*_ ]*:|(?:(?:okay|ok|alright|hmm|so)\b[,. ]*)?"
    r"(?:let me think|let's think|the (?:user|speaker) |(?:i|we) (?:need|have|should|want) to )).*?"
    r"\n[*_#\s]*(?:final |improved |empathetic )?(?:answer|response|reply)[*_ ]*:[*_]*\s*",
    re.IGNORECASE | re.DOTALL,
)


def _without_thinking(text: str) -> str:
    text = _TURN.sub("<|im_start|>", _final_channel(text))
    text = _DETAILS.sub("", _DONE_THINKING.sub("", _LABELLED.sub("", text)))
    if (bare := _BARE_CHANNELS.match(text)) is not None:
        text = text[bare.end() :]
    elif _BARE_THINKING.match(text):
        return ""
    if _THOUGHT_PROCESS.match(text):
        announced = _MY_RESPONSE.search(text)
        return "" if announced is None else text[announced.end() :]
    return thinking.remove(text)


def _final_channel(text: str) -> str:
    """The messages of the channel `final`; nothing if there are only others."""
    headers = list(_CHANNEL.finditer(text))
    if not headers:
        return text
    found = []
    for number, header in enumerate(headers):
        end = headers[number + 1].start() if number + 1 < len(headers) else len(text)
        if header["name"].casefold() == "final":
            found.append(_MESSAGE_END.split(text[header.end() : end], maxsplit=1)[0])
    return "\n".join(found)


# Control tokens

_ROLE = re.compile(r"\A(?:assistant|model|bot|ai|answer)[ \t]*(?=\r?\n|<|\Z)", re.IGNORECASE)
#: A prompt in a chat format, up to where the answer to its last turn begins.
_PROMPT = re.compile(
    r"\A\s*(?:(?:<s>|<bos>|<\|begin_of_text\|>)\s*)?(?:\[INST\].*\[/INST\]"
    r"|<\|im_start\|>(?:system|user)\b.*<\|im_start\|>assistant\b"
    r"|<\|start_header_id\|>(?:system|user)\b.*<\|start_header_id\|>assistant<\|end_header_id\|>"
    r"|<start_of_turn>(?:system|user)\b.*<start_of_turn>model\b|<\|(?:system|user)\|>.*<\|assistant\|>)",
    re.DOTALL,
)
#: Names of control tokens that end a turn or begin another.
_BOUNDARY = re.compile(
    r"end|eo[tsmd]|return|stop|start|begin|turn|user|human|system|assistant|model|bot|inst|sys|</s>|<s>|bos",
    re.IGNORECASE,
)


def _without_control_tokens(text: str) -> str:
    text = _PROMPT.sub("", text)
    kept: list[str] = []
    at, is_blank = 0, True
    for token in control_tokens.find(text):
        start = text.index(token, at)
        before = text[at:start]
        kept.append(_without_role(before) if is_blank and at else before)
        is_blank = is_blank and not kept[-1].strip()
        at = start + len(token)
        if not is_blank and _BOUNDARY.search(token):
            return "".join(kept)
    rest = text[at:]
    kept.append(_without_role(rest) if is_blank and at else rest)
    return "".join(kept)


def _without_role(text: str) -> str:
    return _ROLE.sub("", text.lstrip())


# Markdown

_FENCE = re.compile(r"\A(?P<fence>`{3,}|~{3,})[^\n`]*\n(?P<inner>.*?)\n?(?P=fence)\s*\Z", re.DOTALL)
_FENCE_IN_LINE = re.compile(r"\A(?P<fence>`{1,3})(?P<inner>[^`]+)(?P=fence)\Z")
#: A fence without its counterpart, where the answer was cut.
_HALF_FENCE = re.compile(r"\A(?:`{3,}|~{3,})[^\n`]*\n(?!.*(?:`{3}|~{3}))|\n(?:`{3,}|~{3,})\Z", re.DOTALL)
_EMPHASIS = re.compile(r"\A(?P<mark>\*{1,3}|_{1,3})(?=\S)(?P<inner>[^*_]+)(?<=\S)(?P=mark)\Z")
_RULER = re.compile(r"\A(?:-{3,}|\*{3,}|_{3,})[ \t]*\n|\n[ \t]*(?:-{3,}|\*{3,}|_{3,})\Z|\s#{3,}\Z")


def _without_markdown(text: str) -> str:
    text = _RULER.sub("", text)
    for pattern in (_FENCE, _FENCE_IN_LINE, _EMPHASIS):
        if (found := pattern.match(text)) is not None and "```" not in found["inner"]:
            return str(found["inner"])
    lines = text.split("\n")
    if all(line.startswith(">") or not line.strip() for line in lines):
        return "\n".join(line.removeprefix(">").removeprefix(" ") for line in lines)
    return text if text.count("```") + text.count("~~~") > 1 else _HALF_FENCE.sub("", text)


_STEPS: tuple[tuple[Removal, Callable[[str], str]], ...] = (
    ("broken character", characters.without_broken_characters),
    ("control character", characters.without_control_characters),
    ("thinking", _without_thinking),
    ("control token", _without_control_tokens),
    ("markdown", _without_markdown),
    ("preamble", wording.without_preamble),
    ("label", wording.without_label),
    ("next turn", wording.without_next_turn),
    ("quotes", wording.without_quotes),
    ("remark", wording.without_remarks),
)
