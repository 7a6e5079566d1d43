"""What models write about their answers: preambles, labels, quotes and remarks."""

from __future__ import annotations

import json
import re

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
_STARTS = re.compile(rf"(?:{_AGREED}|{_HERE}|here|my|an?|the|you|i|let)\b", re.IGNORECASE)
#: What distinguishes an announcement from a sentence with a colon, where the answer is on the same line.
_ANNOUNCED = re.compile(
    rf"\b{_IMPROVED}\b|\b(?:the|a|my) (?:response|version|reply|rewrite|revision)\b", re.IGNORECASE
)
#: "Sure!" as a paragraph of its own.
_AGREEMENT = re.compile(rf"\A{_AGREED}[!.,]*[ \t]*\r?\n\s*\n", re.IGNORECASE)
_OPENING_QUOTES = "\"“'‘«„`*>"
#: What announces an answer in other words, where the answer follows on its own line or in quotes.
_INTRODUCTION = re.compile(
    rf"(?:{_AGREED}\b[^:\n]{{0,60}})?\b(?:(?:{_HERE})\b[^:\n]{{0,80}}\b(?:attempt|try|take|suggestion|alternative"
    r"|option|one|text|message|sentence|ways? to (?:say|put|phrase|respond|reply)"
    r"|how i(?:['’]d| would| might)"
    r"|what (?:i|you)(?:['’]d| would| could| might) say)\b[^:\n]{0,40}"
    r"|you (?:could|might|can) (?:say|respond|reply|try|write)\b[^:\n]{0,60})",
    re.IGNORECASE,
)
#: A paragraph that agrees to help.
_OFFER = re.compile(
    rf"(?:{_AGREED}[,!. ]*)?(?:here (?:you go|it is|goes)"
    r"|(?:i can|i['’]ll|i['’]d be (?:happy|glad) to|let me)"
    r" (?:(?:help|assist)(?: you)?(?: with (?:that|this))?"
    r"|(?:rewrite|improve|revise|rephrase)\b[^\n]{0,60}))",
    re.IGNORECASE,
)
_FIRST_PARAGRAPH = re.compile(r"\A(?P<head>[^\n]{1,240}?)[.!…]*[ \t]*\r?\n[ \t]*\r?\n")
_BEFORE_DASH = re.compile(
    rf"\A(?P<head>(?:{_AGREED}\b[^\n:–—]{{0,60}})?\b{_HERE}\b[^\n:–—]{{1,160}}?) ?[–—] ?(?=\S)", re.IGNORECASE
)
_LIST_ITEM = re.compile(r"(?:[-*•]|\d+[.)])[ \t]")
_MARKS = "*_#> "


def without_preamble(text: str) -> str:
    """`text` without what announces it."""
    text = _AGREEMENT.sub("", text)
    if (paragraph := _FIRST_PARAGRAPH.match(text)) is not None and _announces(paragraph["head"], _OFFER):
        return _only_quoted(text[paragraph.end() :].strip())
    if (dash := _BEFORE_DASH.match(text)) is not None and _announces(dash["head"]):
        return _only_quoted(text[dash.end() :]) if _ANNOUNCED.search(dash["head"]) else text
    head, colon, rest = text.partition(":")
    head = head.strip().strip(_MARKS)
    if not colon or "\n" in head or len(head) > 240 or not _STARTS.match(head):
        return text
    rest = rest.lstrip("*_ \t")
    is_apart = rest.startswith(("\n", "\r"))
    is_quoted = bool(rest) and rest[0] in _OPENING_QUOTES
    if _PREAMBLE.fullmatch(head) is not None:
        return (
            _only_quoted(rest.strip())
            if is_apart or is_quoted or (rest and _ANNOUNCED.search(head))
            else text
        )
    if (is_apart or is_quoted) and _INTRODUCTION.fullmatch(head) and not _LIST_ITEM.match(rest.strip()):
        return _only_quoted(rest.strip())
    return text


def _announces(head: str, *others: re.Pattern[str]) -> bool:
    head = head.strip().strip(_MARKS)
    return bool(_STARTS.match(head)) and any(p.fullmatch(head) for p in (_PREAMBLE, *others))


def _only_quoted(text: str) -> str:
    """The quoted beginning of an announced answer, if it begins so: the rest is about it."""
    for left, right in _QUOTES:
        if text.startswith(left):
            end = text.find(f"{right}\n", 1)
            if end > 0 and text[end + 1 :].lstrip(" \t\r").startswith("\n"):
                return text[: end + 1]
    return text


# Labels

