"""From dialogues and templates to the requests of a teach job."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from core.config.schema import Teacher
from core.domain.dialogues import HUMAN, Dialogue
from core.prompts import templates
from core.teachers.identity import identity, samples
from core.teachers.protocol import Message, Request

#: Hexadecimal digits of a key: 128 bits, and within every provider's limit for a custom_id.
_DIGITS = 32

_encoder = msgspec.json.Encoder(order="deterministic")


def of_job(
    settings: Mapping[str, Any],
    dialogues: Iterable[Dialogue],
    texts: Callable[[str], Mapping[str, str]],
    teacher: Teacher,
) -> tuple[list[Request], Mapping[str, str]]:
    """The requests of the teach job of these settings, and the responses that it improves, by dialogue.

    `texts` gives an input's texts by dialogue. A dialogue that lacks any of them is not asked about.
    """
    train = [d for d in dialogues if d.split == "train"]
    originals: Mapping[str, str] = {}
    if settings["original"] == "human":
        originals = {d.dialog_id: d.responses[HUMAN].text for d in train}
    elif settings["original"] == "initial":
        originals = texts("original")
    earlier = [texts(f"turn-{turn}") for turn in range(1, len(settings["turns"]))]
    able = [
        d
        for d in train
        if (settings["original"] is None or d.dialog_id in originals)
        and all(d.dialog_id in found for found in earlier)
    ]
    previous = {d.dialog_id: tuple(found[d.dialog_id] for found in earlier) for d in able}
    return build(able, settings["turns"], originals, previous, identity(teacher), samples(teacher)), originals


def build(
    dialogues: Iterable[Dialogue],
    turns: Sequence[str],
    originals: Mapping[str, str],
    previous: Mapping[str, Sequence[str]],
    identity: Mapping[str, Any],
    distinct: bool,
) -> list[Request]:
    """One request for each train dialogue among `dialogues`, in their order.

    `turns` are the templates of the user's turns, between which stand the `previous` answers.
    `originals` fills the field `response`. The key is the beginning of the SHA-256 of `identity`, the
    messages, and, when `distinct`, the number of identical requests before this one; else identical
    requests have the same key, and one answer serves them all.
    """
    seen: Counter[tuple[Message, ...]] = Counter()
    found = []
    for dialogue in dialogues:
        if dialogue.split != "train":
            continue
        name = dialogue.dialog_id
        messages = _messages(dialogue, turns, originals.get(name, ""), previous.get(name, ()))
        found.append(Request(key(identity, messages, seen[messages]), name, messages))
        seen[messages] += distinct
    return found


def single(identity: Mapping[str, Any], dialog_id: str, text: str, before: int = 0) -> Request:
    """A request of one user's turn about a dialogue; so many identical ones come `before` it."""
    messages = (Message("user", text),)
    return Request(key(identity, messages, before), dialog_id, messages)


def key(identity: Mapping[str, Any], messages: Sequence[Message], before: int = 0) -> str:
    """The name of a request: what is asked, of whom, and how many identical ones came `before` it."""
    digest = hashlib.sha256(_encoder.encode([identity, messages, before]))
    return digest.hexdigest()[:_DIGITS]


def _messages(
    dialogue: Dialogue, turns: Sequence[str], original: str, previous: Sequence[str]
) -> tuple[Message, ...]:
    fields = {"situation": dialogue.situation, "utterance": dialogue.utterance, "response": original}
    messages = [Message("user", templates.render(turns[0], **fields))]
    for answer, turn in zip(previous, turns[1:], strict=True):
        messages += [Message("assistant", answer), Message("user", templates.render(turn, **fields))]
    return tuple(messages)
