"""Building requests from dialogues and prompt templates."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from core.domain.data.dialogues import HUMAN, Dialogue
from core.jobs.settings import GenerateSettings, Identity
from core.prompts import templates
from core.teachers.protocol import AnswerSchema, Message, Request
from core.teachers.settings.identity import samples

#: Hexadecimal digits of a key: 128 bits, and short enough for every provider's custom_id.
_KEY_DIGITS = 32

_encoder = msgspec.json.Encoder(order="deterministic")


def of_job(
    settings: GenerateSettings,
    dialogues: Iterable[Dialogue],
    texts: Callable[[str], Mapping[str, str]],
) -> tuple[list[Request], Mapping[str, str]]:
    """The requests of a job of stage `generate`, and the responses that it improves, by dialogue.

    `texts` returns the responses in an input by dialogue. A dialogue without one of them gets no request.
    """
    train = [d for d in dialogues if d.split == "train"]
    originals: Mapping[str, str] = {}
    if settings.original == "human":
        originals = {d.dialog_id: d.responses[HUMAN].text for d in train if HUMAN in d.responses}
    elif settings.original == "initial":
        originals = texts("original")
    earlier = [texts(f"turn-{turn}") for turn in range(1, len(settings.turns))]
    complete = [
        d
        for d in train
        if (settings.original is None or d.dialog_id in originals)
        and all(d.dialog_id in found for found in earlier)
    ]
    previous = {d.dialog_id: tuple(found[d.dialog_id] for found in earlier) for d in complete}
    identity, distinct = settings.model.identity, samples(settings.model.client.teacher)
    return build(complete, settings.turns, originals, previous, identity, distinct), originals


def build(
    dialogues: Iterable[Dialogue],
    turns: Sequence[str],
    originals: Mapping[str, str],
    previous: Mapping[str, Sequence[str]],
    identity: Identity,
    distinct: bool,
) -> list[Request]:
    """One request for each train dialogue among `dialogues`, in their order.

    `turns` are the templates of the user's messages; the `previous` answers are the messages between
    them. `originals` fills the field `response`. If `distinct`, identical requests get different keys, so
    that each is sent; otherwise they share one key and one answer.
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


def single(
    identity: Identity, dialog_id: str, text: str, before: int = 0, schema: AnswerSchema | None = None
) -> Request:
    """A request with one message. `before` is the number of identical requests before it."""
    messages = (Message("user", text),)
    return Request(key(identity, messages, before, schema), dialog_id, messages, schema)


def key(
    identity: Identity, messages: Sequence[Message], before: int = 0, schema: AnswerSchema | None = None
) -> str:
    """A hash of the teacher, the messages, the number of identical requests `before` this one, and the
    schema of the answer, if there is one."""
    hashed = [identity, messages, before, *([] if schema is None else [schema])]
    digest = hashlib.sha256(_encoder.encode(hashed))
    return digest.hexdigest()[:_KEY_DIGITS]


def _messages(
    dialogue: Dialogue, turns: Sequence[str], original: str, previous: Sequence[str]
) -> tuple[Message, ...]:
    fields = {"situation": dialogue.situation, "utterance": dialogue.utterance, "response": original}
    messages = [Message("user", templates.render(turns[0], **fields))]
    for answer, turn in zip(previous, turns[1:], strict=True):
        messages += [Message("assistant", answer), Message("user", templates.render(turn, **fields))]
    return tuple(messages)