_LABEL_LINE = (
    rf"[#>*_ \t]*(?P<improved>(?:(?:{_IMPROVED}(?:\s+(?:and|more))?|\w+ly)\s+){{0,4}})"
    r"(?:response|reply|rewrite|revision|version|answer)(?:[*_ \t]*\([^()\n]{0,40}\))?[*_ \t]*:[*_]*\s*"
)
_LABEL = re.compile(rf"\A{_LABEL_LINE}", re.IGNORECASE)
_HEADING = re.compile(
    rf"\A(?:#{{1,6}}[ \t]*[*_]*|[*_]{{2,3}})(?:{_IMPROVED}\s+){{0,3}}{_ANSWER}[*_ \t]*\r?\n", re.IGNORECASE
)
_REVISED = re.compile(
    r"\A[#>*_ \t]*(?:improved|revised|rewritten|rephrased|reworded|enhanced|updated|edited)"
    r"(?: to be [^:\n]{0,60})?[*_ \t]*:[*_]*\s*",
    re.IGNORECASE,
)
_SPEAKER_LINE = (
    r"[#*_ \t]*(?:assistant|listener|therapist|counsell?or|chatbot|responder|ai|bot)[*_ \t]*:[*_]*\s*"
)
_SPEAKER = re.compile(rf"\A{_SPEAKER_LINE}", re.IGNORECASE)
#: A turn of the user, which a model repeats before its answer.
_REPEATED_TURN = re.compile(
    rf"\A[#*_ \t]*(?:user|human|speaker|patient|client)[*_ \t]*:.*?\n(?:{_SPEAKER_LINE}|{_LABEL_LINE})",
    re.IGNORECASE | re.DOTALL,
)
#: The beginning of the prompt, which a model repeats before its answer, and what follows in it.
_REPEATED_PROMPT = re.compile(
    r"\A[#*_ \t]*(?:context|situation|utterance)[*_ \t]*:(?:(?!\n[#*_ \t]*(?:context|situation)[*_ \t]*:).)*",
    re.IGNORECASE | re.DOTALL,
)
_LINE_IN_PROMPT = re.compile(rf"^(?:{_LABEL_LINE}|{_SPEAKER_LINE})", re.IGNORECASE | re.MULTILINE)
_TAG_NAMES = r"(?:\w+[_-])?(?:answer|response|reply|output|rewrite|revision|version)|final"
_TAG = re.compile(rf"<(?P<name>{_TAG_NAMES})>(?P<inner>.*?)(?:</(?P=name)>|\Z)", re.DOTALL | re.IGNORECASE)
_JSON_KEY = re.compile(
    r"answer|response|reply|rewrit|revis|improved|text|content|output|message", re.IGNORECASE
)
_JSON_REMARK = re.compile(
    r"reason|thought|thinking|explanation|rationale|analysis|strategy|notes?\b|changes", re.IGNORECASE
)
#: A model that writes the next turn of the conversation too.
_NEXT_TURN = re.compile(
    r"\n(?:[#*_ \t]*(?:user|human|speaker|listener|assistant|patient|client|therapist)[*_ \t]*:"
    r"|#{2,}[ \t]*(?:instruction|input|response|question|user|human|assistant)\b).*\Z",
    re.IGNORECASE | re.DOTALL,
)


def without_label(text: str) -> str:
    """`text` without its label and the prompt before it, or out of the tag or JSON around it."""
    tags = list(_TAG.finditer(text))
    if tags:
        return tags[-1]["inner"]
    if text[:1] + text[-1:] in ("{}", "[]"):
        return _in_json(text)
    if (prompt := _REPEATED_PROMPT.match(text)) is not None:
        return _after_prompt(prompt[0]) or text
    for pattern in (_REPEATED_TURN, _LABEL, _HEADING, _REVISED, _SPEAKER):
        if (found := pattern.match(text)) is not None:
            return text[found.end() :]
    return text


def _after_prompt(text: str) -> str | None:
    """What follows a repeated prompt; None if it is unknown where the answer begins.

    The prompt may end with the response to improve, which has the label of an answer too.
    """
    lines = list(_LINE_IN_PROMPT.finditer(text))
    if not lines:
        return None
    answer = text[lines[-1].end() :]
    if lines[-1]["improved"] or not (gap := _PARAGRAPHS.search(answer)):
        return answer
    later = answer[gap.end() :]
    announced = without_preamble(later)
    return announced if announced != later else None


def _in_json(text: str) -> str:
    """The answer in an object or list that has nothing else but remarks; `text` unless it is one."""
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return value[0]
    if not isinstance(value, dict):
        return text
    rest = {name: inner for name, inner in value.items() if not _JSON_REMARK.search(name)}
    if len(rest) == 1:
        ((name, inner),) = rest.items()
        if _JSON_KEY.search(name) and isinstance(inner, str):
            return inner
    return text


