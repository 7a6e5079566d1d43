"""SFT examples and preference pairs, in TRL's conversational formats, as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from core.config.schema import Pairing
from core.domain.dialogues import HUMAN, Dialogue
from core.jobs import files
from core.prompts import templates
from core.recipes import catalog, direct, improve
from core.teachers.protocol import Message


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
    dialogues: Sequence[Dialogue], name: str, pairing: Pairing, prompt: str
) -> tuple[list[SftExample], list[PreferencePair]]:
    """What a recipe of method 1 yields from the train dialogues among `dialogues`, by source.

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


def build_improved(
    dialogues: Sequence[Dialogue],
    name: str,
    improved: Sequence[Mapping[str, str]],
    prompt: str,
    sft_share: int,
    seed: int,
) -> tuple[list[SftExample], list[PreferencePair], int]:
    """What a recipe of methods 2 and 3 yields, and how many responses it lacks.

    `improved` are the sets of a teacher's responses by dialogue that the recipe unites, in their order;
    a dialogue that a set lacks gives no example of that set.
    """
    for_sft, for_pairs = improve.divided(dialogues, catalog.method(name), sft_share, seed)
    sft: list[SftExample] = []
    pairs: list[PreferencePair] = []
    lacking = 0
    for texts in improved:
        lacking += sum(d.dialog_id not in texts for d in (*for_sft, *for_pairs))
        for dialogue in for_sft:
            if dialogue.dialog_id in texts:
                turn = _user(dialogue, prompt)
                for completion in (_assistant(dialogue, HUMAN), _says(texts[dialogue.dialog_id])):
                    sft.append(SftExample(dialogue.dialog_id, turn, completion))
        for dialogue in for_pairs:
            if dialogue.dialog_id in texts:
                chosen, rejected = _says(texts[dialogue.dialog_id]), _assistant(dialogue, HUMAN)
                pairs.append(PreferencePair(dialogue.dialog_id, _user(dialogue, prompt), chosen, rejected))
    return sft, pairs, lacking


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
    return _says(dialogue.responses[source].text)


def _says(text: str) -> tuple[Message, ...]:
    return (Message("assistant", text),)
