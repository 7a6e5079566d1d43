"""Takes off what a model writes around its answer. Every use of an answer follows this one rule:

- `half character`: halves of characters outside the Basic Multilingual Plane (lone surrogates) are removed.
- `thinking`: blocks of thinking are removed, in tags (`<think>`, `<thought>`, `[THINK]`, …) or channels
  (`analysis` of gpt-oss). A closing tag without an opening one ends thinking that began with the answer; an
  opening one without a closing one begins thinking that reaches to the end. So only thinking is no answer.
- `control token`: tokens of chat formats at the beginning are removed, with the role that they name. The
  first one that ends a turn, or begins another, ends the answer; all others are removed.
- `markdown`: a code fence, emphasis or block quote around the whole answer.
- `preamble`: a first line that announces the answer ("Sure! Here is a more empathetic version:").
- `label`: a label ("Improved response:"), tag (`<answer>`) or JSON object around the answer.
- `quotes`: quotation marks around the whole answer.
- `remark`: last paragraphs about the answer ("This version acknowledges …", "Let me know if you'd like …").

What else the answer says is kept, word for word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.dialogues import control_tokens, thinking

Removal = Literal[
    "half character", "thinking", "control token", "markdown", "preamble", "label", "quotes", "remark"
]


@dataclass(frozen=True)
class CleanedText:
    """An answer without what stood around it."""

    text: str
    """The answer; empty if there is nothing else."""
    removed: tuple[Removal, ...]
    """What was removed, in the order of the rule."""


def clean(text: str) -> CleanedText:
    """Apply the rule until nothing changes: a clean text stays as it is."""
    removed: set[Removal] = set()
    text = _strip(text)
    before = None
    while before != text:
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


def without_half_characters(text: str) -> str:
    """`text` with its surrogate pairs joined, and without lone surrogates, which UTF-8 cannot encode."""
    if _SURROGATE.search(text) is None:
        return text
    return _SURROGATE.sub("", _PAIR.sub(_joined, text))


def with_visible_half_characters(text: str) -> str:
    """`text` with U+FFFD for each lone surrogate, so that it can be written and shows what was there."""
    if _SURROGATE.search(text) is None:
        return text
    return _SURROGATE.sub("\ufffd", _PAIR.sub(_joined, text))


_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")


# Thinking

#: The header of a message in a channel, as gpt-oss writes it.
_CHANNEL = re.compile(
    r"(?:<\|start\|>[^<]{0,40})?<\|channel\|>\s*(?P<name>\w+)[^<]{0,80}(?:<\|constrain\|>[^<]*)?<\|message\|>"
)
_MESSAGE_END = re.compile(r"<\|(?:end|return|call|start)\|>")
#: The same after a server dropped the control tokens.
_BARE_CHANNELS = re.compile(r"\Aanalysis(?=[A-Z\s*\"'(]).*assistantfinal(?=[^a-z]|\Z)", re.DOTALL)
_BARE_THINKING = re.compile(r"\Aanalysis(?=[A-Z])")
_THOUGHT_PROCESS = re.compile(
    r"\Ahere(?:'s| is) my (?:thought|thinking|reasoning) process\b:?", re.IGNORECASE
)
_MY_RESPONSE = re.compile(r"\bhere(?:'s| is) my (?:response|answer|reply)\b:?", re.IGNORECASE)


def _without_thinking(text: str) -> str:
    text = _final_channel(text)
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

_ROLE = re.compile(r"\A(?:assistant|model|bot|ai)[ \t]*(?=\r?\n|<|\Z)", re.IGNORECASE)
#: Names of control tokens that end a turn or begin another.
_BOUNDARY = re.compile(
    r"end|eo[tsmd]|return|stop|start|begin|turn|user|human|system|assistant|model|bot|inst|sys|</s>|<s>|bos",
    re.IGNORECASE,
)


def _without_control_tokens(text: str) -> str:
    kept: list[str] = []
    at = 0
    for token in control_tokens.find(text):
        start = text.index(token, at)
        before = text[at:start]
        kept.append(_without_role(before) if _is_blank(kept) and at else before)
        at = start + len(token)
        if not _is_blank(kept) and _BOUNDARY.search(token):
            return "".join(kept)
    rest = text[at:]
    kept.append(_without_role(rest) if _is_blank(kept) and at else rest)
    return "".join(kept)


def _without_role(text: str) -> str:
    return _ROLE.sub("", text.lstrip())


def _is_blank(parts: list[str]) -> bool:
    return not any(part.strip() for part in parts)


# Markdown

_FENCE = re.compile(r"\A(?P<fence>`{3,}|~{3,})[^\n`]*\n(?P<inner>.*?)\n?(?P=fence)\s*\Z", re.DOTALL)
_FENCE_IN_LINE = re.compile(r"\A(?P<fence>`{1,3})(?P<inner>[^`]+)(?P=fence)\Z")
#: A fence without its counterpart, where the answer was cut.
_HALF_FENCE = re.compile(r"\A(?:`{3,}|~{3,})[^\n`]*\n(?!.*(?:`{3}|~{3}))|\n(?:`{3,}|~{3,})\Z", re.DOTALL)
_EMPHASIS = re.compile(r"\A(?P<mark>\*{1,3}|_{1,3})(?=\S)(?P<inner>[^*_]+)(?<=\S)(?P=mark)\Z")
_RULER = re.compile(r"\A(?:-{3,}|\*{3,}|_{3,})[ \t]*\n|\n[ \t]*(?:-{3,}|\*{3,}|_{3,})\Z")


def _without_markdown(text: str) -> str:
    text = _RULER.sub("", text)
    for pattern in (_FENCE, _FENCE_IN_LINE, _EMPHASIS):
        if (found := pattern.match(text)) is not None and "```" not in found["inner"]:
            return str(found["inner"])
    lines = text.split("\n")
    if all(line.startswith(">") or not line.strip() for line in lines):
        return "\n".join(line.removeprefix(">").removeprefix(" ") for line in lines)
    return text if text.count("```") + text.count("~~~") > 1 else _HALF_FENCE.sub("", text)


# Preambles

_AGREED = (
    r"(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|alright|all right|gladly|no problem"
    r"|understood|got it|great|yes|thank you|thanks|(?:i'd be |i am |i'm )?happy to(?: help)?)"
)
_ANSWER = (
    r"(?:responses?|versions?|reply|replies|answers?|rewrites?|rewriting|revisions?|rewording|rephrasing"
    r"|paraphrase|drafts?)"
)
_IMPROVED = (
    r"(?:most|more|improved|revised|rewritten|rephrased|reworded|enhanced|updated|better|alternative|empathetic"
    r"|empathic|compassionate|supportive|final|new|possible|suggested|refined|polished)"
)
_HERE = (
    r"(?:here(?:['’]s| is| are)|below (?:is|are)|this is|the following(?: is)?|i(?:['’]ve| have)? (?:revised"
    r"|rewritten|rewrote|improved|rephrased|reworded|enhanced|refined))"
)
_PREAMBLE = re.compile(
    rf"(?:{_AGREED}\b[^:\n]{{0,60}})?\b(?:(?:{_HERE})\b[^:\n]{{0,120}}\b{_ANSWER}\b[^:\n]{{0,100}}"
    rf"|here (?:it is|you go|goes)|(?:my|an?|the) (?:{_IMPROVED}\W+){{1,3}}{_ANSWER}\b[^:\n]{{0,60}})",
    re.IGNORECASE,
)
_STARTS = re.compile(rf"(?:{_AGREED}|{_HERE}|here|my|an?|the)\b", re.IGNORECASE)
#: What tells an announcement from a sentence with a colon, where the answer is on the same line.
_ANNOUNCED = re.compile(
    rf"\b{_IMPROVED}\b|\b(?:the|a|my) (?:response|version|reply|rewrite|revision)\b", re.IGNORECASE
)
#: "Sure!" as a paragraph of its own.
_AGREEMENT = re.compile(rf"\A{_AGREED}[!.,]*[ \t]*\r?\n\s*\n", re.IGNORECASE)
_OPENING_QUOTES = "\"“'‘«„`*>"


def _without_preamble(text: str) -> str:
    text = _AGREEMENT.sub("", text)
    head, colon, rest = text.partition(":")
    head = head.strip().strip("*_#> ")
    if not colon or "\n" in head or len(head) > 240 or not _STARTS.match(head):
        return text
    if _PREAMBLE.fullmatch(head) is None:
        return text
    rest = rest.lstrip("*_ \t")
    if rest.startswith(("\n", "\r")):
        return _only_quoted(rest.strip())
    if rest and (rest[0] in _OPENING_QUOTES or _ANNOUNCED.search(head)):
        return _only_quoted(rest)
    return text


def _only_quoted(text: str) -> str:
    """The quoted beginning of an announced answer, if it begins so: the rest is about it."""
    for left, right in _QUOTES:
        if text.startswith(left):
            end = text.find(f"{right}\n", 1)
            if end > 0 and text[end + 1 :].lstrip(" \t\r").startswith("\n"):
                return text[: end + 1]
    return text


# Labels

_LABEL = re.compile(
    rf"\A[#>*_ \t]*(?:(?:{_IMPROVED}(?:\s+(?:and|more))?|\w+ly)\s+){{0,4}}"
    r"(?:response|reply|rewrite|revision|version|answer)(?:[*_ \t]*\([^()\n]{0,40}\))?[*_ \t]*:[*_]*\s*",
    re.IGNORECASE,
)
_HEADING = re.compile(
    rf"\A(?:#{{1,6}}[ \t]*[*_]*|[*_]{{2,3}})(?:{_IMPROVED}\s+){{0,3}}{_ANSWER}[*_ \t]*\r?\n", re.IGNORECASE
)
_SPEAKER = re.compile(
    r"\A[*_]*(?:assistant|listener|therapist|counsell?or|chatbot|responder|ai|bot)[*_]*:[*_]*\s*",
    re.IGNORECASE,
)
_TAG_NAMES = (
    r"answer|response|reply|output|final|final_answer|final_response|improved_response|revised_response"
)
_TAG = re.compile(rf"<(?P<name>{_TAG_NAMES})>(?P<inner>.*?)(?:</(?P=name)>|\Z)", re.DOTALL | re.IGNORECASE)
_JSON_KEYS = frozenset(
    (
        "answer",
        "response",
        "reply",
        "text",
        "content",
        "improved_response",
        "revised_response",
        "final_answer",
    )
)


def _without_label(text: str) -> str:
    tags = list(_TAG.finditer(text))
    if tags:
        return tags[-1]["inner"]
    if text.startswith("{") and text.endswith("}"):
        return _in_json(text)
    for pattern in (_LABEL, _HEADING, _SPEAKER):
        if (found := pattern.match(text)) is not None:
            return text[found.end() :]
    return text


def _in_json(text: str) -> str:
    """The text of an object that has nothing else; `text` unless it is one."""
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        if name.casefold() in _JSON_KEYS and isinstance(inner, str):
            return inner
    return text


# Quotes

_QUOTES = (('"', '"'), ("“", "”"), ("„", "“"), ("'", "'"), ("‘", "’"), ("«", "»"), ("‹", "›"), ("「", "」"))
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")


def _without_quotes(text: str) -> str:
    for left, right in _QUOTES:
        if len(text) > 1 and text[0] == left and text[-1] == right:
            inner = text[1:-1]
            marks = _APOSTROPHE.sub("", inner)
            if left not in marks and right not in marks:
                return inner
    return text


# Remarks

_ABOUT = r"(?:response|version|revision|rewrite|reply|message|rewording)"
#: What begins remarks that reach to the end, and what is a remark in one paragraph.
_EXPLANATION = re.compile(
    r"\A[\s*_(>\[#-]*(?:explanation|rationale|changes made|why (?:this|it) (?:works|is better)"
    r"|key (?:changes|improvements)|what (?:i )?changed)\b[^\n:]{0,60}:",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"\A[\s*_(>\[#-]*(?:(?:note|word count)\b[^\n:]{0,60}:"
    rf"|(?:this|the|my) (?:{_IMPROVED} ){{0,2}}{_ABOUT} (?:is|now|better|also|still|aims?|tries|keeps|uses"
    r"|adds|shows|acknowledges|expresses|validates|offers|demonstrates|conveys|includes|maintains|provides|focuses"
    r"|incorporates|emphasi[sz]es|reflects|recogni[sz]es|highlights|stays|avoids|remains)\b"
    r"|(?:let me know|feel free to|would you like|do you want|if you(?:'d|’d| would) like)\b[^\n]{0,120}"
    rf"\b(?:{_ABOUT}|adjust\w*|revis\w+|rewrit\w+|rephras\w+|tweak\w*|modif\w+|tone|another option)\b)",
    re.IGNORECASE,
)
_PARAGRAPHS = re.compile(r"\n[ \t\r]*\n")


def _without_remarks(text: str) -> str:
    breaks = list(_PARAGRAPHS.finditer(text))
    for gap in breaks:
        if _EXPLANATION.match(text[gap.end() :]):
            return text[: gap.start()]
    for gap in reversed(breaks):
        if _REMARK.match(text[gap.end() :]) is None:
            break
        text = text[: gap.start()]
    return text


_STEPS: tuple[tuple[Removal, Callable[[str], str]], ...] = (
    ("half character", without_half_characters),
    ("thinking", _without_thinking),
    ("control token", _without_control_tokens),
    ("markdown", _without_markdown),
    ("preamble", _without_preamble),
    ("label", _without_label),
    ("quotes", _without_quotes),
    ("remark", _without_remarks),
)
