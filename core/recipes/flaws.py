"""What may be wrong with a teacher's improved response, by rules that need no model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from pathlib import Path

import msgspec

from core.config.schema import Flaw
from core.dialogues.files.response_file import GeneratedResponse
from core.domain.data.dialogues import is_too_long
from core.jobs import files
from core.recipes.languages import Language, words

#: The similarity of two texts, word by word, from which one is a near copy of the other.
_NEAR = 0.9
#: "I cannot help with that", and not "I can't help but smile".
_REFUSAL = re.compile(
    r"\bi(?: cannot| can['’]t| can not|(?: am|['’]m) (?:not able|unable) to| won['’]t) (?:\w+ )?"
    r"(?:help(?! but| \w+ing)|assist|comply|fulfil|rewrite|generate|provide|improve|continue with)\b"
    r"|\bas an ai\b",
    re.IGNORECASE,
)
_WHAT = r"(?:response|version|reply|rewrite|revision)"
_META = re.compile(
    rf"\b(?:improved|revised|rewritten|enhanced|rephrased|original|empathetic|updated) {_WHAT}\b"
    rf"|\b(?:here is|here['’]s|below is) (?:an?|the|my) [^.!?]{{0,60}}\b{_WHAT}\b"
    r"|\b(?:cognitive|affective|compassionate) empathy\b|\bword count\b",
    re.IGNORECASE,
)


class FlawedResponse(msgspec.Struct, frozen=True):
    """A teacher's response with a flaw, a line of a recipe's `flaws.jsonl`."""

    answers: str
    """The job's input that it is from."""
    dialog_id: str
    """The dialogue that it answers."""
    flaw: Flaw
    """What is wrong with it."""
    left_out: bool
    """Whether it gives no example: `recipes.leave_out` has its flaw."""
    text: str
    """The response."""


def find(
    answers: Iterable[GeneratedResponse], language: Language
) -> Iterator[tuple[GeneratedResponse, Flaw]]:
    """The responses of one set that have a flaw, each with the first that applies.

    `language` is that of the dialogues.
    """
    seen: Counter[str] = Counter()
    for answer in answers:
        if answer.left_out:
            continue
        found = words(answer.text)
        key = " ".join(found)
        seen[key] += 1
        flaw = _flaw(answer, found)
        if flaw is None and language.is_other(answer.text):
            flaw = "language"
        if flaw is None and seen[key] > 1:
            flaw = "duplicate"
        if flaw is not None:
            yield answer, flaw


def _flaw(answer: GeneratedResponse, found: list[str]) -> Flaw | None:
    text = answer.text
    if _REFUSAL.search(text):
        return "refusal"
    if _META.search(text):
        return "meta_talk"
    if is_too_long(text):
        return "over_length"
    original = words(answer.original)
    if not original:
        return None
    if found == original:
        return "unchanged"
    matcher = SequenceMatcher(None, original, found, autojunk=False)
    is_near = matcher.real_quick_ratio() >= _NEAR and matcher.ratio() >= _NEAR
    return "near_copy" if is_near else None


def write(path: Path, found: Iterable[FlawedResponse]) -> None:
    """Write one response a line."""
    files.write_json_lines(path, found)


def read(path: Path) -> list[FlawedResponse]:
    """The responses that `write` wrote."""
    return list(files.read_json_lines(path, FlawedResponse))