def without_next_turn(text: str) -> str:
    """`text` without the next turn of the conversation."""
    return _NEXT_TURN.sub("", text)


# Quotes

_QUOTES = (
    *(
        ('"', '"'),
        ("“", "”"),
        ("„", "“"),
        ("„", "”"),
        ("”", "”"),
        ("'", "'"),
        ("‘", "’"),
        ("«", "»"),
        ("‹", "›"),
    ),
    *(("「", "」"), ('\\"', '\\"')),
)
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")


def without_quotes(text: str) -> str:
    """`text` without quotation marks around it."""
    for left, right in _QUOTES:
        if len(text) >= len(left) + len(right) and text.startswith(left) and text.endswith(right):
            inner = text[len(left) : -len(right)]
            marks = _APOSTROPHE.sub("", inner)
            if left not in marks and right not in marks:
                return inner
    return text


# Remarks

_ABOUT = r"(?:response|version|revision|rewrite|reply|message|rewording)"
_CHANGES = r"(?:changes?|adjustments?|modifications?|revisions?)"
#: A change of the answer, which is offered after it. The speaker's life may change too, and a friend reply.
_CHANGE = (
    rf"(?:any|some|further|other|additional|specific|make) (?:\w+ )?{_CHANGES}(?=\W*\Z| to (?:it|this|the)\b)"
    rf"|(?:adjust|change|modify|revise) (?:it|as needed|the (?:wording|style|length|{_ABOUT}))"
    r"|(?:adjust|modify) this|me to (?:adjust|change|modify|revise)"
    r"|like it (?:adjusted|changed|shorter|longer)|tone|another option|rewrit\w+|rephras\w+|tweak\w*"
    r"|(?:version|revision|rewrite|rewording)s?"
    rf"|(?:like|want|prefer|make|need) (?:this|the|an?|another) (?:\w+ ){{0,3}}{_ABOUT}"
    rf"|(?:more|less) \w+ {_ABOUT}"
)
#: What begins remarks that reach to the end, and what is a remark in one paragraph.
_EXPLANATION = re.compile(
    r"\A[\s*_(>\[#-]*(?:explanation|rationale|changes(?: made)?|why (?:this|it) (?:works|is better)"
    r"|key (?:changes|improvements)|what (?:i )?changed)\b[^\n:]{0,60}:",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"\A[\s*_(>\[#-]*(?:(?:note|word count)\b[^\n:]{0,60}:"
    r"|~?\d+ words[)\].* ]*\Z|(?:i )?hope (?:this|that|it) helps[!. ]*\Z"
    rf"|(?:this|the|my) (?:{_IMPROVED} ){{0,2}}{_ABOUT} (?:is|now|better|also|still|aims?|tries|keeps|uses"
    r"|adds|shows|acknowledges|expresses|validates|offers|demonstrates|conveys|includes|maintains|provides|focuses"
    r"|incorporates|emphasi[sz]es|reflects|recogni[sz]es|highlights|stays|avoids|remains)\b"
    r"|(?:let me know|feel free to|would you like|do you want|if you(?:'d|’d| would) like)\b[^\n]{0,120}"
    rf"\b(?:{_CHANGE}))",
    re.IGNORECASE,
)
#: The number of words after the answer.
_WORD_COUNT = re.compile(r"\s*[\[(](?:word count:? ?~?\d+|~?\d+ words?)[\])]\.?\Z", re.IGNORECASE)
#: What distinguishes remarks after a quoted answer from more of it.
_ABOUT_A_QUOTE = re.compile(
    r"\b(?:version|response|tone|empath\w+|warm\w*|acknowledg\w+|validat\w+|rewr\w+|revis\w+)\b",
    re.IGNORECASE,
)
_PARAGRAPHS = re.compile(r"\n[ \t\r]*\n")


def without_remarks(text: str) -> str:
    """`text` without last paragraphs about it."""
    text = _WORD_COUNT.sub("", text)
    quoted = _only_quoted(text)
    if quoted != text and _ABOUT_A_QUOTE.search(text[len(quoted) :]):
        return quoted
    breaks = list(_PARAGRAPHS.finditer(text))
    for gap in breaks:
        if _EXPLANATION.match(text[gap.end() :]):
            return text[: gap.start()]
    for gap in reversed(breaks):
        if _REMARK.match(text[gap.end() :]) is None:
            break
        text = text[: gap.start()]
    return text
