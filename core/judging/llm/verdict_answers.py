"""What a judge's answer names: the first or the second response, once or in each dimension of empathy.

Reasoning and what else models write around an answer are taken off first. Then every form in which an answer
may name a response is looked for; the answer counts if all that are found name the same one, and is invalid
if they contradict each other.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from core.domain.evaluation.verdicts import DIMENSIONS, AnswerForm, Dimension
from core.teachers.answers import cleaning

#: Which of the two responses, in the order in which they were shown.
Position = Literal["first", "second"]
#: In what a judge of dimensions names the better response.
AskedFor = Dimension | Literal["overall"]
#: In the order in which it is asked.
ASKED: tuple[AskedFor, ...] = (*DIMENSIONS, "overall")

#: Characters of a verdict and the words around it.
_MAX_ALONE = 200

_PLACES: Mapping[str, Position] = {
    **dict.fromkeys(("1", "a", "one", "first"), "first"),
    **dict.fromkeys(("2", "b", "two", "second"), "second"),
}
_NOUN = r"(?:response|option|answer|reply|candidate|choice|assistant|model|number|no\.|text)"
_DIGIT = r"(?<![\d.,/])[12](?![\d/]|[.,]\d)"
#: `A` and `B` in capitals: a small `a` is an article.
_LETTER = r"(?-i:\b[AB]\b)"
_ORDINAL = r"(?:the[\s*_]+)?(?P<{0}>first|second)\b(?:[\s*_]+(?:response|option|answer|reply|candidate|one))?"
_MARKS = r"[\W_]*?"


def _subject(number: int) -> str:
    """A regular expression for the name of a response; its groups end in `number`."""
    return (
        rf"(?:(?:the\s+)?\b{_NOUN}[\s\"'*_`(\[#]*(?P<labelled{number}>[12](?!\d)|[AB]\b|one\b|two\b)"
        rf"|{_ORDINAL.format(f'ordinal{number}')}|(?P<bare{number}>{_DIGIT}|{_LETTER}))"
    )


_GROUPS = ("labelled", "ordinal", "bare")

#: A verdict with the words that models put around it, such as `Answer: 1` or `**Response 2 is better.**`.
_WORDS = (
    r"(?:the|my|final|better|best|more|most|empathetic|empathic|response|answer|verdict|choice|winner|option"
    r"|number|judgment|judgement|decision|result|boxed|text|is|would|be|i|choose|pick|prefer|preferred|shows"
    r"|select|empathy|one|wins|overall|quality|higher|greater|has|with|of|reply|candidate|assistant|so"
    r"|therefore|thus|hence|clearly|definitely|probably|slightly|it|s|d|say|think|believe|go|based|on)"
)
_ALONE = re.compile(
    rf"[\W_]*(?P<before>(?:{_WORDS}[\W_]+)*){_subject(1)}(?P<after>(?:[\W_]+{_WORDS})*)[\W_]*", re.IGNORECASE
)
_TOKEN_ALONE = re.compile(r"[\W_]*([12AB])[\W_]*", re.IGNORECASE)
#: A verdict with a reason on the same line.
_WITH_REASON = re.compile(
    rf"[\W_]*(?:(?:{_WORDS}[\W_]+)*?){_subject(1)}[\"'*_`\])}}]*"
    r"(?:\s*[.:;,(–—-]+\s*(?!(?:or|and|vs|versus|to)\b)[\"'*_`“(]*[^\W\d_]{2}"
    r"|\s+(?:because|since|as|due|for)\b)",
    re.IGNORECASE,
)
#: A line that begins with the name of a response, as in a list of remarks on both.
_HEADING = re.compile(rf"[\W_]*{_subject(1)}(?:[\W_]|$)", re.IGNORECASE)

_NAMED = (
    r"(?:(?:final|overall)\s+)?(?:answer|verdict|choice|winner|decision|judge?ment|result|conclusion|preference"
    r"|selection|pick|vote)"
    r"|(?:better|best|superior|stronger|winning|preferred|chosen|more\s+empath\w+|most\s+empath\w+)"
    rf"(?:[\s*_]+(?:{_NOUN}|one))?"
)
_NOT_BOTH = r"(?!\s*(?:/|\bor\b|\band\b|,\s*[12AB]\b))"
_LABEL = re.compile(
    rf"\b(?:{_NAMED})[\"'*_`)]*(?:\s*[:=]+|\s+(?:is|would\s+be|goes\s+to)\b:?)[\s\"'*_`(\[{{$\\]*"
    rf"(?:text\{{)?{_subject(1)}{_NOT_BOTH}",
    re.IGNORECASE,
)
_BOXED = re.compile(rf"\\boxed\s*\{{{_MARKS}(?:text\{{)?{_MARKS}{_subject(1)}{_MARKS}\}}", re.IGNORECASE)
_BRACKETS = re.compile(rf"\[\[\s*{_subject(1)}\s*\]\]", re.IGNORECASE)
_TAG = re.compile(
    rf"<(?P<tag>winner|verdict|answer|choice|better|best|decision|result|preferred|preference)>{_MARKS}"
    rf"{_subject(1)}{_MARKS}</(?P=tag)>",
    re.IGNORECASE,
)
_OBJECT = re.compile(r"\{[^{}]*\}")
_KEYS = frozenset(
    (
        *("winner", "verdict", "answer", "choice", "decision", "result", "preference", "preferred", "better"),
        *("best", "response", "selection", "selected", "chosen", "output", "judgment", "judgement"),
        *("better_response", "best_response", "preferred_response", "final_answer", "final_verdict"),
        *("winning_response", "selected_response", "chosen_response", "overall"),
    )
)

_DEGREE = (
    r"(?:(?:clearly|slightly|much|far|also|somewhat|overall|definitely|marginally|significantly|arguably"
    r"|generally|ultimately|the|a\s+bit|a\s+little|therefore|thus|still|indeed|simply)[\s,]+)*"
)
_BETTER = (
    r"(?:better|best|superior|stronger|strongest|preferable|preferred|winner|winning|more\s+empath\w+"
    r"|most\s+empath\w+|of\s+(?:a\s+)?(?:higher|better)\s+(?:empath\w+\s+)?quality)"
)
#: "Response 2 is better", but not "better at …": that may be outweighed.
_CLAIM = re.compile(
    rf"{_subject(1)}[\"'*_`\])]*\s+(?:(?:is|was|seems(?:\s+to\s+be)?|appears(?:\s+to\s+be)?|would\s+be)\s+"
    rf"{_DEGREE}{_BETTER}|{_DEGREE}wins|{_DEGREE}(?:shows|demonstrates|expresses|conveys|has)\s+"
    r"(?:more|greater|deeper|higher|stronger)\s+(?:overall\s+)?(?:empathy|empathetic\s+quality))\b"
    r"(?!\s+(?:at|in|on|for|with|when|regarding)\b"
    r"(?!\s+(?:terms\s+of\s+)?(?:the\s+|its\s+)?(?:overall|empath|general|my|this|both|all|every)))",
    re.IGNORECASE,
)
_CHOICE = re.compile(
    r"\b(?:choose|pick|prefer|select|favou?r|go\s+with|vote\s+for|opt\s+for)\s+[\"'*_`(\[]*"
    rf"{_subject(1)}{_NOT_BOTH}",
    re.IGNORECASE,
)
#: "I prefer 1 for its warmth, but 2 overall": the second response that is chosen.
_ALSO = re.compile(
    r"\b(?:choose|pick|prefer|select|favou?r|go\s+with|vote\s+for|opt\s+for)\b[^.!?;:\n]{1,120}?"
    rf"\b(?:but|and|yet)\s+(?:I\s+(?:\w+\s+)?\w+\s+)?{_subject(1)}\s+(?:overall|for|in|on|when)\b",
    re.IGNORECASE,
)
#: What turns a sentence into its opposite, or into a question, if it stands before the verdict.
_DENIED = re.compile(r"\b(?:not|neither|nor|cannot|never|if|whether|unless|hardly)\b|n['’]t\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[.!?;:\n]|\bbut\b|\bhowever\b|\byet\b", re.IGNORECASE)


@dataclass(frozen=True)
class NamedResponse:
    """The response that an answer names."""

    place: Position
    """Where the response was shown."""
    form: AnswerForm
    """The form in which it does."""


def read(text: str) -> NamedResponse | None:
    """The response that an answer names; None if it names none, or both."""
    cleaned = cleaning.clean(text)
    found = list(_all(cleaned.text))
    if len({named.place for named in found}) != 1:
        return None
    if "label" not in cleaned.removed or found[0].form not in ("digit", "letter", "label"):
        return found[0]
    # An object with one member, or a label, was taken off.
    return NamedResponse(found[0].place, "JSON" if _OBJECT.search(text) else "label")


def read_dimensions(text: str) -> tuple[dict[AskedFor, Position], AnswerForm | None]:
    """The response that an answer names in each dimension and overall, and the form in which it does.

    A dimension for which it names none, or both, is missing. The form is None if all are.
    """
    clean = cleaning.clean(text).text
    in_order = _FOUR.fullmatch(clean)
    if in_order is not None:
        return {name: _PLACES[in_order[i]] for i, name in enumerate(ASKED, start=1)}, "digit"
    objects = [found for found, _ in _objects(clean)]
    named: dict[AskedFor, Position] = {}
    form: AnswerForm | None = None
    for name in ASKED:
        values = [value for found in objects for key, value in found.items() if _is_key(key, name)]
        places = {_value(value) for value in values}
        if values:
            form = form or "JSON"
        else:
            places = {_place(match) for match in _ROW[name].finditer(clean)}
            form = form or ("label" if places else None)
        if len(places) == 1 and (place := places.pop()) is not None:
            named[name] = place
    return named, form if named else None


_FOUR = re.compile(r"[\W_]*" + r"[\W_]+".join(["([12])"] * 4) + r"[\W_]*")
#: A labelled line, or a row of a table.
_ROW = {
    name: re.compile(
        rf"(?<![\w-]){name}(?:[\s_-]+(?:empathy|empathetic\s+quality|quality|winner|response|better))*"
        rf"[\s\"'*_`)\]]*[:=|–—>-]+[\s\"'*_`|(\[]*{_subject(1)}{_NOT_BOTH}",
        re.IGNORECASE,
    )
    for name in ASKED
}


def _is_key(key: str, name: str) -> bool:
    return re.match(rf"{name}(?:$|[\W_])", key, re.IGNORECASE) is not None


def _all(clean: str) -> Iterator[NamedResponse]:
    """Every form that is found, the most explicit first."""
    rest = clean
    for found, (begin, end) in _objects(clean):
        of_keys = {_value(value) for key, value in found.items() if _key(key) in _KEYS or len(found) == 1}
        places = {place for place in of_keys if place is not None}
        for place in sorted(places):
            yield NamedResponse(place, "JSON")
        if places:
            # What else the object says is its reason.
            rest = rest.replace(clean[begin:end], "\n")
    forms: tuple[tuple[re.Pattern[str], AnswerForm], ...] = (
        (_BOXED, "boxed"),
        (_BRACKETS, "brackets"),
        (_TAG, "tag"),
    )
    for pattern, form in forms:
        for match in pattern.finditer(rest):
            yield NamedResponse(_place(match), form)
    yield from _alone(rest)
    clauses = _Clauses(rest)
    for pattern, form in (
        (_LABEL, "label"),
        (_CHOICE, "sentence"),
        (_ALSO, "sentence"),
        (_CLAIM, "sentence"),
    ):
        for match in pattern.finditer(rest):
            if not clauses.is_denied(match.start()):
                yield NamedResponse(_place(match), form)


def _alone(text: str) -> Iterator[NamedResponse]:
    """A verdict that is the whole text, or its first or last line, alone or with a reason after it."""
    token = _TOKEN_ALONE.fullmatch(text)
    if token is not None:
        yield NamedResponse(_PLACES[token[1].casefold()], "digit" if token[1] in "12" else "letter")
        return
    whole = _fullmatch(text)
    if whole is not None:
        yield NamedResponse(_place(whole), "label")
        return
    lines = [line for line in text.splitlines() if line.strip()]
    named = {
        _place(match)
        for line in lines
        if (match := _HEADING.match(line)) is not None and _LABEL.search(line) is None
    }
    # Remarks on both responses, one by one.
    if len(named) > 1:
        lines = [line for line in lines[-1:] if _HEADING.match(line) is None]
    for line in (*lines[:1], *lines[-1:]):
        match = _fullmatch(line) or _WITH_REASON.match(line)
        if match is not None:
            yield NamedResponse(_place(match), "with reason")


def _fullmatch(text: str) -> re.Match[str] | None:
    return _ALONE.fullmatch(text) if len(text) <= _MAX_ALONE else None


def _objects(text: str) -> Iterator[tuple[dict[str, object], tuple[int, int]]]:
    """The JSON objects in a text that contain no other, with their places."""
    for match in _OBJECT.finditer(text):
        try:
            found = json.loads(match[0], strict=False)
        except (ValueError, RecursionError):
            continue
        yield found, match.span()


def _key(key: str) -> str:
    return re.sub(r"\W+", "_", key.strip()).casefold()


def _value(value: object) -> Position | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _PLACES.get(f"{value:g}")
    if not isinstance(value, str):
        return None
    match = _fullmatch(value)
    return None if match is None else _place(match)


def _place(match: re.Match[str]) -> Position:
    name = next(found for group in _GROUPS if (found := match[f"{group}1"]) is not None)
    return _PLACES[name.casefold()]


class _Clauses:
    """Where the clauses of a text begin, and where they are denied: each is looked for once."""

    def __init__(self, text: str) -> None:
        self._begins = [match.end() for match in _CLAUSE.finditer(text)]
        self._denied = [match.span() for match in _DENIED.finditer(text)]

    def is_denied(self, place: int) -> bool:
        """Whether what stands before this place in its clause turns it into its opposite."""
        before = bisect_right(self._begins, place)
        begin = self._begins[before - 1] if before else 0
        last = bisect_right(self._denied, place, key=lambda span: span[1])
        return last > 0 and self._denied[last - 1][0] >= begin
