"""SFT examples and preference pairs, in TRL's conversational formats, as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from core import files
from core.dialogues.records import HUMAN, Dialogue
from core.prompts import templates
from core.recipes import catalog, direct


class Message(msgspec.Struct, frozen=True):
    role: Literal["user", "assistant"]
    content: str


class SftExample(msgspec.Struct, frozen=True):
    """TRL's prompt-completion format: one user turn, one assistant turn."""

    dialog_id: str
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]


class PreferencePair(msgspec.Struct, frozen=True):
    """TRL's preference format."""

    dialog_id: str
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]


Example = TypeVar("Example", SftExample, PreferencePair)


def build(
    dialogues: Sequence[Dialogue], name: str, pairing: str, prompt: str
) -> tuple[list[SftExample], list[PreferencePair]]:
    """What a recipe yields from the train dialogues among `dialogues`, in their order by source.

    `prompt` is the student's template. Raises `UserError` for an unknown recipe.
    """
    known = dict.fromkeys(s for d in dialogues for s in d.responses if s != HUMAN)
    sft: list[SftExample] = []
    pairs: list[PreferencePair] = []
    for source in catalog.sources_of(name, tuple(known)):
        for dialogue in direct.sft_dialogues(dialogues, source):
            for origin in (HUMAN, source):
                turn = _user(dialogue, prompt)
                sft.append(SftExample(dialogue.dialog_id, turn, _assistant(dialogue, origin)))
        for dialogue in direct.preference_dialogues(dialogues, source, pairing):
            chosen, rejected = _assistant(dialogue, source), _assistant(dialogue, HUMAN)
            pairs.append(PreferencePair(dialogue.dialog_id, _user(dialogue, prompt), chosen, rejected))
    return sft, pairs


def write(path: Path, examples: Iterable[SftExample] | Iterable[PreferencePair]) -> None:
    encoder = msgspec.json.Encoder()
    with files.replacing(path) as file:
        for example in examples:
            file.write(encoder.encode(example) + b"\n")


def read(path: Path, kind: type[Example]) -> Iterator[Example]:
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)


def _user(dialogue: Dialogue, prompt: str) -> tuple[Message, ...]:
    text = templates.render(prompt, situation=dialogue.situation, utterance=dialogue.utterance)
    return (Message("user", text),)


def _assistant(dialogue: Dialogue, source: str) -> tuple[Message, ...]:
    return (Message("assistant", dialogue.responses[source].text),)
